"""The runner's heart: short guarded steps on `schedule`'s beat, seats in which runs and deliveries are worked on.

`schedule` only says which step is next; due times live in the database. A step that raises is logged and comes again
at its next beat; a wall clock that jumps does not stop the beat. Steps never wait for a run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from types import FrameType
from typing import Any

import requests
import schedule
import structlog

from reports.errors import LeaseLost
from reports.model import LEASE, DeliveryState, Run, RunState
from runner import housekeeping
from runner.housekeeping import Premises
from runner.pipeline import Pipeline, execute_run
from runner.sending import PostRoom, deliver_one
from runner.tick import tick

log = structlog.get_logger("gazette.loop")

DELIVERY_SEATS = 4  # deliveries wait for peers, not for the processor
BEAT = timedelta(seconds=10)
REAP = timedelta(seconds=5)
WATCH = timedelta(minutes=5)
SWEEP = timedelta(hours=1)
PRUNE = timedelta(hours=12)  # so that a run is gone within a day of its time
CLEAR = timedelta(minutes=1)  # a kernel ends with its runner; this is for its folder
DEAD_MAN = timedelta(minutes=1)
DEAD_MAN_TIMEOUT = (3.05, 5.0)  # seconds to connect and to answer
GRACE_SECONDS = 30.0  # running reports get this long when the runner is asked to stop
LAST_SECONDS = 10.0  # and this long to give their runs back after that
LONGEST_WAIT = 0.5  # seconds until a signal is noticed
CLOCK_JUMP_SECONDS = 2.0  # wall clock against monotonic clock; more is a jump, not drift


@dataclass(frozen=True)
class RunnerOptions:
    runner_id: str
    seats: int = 2
    tick_seconds: float = 1.0
    dead_man_url: str | None = None
    grace_seconds: float = GRACE_SECONDS


@dataclass
class Tally:
    """What a runner has done; several threads count."""

    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    deliveries: int = 0
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run_ended(self, state: RunState) -> None:
        with self._lock:
            self.runs += 1
            self.succeeded += state is RunState.SUCCEEDED
            self.failed += state is RunState.FAILED

    def delivered(self, state: DeliveryState) -> None:
        with self._lock:
            self.deliveries += 1
            self.sent += state is DeliveryState.SENT

    def counts(self) -> dict[str, int]:
        names = ("runs", "succeeded", "failed", "deliveries", "sent")
        return {name: getattr(self, name) for name in names}


class Clockwork:
    """`schedule`'s scheduler with steps that cannot break it, rebuilt when the wall clock jumps."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, timedelta, Callable[[], object]]] = []
        self._scheduler = schedule.Scheduler()
        self._offset = self._clock_offset()
        self.failures = 0

    def every(self, interval: timedelta, name: str, step: Callable[[], object]) -> None:
        """Run `step` with the next beat and then every `interval`."""
        self._steps.append((name, interval, step))
        self._add(name, interval, step)

    def beat(self) -> None:
        """Run the steps whose time has come. Never raises."""
        offset = self._clock_offset()
        if abs(offset - self._offset) > CLOCK_JUMP_SECONDS:
            log.warning("The clock jumped", action="loop.clock_jump", seconds=round(offset - self._offset, 1))
            self._offset = offset
            self._scheduler.clear()
            for name, interval, step in self._steps:
                self._add(name, interval, step)
        self._scheduler.run_pending()

    def guarded(self, name: str, step: Callable[[], object]) -> None:
        """Run one step; what it raises is logged and counted."""
        try:
            step()
        except Exception:
            self.failures += 1
            log.exception("A step failed and comes again", action="loop.step_failed", step=name)

    def _add(self, name: str, interval: timedelta, step: Callable[[], object]) -> None:
        seconds: Any = interval.total_seconds()  # schedule is typed for whole seconds and takes fractions
        beat = self._scheduler.every(seconds).seconds.do(self.guarded, name, step)
        beat.next_run = datetime.now()  # noqa: DTZ005 - schedule counts in naive local time

    @staticmethod
    def _clock_offset() -> float:
        return time.time() - time.monotonic()


