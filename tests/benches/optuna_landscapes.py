"""The landscapes of optimize.rs, searched by Optuna: trials to 99 %, seconds a trial, and the level within 2 seconds.

    pip install optuna==5.0.0 cmaes==0.13.1
    python tests/benches/optuna_landscapes.py [TRIALS] [SEEDS] [SECONDS]

One evaluation counts as 20 us, as much as a run of a simple strategy over 8,000 bars; Optuna's own time is measured.
"""
import statistics
import sys
import time
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")
MASK = (1 << 64) - 1
EVALUATION = 20e-6


def hash01(number):
    bits = (number + 0x9E3779B97F4A7C15) & MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return ((bits ^ (bits >> 31)) >> 11) / (1 << 53)


def distance(x, to):
    a, b, c, d = [(x[i] - to[i]) * (x[i] - to[i]) for i in range(4)]
    return (a + b + c + d) ** 0.5


def slope(r, inner, outer):
    return min(max((outer - r) / (outer - inner), 0.0), 1.0)


def smooth(x, _):
    u = [x[0] - 0.63, x[1] - 0.3125, x[2] - 0.7058823529411765, x[3] - 0.4]
    t = [u[0] + u[1], u[0] - u[1], u[2] + 0.5 * u[0], u[3] - 0.7 * u[2]]
    return -(t[0] * t[0] + 10.0 * t[1] * t[1] + 3.0 * t[2] * t[2] + 5.0 * t[3] * t[3])


TOP = [0.37, 0.68, 0.24, 0.57]


def needle(x, number):
    r = distance(x, TOP)
    skirt = slope(r, 0.038, 0.08)
    return 0.9 * skirt + 0.1 * slope(r, 0.038, 0.4) + 0.05 * hash01(number) * (1.0 - skirt)


def blind(x, number):
    return 1.0 if distance(x, TOP) < 0.038 else 0.05 * hash01(number)


PEAKS = [
    ([0.55, 0.45, 0.5, 0.6], 0.70, 0.20, 0.7),
    ([0.70, 0.30, 0.45, 0.55], 0.95, 0.02, 0.2),
    ([0.20, 0.80, 0.70, 0.25], 0.85, 0.02, 0.3),
    ([0.80, 0.75, 0.20, 0.80], 0.80, 0.02, 0.35),
    ([0.15, 0.20, 0.30, 0.85], 0.75, 0.02, 0.4),
]


def plateau(x, number):
    heights = [height * slope(distance(x, top), inner, outer) for top, height, inner, outer in PEAKS]
    return max(0.0, *heights) + 0.05 * hash01(number)


# Name: lengths, value, best (that of the whole lattice, as examples/landscapes.rs prints it).
LANDSCAPES = {
    "smooth": ([101, 97, 103, 99], smooth, 0.0),
    "needle": ([100] * 4, needle, 1.0),
    "plateau": ([50] * 4, plateau, 0.9914414399045749),
    "blind": ([100] * 4, blind, 1.0),
}

SAMPLERS = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "cma-es": lambda seed: optuna.samplers.CmaEsSampler(seed=seed),
}


def evaluate(name, places):
    lengths, value, _ = LANDSCAPES[name]
    number = 0
    for place, length in zip(places, lengths):
        number = number * length + place
    return value([place / (length - 1) for place, length in zip(places, lengths)], number)


def median(name):
    lengths = LANDSCAPES[name][0]
    cells = lengths[0] * lengths[1] * lengths[2] * lengths[3]
    values = []
    for each in range(10_001):
        number, places = each * 7_368_787 % cells, []
        for length in reversed(lengths):
            places.append(number % length)
            number //= length
        values.append(evaluate(name, places[::-1]))
    return statistics.median(values)


def run(name, sampler, seed, trials, seconds):
    """Returns trials to 99 %, the level at the end, the level within 2 s, and the sampler's seconds a trial."""
    lengths, _, best = LANDSCAPES[name]
    low = median(name)
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS[sampler](seed))
    reached, level, early, own, done = None, -1e9, None, 0.0, 0
    while done < trials and own < seconds:
        start = time.perf_counter()
        trial = study.ask()
        places = [trial.suggest_int(str(axis), 0, length - 1) for axis, length in enumerate(lengths)]
        own += time.perf_counter() - start
        value = evaluate(name, places)
        start = time.perf_counter()
        study.tell(trial, value)
        own += time.perf_counter() - start
        done += 1
        if early is None and own + done * EVALUATION > 2.0:
            early = level, done - 1
        level = max(level, (value - low) / (best - low))
        if reached is None and level >= 0.99:
            reached = done
    return reached, level, early or (level, done), own / done, done


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 15.0
    print(f"at most {trials} trials and {seconds} s of the sampler's own time, {seeds} seeds", flush=True)
    print("landscape  sampler  to 99 %: median  worst  reached  level: median  worst  own us/trial  | in 2 s: trials  level", flush=True)
    for name in LANDSCAPES:
        for sampler in SAMPLERS:
            runs = [run(name, sampler, seed, trials, seconds) for seed in range(seeds)]
            reached = sorted(r[0] if r[0] is not None else float("inf") for r in runs)
            print(
                f"{name:10} {sampler:8} {reached[len(reached) // 2]:>15} {reached[-1]:>6}"
                f" {sum(r[0] is not None for r in runs):>5}/{seeds} {statistics.median(r[1] for r in runs):>13.4f}"
                f" {min(r[1] for r in runs):>7.4f} {statistics.median(r[3] for r in runs) * 1e6:>11.0f}"
                f" {statistics.median(r[2][1] for r in runs):>17.0f} {statistics.median(r[2][0] for r in runs):>7.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
