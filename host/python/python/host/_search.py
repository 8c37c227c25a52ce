"""A search of a grid that is too large to sweep: `optimize`.

Never chooses a combination: the library does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from host._errors import SettingsError
from host._evidence import whole
from host._progress import Callback
from host.parallel import ParallelBacktester, _components, _is_component

if TYPE_CHECKING:
    from host._call import Limits
    from host._components import ComponentResults


def optimize(
    data: Any,
    strategy: Any,
    param_grid: Mapping[str, Any],
    n_workers: int | None = None,
    progress: bool = True,
    *,
    objective: str | Sequence[str] = "sharpe",
    method: str | None = None,
    trials: int = 2_000,
    seed: int = 0,
    generation: int | None = None,
    backend: str = "concurrent",
    callback: Callback | None = None,
    where: str | Iterable[str] = (),
    require: str | Iterable[str] | None = None,
    limits: Limits | None = None,
    metrics: str | Sequence[str] | None = None,
    account: Mapping[str, Any] | None = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    top: int | None = None,
    store: bool | str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> ComponentResults:
    """Searches a grid that is too large to sweep for the best combinations of a component, as `host optimize` does.

    Every trial counts as one of those that `host.trust` deflates by. The same seed gives the same trials on any number of workers.

    Args:
        data: The bars, as in `run_parameter_sweep`.
        strategy: A component: the name of a plugin, a path, bytes, a `Plugin`.
        param_grid: For each parameter its values, as there; 10^15 combinations are fine.
        n_workers: Workers; all cores if left out.
        progress: Whether to show progress.
        objective: A metric, or several, the first of which ranks: `"sharpe"`, `["sharpe", "max_drawdown"]`. Each has its own direction,
            which `"name:min"` and `"name:max"` set.
        method: How combinations are chosen: `evolution` (the default for one objective), `nsga2` (for several), `halving` (many
            combinations on the first bars, the best of them on more), `sobol` or `random`.
        trials: Runs of combinations; one on a share of the bars counts, too.
        seed: What the search begins with.
        generation: Combinations that run together before the next ones are chosen; as many as the method needs if left out.
        backend, callback, where, require, limits, metrics, account, period, benchmark, top, store, out, stop_loss, take_profit,
            trailing_stop: As in `run_parameter_sweep`.
        reading: How data is read: `timezone`, `sort`, `drop_bad`, `adjusted` and so on, as there.

    Returns:
        The results on all bars, in the order of the search: `best()`, for several objectives the front; `.search` says how it went,
        `.front` has the combinations that no other one beats in all objectives.

    Raises:
        As `run_parameter_sweep`.
    """
    if not _is_component(strategy):
        raise SettingsError(
            "`optimize` searches combinations of a component; compile a class of the SDK by `host.compile`, or let Optuna choose the "
            "combinations of a callable by ask and tell"
        )
    search: dict[str, Any] = dict(whole(trials=trials, generation=generation))
    if method is not None:
        search["method"] = method
    options: dict[str, Any] = {"require": require, "metrics": metrics, "account": account, "period": period, "top": top}
    options.update(benchmark=benchmark, store=store, out=out, **reading)
    options.update(stop_loss=stop_loss, take_profit=take_profit, trailing_stop=trailing_stop)
    # Checks workers, backend and limits.
    with ParallelBacktester(n_workers, backend, limits=limits) as backtester:
        results: ComponentResults = _components().optimize(
            data, strategy, param_grid, search, n_workers=n_workers, progress=progress, backend=backend, callback=callback,
            where=where, objective=objective, seed=whole(seed=seed)["seed"], limits=backtester.limits,
            **{name: value for name, value in options.items() if value is not None},
        )  # fmt: skip
    return results

