"""Lists in pages: `limit` and `offset` in, the items with their total out, and the neighbours in a Link header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from web.api.wire import Answer, Number

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_OFFSET = 100_000  # the rows before are read and thrown away; whoever wants more narrows the list by time
COUNTED = 1_000  # rows counted at most: a total over all of a large archive would cost more than the page itself

Item = TypeVar("Item")


class Page(Answer, Generic[Item]):
    """A part of a list, and where it stands in the whole."""

    items: list[Item]
    total: int = Field(description=f"How many there are; beyond {COUNTED:,} not all are counted.")
    total_exact: bool = Field(description="False: there are more than the total says.")
    limit: int
    offset: int


@dataclass(frozen=True)
class Window:
    """The part of a list that was asked for."""

    limit: int
    offset: int
    request: Request
    response: Response

    def page(self, items: Sequence[Item], count: Callable[[], int]) -> Page[Item]:
        """The page, with Link and X-Total-Count set on the response. `count` stops at COUNTED + 1.

        A page that is not full tells the total by itself.
        """
        behind = self.offset + len(items)
        total = behind if len(items) < self.limit and (items or not self.offset) else count()
        exact = total <= COUNTED or total == behind
        total = total if exact else max(COUNTED, behind)
        self.response.headers["X-Total-Count"] = str(total)
        if links := self._links(more=behind < total or not exact):
            self.response.headers["Link"] = ", ".join(links)
        return Page(items=list(items), total=total, total_exact=exact, limit=self.limit, offset=self.offset)

    def _links(self, *, more: bool) -> list[str]:
        found = {}
        if self.offset > 0:
            found["first"] = 0
            found["prev"] = max(0, self.offset - self.limit)
        if more and self.offset + self.limit <= MAX_OFFSET:
            found["next"] = self.offset + self.limit
        return [f'<{self._at(offset)}>; rel="{name}"' for name, offset in found.items()]

    def _at(self, offset: int) -> str:
        url = self.request.url.include_query_params(limit=self.limit, offset=offset)
        return f"{url.path}?{url.query}"


def _window(
    request: Request,
    response: Response,
    limit: Annotated[Number, Query(ge=1, le=MAX_LIMIT, description="Items of one page.")] = DEFAULT_LIMIT,
    offset: Annotated[Number, Query(ge=0, le=MAX_OFFSET, description="Items before the page.")] = 0,
) -> Window:
    return Window(limit, offset, request, response)


Asked = Annotated[Window, Depends(_window)]
LINKED: dict[str, Any] = {
    "headers": {
        "Link": {
            "description": "The first, previous and next page, as RFC 8288 writes it.",
            "schema": {"type": "string"},
        },
        "X-Total-Count": {"description": "The total.", "schema": {"type": "integer"}},
    }
}
