use super::{
    super::{
        returns::Matrix,
        testing::{agree, all_agree, expected, noise, numbers, read, returns},
    },
    *,
};

#[test]
fn block_lengths_are_those_of_arch() {
    for line in read("block_lengths.csv").lines() {
        let values = numbers(line);
        agree(block_length(&values[1..]).unwrap(), values[0], 1e-9);
    }
    let benchmark = numbers(read("benchmark.csv").trim());
    for name in ["noise", "slight", "edge"] {
        let matrix = returns(&format!("{name}_returns.csv"), 250);
        let values = matrix.block(0).unwrap();
        let found: Vec<f64> = values.chunks(250).map(|row| block_length(&over(row, &benchmark)).unwrap()).collect();
        let mut expected = expected(&format!("{name}_expected.csv"))["block_length"].clone();
        all_agree(&found, &expected, 1e-9);
        expected.sort_by(f64::total_cmp);
        let median = median_block_length(&matrix, &benchmark).unwrap().unwrap();
        agree(median, (expected[5] + expected[6]) / 2.0, 1e-9);
    }
}

#[test]
fn what_does_not_vary_or_is_short_has_no_block_length() {
    assert_eq!(block_length(&[0.001; 100]), None);
    assert_eq!(block_length(&[0.1, 0.2, 0.3]), None);
    let still = Matrix::new(20, vec![0.5; 40]).unwrap();
    assert_eq!(median_block_length(&still, &[0.0; 20]).unwrap(), None);
}

#[test]
fn a_median_is_at_least_one_and_taken_over_the_whole_matrix() {
    let periods = 200;
    let benchmark = vec![0.0; periods];
    let is_short = |cell: &Matrix| block_length(&over(&cell.block(0).unwrap(), &benchmark)).unwrap() < 0.9;
    let short = (0..).map(|seed| noise(1, periods, seed, |_| 0.0)).find(is_short).unwrap();
    assert_eq!(median_block_length(&short, &benchmark).unwrap(), Some(1.0));
    // The later cells have a memory, the first block has none.
    let mut values = noise(3 * BLOCK, periods, 2, |_| 0.0).block(0).unwrap();
    let noise = noise(2 * BLOCK, periods, 3, |_| 0.0);
    let later = [noise.block(0).unwrap(), noise.block(1).unwrap()].concat();
    values.extend(later.chunks(periods).flat_map(|row| {
        row.iter().scan(0.0_f32, |last, value| {
            *last = 0.8 * *last + value;
            Some(*last)
        })
    }));
    let found = median_block_length(&Matrix::new(periods, values).unwrap(), &benchmark).unwrap().unwrap();
    assert!(found > 4.0, "{found}");
}
