"""The writer of a strategy's answer.

Never looks at a price.
"""

from array import array
from collections.abc import Sequence
from heapq import merge
from typing import NamedTuple


class Target(NamedTuple):
    """From bar ``bar`` of ``instrument`` on, hold ``exposure`` of equity in it."""

    bar: int
    instrument: int
    exposure: float


class Position:
    """What is held of one instrument while its targets are written, bar by bar."""

    __slots__ = ("_bars", "_exposures", "held", "instrument")

    def __init__(self, instrument: int) -> None:
        self.instrument = instrument
        #: The share of equity that is held now; nothing at first.
        self.held = 0.0
        self._bars: list[int] = []
        self._exposures: list[float] = []

    def hold(self, bar: int, exposure: float) -> None:
        """Holds ``exposure`` of equity from ``bar`` on: 1 is fully long, 0 flat, -1 fully short.

        Nothing is written where that much is held already.
        """
        if exposure != self.held:
            self.set(bar, exposure)

    def set(self, bar: int, exposure: float) -> None:
        """Holds ``exposure`` of equity from ``bar`` on, and trades back to it if that much is held already.

        Prices move what is held away from its share of equity: to repeat an exposure asks to rebalance.
        """
        self.held = exposure
        self._bars.append(bar)
        self._exposures.append(exposure)

    def _targets(self) -> list[Target]:
        try:
            bars, exposures = array("I", self._bars), array("d", self._exposures)
        except (TypeError, OverflowError) as error:
            what = f"a target of instrument {self.instrument} has a bar that is no index, or an exposure that is no number"
            raise type(error)(f"{what}: {error}") from None
        return [Target(bar, self.instrument, exposure) for bar, exposure in zip(bars, exposures, strict=True)]


class Targets:
    """Target exposures, written instrument by instrument in any order, and bar by bar in the order of time."""

    __slots__ = ("_positions", "_times", "share")

    def __init__(self, instruments: int, times: Sequence[Sequence[int]] = ()) -> None:
        #: The share of equity that each instrument gets when all get the same: 1 where there is only one.
        self.share = 1.0 / max(instruments, 1)
        self._positions = [Position(instrument) for instrument in range(instruments)]
        #: The times of each instrument's bars, where there are several to merge.
        self._times = times

    def instrument(self, instrument: int) -> Position:
        """Returns the position in the instrument with index ``instrument``."""
        if not 0 <= instrument < len(self._positions):
            raise IndexError(f"the data has no instrument {instrument}, only {len(self._positions)}")
        return self._positions[instrument]

    def finish(self) -> list[Target]:
        """Returns what was written, by the time of the bars."""
        runs = [position._targets() for position in self._positions]
        if len(runs) == 1:
            return runs[0]
        return list(merge(*runs, key=self._time))

    def _time(self, target: Target) -> int:
        times = self._times[target.instrument]
        # A bar that does not exist comes last; the host says what is wrong with it.
        return times[target.bar] if target.bar < len(times) else 2**63
