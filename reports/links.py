"""The links that messages carry: to a run's page and, signed, to files of a run and out of a subscription.

There are none where nobody has said at which address the UI is reached (`base_url`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.model import Artifact, ChannelKind, Format, Run, Subscription
from reports.seals import Seals, file_seal, unsubscribe_seal
from reports.settings import Settings


@dataclass(frozen=True)
class Links:
    settings: Settings
    seals: Seals

    def files(self, run: Run, artifacts: Mapping[Format, Artifact]) -> dict[Format, str]:
        """Links to these files that need no sign-in, each to one file and for as long as the run is kept."""
        base = self.settings.base_url
        if base is None:
            return {}
        until = (run.finished_at or run.due_at) + self.settings.retention
        return {
            format: f"{base}/files/{artifact.id}?sig={file_seal(self.seals, artifact.id, until)}"
            for format, artifact in artifacts.items()
        }

    def run_page(self, run: Run) -> str | None:
        """Where the run is looked at by who is signed in."""
        base = self.settings.base_url
        return None if base is None else f"{base}/run?id={run.id}"

    def unsubscribe(self, subscription: Subscription) -> str | None:
        """The way out that a mail carries; a webhook's receiver answers 410 instead."""
        base = self.settings.base_url
        if base is None or subscription.channel is not ChannelKind.EMAIL:
            return None
        return f"{base}/unsubscribe/{unsubscribe_seal(self.seals, subscription.id)}"
