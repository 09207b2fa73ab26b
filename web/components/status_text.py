"""States in words with a sign, so that no colour is needed to tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from reports.model import DeliveryState, LogLevel, RunState


@dataclass(frozen=True)
class Sign:
    mark: str
    look: str  # good, waiting, warning, bad, quiet


GOOD = Sign("●", "good")
WAITING = Sign("○", "waiting")
WARNING = Sign("▲", "warning")
BAD = Sign("■", "bad")
QUIET = Sign("–", "quiet")

RUN_SIGNS: Mapping[RunState, Sign] = {
    RunState.QUEUED: WAITING,
    RunState.RUNNING: WAITING,
    RunState.SUCCEEDED: GOOD,
    RunState.FAILED: BAD,
    RunState.MISSED: WARNING,
    RunState.CANCELLED: QUIET,
}
DELIVERY_SIGNS: Mapping[DeliveryState, Sign] = {
    DeliveryState.PENDING: WAITING,
    DeliveryState.SENDING: WAITING,
    DeliveryState.SENT: GOOD,
    DeliveryState.FAILED: BAD,
    DeliveryState.UNKNOWN: WARNING,
    DeliveryState.CANCELLED: QUIET,
    DeliveryState.SKIPPED: QUIET,
}


LEVEL_SIGNS: Mapping[LogLevel, Sign] = {LogLevel.INFO: QUIET, LogLevel.WARNING: WARNING, LogLevel.ERROR: BAD}


def state(sign: Sign, word: str) -> Markup:
    return Markup('<span class="gz-state gz-{}"><span aria-hidden="true">{}</span> {}</span>').format(
        sign.look, sign.mark, word
    )


def run_state(value: RunState) -> Markup:
    return state(RUN_SIGNS[value], value.value)


def delivery_state(value: DeliveryState) -> Markup:
    return state(DELIVERY_SIGNS[value], value.value)


def level(value: LogLevel) -> Markup:
    return state(LEVEL_SIGNS[value], value.value)


def paused() -> Markup:
    return state(QUIET, "paused")


def late(words: str) -> Markup:
    return state(WARNING, words)
