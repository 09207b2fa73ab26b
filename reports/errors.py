"""Every error Gazette raises on purpose.

GazetteError                      one base; the message says what to do next
|- ConfigError                    names the setting and what it expected
|- InvalidInput                   names the field; shown at that field
|  |- InvalidCron  InvalidParameter  InvalidRecipient  InvalidTemplate
|- NotFound                       names kind and id; also for what another owner holds
|- Forbidden                      a role or a token does not reach so far, whatever it is done to
|- SignInRefused                  wrong name or password, or too many attempts; says when to try again
|- Conflict
|  |- LeaseLost                   another attempt holds the run; nothing was written
|  '- StaleVersion                somebody saved in between; carries the current version
'- StageError                     a stage of a run failed; `permanent` says whether trying again can help
   |- ExtractError  ExecutionError  ExecutionTimeout  RenderError  ArchiveError  DeliveryError
"""

from __future__ import annotations


class GazetteError(Exception):
    """The base of every error raised on purpose; its message is written for the person who must act."""


class ConfigError(GazetteError):
    def __init__(self, setting: str, expected: str) -> None:
        super().__init__(f"{setting}: {expected}")
        self.setting = setting


class InvalidInput(GazetteError):
    """What a person or a client sent cannot be used; `field` is where to show the message."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class InvalidCron(InvalidInput):
    """A cron expression or its zone is refused; `field` is expression, minute, hour, day, month, weekday or zone."""


class InvalidParameter(InvalidInput): ...


class InvalidRecipient(InvalidInput): ...


class InvalidTemplate(InvalidInput): ...


class NotFound(GazetteError):
    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"There is no {kind} {id!r}.")
        self.kind = kind
        self.id = id


class Forbidden(GazetteError):
    """What is asked for needs another role, or a token with another scope."""


class SignInRefused(GazetteError):
    """`retry_after` is the number of seconds to wait where there were too many attempts; 0 otherwise."""

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Conflict(GazetteError): ...


class LeaseLost(Conflict):
    """Another attempt holds the run or delivery now; the caller must stop and write nothing."""


class StaleVersion(Conflict):
    def __init__(self, kind: str, id: str, current: int) -> None:
        super().__init__(f"The {kind} {id!r} was changed by somebody else; load version {current} and edit again.")
        self.current = current


class StageError(GazetteError):
    """A stage of a run failed. `permanent`: the same attempt again would fail the same way."""

    permanent = False

    def __init__(self, message: str, *, permanent: bool | None = None) -> None:
        super().__init__(message)
        if permanent is not None:
            self.permanent = permanent


class ExtractError(StageError): ...


class ExecutionError(StageError):
    """A cell failed. Carries the 1-based number of the code cell, its source, the failing line and the error."""

    permanent = True

    def __init__(
        self,
        ename: str,
        evalue: str,
        *,
        cell: int | None = None,
        source: str = "",
        line: str = "",
        traceback: str = "",
    ) -> None:
        where = f"Cell {cell} failed" if cell is not None else "The notebook failed"
        at = f" at `{line.strip()}`" if line.strip() else ""
        super().__init__(f"{where}{at}: {ename}: {evalue}")
        self.ename, self.evalue = ename, evalue
        self.cell, self.source, self.line, self.traceback = cell, source, line, traceback


class ExecutionTimeout(StageError):
    """A cell or the whole notebook reached its limit of time; `cell` is the one that was running."""

    permanent = True

    def __init__(self, message: str, *, cell: int | None = None, source: str = "") -> None:
        super().__init__(message)
        self.cell, self.source = cell, source


class RenderError(StageError):
    def __init__(self, format: str, message: str, *, permanent: bool | None = None) -> None:
        super().__init__(f"The {format} could not be made: {message}", permanent=permanent)
        self.format = format


class ArchiveError(StageError): ...


class DeliveryError(StageError):
    """A message could not be handed over.

    `retry_after` is the peer's own wish in seconds; `unknown` says that its answer was lost after the content was sent;
    `gone` that the peer wants no further message ever, so that its subscription is to be disabled.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool | None = None,
        retry_after: float | None = None,
        unknown: bool = False,
        gone: bool = False,
    ) -> None:
        super().__init__(message, permanent=permanent)
        self.retry_after = retry_after
        self.unknown = unknown
        self.gone = gone
