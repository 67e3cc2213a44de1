"""What a transport is made of, and what it refuses to be made of."""

from __future__ import annotations

import threading

import pytest

from orchestrator import errors
from orchestrator.transports.sendgrid import SendGridTransport


def test_making_a_transport_needs_no_event_loop_and_opens_nothing() -> None:
    threads = threading.active_count()
    SendGridTransport("SG.k")
    assert threading.active_count() == threads


def test_the_account_is_stable_and_tells_keys_and_hosts_apart() -> None:
    account = SendGridTransport("SG.k").account
    assert account == SendGridTransport("SG.k", "https://api.sendgrid.com/", sandbox_mode=True).account
    assert len(account) == 16
    assert int(account, 16) >= 0
    others = {SendGridTransport("SG.other").account, SendGridTransport("SG.k", "https://api.eu.sendgrid.com").account}
    assert account not in others
    assert len(others) == 2


def test_the_key_shows_nowhere() -> None:
    transport = SendGridTransport("SG.very-secret")
    assert "very-secret" not in repr(transport)
    assert "very-secret" not in transport.account


def test_a_missing_key_is_refused_with_the_variable_to_set() -> None:
    with pytest.raises(errors.MissingApiKey, match="SendGrid API key") as raised:
        SendGridTransport("")
    assert "SENDGRID_API_KEY" in (raised.value.fix or "")


@pytest.mark.parametrize("key", ["SG.a b", "SG.a\r\nX: y", "SG.ключ", " "])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(errors.ConfigurationError) as raised:
        SendGridTransport(key)
    assert key.strip() == "" or key not in f"{raised.value} {raised.value.fix}"


@pytest.mark.parametrize("url", ["", "api.sendgrid.com", "ftp://x", "https://", "https://u:p@x", "https://x/?a=b"])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="plain http"):
        SendGridTransport("SG.k", url)
