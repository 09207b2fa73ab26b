"""PapermillExecutor: a template and parameters in, an executed notebook out.

Papermill runs in the runner's process on a notebook of its own for every run; only the kernel is another process.
Nothing is kept from one run to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import nbformat
from papermill import __version__ as papermill_version
from papermill.parameterize import parameterize_notebook

from reports.errors import ExecutionError, StageError
from reports.templates import Template
from runner.execute.client import GazetteEngine
from runner.execute.failures import INJECTED_TAG
from runner.execute.launcher import SCRATCH, ColdLauncher, KernelLauncher, KernelOrder
from runner.execute.provisioner import RunKernelManager
from runner.execute.values import TRANSLATOR, typed
from runner.ports import Limits

EXECUTED_NOTEBOOK = "notebook.ipynb"
SKIP_TAG = "skip-execution"  # an author's own wish, known to nbclient


class PapermillExecutor:
    """Implements `runner.ports.Executor`. `launcher` is where its kernels come from."""

    def __init__(self, launcher: KernelLauncher | None = None) -> None:
        self.launcher = launcher or ColdLauncher()
        self._lock = Lock()
        self._running: set[RunKernelManager] = set()
        self._closed = False

    def execute(
        self,
        template: Template,
        parameters: Mapping[str, Any],
        run_dir: Path,
        limits: Limits,
        *,
        zone: str = "UTC",
    ) -> Path:
        run_dir = run_dir.resolve()
        (run_dir / SCRATCH).mkdir(mode=0o700, parents=True, exist_ok=True)
        notebook = prepare(template, parameters)
        kernel = RunKernelManager(self.launcher, KernelOrder(run_dir, limits, zone))
        with self._lock:
            closed = self._closed
            self._running.add(kernel)
        try:
            if closed:
                raise StageError("The runner is stopping; the run is tried again.")
            GazetteEngine.execute_notebook(
                notebook, "python3", progress_bar=False, autosave_cell_every=0, kernel=kernel, limits=limits
            )
        finally:
            with self._lock:
                self._running.discard(kernel)
        _check_complete(notebook)
        executed = run_dir / EXECUTED_NOTEBOOK
        nbformat.write(notebook, executed)  # type: ignore[no-untyped-call]
        return executed

    def close(self) -> None:
        """End the kernels that still run; their `execute` calls raise."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for kernel in running:
            launched = kernel.provisioner.launched
            if launched is not None:
                launched.end()


def prepare(template: Template, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    """A fresh notebook of the template with its parameters put in by papermill; nobody else holds it.

    Raises StageError if the file is not the one the template was read from, InvalidParameter for a value that the
    template does not declare.
    """
    content = template.path.read_bytes()
    if template.digest and hashlib.sha256(content).hexdigest() != template.digest:
        raise StageError(f"The template {template.name!r} was changed while the run was starting; it is tried again.")
    values = typed(template, parameters)
    notebook: nbformat.NotebookNode = nbformat.reads(content.decode("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    _prepare_metadata(notebook, template)
    if values:
        notebook = parameterize_notebook(notebook, values, kernel_name=TRANSLATOR, language="python")
        notebook.metadata["papermill"]["parameters"] = dict(parameters)  # as JSON can hold them
    return notebook


def _prepare_metadata(notebook: nbformat.NotebookNode, template: Template) -> None:
    """What papermill expects to find; never a path of this machine."""
    notebook.metadata["papermill"] = {
        "default_parameters": {},
        "parameters": {},
        "environment_variables": {},
        "version": papermill_version,
        "input_path": f"{template.name}.ipynb",
        "output_path": EXECUTED_NOTEBOOK,
    }
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
        cell.metadata["papermill"] = {}


def _check_complete(notebook: nbformat.NotebookNode) -> None:
    """Every code cell ran: the exception is trusted, and this holds it to its word."""
    number = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code":
            continue
        number += INJECTED_TAG not in tags
        if cell.source.strip() and SKIP_TAG not in tags and cell.execution_count is None:
            raise ExecutionError("NotExecuted", "the cell was not executed", cell=number, source=cell.source)
