"""Trend: long while the fast moving average of the closes is above the slow one, flat while it is below."""

from itertools import accumulate

from backtest import Description, InvalidParams, Params, Series, Strategy, Targets, integer


class SmaCross(Strategy):
    description = Description(
        name="my_strategy",
        version="0.1.0",
        summary="Long while the fast average is above the slow one.",
        parameters=[
            integer("fast", "bars of the fast average", default=20, minimum=1, maximum=2000),
            integer(
                "slow", "bars of the slow average, more than the fast one has", default=50, minimum=2, maximum=5000
            ),
        ],
    )

    def __init__(self, data: list[Series]) -> None:
        """Called once: whatever it leaves behind is shared by all combinations of parameters."""
        # For each instrument, 0 and then the sum of its first close, of its first two, and so on.
        self.sums = [list(accumulate(series.close, initial=0.0)) for series in data]

    def evaluate(self, params: Params, targets: Targets) -> None:
        """Called for every combination. A target at a bar may use bars up to that one; it is traded at the next open."""
        fast, slow = params.count("fast"), params.count("slow")
        if fast >= slow:
            raise InvalidParams(f"`fast` ({fast}) is not below `slow` ({slow})")

        for instrument, sums in enumerate(self.sums):
            position = targets.instrument(instrument)
            # Each bar with the sum up to it, and those up to where its averages begin.
            windows = zip(range(slow - 1, len(sums)), sums[slow:], sums[slow - fast :], sums)
            for bar, now, fast_start, slow_start in windows:
                fast_average = (now - fast_start) / fast
                slow_average = (now - slow_start) / slow
                # Equal averages change nothing.
                if fast_average > slow_average:
                    position.hold(bar, targets.share)
                elif fast_average < slow_average:
                    position.hold(bar, 0.0)


signals = SmaCross
