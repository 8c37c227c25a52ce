"""The indicators agree with other libraries' on real bars, and in both of their forms.

    python3 -m unittest discover plugins/sdk/python/tests
"""

import csv
import pickle
import random
import sys
import unittest
from math import inf, isnan, nan
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backtest import indicators
from backtest.indicators import Channel, Crossing, crossings

EXPECTED = ROOT.parents[2] / "tests/languages/indicators/expected.csv"

#: For each indicator its class, its function, the columns that both take, and the arguments for a length `n`.
FORMS = {
    "sma": (indicators.Sma, indicators.sma, "c", lambda n: (n,)),
    "ema": (indicators.Ema, indicators.ema, "c", lambda n: (n,)),
    "deviation": (indicators.Deviation, indicators.deviation, "c", lambda n: (n,)),
    "z_score": (indicators.ZScore, indicators.z_score, "c", lambda n: (n,)),
    "rsi": (indicators.Rsi, indicators.rsi, "c", lambda n: (n,)),
    "true_range": (indicators.TrueRange, indicators.true_range, "hlc", lambda n: ()),
    "atr": (indicators.Atr, indicators.atr, "hlc", lambda n: (n,)),
    "donchian": (indicators.Donchian, indicators.donchian, "hl", lambda n: (n,)),
    "bollinger": (indicators.Bollinger, indicators.bollinger, "c", lambda n: (n, 2.0)),
    "macd": (indicators.Macd, indicators.macd, "c", lambda n: (n, n + 3, 2)),
    "adx": (indicators.Adx, indicators.adx, "hlc", lambda n: (n,)),
    "crossings": (indicators.Cross, indicators.crossings, "ch", lambda n: ()),
}


def bars(seed, length, unfit, scale=1.0):
    """Columns by letter: numbers that look random and are the same in every run. Some of them are not finite."""
    draw = random.Random(seed)
    price, columns = 100.0, {"h": [], "l": [], "c": []}
    for _ in range(length):
        # Often unchanged, so that ties are met.
        price += 0.0 if draw.random() < 0.3 else draw.uniform(-2.0, 2.0)
        columns["h"].append(price * scale + draw.choice([0.0, 0.5, 1.0]))
        columns["l"].append(price * scale - draw.choice([0.0, 0.5, 1.0]))
        columns["c"].append(draw.choice([nan, inf, -inf]) if unfit and draw.random() < 0.03 else price * scale)
    return columns


def bits(answer, lines):
    """An answer as comparable bits, with one NaN for none."""
    if isinstance(answer, (Crossing, type(None))) and lines == 1:
        return (answer if answer is None else answer.name,)
    values = (nan,) * lines if answer is None else answer if isinstance(answer, tuple) else (answer,)
    return tuple(None if isnan(value) else value.hex() for value in values)


def check_both(test, columns, n):
    for name, (kind, function, letters, arguments) in FORMS.items():
        given = [columns[letter] for letter in letters]
        found = function(*given, *arguments(n))
        lines = found if isinstance(found, tuple) else (found,)
        one = kind(*arguments(n))
        for at, bar in enumerate(zip(*given)):
            streamed = one.next(*bar)
            column = tuple(line[at] for line in lines) if len(lines) > 1 else lines[0][at]
            if name != "crossings" and len(lines) == 1:
                streamed = nan if streamed is None else streamed
            test.assertEqual(bits(streamed, len(lines)), bits(column, len(lines)), f"{name} of {n} at {at}")


def known(column):
    return [at for at, value in enumerate(column) if not isnan(value)]


class Numbers(unittest.TestCase):
    def test_real_bars_give_what_other_libraries_compute(self):
        with EXPECTED.open() as file:
            rows = list(csv.DictReader(file))
        expected = {name: [float(row[name] or "nan") for row in rows] for name in rows[0]}
        high, low, close = (expected[name] for name in ("high", "low", "close"))
        channel, bands = indicators.donchian(high, low, 20), indicators.bollinger(close, 20, 2.0)
        lines, trend = indicators.macd(close, 12, 26, 9), indicators.adx(high, low, close, 14)
        for name, found in [
            ("sma", indicators.sma(close, 20)),
            ("ema", indicators.ema(close, 20)),
            ("rsi", indicators.rsi(close, 14)),
            ("true_range", indicators.true_range(high, low, close)),
            ("atr", indicators.atr(high, low, close, 14)),
            ("deviation", indicators.deviation(close, 20)),
            ("z_score", indicators.z_score(close, 20)),
            ("upper", channel.upper),
            ("lower", channel.lower),
            ("band_upper", bands.upper),
            ("sma", bands.middle),
            ("band_lower", bands.lower),
            ("macd", lines.line),
            ("macd_signal", lines.signal),
            ("macd_histogram", lines.histogram),
            ("adx", trend.adx),
            ("plus_di", trend.plus_di),
            ("minus_di", trend.minus_di),
        ]:
            self.assertEqual(len(found), len(rows), name)
            for at, (one, other) in enumerate(zip(found, expected[name])):
                same = abs(one - other) <= 1e-12 * max(abs(one), abs(other)) or isnan(one) and isnan(other)
                self.assertTrue(same, f"{name} at {at}: {one} and not {other}")

    def test_bar_by_bar_and_as_a_column_the_bits_are_the_same(self):
        for seed in range(80):
            check_both(self, bars(seed, seed * 7 % 120, seed % 2 == 1), 1 + seed % 23)

    def test_numbers_that_overflow_are_the_same_in_both_forms(self):
        for n in (1, 2, 5, 20):
            check_both(self, bars(n, 90, True, scale=1e305), n)

    def test_zeros_keep_their_sign(self):
        zeros = [0.0, -0.0, -0.0, 0.0, -0.0, 0.0, 0.0, -0.0]
        for n in (1, 2, 3):
            check_both(self, {"h": zeros, "l": zeros, "c": zeros}, n)

    def test_whole_numbers_and_other_sequences_will_do(self):
        self.assertEqual(indicators.sma((1, 0, 1, 1), 2)[1:], [0.5, 0.5, 1.0])
        self.assertEqual(indicators.ema(range(5), 2)[1:], [0.5, 1.5, 2.5, 3.5])


