"""Commands that stay: they start, say where they are, and stop as they are asked to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import TIMEOUT, Run, create, finished, line_with, started

ADDRESS = re.compile(r"http://[\d.]+:\d+")


def get(url: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def address_in(line: str) -> str:
    found = ADDRESS.search(line)
    assert found, line
    return found.group()


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_serve_answers_until_it_is_asked_to_stop(asked: signal.Signals, code: int, sqlite_database: Path):
    with started("serve", "--port", "0") as process:
        url = address_in(line_with(process.stderr, "Serving on"))
        assert get(url, "/readyz") == (200, "ok\n")
        process.send_signal(asked)
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code
    assert b"Traceback" not in err


def test_serve_publishes_what_other_processes_commit_and_sends_nothing_without_a_worker(sqlite_database: Path):
    with started("serve", "--port", "0") as process:
        line_with(process.stderr, "Serving on")
        (campaign_id,) = create(1)
        event = json.loads(line_with(process.stdout, campaign_id))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert event["type"] == "event.outreach.scheduled"
    assert finished("stats", "--json").json["statistics"] == {"scheduled": 1}


def test_serve_on_a_busy_port_says_what_to_do(cli: Run, sqlite_database: Path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        told = cli("serve", "--port", str(busy.getsockname()[1]))
    assert (told.code, told.out) == (3, "")
    assert "Address already in use" in told.words
    assert "→ Choose another port with --port" in told.words


def test_a_worker_without_a_key_is_refused_at_the_start(cli: Run, sqlite_database: Path):
    told = cli("serve", "--port", "0", "--with-worker")
    assert (told.code, told.out) == (3, "")
    assert "SendGrid API key is missing" in told.words


def test_serve_with_a_verification_key_that_is_none_is_refused_at_the_start(
    cli: Run, sqlite_database: Path, monkeypatch
):
    monkeypatch.setenv("OUTREACH_WEBHOOK_PUBLIC_KEY", "not-a-key")
    told = cli("serve", "--port", "0")
    assert told.code == 3
    assert "OUTREACH_WEBHOOK_PUBLIC_KEY is wrong: key 1 of 1 is neither base64" in told.words


def test_serve_with_an_unreachable_database_is_refused_at_the_start(cli: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_DSN", "postgresql://127.0.0.1:1/x")
    told = cli("serve", "--port", "0")
    assert told.code == 3
    assert "did not answer" in told.words


def test_the_sandbox_alone_tells_how_to_use_it_and_takes_a_mail(sqlite_database: Path, monkeypatch: pytest.MonkeyPatch):
    (campaign_id,) = create(1)
    with started("sandbox", "--port", "0", "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        for name, value in told["environment"].items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SENDGRID_FROM_EMAIL", "team@sample.test")
        assert finished("send", campaign_id, "--json").json["status"] == "sent"
        status, mails = get(told["url"], "/sandbox/api/messages")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
    assert status == 200
    assert [mail["to"] for mail in json.loads(mails)["messages"]] == ["owner1@sample.test"]
    assert process.returncode == 130


def test_the_sandbox_tells_the_key_of_inbound_mail_when_it_posts_any(sqlite_database: Path):
    inbound = ("--inbound-url", "http://127.0.0.1:9/inbound", "--inbound-host", "in.sample.test", "--owners", "lively")
    with started("sandbox", "--port", "0", "--json", *inbound) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        _, shown = get(told["url"], "/sandbox/api/inbound")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
    (setting,) = json.loads(shown)["settings"]
    assert (setting["hostname"], setting["url"]) == ("in.sample.test", "http://127.0.0.1:9/inbound")
    assert told["environment"]["OUTREACH_INBOUND_PUBLIC_KEY"] == json.loads(shown)["public_key"]
    assert told["environment"]["OUTREACH_INBOUND_HOST"] == "in.sample.test"


def test_the_sandbox_refuses_an_inbound_address_that_is_none(sqlite_database: Path):
    told = finished("sandbox", "--port", "0", "--inbound-url", "nowhere")
    assert told.code == 3
    assert "cannot post inbound mail to 'nowhere'" in told.err


def test_relay_publishes_each_event_once_and_ends(cli: Run, sqlite_database: Path):
    ids = create(3)
    told = finished("relay", "--once")
    events = [json.loads(line) for line in told.out.splitlines()]
    assert sorted(event["data"]["campaign_id"] for event in events) == sorted(ids)
    assert "3 published" in told.err
    assert finished("relay", "--once").out == ""


def test_relay_to_a_full_disk_is_safe_to_retry_and_loses_nothing(sqlite_database: Path):
    ids = create(2)
    with open("/dev/full", "wb") as full:
        failed = finished("relay", "--once", stdout=full)
    assert failed.code == 7
    assert "0 events were published, then one could not be: [Errno 28] No space left on device." in failed.words
    assert "→ It and those after it are still in the outbox" in failed.words
    again = finished("relay", "--once")
    assert (again.code, len(again.out.splitlines())) == (0, len(ids))


def test_relay_that_stays_publishes_what_is_committed_later(sqlite_database: Path):
    with started("relay") as process:
        line_with(process.stderr, "Publishing the outbox")
        (campaign_id,) = create(1)
        assert json.loads(line_with(process.stdout, campaign_id))["type"] == "event.outreach.scheduled"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 143


def test_demo_check_equals_the_truth_and_writes_one_document(tmp_path: Path):
    told = finished("demo", "--check", "--json", "--port", "0", cwd=tmp_path)
    report = told.json
    assert (told.code, told.err, report["ok"]) == (0, "", True)
    assert report["seconds"] < 30
    checks = {(check["group"], check["name"]): check for check in report["checks"]}
    assert all(check["expected"] == check["found"] for check in checks.values())
    assert checks["webhook", "duplicates"]["found"] > 0
    assert checks["events", "opens by machines"]["found"] > 0
    for status in ("bounced", "clicked", "complained", "delivered", "failed", "opened", "suppressed", "unsubscribed"):
        assert checks["status", status]["found"] > 0


def test_demo_ignores_live_configuration_and_says_so(cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.live")
    monkeypatch.setenv("OUTREACH_SENDGRID_URL", "http://127.0.0.1:1")
    Path(".env").write_text("OUTREACH_COMPANY_NAME=Live Inc\n")
    told = cli("demo", "--check", "--port", "0", "--keep", "kept", "--seed", "11")
    assert told.code == 0
    assert "ignored here: SENDGRID_API_KEY, OUTREACH_SENDGRID_URL, .env" in told.words
    assert "all equal the truth" in told.words
    assert sorted(path.name for path in Path("kept").iterdir() if path.suffix in (".db", ".jsonl")) == [
        "events.jsonl",
        "outreach.db",
    ]


def test_demo_takes_the_next_port_stays_until_ctrl_c_and_cleans_up(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        environment = {"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        with started("demo", "--port", str(port), "--json", env=environment) as process:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert urlsplit(told["service"]).port != port
            assert told["statistics"]["scheduled"] == 1  # the estate, which waits for a person
            assert sum(told["statistics"].values()) == 25  # the sample, and the one that waits for you
            assert get(told["service"], "/readyz")[0] == 200
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert not list(tmp_path.glob("outreach-demo-*"))


def test_the_demo_cleans_up_when_its_terminal_is_closed(tmp_path: Path):
    def as_in_a_terminal() -> None:  # whoever runs the tests may have them ignore it, as nohup does
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with started("demo", "--port", "0", env=environment, preexec_fn=as_in_a_terminal) as process:
        line_with(process.stderr, "sandbox  ")
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_a_signal_waits_for_the_end_of_an_import(tmp_path: Path):
    (tmp_path / "slow.py").write_text(
        "import time\nprint('begun', flush=True)\ntime.sleep(0.5)\nprint('done', flush=True)"
    )
    code = "from orchestrator.cli import signals; signals.end_like_exceptions(); import slow, time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        line_with(process.stdout, "begun")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (143, b"done\n")


def test_demo_into_a_folder_that_cannot_be_made_is_told(cli: Run):
    Path("file").touch()
    told = cli("demo", "--check", "--port", "0", "--keep", "file/below")
    assert told.code == 3
    assert "cannot be made: Not a directory" in told.words


def test_the_log_of_serve_is_json_when_nobody_looks(sqlite_database: Path):
    with started("serve", "--port", "0", stdout=subprocess.DEVNULL) as process:
        entry = json.loads(line_with(process.stderr, "engine.started"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert (entry["level"], entry["loops"]) == ("info", ["relay", "heartbeat"])
