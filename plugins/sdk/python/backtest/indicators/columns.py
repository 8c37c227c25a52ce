"""Columns of numbers: the parts that are finite, and what is answered to them.

Never computes an indicator.
"""

from collections.abc import Sequence
from itertools import groupby
from math import isfinite, nan

Columns = tuple[Sequence[float], ...]


def empty(values: Sequence[float]) -> list[float]:
    return [nan] * len(values)


def put(column: list[float], at: int, answers: Sequence[float]) -> None:
    column[at : at + len(answers)] = answers


def check_lengths(*columns: Sequence[float]) -> None:
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"the columns have {lengths} values; give as many of each")


def runs(*columns: Sequence[float]) -> list[tuple[int, Columns]]:
    """The parts of the columns in which all values are finite, and where they begin."""
    check_lengths(*columns)
    # The sum is not finite if one of the values is not.
    if all(isfinite(sum(column)) for column in columns):
        return [(0, columns)]
    runs: list[tuple[int, Columns]] = []
    start = 0
    for finite, group in groupby(all(map(isfinite, bar)) for bar in zip(*columns, strict=True)):
        end = start + sum(1 for _ in group)
        if finite:
            runs.append((start, tuple(column[start:end] for column in columns)))
        start = end
    return runs
