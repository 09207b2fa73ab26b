"""A cold kernel: `python -m runner.execute.kernel --connection-file FILE ...`, started by the launcher.

It sets its limits, puts a guard above itself and becomes an ordinary ipykernel whose outputs are capped. It knows
nothing of reports, databases or settings.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from runner.execute import limits
from runner.execute.guard import stand_guard

if TYPE_CHECKING:
    from ipykernel.kernelapp import IPKernelApp

OUTPUT_MESSAGES = {"stream", "display_data", "execute_result", "update_display_data", "error"}
IPYKERNEL_OPTIONS = (
    "--HistoryManager.enabled=False",
    "--IPKernelApp.parent_handle=1",  # the guard watches over us; ipykernel's own poller would be one thread more
    f"--Application.log_level={logging.ERROR}",
)


class OutputBudget:
    """Counts what a notebook shows. Beyond the limit it is cut, and the first cut leaves a sentence saying so."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        self.cut = False

    def admit(self, kind: str, content: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """The message to send in place of this one, or None for nothing."""
        size = _size(content)
        if size <= self.left:
            self.left -= size
            return kind, content
        kept = content["text"][: self.left] if kind == "stream" else ""
        self.left = 0
        if kind == "error":  # the runner must learn of it, however long its text is
            return kind, {"ename": content["ename"], "evalue": content["evalue"][:2000], "traceback": []}
        if self.cut:
            return None
        self.cut = True
        notice = f"\n[Output was cut here: a notebook may show {self.limit / 1024**2:.0f} MB in all.]\n"
        return "stream", {"name": "stdout", "text": kept + notice}


def _size(content: dict[str, Any]) -> int:
    """About the bytes of an output: the lengths of all texts in it."""
    size = 0
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        else:
            size += len(value) if isinstance(value, str | bytes) else 8
    return size


def make_app(output_bytes: int) -> IPKernelApp:
    """ipykernel's application with a session that keeps to the output budget and loses no message on the way."""
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - after the fork: the guard must stay small
    from jupyter_client.session import Session  # noqa: PLC0415

    budget = OutputBudget(output_bytes)

    class BudgetSession(Session):
        def send(self, stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **kwargs: Any) -> Any:
            if isinstance(msg_or_type, str) and msg_or_type in OUTPUT_MESSAGES:
                admitted = budget.admit(msg_or_type, content)
                if admitted is None:
                    return None
                msg_or_type, content = admitted
            elif isinstance(msg_or_type, dict) and msg_or_type.get("msg_type") in OUTPUT_MESSAGES:
                admitted = budget.admit(msg_or_type["msg_type"], msg_or_type["content"])
                if admitted is None:
                    return None
                kind, shown = admitted
                header = {**msg_or_type["header"], "msg_type": kind}
                msg_or_type = {**msg_or_type, "msg_type": kind, "header": header, "content": shown}
            return super().send(stream, msg_or_type, content, *args, **kwargs)

    class KernelApp(IPKernelApp):
        def _session_default(self) -> Session:
            return BudgetSession(parent=self)

        def init_iopub(self, context: Any) -> None:
            context.sndhwm = 0  # the default drops outputs beyond 1,000 waiting; the budget bounds them already
            super().init_iopub(context)  # type: ignore[no-untyped-call]

    return KernelApp.instance()


def run(connection_file: str, output_bytes: int) -> None:
    """Serve cells until told to stop."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # 100 ms in every kernel, for nobody to debug with
    # ipykernel soon captures descriptor 2 for the notebook; what a crash says must reach the log.
    faulthandler.enable(os.fdopen(os.dup(2), "w"), all_threads=False)
    app = make_app(output_bytes)
    app.initialize(["-f", connection_file, *IPYKERNEL_OPTIONS])  # type: ignore[no-untyped-call]
    app.start()  # type: ignore[no-untyped-call]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m runner.execute.kernel")
    parser.add_argument("--connection-file", required=True)
    parser.add_argument("--lifeline", type=int, required=True, help="descriptor that closes when the runner ends")
    parser.add_argument("--memory", type=int, required=True, help="address space in bytes")
    parser.add_argument("--cpu", type=int, required=True, help="CPU seconds")
    parser.add_argument("--output", type=int, required=True, help="bytes of output in all")
    order = parser.parse_args(arguments)
    stand_guard(order.lifeline)
    limits.apply(limits.ResourceLimits(order.memory, order.cpu))
    run(order.connection_file, order.output)


if __name__ == "__main__":
    main()
