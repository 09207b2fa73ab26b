"""One tab of the browser: open, set its content, print it, close it.

Content is given as text and never loaded from an address, so that no file and no host can be named.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from typing import Any

from reports.model import JsonDict
from runner.render.devtools import COMMAND_SECONDS, BrowserGone, CommandFailed, Connection

_PRINT = {
    "printBackground": True,
    "preferCSSPageSize": True,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
    "transferMode": "ReturnAsBase64",
}


class Tab:
    def __init__(self, connection: Connection, target: str, session: str) -> None:
        self._connection = connection
        self._target = target
        self._session = session

    async def send(self, method: str, params: Mapping[str, Any] | None = None) -> JsonDict:
        return await self._connection.send(method, params, session=self._session)

    async def set_content(self, html: str) -> None:
        """Show `html` and wait until all of it, pictures too, is loaded."""
        tree = await self.send("Page.getFrameTree")
        loaded = self._connection.expect(self._session, "Page.loadEventFired")
        await self.send("Page.setDocumentContent", {"frameId": tree["frameTree"]["frame"]["id"], "html": html})
        async with asyncio.timeout(COMMAND_SECONDS):
            await loaded

    async def print_pdf(self) -> bytes:
        answer = await self.send("Page.printToPDF", _PRINT)
        return base64.b64decode(answer["data"])

    async def close(self) -> None:
        self._connection.forget(self._session)
        with contextlib.suppress(BrowserGone, CommandFailed):  # gone already
            await self._connection.send("Target.closeTarget", {"targetId": self._target})


async def open_tab(connection: Connection, *, scripts: bool = True) -> Tab:
    """A new empty tab; without `scripts` nothing in its page can run."""
    target = (await connection.send("Target.createTarget", {"url": "about:blank"}))["targetId"]
    attached = await connection.send("Target.attachToTarget", {"targetId": target, "flatten": True})
    tab = Tab(connection, target, attached["sessionId"])
    await tab.send("Inspector.enable")  # tells of a crash
    await tab.send("Page.enable")
    if not scripts:
        await tab.send("Emulation.setScriptExecutionDisabled", {"value": True})
    return tab