class Beginnings(unittest.TestCase):
    def test_each_begins_at_its_bar_and_again_behind_a_value_that_is_not_finite(self):
        close = bars(5, 30, False)["c"]
        close[12] = nan
        for name, first in [("sma", 4), ("ema", 4), ("deviation", 4), ("rsi", 5), ("true_range", 1), ("atr", 5), ("adx", 9)]:
            _, function, letters, arguments = FORMS[name]
            found = function(*[close for _ in letters], *arguments(5))
            column = found[0] if isinstance(found, tuple) else found
            self.assertEqual(known(column), [*range(first, 12), *range(13 + first, 30)], name)
        self.assertEqual(known(indicators.bollinger(close, 5, 2.0).upper), [*range(4, 12), *range(17, 30)])
        self.assertEqual(known(indicators.macd(close, 3, 7, 3).line), [*range(8, 12), *range(21, 30)])
        self.assertEqual(known(indicators.macd(close, 7, 3, 3).signal), [*range(8, 12), *range(21, 30)])

    def test_fewer_bars_than_are_needed_give_no_answer(self):
        for length in (0, 1, 4):
            columns = bars(3, length, False)
            for name, (_, function, letters, arguments) in FORMS.items():
                found = function(*[columns[letter] for letter in letters], *arguments(5))
                for line in found if isinstance(found, tuple) else (found,):
                    self.assertEqual(len(line), length, name)
                    if name not in ("true_range", "crossings"):
                        self.assertEqual(known(line), [], name)

    def test_a_length_far_beyond_the_data_costs_no_memory(self):
        self.assertEqual(known(indicators.sma([1.0] * 100, sys.maxsize)), [])
        self.assertEqual(known(indicators.donchian([1.0] * 100, [1.0] * 100, sys.maxsize).upper), [])
        self.assertIsNone(indicators.Deviation(sys.maxsize).next(1.0))


class Meanings(unittest.TestCase):
    def test_equal_values_deviate_by_nothing_and_have_no_score(self):
        values = [0.1] * 30
        self.assertEqual(indicators.deviation(values, 7)[6:], [0.0] * 24)
        self.assertEqual(known(indicators.z_score(values, 7)), [])
        self.assertEqual(indicators.rsi(values, 7)[7:], [50.0] * 23)
        self.assertEqual(indicators.adx(values, values, values, 7).adx[13:], [0.0] * 17)

    def test_only_the_larger_of_two_movements_counts_for_a_direction(self):
        moves = [([10, 12], [8, 7], (100, 40, 0)), ([10, 11], [8, 6], (100, 0, 40)), ([10, 11], [8, 7], (0, 0, 0))]
        for high, low, expected in moves:
            found = indicators.adx(high, low, [9, 9], 1)
            self.assertEqual((found.adx[1], found.plus_di[1], found.minus_di[1]), expected)

    def test_a_line_crosses_where_it_comes_out_on_the_other_side(self):
        above, below = Crossing.ABOVE, Crossing.BELOW
        for line, expected in [
            ([-1.0, 1.0, 2.0, -1.0], [None, above, None, below]),
            ([1.0, 0.0, 1.0], [None, None, None]),
            ([1.0, 0.0, 0.0, -1.0], [None, None, None, below]),
            ([0.0, 1.0, -1.0], [None, None, below]),
            ([1.0, nan, -1.0, 1.0], [None, None, None, above]),
        ]:
            self.assertEqual(crossings(line, [0.0] * len(line)), expected)

    def test_a_channel_has_a_middle(self):
        self.assertEqual(Channel(3.0, 1.0).middle, 2.0)

    def test_an_indicator_can_be_copied_in_the_middle_of_a_run(self):
        columns = bars(4, 60, False)
        for name, (kind, _, letters, arguments) in FORMS.items():
            one = kind(*arguments(5))
            given = list(zip(*[columns[letter] for letter in letters]))
            for bar in given[:30]:
                one.next(*bar)
            other = pickle.loads(pickle.dumps(one))
            self.assertEqual([one.next(*bar) for bar in given[30:]], [other.next(*bar) for bar in given[30:]], name)


class Mistakes(unittest.TestCase):
    def test_a_window_of_no_bars_is_told(self):
        for n in (0, -3):
            for name, (kind, function, letters, arguments) in FORMS.items():
                if not arguments(n):
                    continue
                for make in (lambda: kind(*arguments(n)), lambda: function(*[[1.0] for _ in letters], *arguments(n))):
                    with self.assertRaisesRegex(ValueError, f"a window of {n} bars has nothing to compute from; give at least 1"):
                        make()
        with self.assertRaises(TypeError):
            indicators.Sma(2.5)

    def test_columns_of_unequal_length_are_told(self):
        for call in (
            lambda: indicators.donchian([1.0, 2.0], [1.0], 1),
            lambda: indicators.crossings([1.0, 2.0], [1.0]),
        ):
            with self.assertRaisesRegex(ValueError, r"the columns have \[2, 1\] values; give as many of each"):
                call()


if __name__ == "__main__":
    unittest.main()
