"""What a run came to, in words and as a document."""

from __future__ import annotations

from typing import Any

from orchestrator.cli.chaos.plan import Attack
from orchestrator.cli.chaos.supervisor import Course
from orchestrator.cli.chaos.verdict import Verdict
from orchestrator.cli.output import Output


def passed(ordered: Attack, course: Course, verdict: Verdict) -> bool:
    """Whether the promise was kept: nobody twice, nobody left out, and nothing undecided that could be decided."""
    return not broken(course, verdict) and (ordered.deaf or verdict.held == 0)


def broken(course: Course, verdict: Verdict) -> bool:
    """Whether something went wrong; mail that is held for a person, and listed, did not."""
    decided = verdict.open == 0 and verdict.listed >= verdict.held
    orderly = course.settled and course.toll.crashes == 0 and course.undrained == 0
    return not (verdict.wrong == 0 and decided and orderly)


def document(ordered: Attack, course: Course, verdict: Verdict, database: str) -> dict[str, Any]:
    """Return everything that was counted, for a program."""
    toll = course.toll
    return {
        "ok": passed(ordered, course, verdict),
        "broken": broken(course, verdict),
        "database": database,
        "seed": ordered.seed,
        "evidence_withheld": ordered.withhold,
        "kills": {
            "total": toll.kills,
            "at_steps": dict(sorted(toll.steps.items())),
            "at_random": toll.random,
            "of_the_service": toll.ends["service"],
            "steps_not_reached": toll.missed,
        },
        "stops": toll.stops,
        "drains": toll.drains,
        "crashes": toll.crashes,
        "undrained": course.undrained,
        "faults": dict(sorted(course.thrown.items())),
        "campaigns": verdict.campaigns,
        "accepted": verdict.accepted,
        "duplicates": verdict.duplicates,
        "losses": verdict.losses,
        "in_doubt": {"ever": verdict.doubted, "at_once": course.doubted_at_once, "at_the_end": verdict.open},
        "resolved": {"by_evidence": verdict.by_evidence, "by_resending": verdict.resent},
        "held": verdict.held,
        "listed": verdict.listed,
        "deaf_for_a_while": course.deaf,
        "wrong": {
            "statuses": verdict.wrong_status,
            "counters": verdict.wrong_counters,
            "announcements": verdict.wrong_announcements,
        },
        "guilty": verdict.guilty,
        "settled": course.settled,
        "seconds": {"attack": round(course.attacked_for, 1), "settling": round(course.settled_in, 1)},
    }


def tell(output: Output, found: dict[str, Any]) -> None:
    """Say what was found, for a person."""
    kills, doubt, resolved = found["kills"], found["in_doubt"], found["resolved"]
    steps = sum(kills["at_steps"].values())
    rows = [
        ("database", found["database"]),
        ("processes killed", f"{kills['total']} ({steps} at a step, {kills['at_random']} at random)"),
        ("  of them the service", kills["of_the_service"]),
        ("stopped past their lease", found["stops"]),
        ("drained", found["drains"]),
        ("owners to write to", found["campaigns"]),
        ("mails accepted", found["accepted"]),
        ("duplicates", found["duplicates"]),
        ("losses", found["losses"]),
        ("in doubt, ever", f"{doubt['ever']} (at most {doubt['at_once']} at once)"),
        ("  decided by evidence", resolved["by_evidence"]),
        ("  decided and sent again", resolved["by_resending"]),
        ("  held for a person", f"{found['held']} ({found['listed']} listed by the doctor)"),
        ("  undecided at the end", doubt["at_the_end"]),
        ("webhooks always heard", "no" if found["deaf_for_a_while"] else "yes"),
        ("wrong statuses", found["wrong"]["statuses"]),
        ("wrong counters", found["wrong"]["counters"]),
        ("wrong announcements", found["wrong"]["announcements"]),
        ("processes that failed", found["crashes"] + found["undrained"]),
    ]
    output.rows("", ("what", "count"), rows)
    for campaign, reason in found["guilty"].items():
        output.say(f" [red]campaign {campaign}:[/] {reason}")
    if not found["settled"]:
        output.say(" [red]It did not settle: something was still open when nothing moved any more.[/]")
    color, words = _verdict(found)
    seconds = found["seconds"]
    output.say(f"[{color}]{words}[/] {seconds['attack']} s of attack, {seconds['settling']} s to settle.")


def _verdict(found: dict[str, Any]) -> tuple[str, str]:
    """Return the color and the words of the last line."""
    if found["ok"]:
        return "green", "The promise held."
    if found["broken"]:
        return "red", "The promise was broken."
    why = "the webhooks went unheard for a while" if found["deaf_for_a_while"] else "nothing could decide about it"
    return "yellow", f"Nothing was broken, but {found['held']} mails wait for a person: {why}."
