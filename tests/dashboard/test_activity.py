"""What has happened lately is told in few lines, and the statuses stand in the order in which campaigns pass them."""

from __future__ import annotations

import re

from orchestrator.dashboard import words
from orchestrator.domain.campaign import OutreachStatus
from tests.dashboard.conftest import Desktop
from tests.samples import OTHER_TENANT, TENANT, item


def _lines(shown: str) -> list[str]:
    """Return the lines of the card, as they are read."""
    card = re.search(r'id="rh".*?</section>', shown, re.DOTALL)
    assert card is not None
    lines = re.findall(r'<li[^>]*>.*?<span class="any">(.*?)</span>', card[0], re.DOTALL)
    return [re.sub("<[^>]+>", "", line) for line in lines]


def test_what_happens_to_many_at_once_is_one_line_and_a_persons_deed_is_its_own(browser: Desktop):
    product = browser.orchestrator
    assert "What becomes of each mail is told here" in browser.get().text
    items = [item(f"owner{number}@owners.test") | {"batch": "spring <b>"} for number in range(12)]
    ids = [result.campaign.id for result in product.create_campaigns(TENANT, items) if result.campaign]
    product.record_reply(ids[3], TENANT, "Yes, call me.")
    told = _lines(browser.get().text)
    assert told[0].endswith(": the owner replied")
    assert told[-1] == "12 campaigns of spring &lt;b&gt;: created"
    assert len(told) == 2
    for campaign in ids[:12]:
        product.handle_webhook({"event": "open", "campaign_id": campaign, "tenant_id": TENANT, "timestamp": 1})
    assert len(_lines(browser.get().text)) == 8
    other = browser.client.get(f"/t/{OTHER_TENANT}").text
    assert _lines(other) == []


def test_statuses_stand_in_the_order_of_a_campaigns_life():
    found = [name for name, _ in words.staged(dict.fromkeys(sorted(OutreachStatus), 1))]
    assert found[:6] == ["scheduled", "sent", "delivered", "opened", "clicked", "responded"]
    assert set(found) == set(OutreachStatus)


def test_what_was_counted_up_to_a_limit_says_so():
    assert [words.up_to(n) for n in (0, 999, 1000)] == ["0", "999", "1,000+"]
    assert words.up_to(5000, 5000) == "5,000+"
