"""Who of the demo's people works on which day: some join, some leave, some are away, and the less they use, the rarer.

Only when somebody is there is decided here; how much they then do keeps its level over the whole time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

STAY = 10  # the first clients, and all services, are there from the first to the last day
JOIN_EVERY = 2  # of the others, each second joins later; not the last, whose key falls idle early
JOIN_FROM, JOIN_UNTIL = 0.3, 0.95  # of the time
# Client -> part of the time after which it does nothing.
LEAVE = {12: 0.50, 16: 0.49, 20: 0.66, 24: 0.63, 27: 0.54, 33: 0.70}
AWAY = {15: (0.30, 0.62), 21: (0.55, 0.75)}  # client -> parts of the time between which it does nothing
OFTEN, RARELY = 0.97, 0.2  # chance of a working day with a request, of the first and of the last client
ON_WEEKENDS = 0.5  # of that chance
Floats = npt.NDArray[np.floating[Any]]


def presence(services: Sequence[bool], weekend: npt.NDArray[np.bool_], seed: int) -> Floats:
    """Factors [client, day] to multiply the requests of each client with: 0 on days without it, else 1 or more.

    The factor makes up for days off by chance, so that these change no sums; `services` never have any.
    """
    random = np.random.default_rng([seed, 1])  # its own numbers: those of the requests stay the same
    count, days = len(services), len(weekend)
    chance = np.linspace(OFTEN, RARELY, count)[:, None] * np.where(weekend, ON_WEEKENDS, 1.0)
    factor: Floats = np.where(random.random((count, days)) < chance, 1 / chance, 0.0)
    factor *= _employed(count, days)
    factor[:STAY] = 1.0
    factor[np.array(services, dtype=bool)] = 1.0
    return factor


def _employed(count: int, days: int) -> npt.NDArray[np.bool_]:
    part = np.arange(days) / days
    there = np.ones((count, days), dtype=bool)
    joining = range(STAY, count - 1, JOIN_EVERY)
    for client, since in zip(joining, np.linspace(JOIN_FROM, JOIN_UNTIL, len(joining)), strict=True):
        there[client] &= part >= since
    for client, until in LEAVE.items():
        there[client : client + 1] &= part < until
    for client, (since, until) in AWAY.items():
        there[client : client + 1] &= (part < since) | (part >= until)
    return there
