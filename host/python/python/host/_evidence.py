"""What the returns of a sweep say of it: whether its best combination is more than luck, and walk-forward.

Never computes a number: the library does, as for `host trust` and `host walk-forward`.
"""

from __future__ import annotations

import html
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from host import _native
from host._errors import SettingsError

_RIGHT, _LEFT = (f"padding:2px 8px;text-align:{side}" for side in ("right", "left"))


class _Report:
    """Fields of a report, which are those of its JSON."""

    def to_dict(self) -> dict[str, Any]:
        """The report as the JSON of the command has it, without the version of the format."""
        return dict(vars(self))


@dataclass(frozen=True, repr=False)
class TrustReport(_Report):
    """What the returns of a sweep say of its best combination.

    Sharpe ratios are a year; what cannot be told is `None`, or a dict with the reason as `undefined`.

    Attributes:
        plugin, data_hash: What ran, and the fingerprint of its bars.
        verdict: `credible`, `doubtful` or `noise`.
        words: The verdict in a sentence or two.
        reasons: What speaks for luck.
        notes: What you should know beside it: missing combinations, a store that cannot be read.
        best: The best combination: `task_id` and `params`.
        combinations, left_out: Combinations that have returns, and those of them whose returns do not vary.
        period, periods, periods_per_year: `bar`, `day` or `week`; how many each combination has; how many a year has.
        risk_free: The rate that must be beaten, a fraction a year.
        sharpe, sharpe_interval: The Sharpe ratio of the best combination, and its interval at the level of 0.95.
        max_drawdown, max_drawdown_interval: The same for its maximum drawdown, a fraction.
        skewness, kurtosis_raw: Of its returns; 3 is the kurtosis of a normal distribution.
        trials, trials_counted_by: Combinations that were ever tried on these bars; `option`, `store` or `sweep`.
        independent_trials, independent_trials_error: How many independent ones the combinations are worth; the standard error of an
            estimate.
        expected_best_sharpe, deflated_sharpe: What the best of so many worthless trials shows, and the confidence that the true
            Sharpe ratio is above that.
        expected_best_sharpe_independent, deflated_independent: The same for the independent trials.
        probabilistic_sharpe: The confidence that the true Sharpe ratio is above 0.
        track_record_years: Years that are needed to be sure that it is above `expected_best_sharpe`.
        overfitting: `probability`, `loss`, `slope`, `r_squared`, `splits` (CSCV).
        cross_validation: `sharpe` (the median), `lowest`, `highest`, `below_zero`, `winner`, `winner_share`, `splits`, `paths` (CPCV).
        spa: `lower`, `consistent`, `upper`, `statistic` of Hansen's test.
        reality_check: The p-value of White's test.
        superior, superior_combinations: How many combinations beat the rate by StepM, and their numbers, counted from 0.
        draws, seed, block, alpha, blocks, purge: What was asked for; `block` is the mean length of the blocks that were drawn.
        first, last: The last time stamps of the first and of the last period, ISO 8601.
    """

    plugin: str | None
    data_hash: str | None
    verdict: str
    words: str
    reasons: Sequence[str]
    notes: Sequence[str]
    best: Mapping[str, Any]
    combinations: int
    left_out: int
    period: str
    periods: int
    periods_per_year: float
    risk_free: float
    sharpe: float
    sharpe_interval: Sequence[float] | None
    max_drawdown: float
    max_drawdown_interval: Sequence[float]
    skewness: float
    kurtosis_raw: float
    trials: int
    trials_counted_by: str
    independent_trials: float
    independent_trials_error: float | None
    expected_best_sharpe: float
    deflated_sharpe: float | None
    expected_best_sharpe_independent: float
    deflated_independent: float | None
    probabilistic_sharpe: float | None
    track_record_years: float | None
    overfitting: Mapping[str, Any]
    cross_validation: Mapping[str, Any]
    spa: Mapping[str, float] | None
    reality_check: float
    superior: int
    superior_combinations: Sequence[int]
    draws: int
    seed: int
    blocks: int
    purge: int
    first: str | None
    last: str | None
    alpha: float
    block: float

    def __repr__(self) -> str:
        return (
            f"<TrustReport {self.verdict}: {self.words} Best of {self.combinations}: {_params(self.best)}, "
            f"sharpe {_number(self.sharpe)} a year>"
        )

    def _repr_html_(self) -> str:
        of_time = "in sample, chosen from all"
        rows = [
            ("sharpe", _number(self.sharpe), "in sample, chosen from all"),
            ("cpcv_sharpe", *_told(self.cross_validation, "sharpe", "out of sample, the median of the paths")),
            ("deflated_sharpe", _number(self.deflated_sharpe), f"{self.trials:,} trials, counted by the {self.trials_counted_by}"),
            ("overfitting", *_told(self.overfitting, "probability", "share of the splits")),
            ("spa", _number(self.spa["consistent"] if self.spa else None), "share of worthless sweeps as good"),
            ("superior", str(self.superior), "combinations that beat the rate"),
        ]
        head = f"<p><b>verdict: {html.escape(self.verdict)}.</b> {html.escape(self.words)}</p>"
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        best = f"<p>best of {self.combinations:,}: {html.escape(_params(self.best))}</p>"
        return f"{head}{f'<ul>{notes}</ul>' if notes else ''}{best}{_table(('statistic', 'value', ''), rows)}"


