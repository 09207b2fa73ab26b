"""The composition root: Settings in, a Runner with all its parts out. Nothing else constructs adapters."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import structlog

from reports.archive import Archive
from reports.links import Links
from reports.model import ChannelKind
from reports.seals import seals_of
from reports.settings import Settings
from reports.sources import SnapshotCache
from reports.store import Store
from runner.deliver.email import EmailChannel, SmtpSettings
from runner.deliver.outbox import OutboxChannel
from runner.deliver.webhook import WebhookChannel, WebhookSettings
from runner.execute.executor import PapermillExecutor
from runner.housekeeping import Premises
from runner.loop import Runner, RunnerOptions
from runner.making import Workshop
from runner.pipeline import Pipeline
from runner.ports import Channel, Limits
from runner.render.renderer import ReportRenderer
from runner.sending import PostRoom

BYTES_PER_MB = 1024**2
M_ARENA_MAX = -8  # of malloc.h
HEAPS = 2


@contextmanager
def build_runner(settings: Settings) -> Iterator[Runner]:
    """A Runner on a migrated database; everything it opened is closed when the block ends."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    limit_arenas()
    store = Store(settings.store_url)
    executor, renderer = PapermillExecutor(), make_renderer(settings)
    try:
        store.migrate()
        yield _assemble(settings, store, executor, renderer)
    finally:
        executor.close()
        renderer.close()
        store.close()


def _assemble(settings: Settings, store: Store, executor: PapermillExecutor, renderer: ReportRenderer) -> Runner:
    archive = Archive(settings.archive_location)
    snapshots = SnapshotCache(settings.snapshots_dir)
    runs_dir = settings.data_dir / "runs"
    shop = Workshop(executor, renderer, snapshots, settings.store_url, limits_of(settings), settings.currency)
    runner_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    return Runner(
        pipeline=Pipeline(store, archive, shop, settings.notebooks_dir, runs_dir),
        post_room=PostRoom(
            store,
            archive,
            make_channels(settings),
            runner_id,
            settings.data_dir / "sending",
            links=Links(settings, seals_of(settings)),
        ),
        premises=Premises(store, archive, snapshots, runs_dir, settings.retention),
        options=RunnerOptions(
            runner_id=runner_id,
            seats=settings.concurrency,
            tick_seconds=settings.tick_seconds,
            dead_man_url=settings.dead_man_url,
        ),
    )


def make_renderer(settings: Settings) -> ReportRenderer:
    return ReportRenderer(settings.browser, currency=settings.currency)


def make_channels(settings: Settings) -> Mapping[ChannelKind, Channel]:
    """One channel a kind; mails go to the outbox folder where no mail server is configured."""
    outbox = OutboxChannel(settings.outbox_dir, settings.mail_from)
    email = EmailChannel(SmtpSettings.from_settings(settings)) if settings.smtp_host else outbox
    webhook = WebhookChannel(WebhookSettings.from_settings(settings))
    return {ChannelKind.EMAIL: email, ChannelKind.WEBHOOK: webhook, ChannelKind.OUTBOX: outbox}


def limits_of(settings: Settings) -> Limits:
    return Limits(
        wall=timedelta(seconds=settings.run_wall_seconds),
        cell=timedelta(seconds=settings.run_cell_seconds),
        memory_bytes=settings.kernel_memory_mb * BYTES_PER_MB,
    )


def limit_arenas() -> None:
    """glibc gives every thread a heap of its own and returns little of it: with two, memory stays flat for days."""
    with contextlib.suppress(AttributeError, OSError):  # another C library has no such knob
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def configure_logging(level: int = logging.INFO) -> None:
    """Log lines to stderr: coloured prose at a terminal, JSON where a machine reads."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    console = sys.stderr.isatty()
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer() if console else _json()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if console else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _json() -> structlog.typing.Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)
