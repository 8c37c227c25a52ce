"""Reference values for the tests, from arch and scipy.

pip install arch==8.0.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1   (Python 3.11)
python vectors.py [FOLDER]    writes *.csv beside this file, or to FOLDER

arch takes losses: the benchmark's loss less a model's loss is the model's return less the benchmark's. `SPA(studentize=True)` of
arch 8.0.0 estimates the variances, but uses them only to choose the cells that are recentred: its statistics and p-values are not
studentised. So arch is the reference for the test without studentising, and `studentized` below, written after Hansen (2005)
and Romano and Wolf (2005) with arch's variances and draws, for the test with it.
"""

import sys
from pathlib import Path

import numpy as np
from arch.bootstrap import SPA, IIDBootstrap, StationaryBootstrap, StepM, optimal_block_length
from scipy import stats

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
PERIODS, CELLS, DRAWS, LENGTH, SEED = 250, 12, 400, 7, 20240917
INDEPENDENT_DRAWS = 100
CASES = {"noise": 0.0, "slight": 0.5, "edge": 1.0}


def write(name, lines):
    (FOLDER / name).write_text("".join(f"{line}\n" for line in lines))


def text(values):
    return ",".join(f"{float(value)!r}" for value in values)


def matrix():
    """Correlated returns with a little memory: columns of cells, and a benchmark."""
    random = np.random.default_rng(SEED)
    noise = random.standard_normal((PERIODS, CELLS))
    noise = noise + 0.8 * random.standard_normal((PERIODS, 1))
    for period in range(1, PERIODS):
        noise[period] += 0.25 * noise[period - 1]
    returns = 0.01 * noise * np.linspace(0.3, 2.0, CELLS)
    # Some cells are far below the benchmark, so that the recentring matters; one follows it nearly.
    returns[:, 3] -= 0.004
    returns[:, 7] -= 0.0035
    benchmark = 0.0002 + 0.003 * random.standard_normal(PERIODS)
    return returns, np.round(benchmark, 5)


def edged(returns, size):
    returns = returns.copy()
    returns[:, 0] += 0.0016 * size
    returns[:, 2] += 0.0028 * size
    returns[:, 5] += 0.0042 * size
    returns[:, 9] += 0.0036 * size
    # As they are kept; few digits, for small files.
    return np.round(returns, 5).astype(np.float32).astype(np.float64)


def indexes(bootstrap, draws):
    return [bootstrap.index.copy() for _ in bootstrap.bootstrap(draws)]


def blocks(draw):
    """Runs of consecutive periods, as first:count, or first for one."""
    runs = []
    for index in draw:
        if runs and runs[-1][0] + runs[-1][1] == index:
            runs[-1][1] += 1
        else:
            runs.append([int(index), 1])
    return " ".join(f"{first}:{count}" if count > 1 else f"{first}" for first, count in runs)


def variances(f):
    spa = SPA(np.zeros(len(f)), -f, block_size=LENGTH, reps=2, seed=1)
    spa._compute_variance()
    return spa._loss_diff_var


def studentized(f, draws, alpha):
    """SPA after Hansen (2005), and StepM with its consistent recentring."""
    n = len(f)
    mean, omega = f.mean(0), np.sqrt(variances(f))
    t = np.sqrt(n) * mean / omega
    near = mean >= -omega * np.sqrt(2 * np.log(np.log(n)) / n)
    centres = [np.maximum(mean, 0.0), np.where(near, mean, 0.0), mean]
    z = np.array([[np.sqrt(n) * (f[draw].mean(0) - centre) / omega for centre in centres] for draw in draws])
    p = (z.max(2) > t.max()).mean(0)
    left, criticals = np.ones(len(t), bool), []
    while left.any():
        criticals.append(np.percentile(z[:, 1, left].max(1), 100 * (1 - alpha)))
        named = left & (t > criticals[-1])
        if not named.any():
            break
        left &= ~named
    return t, p, criticals, np.flatnonzero(~left)


