"""Reference values for the tests of the trust statistics, written beside this file.

Python 3.11 with numpy 2.4.6, pandas 3.1.1, scipy 1.17.1, mpmath 1.4.1, ffn 1.4.1, skfolio 1.12.2, scikit-learn 1.9.1:

    pip install numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 mpmath==1.4.1 ffn==1.4.1 skfolio==1.12.2 scikit-learn==1.9.1
    python vectors.py

What the reference is: scipy for moments; ffn for the deflated Sharpe ratio (its skewness and kurtosis are bias-corrected, so they
are given beside the result) and for the logits of CSCV; scipy.stats.linregress for the regression; skfolio for splits and paths;
mpmath (40 digits) for the normal distribution; plain numpy for walk-forward, CPCV and the participation ratio.
"""

import itertools
import pathlib

import ffn
import mpmath
import numpy as np
import pandas as pd
import scipy.stats as st
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

OUT = pathlib.Path(__file__).parent
T, N = 256, 12


def write(name, header, rows):
    text = "\n".join(",".join(v if isinstance(v, str) else repr(float(v)) for v in row) for row in rows)
    (OUT / f"{name}.csv").write_text(f"{header}\n{text}\n")


def returns():
    """Correlated, skewed and fat-tailed, with pauses without a position; as float32."""
    random = np.random.default_rng(20260101)
    market = random.standard_t(4, size=T) * 0.006
    own = random.standard_t(5, size=(T, N)) * 0.008
    skew = (random.gamma(2.0, 0.004, size=(T, N)) - 0.008) * np.linspace(-1, 1, N)
    x = 0.0004 * np.arange(N) / N + market[:, None] * np.linspace(0, 1.2, N) + own + skew
    x[:128, 3] = 0.0
    x[200:, 7] = 0.0
    return x.astype(np.float32).astype(np.float64)


def sharpe(x):
    """Sharpe ratios of columns; 0 for a column that does not vary."""
    deviation = x.std(axis=0, ddof=1)
    flat = (x.max(axis=0) == x.min(axis=0))
    return np.where(flat, 0.0, x.mean(axis=0) / np.where(flat, 1.0, deviation))


def normal():
    mpmath.mp.dps = 40
    points = [-37.5, -30, -20, -8.3, -5, -3, -1.96, -1, -0.3, -1e-8, 0, 1e-8, 0.25, 0.7, 1.5, 2.33, 4, 6, 8.2]
    write("normal_cdf", "x,probability", [(x, mpmath.ncdf(mpmath.mpf(x))) for x in points])
    lower = [1e-300, 1e-100, 1e-30, 1e-12, 1e-11, 1e-6, 1e-3, 0.02425, 0.074, 0.0751, 0.1, 0.25, 0.4999]
    upper = [0.5001, 0.75, 0.9, 0.925, 0.9251, 0.95, 0.975, 0.99, 0.999, 1 - 1e-6]
    rows = []
    for p in lower + upper:
        exact = mpmath.findroot(lambda q: mpmath.log(mpmath.ncdf(q) / mpmath.mpf(p)), st.norm.ppf(p))
        rows.append((p, exact))
    write("normal_quantile", "p,quantile", rows)


def sharpe_statistics(x):
    rows = [(c.mean(), c.std(ddof=1), st.skew(c), st.kurtosis(c, fisher=False)) for c in x.T]
    write("moments", "mean,deviation,skewness,kurtosis", rows)
    rate, trials = 0.0001, sharpe(x - 0.0001)
    rows = []
    for c in x.T:
        series = pd.Series(c - rate)
        ratio, skew, kurtosis = sharpe(c - rate), st.skew(c), st.kurtosis(c, fisher=False)
        variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
        psr = st.norm.cdf((ratio - 0.02) * np.sqrt(T - 1) / np.sqrt(variance))
        track = 1 + variance * (st.norm.ppf(0.95) / (ratio - 0.02)) ** 2 if ratio > 0.02 else -1
        dsr = ffn.core.calc_deflated_sharpe_ratio(series, trials, annualized_trials=False)
        expected = ffn.core.calc_expected_max_sharpe(N, trials.std(ddof=1))
        rows.append((ratio, psr, track, series.skew(), series.kurt() + 3, dsr, expected))
    header = "sharpe,psr over 0.02,minimum track record at 0.95 or -1,skewness of ffn,kurtosis of ffn,dsr of ffn,expected maximum"
    write("sharpe", header, rows)


