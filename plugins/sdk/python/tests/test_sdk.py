"""What the SDK promises outside of a component: `python3 -m unittest discover plugins/sdk/python/tests`."""

import importlib.util
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backtest import Description, EventStrategy, Failed, InvalidParams, Params, Strategy, integer, number, trace
from backtest.broker import Bracket, Hold, Kind
from backtest.targets import Targets
from backtest.testing import Play, bars, evaluate, play, series


def template(name):
    spec = importlib.util.spec_from_file_location(name.replace(".", "_"), ROOT / "template" / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Templates(unittest.TestCase):
    def test_both_ask_for_the_same(self):
        data = [series("A", [3, 2, 1, 5, 6, 2, 1, 4]), series("B", [1, 2, 3, 2, 1, 4, 4, 4])]
        wanted = evaluate(template("strategy.py").SmaCross, data, fast=2, slow=3)
        sent = play(template("strategy.events.py").SmaCross, data, fast=2, slow=3)
        commands = [(bar, hold.instrument, hold.exposure) for bar, holds in enumerate(sent) for hold in holds]
        self.assertEqual(wanted, commands)
        self.assertEqual(wanted[0], (2, 1, 0.5))

    def test_parameters_that_make_no_sense_are_refused(self):
        for strategy in (template("strategy.py").SmaCross, template("strategy.events.py").SmaCross):
            run = evaluate if issubclass(strategy, Strategy) else play
            with self.assertRaisesRegex(InvalidParams, r"`fast` \(50\) is not below `slow` \(20\)"):
                run(strategy, [series("A", [1.0])], fast=50, slow=20)


class Parameters(unittest.TestCase):
    def test_another_type_or_an_undeclared_name_is_the_strategys_own_failure(self):
        params = Params({"window": 20, "level": 0.5, "short": True, "offset": -1})
        self.assertEqual((params.count("window"), params.number("level"), params.boolean("short")), (20, 0.5, True))
        for read, text in [
            (lambda: params.integer("windw"), "the plugin asks for parameter `windw`, which its description does not declare"),
            (lambda: params.count("level"), "reads parameter `level` as an integer, but its description declares a number"),
            (lambda: params.integer("short"), "as an integer, but its description declares a boolean"),
        ]:
            with self.assertRaisesRegex(Failed, text):
                read()
        with self.assertRaisesRegex(InvalidParams, "`offset` counts something, so it cannot be -1"):
            params.count("offset")


class Answers(unittest.TestCase):
    def test_only_changes_are_written(self):
        targets = Targets(1)
        for bar, exposure in enumerate([0.0, 1.0, 1.0, -1.0, 0.0]):
            targets.instrument(0).hold(bar, exposure)
        self.assertEqual(targets.finish(), [(1, 0, 1.0), (3, 0, -1.0), (4, 0, 0.0)])

    def test_an_exposure_that_is_set_is_written_also_where_it_is_held(self):
        targets = Targets(1)
        position = targets.instrument(0)
        position.set(0, 0.6)
        position.set(1, 0.6)
        position.hold(2, 0.6)
        position.hold(3, 0.0)
        self.assertEqual(targets.finish(), [(0, 0, 0.6), (1, 0, 0.6), (3, 0, 0.0)])

    def test_several_instruments_are_merged_by_the_time_of_their_bars(self):
        times = [[10, 20, 30], [20, 25]]
        targets = Targets(2, times)
        for instrument in (1, 0):
            for bar in range(len(times[instrument])):
                targets.instrument(instrument).hold(bar, 0.0 if bar % 2 else targets.share)
        self.assertEqual(targets.finish(), [(0, 0, 0.5), (1, 0, 0.0), (0, 1, 0.5), (1, 1, 0.0), (2, 0, 0.5)])

    def test_what_is_no_bar_or_no_number_is_told_with_its_instrument(self):
        for bar, exposure, kind in [(-1, 1.0, OverflowError), (1.5, 1.0, TypeError), (0, "x", TypeError)]:
            targets = Targets(1)
            targets.instrument(0).hold(bar, exposure)
            with self.assertRaisesRegex(kind, "a target of instrument 0 has a bar that is no index"):
                targets.finish()

    def test_nothing_is_an_answer(self):
        self.assertEqual(Targets(0).finish(), [])
        self.assertEqual(Targets(2, [[], []]).finish(), [])


class Dip(EventStrategy):
    description = Description("dip", "1.0.0", "Buys.", [integer("units", "units", default=1), number("x", "x", default=1)])

    def __init__(self, symbols, params):
        self.units = params.count("units")

    def on_bar(self, bar, broker):
        if bar.close > 5:
            broker.fail(f"{bar.close} is too much")
        broker.bracket(broker.buy(bar.instrument, self.units, limit=2, stop=1), stop_loss=0.5)
        broker.hold(0, 0.5)


class Orders(unittest.TestCase):
    def test_a_run_is_played_event_by_event(self):
        run = Play(Dip, ["A"], units=2)
        order, bracket, hold = run.on_bar(bars(0, series("A", [1.0]))[0])
        self.assertEqual((order.kind, order.quantity, order.limit, order.stop), (Kind.STOP_LIMIT, 2, 2, 1))
        self.assertEqual((bracket, hold), (Bracket(1, 0.5, None), Hold(0, 0.5)))
        self.assertEqual(run.on_time(0, 1.0), [])

    def test_a_run_that_is_ended_raises(self):
        with self.assertRaisesRegex(Failed, "6.0 is too much"):
            play(Dip, [series("A", [1, 6])])

    def test_a_parameter_that_is_not_declared_is_the_tests_mistake(self):
        with self.assertRaisesRegex(LookupError, "`dip` declares no parameter `unit`"):
            Play(Dip, ["A"], unit=2)


class Traces(unittest.TestCase):
    def test_an_exception_is_told_innermost_first_with_what_it_came_from(self):
        def deeper():
            raise ValueError("inner")

        try:
            try:
                deeper()
            except ValueError as error:
                raise RuntimeError("outer") from error
        except RuntimeError as error:
            lines = trace.told(error).splitlines()
        self.assertEqual(lines[0], "RuntimeError: outer")
        self.assertEqual(lines[2], "after ValueError: inner")
        self.assertIn("deeper", lines[3])

    def test_a_long_recursion_is_cut_in_the_middle(self):
        def again(depth):
            return again(depth - 1) if depth else 1 // 0

        try:
            again(100)
        except ZeroDivisionError as error:
            lines = trace.told(error).splitlines()
        self.assertEqual(len(lines), 14)
        self.assertIn("90 more", lines[7])


if __name__ == "__main__":
    unittest.main()
