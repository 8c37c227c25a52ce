//! Bootstrap: how far the mean return of the first instrument may be off, by drawing the returns again and again.
//!
//! Each sample is as long as the series and made of blocks of returns that follow each other, so that a block above 1
//! keeps their dependence; blocks wrap around the end (Politis and Romano 1992, "A circular block-resampling procedure for
//! stationary data"). The interval is that of the percentiles. Never draws twice alike for two task ids: the seed is mixed
//! with the id.

mod draw;

use backtest_sdk::{Description, Error, Params, Series, Task, export};
use draw::Draw;

/// The simple return of each bar on the one before.
#[derive(Debug)]
pub struct Bootstrap {
    returns: Vec<f64>,
}

impl Task for Bootstrap {
    fn describe() -> Description {
        Description::new("bootstrap", env!("CARGO_PKG_VERSION"), "Confidence interval of the mean return of a bar.")
            .integer("samples", "how many times to resample", 1000)
            .range(1, 1_000_000)
            .number("confidence", "probability that the interval covers, as a fraction", 0.95)
            .range(0.01, 0.999)
            .integer("block", "bars drawn in a row; 1 draws each alone", 1)
            .range(1, 10_000)
            .integer("seed", "start of the random draws, together with the task's id", 0)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        let series = data.first().ok_or("bootstrap resamples the returns of an instrument: give it data")?;
        let returns: Vec<f64> = series.close.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        match returns.is_empty() {
            true => Err(Error::failed(format!("`{}` has no return: give it two bars or more", series.symbol))),
            false => Ok(Self { returns }),
        }
    }

    fn run(&self, task_id: &str, params: &Params) -> Result<Vec<u8>, Error> {
        let (samples, block) = (params.count("samples")?, params.count("block")?);
        let confidence = params.number("confidence")?;
        let mut draw = Draw::new(params.integer("seed")?, task_id);
        let mut means: Vec<f64> = (0..samples).map(|_| self.resampled_mean(block, &mut draw)).collect();
        means.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - confidence) / 2.0;
        let (low, high) = (quantile(&means, tail), quantile(&means, 1.0 - tail));
        let mean = self.returns.iter().sum::<f64>() / self.returns.len() as f64;
        let json = format!(r#"{{"mean":{mean},"low":{low},"high":{high},"samples":{samples}}}"#);
        Ok(json.into_bytes())
    }
}

impl Bootstrap {
    fn resampled_mean(&self, block: usize, draw: &mut Draw) -> f64 {
        let count = self.returns.len();
        let (mut sum, mut missing) = (0.0, count);
        while missing > 0 {
            let length = block.min(missing);
            let following = self.returns.iter().cycle().skip(draw.below(count));
            sum += following.take(length).sum::<f64>();
            missing -= length;
        }
        sum / count as f64
    }
}

/// The quantile of `sorted` at `fraction`, between two neighbours in proportion.
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let place = fraction * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

export!(task Bootstrap);

#[cfg(test)]
mod tests {
    use backtest_sdk::{Value, testing};

    use super::*;

    fn run(task_id: &str, given: &[(&str, Value)]) -> String {
        let close: Vec<f64> = (0..250).map(|t| 100.0 + f64::from(t * 7919 % 41) / 10.0 + f64::from(t) / 20.0).collect();
        let answer = testing::run::<Bootstrap>(vec![testing::series("ACME", &close)], task_id, given);
        String::from_utf8(answer.unwrap()).unwrap()
    }

    fn numbers(answer: &str) -> Vec<f64> {
        let fields = answer.trim_matches(['{', '}']).split(',');
        fields.map(|field| field.split(':').nth(1).unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn the_interval_lies_around_the_mean_and_widens_with_confidence() {
        let (narrow, wide) = (run("a", &[("confidence", 0.5.into())]), run("a", &[("confidence", 0.99.into())]));
        let (narrow, wide) = (numbers(&narrow), numbers(&wide));
        assert!(wide[1] < narrow[1] && narrow[1] < narrow[0] && narrow[0] < narrow[2] && narrow[2] < wide[2]);
        assert_eq!(narrow[3], 1000.0);
    }

    #[test]
    fn the_width_is_that_of_the_standard_error() {
        let returns = [0.01, -0.01].repeat(200);
        let bootstrap = Bootstrap { returns };
        let mut draw = Draw::new(1, "a");
        let means: Vec<f64> = (0..4000).map(|_| bootstrap.resampled_mean(1, &mut draw)).collect();
        let deviation = (means.iter().map(|mean| mean * mean).sum::<f64>() / means.len() as f64).sqrt();
        assert!((deviation / (0.01 / 20.0) - 1.0).abs() < 0.05, "{deviation}");
        // A block of two always holds one of each, so nothing varies.
        assert!(bootstrap.resampled_mean(2, &mut draw).abs() < 1e-15);
    }

    #[test]
    fn the_same_seed_and_id_draw_the_same_and_another_id_another() {
        assert_eq!(run("a", &[("seed", 7.into())]), run("a", &[("seed", 7.into())]));
        assert_ne!(run("a", &[("seed", 7.into())]), run("b", &[("seed", 7.into())]));
        assert_ne!(run("a", &[("seed", 7.into())]), run("a", &[("seed", 8.into())]));
    }

    #[test]
    fn a_block_of_the_whole_series_gives_its_mean_each_time() {
        let answer = numbers(&run("a", &[("block", 10_000.into()), ("samples", 10.into())]));
        assert!((answer[1] - answer[0]).abs() < 1e-15 && (answer[2] - answer[0]).abs() < 1e-15);
    }

    #[test]
    fn data_without_a_return_is_refused() {
        let none = testing::run::<Bootstrap>(vec![], "a", &[]);
        assert_eq!(none, Err(Error::failed("bootstrap resamples the returns of an instrument: give it data")));
        let one = testing::run::<Bootstrap>(vec![testing::series("ACME", &[1.0])], "a", &[]);
        assert_eq!(one, Err(Error::failed("`ACME` has no return: give it two bars or more")));
    }
}