def arch_steps(f, benchmark, returns, alpha):
    steps = StepM(-benchmark, -returns, size=alpha, block_size=LENGTH, reps=DRAWS, seed=SEED)
    criticals, better = [], steps.spa.better_models

    def spy(pvalue):
        criticals.append(steps.spa.critical_values(pvalue)["consistent"])
        return better(pvalue)

    steps.spa.better_models = spy
    steps.compute()
    return [float(critical) for critical in criticals], steps.superior_models


def superior():
    base, benchmark = matrix()
    write("benchmark.csv", [text(benchmark)])
    draws = indexes(StationaryBootstrap(LENGTH, np.zeros((PERIODS, 1)), seed=SEED), DRAWS)
    write("draws.csv", map(blocks, draws))
    for case, size in CASES.items():
        returns = edged(base, size)
        f = returns - benchmark[:, None]
        write(f"{case}_returns.csv", [",".join(str(np.float32(value)) for value in row) for row in returns.T])
        lines = ["omega2," + text(variances(f)), "mean," + text(f.mean(0)), "white," + text([np.sqrt(PERIODS) * f.mean(0).max()])]
        spa = SPA(-benchmark, -returns, block_size=LENGTH, reps=DRAWS, seed=SEED)
        spa.compute()
        lines.append("plain_p," + text(spa.pvalues))
        lines.append("block_length," + text(optimal_block_length(f)["stationary"]))
        for alpha in (0.05, 0.25):
            criticals, named = arch_steps(f, benchmark, returns, alpha)
            lines.append(f"plain_critical_{alpha}," + text(np.sqrt(PERIODS) * np.array(criticals)))
            lines.append(f"plain_superior_{alpha}," + text(named))
            t, p, criticals, named = studentized(f, draws, alpha)
            lines.append(f"studentized_critical_{alpha}," + text(criticals))
            lines.append(f"studentized_superior_{alpha}," + text(named))
        lines += ["studentized_t," + text(t), "studentized_p," + text(p)]
        write(f"{case}_expected.csv", lines)


def growth(x):
    return np.prod(1 + x) - 1


def sharpe(x):
    return x.mean() / x.std(ddof=1)


def max_drawdown(x):
    equity = np.r_[1.0, np.cumprod(1 + x)]
    return (equity / np.maximum.accumulate(equity) - 1).min()


def intervals():
    x = edged(matrix()[0], 1.0)[:, 5]
    lines = []
    kinds = {
        "iid": (INDEPENDENT_DRAWS, lambda: IIDBootstrap(x, seed=SEED)),
        "stationary": (DRAWS, lambda: StationaryBootstrap(LENGTH, x, seed=SEED)),
    }
    # One measure at a time: arch 8.0.0 takes the mean of a jackknife over all measures together.
    for measure in (np.mean, growth, sharpe, max_drawdown):
        lines.append(f"{measure.__name__}," + text([measure(x)]))
        for kind, (count, make) in kinds.items():
            for method in ("percentile", "bca") if measure is not max_drawdown else ("percentile",):
                low, high = make().conf_int(measure, count, method=method, size=0.9).ravel()
                lines.append(f"{measure.__name__}_{kind}_{method}," + text([low, high]))
    write("intervals_expected.csv", lines)
    write("independent_draws.csv", map(blocks, indexes(kinds["iid"][1](), INDEPENDENT_DRAWS)))


def block_lengths():
    """Series with other memories than those of the cells, short and long."""
    random, lines = np.random.default_rng(SEED + 1), []
    for length, memory in ((16, 0.0), (60, 0.5), (200, -0.4), (500, 0.9)):
        x = random.standard_normal(length)
        for period in range(1, length):
            x[period] += memory * x[period - 1]
        x = np.round(x, 6)
        lines.append(text([optimal_block_length(x)["stationary"].iloc[0], *x]))
    write("block_lengths.csv", lines)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in (superior, intervals, block_lengths):
        part()
