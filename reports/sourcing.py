"""What reports are made of: the templates and the sources of data there are, and a look at what a source holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from reports import intake, templates
from reports import sources as usage_sources
from reports.errors import InvalidInput, NotFound
from reports.explored import EXPLORED, FRESH, UsageQuery
from reports.settings import Settings
from reports.sources import Snapshot, SnapshotCache, Source, SourceReport
from reports.sources.known import Known, known_values
from reports.store import Store
from reports.templates import Template


class Sourcing:
    """The part of `Service` that knows templates and sources."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings

    # Templates

    def templates(self) -> list[Template]:
        return templates.find(self.settings.notebooks_dir)

    def template(self, name: str) -> Template:
        return templates.get(self.settings.notebooks_dir, name)

    # Sources

    def add_source(self, source: Source) -> Source:
        return self.store.add_source(replace(source, name=intake.checked_name("name", source.name)))

    def sources(self) -> list[Source]:
        return self.store.sources()

    def source(self, name: str) -> Source:
        return self.store.source(name)

    def remove_source(self, name: str) -> None:
        self.store.remove_source(name)

    def check_source(self, name: str) -> SourceReport:
        """What the source holds; raises ExtractError where it cannot be reached."""
        return usage_sources.check(self.store.source(name), store_url=self.settings.store_url)

    def known_values(self, source: str, at: datetime) -> Known:
        """What each filter may be set to, by what the source has seen lately. Raises ExtractError where that fails."""
        return known_values(self.store.source(source), self.settings.store_url, at)

    def usage(self, query: UsageQuery, at: datetime) -> Snapshot:
        """What the usage summary would read for these days and filters at `at`: kept, or read now.

        Raises NotFound for a source there is not, InvalidInput for odd filters, ExtractError where it cannot be read.
        """
        return self._snapshots.extract(
            self.store.source(query.source),
            EXPLORED,
            query.period,
            query.comparison,
            intake.checked_filters(query.filters),
            store_url=self.settings.store_url,
            at=at,
            max_age=FRESH,
        )

    @cached_property
    def _snapshots(self) -> SnapshotCache:
        """Those of the runners: a report and a page that want the same share it."""
        return SnapshotCache(self.settings.snapshots_dir)

    # What a report names

    def _chosen_template(self, name: str) -> Template:
        try:
            return self.template(name)
        except NotFound as error:
            known = ", ".join(template.name for template in self.templates()) or "none"
            raise InvalidInput("template", f"there is no template {name!r}; there are: {known}") from error

    def _chosen_sources(self, template: Template, chosen: Mapping[str, str]) -> dict[str, str]:
        declared = {dataset.name for dataset in template.datasets}
        known = {source.name for source in self.store.sources()}
        for dataset, source in chosen.items():
            if dataset not in declared:
                raise InvalidInput("sources", f"{template.name!r} has no dataset {dataset!r}")
            if source not in known:
                raise InvalidInput(f"sources.{dataset}", f"there is no source {source!r}; add it first")
        return dict(chosen)
