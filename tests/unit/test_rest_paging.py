"""A page, its total and its neighbours: what is told where the list goes on, ends, or is too long to be counted."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from web.api import paging
from web.api.paging import Page, Window

LENGTH = 25


def page(offset: int, limit: int = 10, counted: int = 1000, query: str = "") -> tuple[Page[Any], dict[str, str]]:
    """A page of a list of LENGTH items, and where its links lead."""
    scope = {"type": "http", "method": "GET", "path": "/api/v1/runs", "query_string": query.encode(), "headers": []}
    response = Response()
    window = Window(limit, offset, Request(scope | {"server": ("testserver", 80), "scheme": "http"}), response)
    made = window.page(list(range(LENGTH))[offset : offset + limit], lambda: min(LENGTH, counted + 1))
    assert response.headers["X-Total-Count"] == str(made.total)
    links = [part.strip().split("; ") for part in response.headers.get("Link", "").split(",") if part]
    return made, {relation: address.strip("<>") for address, relation in links}


@pytest.mark.parametrize(
    ("offset", "neighbours"),
    [
        (0, {"next": 10}),
        (10, {"first": 0, "prev": 0, "next": 20}),
        (20, {"first": 0, "prev": 10}),
        (30, {"first": 0, "prev": 20}),
        (5, {"first": 0, "prev": 0, "next": 15}),
    ],
)
def test_the_neighbours_of_a_page(offset: int, neighbours: dict[str, int]) -> None:
    made, links = page(offset)
    assert (made.total, made.total_exact) == (LENGTH, True)
    assert links == {f'rel="{name}"': f"/api/v1/runs?limit=10&offset={where}" for name, where in neighbours.items()}


def test_links_keep_what_the_list_was_filtered_by() -> None:
    _, links = page(0, query="state=failed&state=missed&offset=0")
    assert links['rel="next"'] == "/api/v1/runs?state=failed&state=missed&limit=10&offset=10"


def test_a_page_that_is_not_full_is_not_counted() -> None:
    def never() -> int:
        raise AssertionError("counted")

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    made = Window(10, 20, Request(scope), Response()).page([1, 2, 3], never)
    assert (made.total, made.total_exact) == (23, True)


@pytest.mark.parametrize(
    ("offset", "total", "exact", "more"),
    [(0, 10, False, True), (10, 20, False, True), (20, LENGTH, True, False), (40, 10, False, True)],
)
def test_a_list_too_long_to_be_counted_goes_on(
    monkeypatch: pytest.MonkeyPatch, offset: int, total: int, exact: bool, more: bool
) -> None:
    monkeypatch.setattr(paging, "COUNTED", 10)
    made, links = page(offset, counted=10)
    if offset < LENGTH:
        assert (made.total, made.total_exact) == (total, exact)
        assert ('rel="next"' in links) is more


def test_a_list_ends_where_offsets_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_OFFSET", 9)
    assert 'rel="next"' not in page(0)[1]
