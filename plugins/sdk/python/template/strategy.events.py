"""Trend: long while the fast moving average of the closes is above the slow one, flat while it is below."""

from backtest import Bar, Broker, Description, EventStrategy, InvalidParams, Params, integer


class SmaCross(EventStrategy):
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

    def __init__(self, symbols: list[str], params: Params) -> None:
        """Called once for every combination of parameters, before its first bar."""
        self.fast, self.slow = params.count("fast"), params.count("slow")
        if self.fast >= self.slow:
            raise InvalidParams(f"`fast` ({self.fast}) is not below `slow` ({self.slow})")
        # For each instrument, 0 and then the sum of its first close, of its first two, and so on.
        self.sums = [[0.0] for _ in symbols]

    def on_bar(self, bar: Bar, broker: Broker) -> None:
        """Called when a bar has closed. What is asked for here is traded at the next open."""
        sums = self.sums[bar.instrument]
        now = sums[-1] + bar.close
        sums.append(now)
        if len(sums) <= self.slow:
            return

        fast_average = (now - sums[-1 - self.fast]) / self.fast
        slow_average = (now - sums[-1 - self.slow]) / self.slow
        # Equal averages change nothing.
        if fast_average > slow_average:
            broker.hold(bar.instrument, broker.share)
        elif fast_average < slow_average:
            broker.hold(bar.instrument, 0.0)


events = SmaCross
