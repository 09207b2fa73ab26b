"""The stages of a run that is going on, one line each: done, going on, to come. All lines stand from the first on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import streamlit as st
from markupsafe import Markup

from reports.model import Run, Stage
from reports.store import StageTime
from web.components import words

ZERO = timedelta()  # clocks of two machines may differ a little
STAGE_WORDS: Mapping[Stage, str] = {
    Stage.EXTRACT: "Reading the data",
    Stage.EXECUTE: "Running the notebook",
    Stage.RENDER: "Making the files",
    Stage.ARCHIVE: "Keeping the files",
    Stage.FINISH: "Finishing",
}


def sentence(run: Run) -> str:
    """Where a run is, for instance "Running the notebook: stage 2 of 5"."""
    known = [stage.value for stage in Stage]
    if run.stage not in known:
        return "A runner has begun."
    return f"{STAGE_WORDS[Stage(run.stage)]}: stage {known.index(run.stage) + 1} of {len(known)}."


def show(run: Run, times: Sequence[StageTime], now: datetime) -> None:
    taken = {each.stage: each for each in times if each.attempt == run.attempt}
    lines = [_line(stage, taken.get(stage.value), now) for stage in Stage]
    st.html(Markup('<ol class="gz-stages">{}</ol>').format(Markup().join(lines)))


def _line(stage: Stage, time: StageTime | None, now: datetime) -> Markup:
    if time is None:
        look, mark, state = "quiet", "–", "to come"
    elif time.finished_at is None:
        look, mark, state = "waiting", "○", f"going on, {words.duration(max(now - time.started_at, ZERO))}"
    else:
        look, mark, state = "good", "●", f"done in {words.duration(time.finished_at - time.started_at)}"
    return Markup('<li class="gz-{}"><span aria-hidden="true">{}</span> {}: {}</li>').format(
        look, mark, STAGE_WORDS[stage], state
    )
