"""Writes the bars that the benchmark runs on: a seeded random walk of one-minute bars.

    python3 tests/benches/data.py BARS FILE

FILE gets the columns open, high, low, close and volume one after the other, each BARS little-endian 64-bit floats.
The generator is numpy's, whose stream for a seed is fixed; the same bars are the input of the other engines' runs.
"""

import sys

try:
    import numpy as np
except ImportError:
    sys.exit("numpy is missing; install it with `pip install numpy`")

SEED = 42
START = np.log(100.0)
STEPS = 4  # prices inside a bar, beside its open
STEP = 0.0005  # standard deviation of the log price's change from one to the next
GAP = 0.0001  # the same from a bar's close to the next one's open


def walk(bars):
    """Returns five columns. The order of the draws and of the additions fixes the last bit: keep it."""
    random = np.random.default_rng(SEED)
    steps = random.normal(0, STEP, (bars, STEPS))
    gaps = random.normal(0, GAP, bars)
    close = START + np.cumsum(steps.sum(axis=1) + gaps)
    opened = np.concatenate([[START], close[:-1]]) + gaps
    inside = opened[:, None] + np.cumsum(steps, axis=1)
    high = np.maximum(inside.max(axis=1), opened)
    low = np.minimum(inside.min(axis=1), opened)
    volume = random.integers(100, 10_000, bars).astype(float)
    return [*(np.exp(prices) for prices in (opened, high, low, close)), volume]


if __name__ == "__main__":
    bars, path = int(sys.argv[1]), sys.argv[2]
    np.concatenate(walk(bars)).astype("<f8").tofile(path)
