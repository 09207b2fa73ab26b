"""Answers kept for a repetition: one owner a key, for a day, written with the work or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from examples import a_report

from reports.store import KeptAnswer, RequestKey, Store
from reports.store.answers import KEPT, answers
from reports.store.types import Now

KEY = RequestKey("ada", "k-1", "d" * 64)
ANSWER = KeptAnswer(201, {"Location": "/here"}, '{"name": "Größe"}')


def test_a_key_is_claimed_once_and_then_answers(store: Store) -> None:
    with store.together():
        assert store.claim_key(KEY) is None
        store.keep_answer(KEY, ANSWER)
    assert store.claim_key(KEY) == (KEY.digest, ANSWER)
    assert store.claim_key(RequestKey("ada", "k-1", "other")) == (KEY.digest, ANSWER)


def test_a_key_belongs_to_a_person(store: Store) -> None:
    assert store.claim_key(KEY) is None
    assert store.claim_key(RequestKey("bob", KEY.key, KEY.digest)) is None


def test_work_that_fails_leaves_the_key_free(store: Store) -> None:
    with pytest.raises(RuntimeError, match="power cut"), store.together():
        store.claim_key(KEY)
        store.add_report(a_report())
        raise RuntimeError("power cut")
    assert store.count_reports() == 0
    assert store.claim_key(KEY) is None


def test_an_answer_is_forgotten_after_a_day(store: Store) -> None:
    store.claim_key(KEY)
    with store.writing() as connection:
        connection.execute(sa.update(answers).values(created_at=Now(-KEPT - timedelta(seconds=1))))
    assert store.claim_key(KEY) is None


def test_who_comes_second_waits_for_the_first_and_gets_its_answer(store: Store) -> None:
    barrier = Barrier(4)

    def request(_: int) -> bool:
        """Whether this one did the work."""
        barrier.wait()
        with store.together():
            before = store.claim_key(KEY)
            if before is None:
                store.add_report(a_report())
                store.keep_answer(KEY, ANSWER)
                return True
            assert before == (KEY.digest, ANSWER)
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(request, range(4))) == [False, False, False, True]
    assert store.count_reports() == 1