class Runner:
    """Ticks, claims, executes, delivers, keeps house. `run_forever` until stopped, or `run_once`."""

    def __init__(self, pipeline: Pipeline, post_room: PostRoom, premises: Premises, options: RunnerOptions) -> None:
        self.pipeline = pipeline
        self.post_room = post_room
        self.premises = premises
        self.options = options
        self.store = pipeline.store
        self.tally = Tally()
        self._runs: set[Future[None]] = set()
        self._senders: set[Future[None]] = set()
        self._executing: dict[str, Run] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._run_seats = ThreadPoolExecutor(options.seats, thread_name_prefix="run")
        self._delivery_seats = ThreadPoolExecutor(DELIVERY_SEATS, thread_name_prefix="deliver")
        self._healthy_failures = 0

    def run_forever(self, stop: threading.Event | None = None, hurry: threading.Event | None = None) -> bool:
        """Work until `stop` is set; then running reports get a grace, unless `hurry` is set.

        Without `stop`, SIGTERM and SIGINT set it, and a second one sets `hurry`. False: work in a seat hangs, its run
        was given back, and its thread would keep the process from ending.
        """
        stop, hurry = stop or threading.Event(), hurry or threading.Event()
        clockwork = self._clockwork()
        with _signals(stop, hurry):
            log.info("Runner started", action="runner.started", runner=self.options.runner_id)
            while not stop.is_set():
                clockwork.beat()
                if self._wake.wait(min(self.options.tick_seconds, LONGEST_WAIT)):
                    self._wake.clear()  # a run has ended: its seat is free and its deliveries are due
                    clockwork.guarded("claim", self.claim_runs)
                    clockwork.guarded("send", self.start_senders)
            return self._stop(clockwork, hurry)

    def run_once(self, at: datetime | None = None) -> dict[str, int]:
        """Do all that is due at `at`, by default now, runs and deliveries, and count it.

        What becomes due while it works stays for the next one, as does what waits for a later try.
        """
        at = at or self.pipeline.clock()
        housekeeping.clear_dead_runs(self.pipeline.runs_dir)
        housekeeping.reap(self.store)
        while tick(self.store, at) or self.claim_runs() or self._active(self._runs):
            wait(self._active(self._runs), timeout=self.options.tick_seconds, return_when="FIRST_COMPLETED")
            self.start_senders()
        self._deliver_all()
        wait(self._active(self._senders))
        self._close_seats()
        return self.tally.counts()

    # Steps

    def claim_runs(self) -> bool:
        """Fill the free seats with runs; True if any was claimed."""
        claimed = False
        while len(self._active(self._runs)) < self.options.seats and not self._stopping.is_set():
            run = self.store.claim_run(self.options.runner_id, LEASE)
            if run is None:
                break
            log.info("Run claimed", action="run.claimed", run=run.id, attempt=run.attempt, report=run.report_name)
            self._seat(self._run_seats, self._runs, partial(self._execute, run)).add_done_callback(self._wake_up)
            claimed = True
        return claimed

    def start_senders(self) -> bool:
        """One more sender, if a seat is free; it sends until nothing is due. True if one was started."""
        if len(self._active(self._senders)) >= DELIVERY_SEATS or self._stopping.is_set():
            return False
        self._seat(self._delivery_seats, self._senders, self._deliver_all)
        return True

    def beat(self) -> None:
        info = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": version("gazette"),
            "seats": self.options.seats,
            "busy": len(self._active(self._runs)),
            "isolation": "process",  # limits, own session, scrubbed environment; no network or file system of its own
            **self.tally.counts(),
        }
        self.store.beat(self.options.runner_id, info)

    def _clockwork(self) -> Clockwork:
        clockwork, tick_every = Clockwork(), timedelta(seconds=self.options.tick_seconds)
        premises, clock = self.premises, self.pipeline.clock
        clockwork.every(CLEAR, "clear", lambda: housekeeping.clear_dead_runs(premises.runs_dir))
        clockwork.every(REAP, "reap", lambda: housekeeping.reap(self.store))
        clockwork.every(tick_every, "tick", lambda: tick(self.store, clock()))
        clockwork.every(tick_every, "claim", self.claim_runs)
        clockwork.every(tick_every, "send", self.start_senders)
        clockwork.every(BEAT, "beat", self.beat)
        clockwork.every(WATCH, "watch", lambda: housekeeping.watch(self.store, clock()))
        clockwork.every(SWEEP, "sweep", lambda: self._in_background(lambda: housekeeping.sweep(premises, clock())))
        clockwork.every(PRUNE, "prune", lambda: self._in_background(lambda: housekeeping.prune(premises, clock())))
        if self.options.dead_man_url:
            clockwork.every(DEAD_MAN, "dead-man", lambda: self._report_alive(clockwork))
        return clockwork

    def _in_background(self, work: Callable[[], object]) -> None:
        def run() -> None:
            work()

        self._seat(self._delivery_seats, self._senders, run)

    def _report_alive(self, clockwork: Clockwork) -> None:
        """Ping after a minute in which no step failed."""
        healthy = clockwork.failures == self._healthy_failures
        self._healthy_failures = clockwork.failures
        url = self.options.dead_man_url
        if healthy and url:
            self._in_background(lambda: _ping(url))

    # Seats

    def _execute(self, run: Run) -> None:
        self._executing[run.id] = run
        try:
            execute_run(self.pipeline, run)
        finally:
            del self._executing[run.id]
        self.tally.run_ended(self.store.run(run.id).state)

    def _deliver_all(self) -> None:
        while not self._stopping.is_set():
            delivery = deliver_one(self.post_room)
            if delivery is None:
                return
            self.tally.delivered(delivery.state)

    def _seat(self, seats: ThreadPoolExecutor, taken: set[Future[None]], work: Callable[[], None]) -> Future[None]:
        future = seats.submit(work)
        taken.add(future)
        future.add_done_callback(_log_error)
        return future

    def _wake_up(self, _: Future[None]) -> None:
        self._wake.set()

    def _active(self, taken: set[Future[None]]) -> set[Future[None]]:
        taken.difference_update([future for future in taken if future.done()])
        return set(taken)

    # The end

    def _stop(self, clockwork: Clockwork, hurry: threading.Event) -> bool:
        log.info("Runner is stopping", action="runner.stopping", running=len(self._active(self._runs)))
        self._stopping.set()
        end = time.monotonic() + self.options.grace_seconds
        while self._active(self._runs) and time.monotonic() < end and not hurry.is_set():
            self._wake.wait(0.2)
            self._wake.clear()
        if self._active(self._runs):
            self.pipeline.stopping.set()
            self.pipeline.shop.executor.close()
        hanging = wait(self._active(self._runs) | self._active(self._senders), timeout=LAST_SECONDS).not_done
        for run in list(self._executing.values()):
            clockwork.guarded("give back", partial(self._give_back, run))
        self._close_seats()
        clockwork.guarded("say goodbye", lambda: self.store.remove_runner(self.options.runner_id))
        log.info("Runner stopped", action="runner.stopped", hanging=len(hanging), **self.tally.counts())
        return not hanging

    def _give_back(self, run: Run) -> None:
        """The run of a seat that hangs, in a query or on a disk: what its thread still does then changes nothing."""
        with contextlib.suppress(LeaseLost):  # it has ended just now
            self.store.release_run(run.id, run.attempt)
            log.warning("Run given back while work on it hangs", action="run.released", run=run.id)

    def _close_seats(self) -> None:
        self._run_seats.shutdown(wait=False, cancel_futures=True)
        self._delivery_seats.shutdown(wait=False, cancel_futures=True)


def _ping(url: str) -> None:
    with requests.get(url, timeout=DEAD_MAN_TIMEOUT, stream=True) as answer:  # its body is not read: it might never end
        answer.raise_for_status()


def _log_error(future: Future[None]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.error("Work in a seat failed", action="loop.seat_failed", exc_info=error)


class _signals:
    """SIGTERM and SIGINT set `stop`, the second one `hurry`; in the main thread only, and put back afterwards.

    Nothing else happens in the handler: an event that the main thread waits for must not be set there.
    """

    def __init__(self, stop: threading.Event, hurry: threading.Event) -> None:
        self._events = (stop, hurry)
        self._before: dict[int, signal.Handlers | Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        stop, hurry = self._events
        (hurry if stop.is_set() else stop).set()