@dataclass(frozen=True, repr=False)
class WalkForwardReport(_Report):
    """The best combination of each stretch of time, and what it earned in the next one. Sharpe ratios are a year.

    Attributes:
        training: `rolling` or `anchored`.
        period, train, test, purge: The length of periods, and how many of them each part has.
        risk_free: The rate that Sharpe ratios are over, a fraction a year.
        combinations, left_out: Combinations that were looked at, and those whose returns do not vary.
        folds: For each stretch `first`, `last`, `task_id`, `params`, `in_sample`, `out_of_sample`, `return`, `rank`, `efficiency`.
        sharpe_in_sample: The mean of all folds.
        sharpe_out_of_sample: Of all folds together.
        return_out_of_sample: The compounded return of all test parts, a fraction.
        efficiency: The mean return out of sample as a share of that in sample; `None` where the latter is not positive.
        different_winners, changes: Different combinations in the folds, and changes from fold to fold.
        returns: The returns out of sample: pairs of a time stamp and a fraction.
    """

    training: str
    period: str
    train: int
    test: int
    purge: int
    risk_free: float
    combinations: int
    left_out: int
    folds: Sequence[Mapping[str, Any]]
    sharpe_in_sample: float | None
    sharpe_out_of_sample: float | None
    return_out_of_sample: float
    efficiency: float | None
    different_winners: int
    changes: int
    returns: Sequence[Sequence[Any]]

    def __repr__(self) -> str:
        return (
            f"<WalkForwardReport {len(self.folds)} folds of {self.test} {self.period}s: sharpe {_number(self.sharpe_out_of_sample)} a "
            f"year out of sample, {_number(self.sharpe_in_sample)} in sample; {self.different_winners} different winners>"
        )

    def _repr_html_(self) -> str:
        numbers = ("in_sample", "out_of_sample", "return", "rank")
        rows = [
            (_params(fold), *(_number(fold[name]) for name in numbers), f"{fold['first']} to {fold['last']}") for fold in self.folds
        ]
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{_table(('params', *numbers, 'test part'), rows)}"


