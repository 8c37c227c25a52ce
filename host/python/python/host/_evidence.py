"""What the returns of a sweep say of it: whether its best combination is more than luck, and walk-forward; and what luck and noise do
to one combination.

Never computes a number: the library does, as for `host trust`, `host walk-forward` and `host monte-carlo`.
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
        notes: What you should know beside it.
        fresh: `sharpe_out_of_sample`, `return_out_of_sample` and `returns` of the folds that ran anew, each from cash on; each fold has
            `fresh`, too. `None` where none ran anew.
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
    notes: Sequence[str]
    fresh: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as the JSON of the command has it, without the version of the format."""
        return {name: value for name, value in vars(self).items() if name != "fresh" or value is not None}

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


@dataclass(frozen=True, repr=False)
class MonteCarloReport(_Report):
    """One combination with its trades drawn again, and on bars with noise.

    Attributes:
        strategy_name, plugin_hash, data_hash: What ran, and the fingerprint of its bars.
        params, metrics: Its parameters, and its metrics on the bars as they are.
        levels: The levels of all quantiles.
        trades: `total_return`, `max_drawdown` in the order given; quantiles `resampled_return`, `resampled_drawdown`,
            `shuffled_drawdown`; `loss`, the share of resamples that lose; `shuffled_rank`, the share of shuffles that fall at most as
            deep. Or the reason as `undefined`, where no trade was closed.
        noise: Of the copies of the bars `metrics` with their quantiles, `losing`, `below_half_sharpe`, `failed`, `copies`; `None`
            where none are asked for.
    """

    strategy_name: str
    plugin_hash: str | None
    data_hash: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    levels: Sequence[float]
    trades: Mapping[str, Any]
    noise: Mapping[str, Any] | None

    def __repr__(self) -> str:
        lost = "no closed trades" if "undefined" in self.trades else f"{self.trades['loss']:.1%} of resamples lose"
        copies = f"; {self.noise['asked']} copies with noise" if self.noise else ""
        return f"<MonteCarloReport {self.strategy_name} {_params({'params': self.params})}: {lost}{copies}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, ...]] = []
        if "undefined" not in self.trades:
            given = {"resampled_return": "total_return", "resampled_drawdown": "max_drawdown", "shuffled_drawdown": "max_drawdown"}
            for name, of in given.items():
                rows.append((name, _number(self.trades[of]), *(_number(value) for value in self.trades[name])))
        for metric in self.noise["metrics"] if self.noise else ():
            rows.append((f"{metric['metric']} with noise", _number(metric["value"]), *(_number(v) for v in metric["quantiles"])))
        titles = ("", "as it was", *(f"{level:.0%}" for level in self.levels))
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{_table(titles, rows)}"


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
        **whole(trials=trials, draws=draws, seed=seed, blocks=blocks, purge=purge),
        **finite(risk_free=risk_free, block=block, alpha=alpha),
        "device": device,
    }
    return TrustReport(**json.loads(_native.core().trust(os.fspath(path), json.dumps(request), _counted(store))))


def walk_forward(
    path: str | os.PathLike[str],
    *,
    train: int | None = None,
    test: int | None = None,
    anchored: bool = False,
    purge: int | None = None,
    risk_free: float | None = None,
    store: bool | str | os.PathLike[str] = True,
    fresh: bool = False,
    strategy: Any = None,
    data: Any = None,
    n_workers: int | None = None,
    **reading: Any,
) -> WalkForwardReport:
    """Follows the best combination of each stretch of time through the next one, as `host walk-forward` does.

    Args:
        path: The file that `run_parameter_sweep(..., returns=path)` or `host sweep --returns` wrote.
        train: Periods by which a combination is chosen; four times those of `test` if left out.
        test: Periods through which it is followed, at least 2; a tenth of all if left out.
        anchored: Chooses by all periods before, of which `train` is the least number.
        purge: Periods that are left out between the two; as many as the combinations hold a position if left out.
        risk_free: The rate that Sharpe ratios are over, a fraction a year; that of the sweep's account if left out.
        store: The store that has what checks for look-ahead find, as in `trust`.
        fresh: Runs each winner through its test part anew, too, from cash on; `.fresh` has all of them together then.
        strategy, data: With `fresh`, the component and the bars of the sweep, as in `run_parameter_sweep`.
        n_workers: With `fresh`, workers; all cores if left out.
        reading: With `fresh`, how the data is read, as there.

    Returns:
        The folds, and what the winners earned together.

    Raises:
        PluginError: With `fresh`, the component cannot be loaded.
        As `trust`.
    """
    request = {**whole(train=train, test=test, purge=purge), **finite(risk_free=risk_free), "anchored": bool(anchored)}
    if not fresh:
        if strategy is not None or data is not None or reading:
            raise SettingsError("`strategy`, `data` and how it is read are for folds that run anew; give `fresh=True`, too")
        text = _native.core().walk_forward(os.fspath(path), json.dumps(request), _counted(store))
        return WalkForwardReport(**json.loads(text))
    if strategy is None:
        raise SettingsError("`fresh` runs the strategy of the sweep; give it with `strategy`")
    request["fresh"] = True
    from host import _components

    found = _components.walk_forward(data, strategy, path, request, n_workers=n_workers, store=store, **reading)
    return WalkForwardReport(**found)


def monte_carlo(
    data: Any,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    *,
    draws: int = 10_000,
    runs: int = 100,
    noise: float = 0.1,
    seed: int = 1,
    n_workers: int | None = None,
    progress: bool = True,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    **reading: Any,
) -> MonteCarloReport:
    """Shows what luck and noise do to one combination of a component, as `host monte-carlo` does.

    Args:
        data: The bars, as in `run_parameter_sweep`.
        strategy: A component: the name of a plugin, a path, bytes, a `Plugin`.
        params: Its parameters; the default of each that is left out.
        draws: How often the trades are shuffled, and how often they are resampled: 100 to 1,000,000.
        runs: Copies of the bars with noise; 0 leaves them out.
        noise: The strength of the noise, as a share of the average true range: from 0 to 1.
        seed: What the draws begin with. The same seed gives the same numbers on any number of workers.
        n_workers: Workers; all cores if left out.
        progress: Whether to show progress.
        account, limits, period, benchmark, reading: As in `run_parameter_sweep`; `stop_loss`, `take_profit` and `trailing_stop` too,
            one value each.

    Raises:
        PluginError: The component cannot be loaded, or its run fails.
        DataError, GridError, SettingsError: What is wrong.
        KeyboardInterrupt: Ctrl-C.
    """
    from host import _components

    luck = {**whole(draws=draws, runs=runs, seed=seed), **finite(noise=noise)}
    found = _components.monte_carlo(
        data, strategy, params, luck, n_workers=n_workers, progress=progress, account=account, limits=limits, period=period,
        benchmark=benchmark, **reading,
    )  # fmt: skip
    return MonteCarloReport(**found)


def _counted(store: bool | str | os.PathLike[str]) -> bool | str:
    return store if isinstance(store, bool) else os.fspath(store)


def whole(**given: Any) -> dict[str, int]:
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


def finite(**given: Any) -> dict[str, float]:
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
