"""Our kernels behind Jupyter's own interfaces: a provisioner for jupyter_client, a manager and a client for nbclient.

The provisioner asks a KernelLauncher; the client waits for answers only, where jupyter_client's sleeps a fixed time.
Sockets are files in a private folder, so that no port is open and none can be taken by another.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import Any

import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from runner.execute.launcher import ColdLauncher, KernelLauncher, KernelOrder, LaunchedKernel
from runner.ports import Limits

SOCKETS_PREFIX = "gazette-kernel-"  # of folders in the system's temporary folder; then the runner's process id
ECHO_SECONDS = 0.1  # a kernel's own broadcast arrives within milliseconds once its channel is connected


class GazetteProvisioner(LocalProvisioner):
    """Starts and ends kernels through the manager's launcher; without one of ours, a cold kernel in its folder."""

    launched: LaunchedKernel | None = None

    @property
    def has_process(self) -> bool:
        return self.launched is not None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        manager: Any = self.parent
        launcher: KernelLauncher = getattr(manager, "launcher", ColdLauncher())
        order = getattr(manager, "order", None) or KernelOrder(Path(kwargs.get("cwd") or Path.cwd()), Limits())
        self.launched = launcher.launch(order, Path(manager.connection_file))
        self.pid = self.launched.pid
        return self.connection_info

    async def poll(self) -> int | None:
        return 0 if self.launched is None else self.launched.poll()

    async def wait(self) -> int | None:
        if self.launched is None:
            return 0
        self.launched.end()
        status = self.launched.poll()
        self.launched = None
        return status

    async def send_signal(self, signum: int) -> None:
        """Nothing is sent: a run is never interrupted, it is ended."""

    async def kill(self, restart: bool = False) -> None:
        if self.launched is not None:
            self.launched.end()

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)


class RunKernelClient(AsyncKernelClient):
    """A client that is ready as soon as the kernel has answered and its broadcasts arrive."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Raises RuntimeError if the kernel died or did not answer within `timeout` seconds."""
        deadline = time.monotonic() + (timeout or 60)
        while time.monotonic() < deadline:
            asked = self.kernel_info()
            try:
                while (await self.get_shell_msg(timeout=1))["parent_header"].get("msg_id") != asked:
                    pass
                while not _is_idle_after(await self.get_iopub_msg(timeout=ECHO_SECONDS), asked):
                    pass
                return
            except Empty:
                if not await self.is_alive():
                    raise RuntimeError("the kernel died while starting") from None
        raise RuntimeError(f"the kernel did not answer within {timeout} seconds")


def _is_idle_after(message: dict[str, Any], asked: str) -> bool:
    return bool(
        message["parent_header"].get("msg_id") == asked
        and message["msg_type"] == "status"
        and message["content"]["execution_state"] == "idle"
    )


class RunKernelManager(AsyncKernelManager):
    """One kernel for one run: no kernelspec on disk, no restarts, sockets in a folder of its own."""

    provisioner: GazetteProvisioner

    def __init__(self, launcher: KernelLauncher, order: KernelOrder) -> None:
        # 0700; a run's own path may exceed 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix=f"{SOCKETS_PREFIX}{os.getpid()}-"))
        context = zmq.asyncio.Context()
        context.rcvhwm = 0  # no broadcast is dropped; the output budget bounds what can wait
        super().__init__(
            transport="ipc",
            ip=str(self.folder / "kernel"),
            connection_file=str(self.folder / "connection.json"),
            context=context,
            client_factory=RunKernelClient,
        )
        self.launcher = launcher
        self.order = order
        self.provisioner = GazetteProvisioner(parent=self, kernel_spec=self.kernel_spec, kernel_id=self.folder.name)

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(argv=["gazette"], display_name="Gazette", language="python")

    async def start(self, seconds: float) -> RunKernelClient:
        """A connected client of a kernel that is ready. Raises RuntimeError."""
        await self.start_kernel(env={})
        client = self.client(context=self.context)
        assert isinstance(client, RunKernelClient)
        client.start_channels(hb=False)  # the provisioner knows who is alive; a heartbeat is a thread more
        await client.wait_for_ready(seconds)
        client.allow_stdin = False
        return client

    async def close(self) -> None:
        """End the kernel with all below it and remove what it used."""
        await self.provisioner.wait()
        await self.cleanup_resources()
        self.context.destroy(linger=0)
        shutil.rmtree(self.folder, ignore_errors=True)
