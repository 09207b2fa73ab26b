"""How unevenly use is spread over users: Gini coefficient, Lorenz curve, classes of size, robust scores.

Formulas over plain numbers, each with its source; nothing here knows a report.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_CLASSES = 12  # bars of a histogram that still have their names below them
LADDERS = ((1, 2, 5), (1, 3), (1,))  # lower ends of classes within a power of ten, the finest first

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SizeClass:
    """Users with `low` to `high` requests, both included, and how many there are."""

    low: int
    high: int
    count: int

    @property
    def label(self) -> str:
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,}–{self.high:,}"


def gini(amounts: Sequence[float]) -> float | None:
    """0 where all amounts are equal, towards 1 where one has everything; None for nothing to share.

    G = sum((2 i - n - 1) x_i) / (n sum(x_i)), x ascending, i from 1 to n: Dixon, Weiner, Mitchell-Olds and Woodley,
    "Bootstrapping the Gini coefficient of inequality", Ecology 68 (1987) 1548-1551. Without the correction for small
    samples n / (n - 1): these are all users, not a sample of them.
    """
    values = _ascending(amounts)
    whole = math.fsum(values)
    if not whole > 0:
        return None
    n = len(values)
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return math.fsum(ranks * values) / (n * whole)


def lorenz(amounts: Sequence[float]) -> tuple[Floats, Floats]:
    """Points of the Lorenz curve, from 0 to 1: share of users, least active first, and their share of the whole.

    L(i / n) = sum of the i smallest / sum of all: Lorenz, "Methods of measuring the concentration of wealth",
    Publications of the American Statistical Association 9 (1905) 209-219. Raises ValueError for nothing to share.
    """
    values = _ascending(amounts)
    whole = math.fsum(values)
    if not whole > 0:
        raise ValueError("There is nothing to share.")
    return np.linspace(0, 1, len(values) + 1), np.concatenate([[0.0], np.cumsum(values) / whole])


def size_classes(amounts: Sequence[int]) -> list[SizeClass]:
    """Amounts of at least 1 in classes that grow with them: 1, 2-4, 5-9, 10-19, 20-49 ... or coarser.

    From the first class with an amount to the last; empty classes between them are kept.
    """
    if not len(amounts):
        return []
    values = np.sort(np.asarray(amounts, dtype=np.int64))
    found: list[SizeClass] = []
    for ladder in LADDERS:
        found = _classes(values, ladder)
        if len(found) <= MOST_CLASSES:
            break
    return found


def _classes(values: npt.NDArray[np.int64], ladder: Sequence[int]) -> list[SizeClass]:
    powers = range(len(str(int(values[-1]))) + 1)
    lows = [step * 10**power for power in powers for step in ladder]
    pairs = [(low, after - 1) for low, after in itertools.pairwise(lows)]
    wanted = [(low, high) for low, high in pairs if high >= values[0] and low <= values[-1]]
    return [SizeClass(low, high, int(((values >= low) & (values <= high)).sum())) for low, high in wanted]


def _ascending(amounts: Sequence[float]) -> Floats:
    return np.sort(np.asarray(amounts, dtype=np.float64))
