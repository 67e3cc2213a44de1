"""The work of ``reply list|show|label|release|assign``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.cli import session
from orchestrator.cli.deciding import person
from orchestrator.cli.output import Output
from orchestrator.domain.text import one_line, several_lines, shortened
from orchestrator.repository.replies import Judged, Reply

_LIST = ("id", "received_at", "kind", "label", "waits", "from_email", "says", "campaign_id")
_SUMMARY = ("rule", "label", "judged", "corrected", "corrected_to")
#: Characters of an answer that a list shows.
_EXCERPT = 80


@dataclass(frozen=True, slots=True)
class Choice:
    """Which replies a list shows."""

    waiting: bool = False
    label: str | None = None
    kind: str | None = None
    before: str | None = None


def list_replies(tenant: str | None, output: Output, chosen: Choice, limit: int) -> None:
    """Write a page of replies, newest first; `tenant` None: those of nobody. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        found = orchestrator.operations.replies.list(tenant, limit, **asdict(chosen))
    output.records("Replies", _LIST, map(_row, found))
    if len(found) == limit:
        output.say(f"→ older ones: outreach reply list --limit {limit} --before {found[-1].id}")


def summarize(tenant: str | None, output: Output) -> None:
    """Write how each rule judged, and how often people said otherwise. Raises `ValidationError`."""
    with session.opened() as orchestrator:
        judged = orchestrator.operations.replies.judgements(tenant)
    output.records("Rules", _SUMMARY, _rules(judged))


def show(reply_id: str, tenant: str | None, output: Output) -> None:
    """Write one reply. Raises `ValidationError`, `ReplyNotFound`."""
    with session.opened() as orchestrator:
        reply = orchestrator.operations.replies.get(reply_id, tenant)
    if output.structured:
        output.document(asdict(reply))
        return
    output.write(several_lines(reply.text) or "(nothing new in it)")
    output.write("")
    known = {name: value for name, value in asdict(reply).items() if value not in (None, "", [], {})}
    facts = {name: value for name, value in known.items() if name not in ("text", "body", "headers", "details")}
    told = [*facts.items(), *reply.details.items()]
    output.rows("What is known of it", ("field", "value"), told)
    output.write("")
    output.write("The whole mail:")
    output.write(several_lines(reply.body) or "(empty)")


def label(reply_id: str, new: str, tenant: str | None, output: Output) -> None:
    """Correct a label. Raises `ValidationError`, `ReplyNotFound`, `InvalidState`."""
    with session.opened() as orchestrator:
        done = orchestrator.operations.replies.label(reply_id, new, tenant, by=person())
    told = {"reply_id": done.reply.id, "label": done.reply.label, "before": done.before}
    _tell(output, told | {"still_suppressed": done.still_suppressed})
    if done.still_suppressed is not None:
        output.say(
            f"{done.still_suppressed} stays suppressed: what the label “{done.before}” did is not taken back."
            f"\n→ if it was a mistake: outreach suppress remove {done.still_suppressed}"
        )


def release(reply_id: str, tenant: str | None, output: Output) -> None:
    """Note that a reply has been read. Raises `ValidationError`, `ReplyNotFound`."""
    with session.opened() as orchestrator:
        done = orchestrator.operations.replies.release(reply_id, tenant)
    told = {"reply_id": done.reply.id, "released": done.campaigns, "still_held_by": list(done.still_held_by)}
    _tell(output, told)
    if done.still_held_by:
        output.say(f"→ another reply of this owner waits: outreach reply show {done.still_held_by[0]}")


def assign(reply_id: str, campaign_id: str, tenant: str, output: Output) -> None:
    """Give a mail of nobody to a campaign. Raises as `Replies.assign`."""
    with session.opened() as orchestrator:
        reply = orchestrator.operations.replies.assign(reply_id, campaign_id, tenant, by=person())
    _tell(output, {"reply_id": reply.id, "campaign_id": reply.campaign_id, "label": reply.label})
    output.say(f"→ outreach campaign show {reply.campaign_id}")


def _tell(output: Output, told: dict[str, Any]) -> None:
    if output.structured:
        output.document(told)
    else:
        output.rows("", tuple(told), [tuple(" ".join(v) if isinstance(v, list) else v for v in told.values())])


def _row(reply: Reply) -> dict[str, Any]:
    """A reply for a list, without the whole mail; `show` has it."""
    known = {name: value for name, value in asdict(reply).items() if name not in ("body", "headers")}
    said = shortened(one_line(reply.text or reply.details.get("unmatched") or ""), _EXCERPT)
    return known | {"waits": "yes" if reply.waits_for_a_person else "", "says": said}


def _rules(judged: Any) -> list[dict[str, Any]]:
    """Per rule: how often it judged, how often a person said otherwise, and what they said instead."""
    rules: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        rules.setdefault((one.rule, one.rule_label), []).append(one)
    told = []
    for (rule, rule_label), group in sorted(rules.items()):
        corrected = Counter({one.label: one.n for one in group if one.label != rule_label})
        told.append(
            {
                "rule": rule,
                "label": rule_label,
                "judged": sum(one.n for one in group),
                "corrected": corrected.total(),
                "corrected_to": ", ".join(f"{name} {n}" for name, n in corrected.most_common()),
            }
        )
    return told
