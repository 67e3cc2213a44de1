"""Test mails as the Templates page shows them: the form, the last ten, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator import contracts, errors
from orchestrator.clock import new_id
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.viewing import Form, House
from orchestrator.dashboard.words import Chip
from orchestrator.domain.events import Fact
from orchestrator.domain.specimen import Origin, Specimen, SpecimenState

LISTED = 10
#: Who is said to have asked.
BY = "the dashboard"
_STATES = {
    SpecimenState.SENDING: Chip("clock", "", "Being sent"),
    SpecimenState.ACCEPTED: Chip("plane", "", "With SendGrid"),
    SpecimenState.REJECTED: Chip("warning", "stop", "Refused by SendGrid"),
    SpecimenState.NOT_SENT: Chip("warning", "stop", "Not sent"),
    SpecimenState.UNKNOWN: Chip("question", "watch", "Unknown"),
}
_REPORTED = {
    Fact.DEFERRED: Chip("clock", "watch", "Put off by the mailbox"),
    Fact.DELIVERED: Chip("envelope", "good", "Delivered"),
    Fact.DROPPED: Chip("stop", "stop", "Dropped by SendGrid"),
    Fact.BLOCKED: Chip("return", "stop", "Refused by the mailbox"),
    Fact.EXPIRED: Chip("return", "stop", "Not delivered in time"),
    Fact.BOUNCED: Chip("return", "stop", "Bounced"),
}
_ORIGINS = {
    Origin.IN_USE: "the templates in use",
    Origin.EDIT: "an edit that was tried out",
    Origin.FOLDER: "a folder's templates",
}
_TOLD = {
    SpecimenState.ACCEPTED: "SendGrid has the test mail to {}. It is no owner’s: nothing was counted.",
    SpecimenState.REJECTED: "SendGrid refused the test mail to {}: {}",
    SpecimenState.NOT_SENT: "The test mail to {} was not sent: {}",
    SpecimenState.UNKNOWN: "Nobody knows whether the test mail to {} was sent: look into the mailbox. {}",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One test mail, its chip, and in words what it was written with."""

    one: Specimen
    chip: Chip
    written_with: str


def context(house: House, view: View, done: str) -> dict[str, Any]:
    """Return what the page says of test mails; `done` is the id of the one that was just sent."""
    latest = house.orchestrator.desk.test_mails(view.tenant.tenant_id, LISTED)
    last = next((one for one in latest if one.id == done), None)
    return {
        "tests": list(map(_shown, latest)),
        "request_id": new_id(),
        "tested": _TOLD.get(last.state, "").format(last.to_email, last.reason or "") if last else "",
        "tested_well": last is not None and last.state is SpecimenState.ACCEPTED,
        **_recipients(house),
    }


def send(house: House, view: View, form: Form) -> Specimen:
    """Send what the page shows to whom its form names. Raises as `Operations.send_test`."""
    to = form.required("to", "Write an address of your team.")
    campaign = form["campaign"] or None
    return house.orchestrator.operations.send_test(
        view.tenant.tenant_id,
        contracts.parse_email("to", to),
        campaign_id=campaign,
        sample=None if campaign else form["mail"] or None,
        edit=form["trial"] or None,
        by=BY,
        request_id=form["seen"] or None,
    )


def _recipients(house: House) -> dict[str, str]:
    try:
        return {"recipients": house.orchestrator.desk.test_recipients(), "recipients_wrong": ""}
    except errors.ConfigurationError as error:
        return {"recipients": "", "recipients_wrong": f"{error} {error.fix or ''}"}


def _shown(one: Specimen) -> Shown:
    reported = _REPORTED.get(Fact(one.reported)) if one.reported else None
    return Shown(one, reported or _STATES[one.state], _ORIGINS[one.origin])