def trust(
    path: str | os.PathLike[str],
    *,
    trials: int | None = None,
    risk_free: float | None = None,
    draws: int = 10_000,
    block: float | None = None,
    seed: int = 1,
    alpha: float = 0.05,
    blocks: int = 16,
    purge: int | None = None,
    device: str = "auto",
    store: bool | str | os.PathLike[str] = True,
) -> TrustReport:
    """Says whether the best combination of a sweep is more than luck, as `host trust` does.

    Args:
        path: The file that `run_parameter_sweep(..., returns=path)` or `host sweep --returns` wrote.
        trials: Combinations that were ever tried on these bars; what the store has counted if left out.
        risk_free: The rate that must be beaten, a fraction a year; that of the sweep's account if left out.
        draws: Bootstrap draws, 100 to 1,000,000.
        block: The mean length of the bootstrap's blocks, in periods; what the returns say if left out.
        seed: What the draws begin with. The same seed gives the same numbers.
        alpha: The level of the tests, a share.
        blocks: Blocks of time for the probability of overfitting: an even number up to 20.
        purge: Periods that are left out at each boundary between training and test parts; as many as the combinations hold a
            position if left out.
        device: What sums the draws: `cpu`, a GPU by `cuda`, or `auto`, which takes a GPU for large sweeps. The numbers are the same.
        store: The store that has counted the trials: `True` that of the environment, a path the one there, `False` none.

    Returns:
        The verdict, with all of its numbers.

    Raises:
        DataError: The file cannot be read.
        SettingsError: An argument is not valid, or the returns are too few.
        KeyboardInterrupt: Ctrl-C.
    """
    request = {
        **_whole(trials=trials, draws=draws, seed=seed, blocks=blocks, purge=purge),
        **_finite(risk_free=risk_free, block=block, alpha=alpha),
        "device": device,
    }
    counted = store if isinstance(store, bool) else os.fspath(store)
    return TrustReport(**json.loads(_native.core().trust(os.fspath(path), json.dumps(request), counted)))


def walk_forward(
    path: str | os.PathLike[str],
    *,
    train: int | None = None,
    test: int | None = None,
    anchored: bool = False,
    purge: int | None = None,
    risk_free: float | None = None,
) -> WalkForwardReport:
    """Follows the best combination of each stretch of time through the next one, as `host walk-forward` does.

    Args:
        path: The file that `run_parameter_sweep(..., returns=path)` or `host sweep --returns` wrote.
        train: Periods by which a combination is chosen; four times those of `test` if left out.
        test: Periods through which it is followed, at least 2; a tenth of all if left out.
        anchored: Chooses by all periods before, of which `train` is the least number.
        purge: Periods that are left out between the two; as many as the combinations hold a position if left out.
        risk_free: The rate that Sharpe ratios are over, a fraction a year; that of the sweep's account if left out.

    Returns:
        The folds, and what the winners earned together.

    Raises:
        As `trust`.
    """
    request = {**_whole(train=train, test=test, purge=purge), **_finite(risk_free=risk_free), "anchored": bool(anchored)}
    return WalkForwardReport(**json.loads(_native.core().walk_forward(os.fspath(path), json.dumps(request))))


def _whole(**given: Any) -> dict[str, int]:
    """Those that are given, if they are whole numbers that the library can hold."""
    found = {}
    for name, value in given.items():
        if value is None:
            continue
        number = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else -1
        if not 0 <= number < 1 << 64:
            raise SettingsError(f"`{name}` is {value!r}; give a whole number, 0 or more")
        found[name] = number
    return found


def _finite(**given: Any) -> dict[str, float]:
    """Those that are given, if they are finite numbers."""
    found = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise SettingsError(f"`{name}` is {value!r}; give a finite number")
        found[name] = number
    return found


def _params(combination: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in combination["params"].items()) or "no parameters"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _told(found: Mapping[str, Any], name: str, words: str) -> tuple[str, str]:
    """A value and what it says, or why there is none."""
    return (_number(found[name]), words) if name in found else (_number(None), found["undefined"])


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    styles = [_LEFT, *[_RIGHT] * (len(titles) - 2), _LEFT]

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(f"<{tag} style='{style}'>{html.escape(one)}</{tag}>" for style, one in zip(styles, cells))

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', titles)}</tr></thead><tbody>{body}</tbody></table>"
