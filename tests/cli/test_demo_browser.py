"""The demo opens a browser where somebody sits in front of one, and says how to get there where nobody does."""

from __future__ import annotations

import sys

import pytest

from orchestrator.cli.demo import browser

SSH = {"SSH_CONNECTION": "10.0.0.2 50022 10.0.0.9 22", "USER": "ann", "DISPLAY": ":0"}


@pytest.fixture(autouse=True)
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({}, False),
        ({"DISPLAY": ":0", "CI": "true"}, False),
        (SSH, False),
    ],
    ids=["X", "Wayland", "no display", "CI", "SSH"],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(environment: dict[str, str], expected: bool):
    assert browser.wanted(environment) is expected


def test_over_ssh_the_way_is_told():
    assert browser.tunnel("http://127.0.0.1:8081", SSH) == "ssh -N -L 8081:127.0.0.1:8081 ann@10.0.0.9"
    assert browser.tunnel("http://127.0.0.1:8081", {"SSH_TTY": "/dev/pts/0"}).endswith(" this-machine")
