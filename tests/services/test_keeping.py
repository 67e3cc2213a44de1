"""Figures that many look at: counted once for all of them, and never older than they may be."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from orchestrator.services.looking import keeping
from orchestrator.services.looking.keeping import Keeper


class Stage:
    """A keeper of one figure, by a clock that moves while it is counted; what is done beside waits to be run."""

    def __init__(self, takes: float) -> None:
        self.now, self.takes = 100.0, takes
        self.counted = 0
        self.trouble: Exception | None = None
        self.beside: list[Callable[[], None]] = []
        self.keeper: Keeper[int] = Keeper(lambda: self.now, self.beside.append)

    def count(self) -> int:
        self.now += self.takes
        if self.trouble:
            raise self.trouble
        self.counted += 1
        return self.counted

    def look(self, after: float = 0.0) -> int:
        self.now += after
        return self.keeper.get("key", self.count)


def test_what_takes_no_time_is_kept_ten_times_as_long_and_then_counted_while_one_looks():
    stage = Stage(takes=0.01)
    assert [stage.look(), stage.look(0.09), stage.look(0.02), stage.look()] == [1, 1, 2, 2]
    assert stage.beside == []


def test_what_takes_long_is_counted_beside_and_the_last_value_shown_meanwhile():
    stage = Stage(takes=1.0)
    assert [stage.look(), stage.look(9), stage.look(2), stage.look()] == [1, 1, 1, 1]
    (work,) = stage.beside
    work()
    assert stage.look() == 2


def test_what_is_older_than_a_minute_is_waited_for():
    stage = Stage(takes=1.0)
    assert [stage.look(), stage.look(keeping.OLDEST)] == [1, 2]
    assert stage.beside == []


def test_somebody_who_has_just_done_something_can_have_it_counted_at_once():
    stage = Stage(takes=1.0)
    stage.look()
    stage.keeper.forget("key")
    assert stage.look() == 2


def test_counting_that_fails_beside_leaves_the_last_value_until_it_is_too_old():
    stage = Stage(takes=1.0)
    stage.look()
    stage.trouble = RuntimeError("the database is away")
    for _ in range(2):
        assert stage.look(11) == 1
        stage.beside.pop()()
    with pytest.raises(RuntimeError, match="is away"):
        stage.look(keeping.OLDEST)
    stage.trouble = None
    assert stage.look() == 2


def test_many_who_come_at_once_wait_for_one_count():
    stage, begun, going_on = Stage(takes=1.0), threading.Event(), threading.Event()

    def count() -> int:
        begun.set()
        assert going_on.wait(10)
        return stage.count()

    found: list[int] = []
    crowd = [threading.Thread(target=lambda: found.append(stage.keeper.get("key", count))) for _ in range(8)]
    for one in crowd:
        one.start()
    assert begun.wait(10)
    going_on.set()
    for one in crowd:
        one.join()
    assert found == [1] * 8


def test_what_was_first_asked_for_is_forgotten_first():
    stage = Stage(takes=1.0)
    stage.look()
    for number in range(keeping.REMEMBERED):
        stage.keeper.get(number, lambda: 0)
    assert stage.look() == 2