def overfitting(x):
    rows, logits = [], []
    for blocks, columns in [(4, 12), (8, 12), (8, 11), (16, 12)]:
        part = x[:, :columns]
        usable = part.shape[0] // blocks * blocks
        pieces = np.split(np.arange(usable), blocks)
        inside, outside, omega = [], [], []
        for choice in itertools.combinations(range(blocks), blocks // 2):
            other = [b for b in range(blocks) if b not in choice]
            one = sharpe(part[np.concatenate([pieces[b] for b in choice])])
            two = sharpe(part[np.concatenate([pieces[b] for b in other])])
            best = int(np.argmax(one))
            inside.append(one[best])
            outside.append(two[best])
            omega.append(st.rankdata(two)[best] / (columns + 1))
        line = st.linregress(inside, outside)
        logit = np.log(np.array(omega) / (1 - np.array(omega)))
        if blocks == 8 and columns == 12:
            logits += [(a, b, c) for a, b, c in zip(inside, outside, logit)]
        # The logit of a rank in the middle is 0 but for rounding.
        pbo, loss = (logit <= 1e-12).mean(), (np.array(outside) < 0).mean()
        rows.append((blocks, columns, pbo, loss, line.slope, line.rvalue**2, np.mean(omega)))
    # ffn gives no result where a cell has no Sharpe ratio in one half: without the two that pause.
    active = np.delete(x, [3, 7], axis=1)
    for blocks in (8, 16):
        full = ffn.core.calc_prob_backtest_overfitting(pd.DataFrame(active), n_blocks=blocks, full_output=True)
        rows.append((blocks, 10, full["pbo"], -1, -1, -1, full["mean_oos_rank"]))
        if blocks == 8:
            logits += [(-1, -1, value) for value in full["logits"]]
    write("overfitting", "blocks,cells (10: without 3 and 7: by ffn),pbo,loss,slope,r squared,mean rank", rows)
    write("logits", "in sample,out of sample,logit: 70 splits of 8 blocks and 12 cells then 70 of ffn", logits)


def ranges(indices):
    cut = np.flatnonzero(np.diff(indices) != 1) + 1
    return " ".join(f"{part[0]}-{part[-1] + 1}" for part in np.split(indices, cut) if len(part))


def splits():
    rows = []
    for periods, train, test, purge, expand, reduce in [
        (256, 60, 20, 0, 0, 0), (256, 60, 20, 5, 1, 0), (256, 60, 20, 5, 0, 1), (100, 50, 50, 0, 0, 0), (101, 50, 25, 1, 1, 1),
        (256, 100, 52, 0, 1, 1), (30, 7, 3, 2, 0, 1), (30, 7, 3, 2, 1, 0),
    ]:
        cv = WalkForward(test_size=test, train_size=train, purged_size=purge, expand_train=bool(expand), reduce_test=bool(reduce))
        for a, b in cv.split(np.zeros((periods, 1))):
            rows.append(("w", *map(str, (periods, train, test, purge, expand, reduce)), ranges(a), ranges(b)))
    for periods, groups, tests, purge, embargo in [
        (256, 6, 2, 0, 0), (256, 6, 2, 5, 3), (257, 5, 3, 10, 0), (100, 10, 8, 0, 4), (100, 4, 2, 3, 17), (99, 7, 2, 7, 1),
    ]:
        cv = CombinatorialPurgedCV(n_folds=groups, n_test_folds=tests, purged_size=purge, embargo_size=embargo)
        for a, b in cv.split(np.zeros((periods, 1))):
            part = "/".join(ranges(each) for each in b)
            rows.append(("c", *map(str, (periods, groups, tests, purge, embargo, cv.n_test_paths)), ranges(a), part))
    write("splits", "kind,periods,train or groups,test or test groups,purge,anchored or embargo,short or paths,train,test", rows)


def walk_forward(x):
    rows = []
    for expand in (0, 1):
        cv = WalkForward(test_size=20, train_size=60, purged_size=5, expand_train=bool(expand), reduce_test=True)
        earned, promised, periods = 0.0, 0.0, 0
        for a, b in cv.split(x):
            one, two = sharpe(x[a]), sharpe(x[b])
            best = int(np.argmax(one))
            rank = st.rankdata(two)[best] / (N + 1)
            mean, out = x[a, best].mean(), x[b, best].mean()
            rows.append((expand, best, one[best], two[best], mean, out, rank, x[b, best].sum()))
            earned, promised = earned + x[b, best].sum(), promised + mean * len(b)
        rows.append((expand, -1, earned / promised, 0, 0, 0, 0, 0))
    header = "anchored,winner or -1,in sample (or efficiency of all),out of sample,mean in sample,mean out of sample,rank,sum"
    write("walk_forward", header, rows)


def cpcv(x):
    cv = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=5, embargo_size=3)
    rows, paths = [], [[None] * 6 for _ in range(cv.n_test_paths)]
    groups = cv.test_set_index
    for split, ((a, b), ids) in enumerate(zip(cv.split(x), cv.get_path_ids())):
        best = int(np.argmax(sharpe(x[a])))
        rows.append((best, sharpe(x[a])[best], sharpe(x[np.concatenate(b)])[best]))
        for part, path, group in zip(b, ids, groups[split]):
            paths[path][group] = x[part, best]
    write("cpcv_splits", "winner,in sample,out of sample", rows)
    write("cpcv_paths", "sharpe", [(sharpe(np.concatenate(path)[:, None])[0],) for path in paths])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    x = returns()
    lines = [",".join(f"cell {n}" for n in range(N))] + [",".join(f"{v:.9g}" for v in row) for row in x]
    (OUT / "returns.csv").write_text("\n".join(lines) + "\n")
    normal()
    sharpe_statistics(x)
    overfitting(x)
    splits()
    walk_forward(x)
    cpcv(x)
    square = lambda part: part.shape[1] ** 2 / np.sum(np.corrcoef(part.T) ** 2)
    # The second has more cells than periods.
    write("independent", "all periods,last 10 periods", [(square(x), square(x[-10:][:, np.ptp(x[-10:], axis=0) > 0]))])


main()
