"""Publishers: one contract for all, and the lines the log publisher writes."""

from __future__ import annotations

import io
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.cloudevents import cloud_event
from orchestrator.publishers.base import Publisher
from orchestrator.publishers.log import LogPublisher
from orchestrator.publishers.memory import MemoryPublisher


def event(number: int = 1) -> dict[str, Any]:
    return cloud_event(
        id=f"event-{number}",
        type="event.outreach.sent",
        source="/outreach-orchestrator",
        time=datetime(2026, 1, 5, 15, tzinfo=UTC),
        subject="campaign-1",
        tenant_id="tenant-1",
        data={"status": "sent", "note": "zwei\nZeilen “ü”"},
    )


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_publisher_keeps_the_contract() -> None:
    publishers: list[Publisher] = [LogPublisher(io.StringIO()), MemoryPublisher()]
    assert [publisher.publish(event()) for publisher in publishers] == [None, None]


def test_the_log_holds_one_line_per_event_and_the_line_is_the_event() -> None:
    stream = io.StringIO()
    publisher = LogPublisher(stream)
    publisher.publish(event(1))
    publisher.publish(event(2))
    assert lines(stream) == [event(1), event(2)]


def test_the_log_goes_to_standard_output_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    LogPublisher().publish(event())
    assert json.loads(capsys.readouterr().out) == event()


def test_many_threads_never_mix_their_lines() -> None:
    stream = io.StringIO()
    publisher = LogPublisher(stream)
    threads = [threading.Thread(target=lambda: [publisher.publish(event(n)) for n in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line["id"] for line in lines(stream)) == sorted(f"event-{n}" for n in range(50) for _ in range(8))


def test_a_log_that_cannot_be_written_raises() -> None:
    stream = io.StringIO()
    publisher = LogPublisher(stream)
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        publisher.publish(event())


def test_an_event_that_is_no_json_raises_and_writes_nothing() -> None:
    stream = io.StringIO()
    with pytest.raises(TypeError):
        LogPublisher(stream).publish(event() | {"data": {"what": object()}})
    assert stream.getvalue() == ""


def test_memory_keeps_events_in_order() -> None:
    publisher = MemoryPublisher()
    publisher.publish(event(1))
    publisher.publish(event(2))
    assert publisher.events == [event(1), event(2)]


def test_memory_can_play_a_broker_that_is_down() -> None:
    def down(_: dict[str, Any]) -> None:
        raise ConnectionError("broker is down")

    publisher = MemoryPublisher(down)
    with pytest.raises(ConnectionError, match="broker is down"):
        publisher.publish(event())
    assert publisher.events == []
