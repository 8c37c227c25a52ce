"""Whether the best combination of a sweep is more than luck: returns of all combinations, a verdict, walk-forward."""

from __future__ import annotations

import tempfile
from pathlib import Path

import host

GRID = {"fast": range(5, 50, 15), "slow": [60, 100, 200]}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "returns.arrow"
        # The bundled bars of MSFT; the returns of each combination by days.
        host.run_parameter_sweep(None, "sma_cross", GRID, progress=False, returns=file)
        report = host.trust(file, draws=500)
        print(f"verdict: {report.verdict}. {report.words}")
        print(f"sharpe: {report.sharpe:.3f} in sample, {report.cross_validation['sharpe']:.3f} on the median path")
        forward = host.walk_forward(file)
        print(f"walk-forward: {forward.sharpe_out_of_sample:.3f} out of sample, {len(forward.folds)} folds")


if __name__ == "__main__":
    main()
