"""Imports as a whole, and how the installation is set up."""

from __future__ import annotations

from tests.dashboard.conftest import Desktop, desktop
from tests.samples import TENANT, item


def test_an_import_is_held_released_and_called_off_as_a_whole(browser: Desktop):
    label = 'Dayton "singles" & more'
    for number in range(3):
        browser.orchestrator.create_campaign(TENANT, **item(f"owner{number}@owners.test", batch=label))
    shown = browser.get("batches").text
    assert "Dayton &#34;singles&#34; &amp; more" in shown
    page = "batch?label=Dayton+%22singles%22+%26+more"

    def told(act: str, **more: str) -> str:
        answer = browser.post("batch", {"act": act, "label": label, **more}, page=page)
        assert answer.status_code == 200
        return answer.text

    assert "3 campaigns held." in told("hold", reason="not yet")
    assert "3 campaigns released." in told("release")
    assert "3 campaigns cancelled." in told("cancel")
    assert browser.orchestrator.get_statistics(TENANT) == {"cancelled": 3}


def test_a_label_nobody_carries_is_said(browser: Desktop):
    assert browser.get("batch?label=nothing").status_code == 400
    assert "No import has a label yet" in browser.get("batches").text


def test_settings_show_everything_but_secrets(repository):
    with desktop(repository, sendgrid_api_key="SG.very-secret", secret_key="hush-hush", company_name="Acme") as browser:
        shown = browser.get("settings").text
    assert "Acme" in shown
    assert "SENDGRID_API_KEY" in shown
    assert "very-secret" not in shown
    assert "hush-hush" not in shown


def test_a_tenants_name_and_clock_are_set(browser: Desktop):
    assert "Saved." in browser.post("settings", {"name": "Acme Realty", "time_zone": "Asia/Kathmandu"}).text
    shown = browser.get().text
    assert "Acme Realty" in shown
    assert "Kathmandu" in shown
    assert browser.post("settings", {"name": "Acme", "time_zone": "Mars/Base"}).status_code == 400


def test_the_checks_run_when_they_are_asked_for(browser: Desktop):
    assert "equal to a count of all campaigns" not in browser.get("settings").text
    assert "equal to a count of all campaigns" in browser.get("settings?checks=1").text
