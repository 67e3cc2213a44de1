"""The work of ``pause`` and ``resume``."""

from __future__ import annotations

from orchestrator.cli import session
from orchestrator.cli.output import Output


def pause(reason: str, tenant: str | None, output: Output) -> None:
    """Pause one tenant, or everything. Raises `ValidationError` for a malformed id or an empty reason."""
    with session.opened() as orchestrator:
        changed = orchestrator.operations.pause(reason, tenant)
    _tell("paused", tenant, changed, output)
    output.say(f"→ outreach resume{f' --tenant {tenant}' if tenant else ''}")


def resume(tenant: str | None, output: Output) -> None:
    """End the pause of one tenant, or every pause of an account. Raises `ValidationError` for a malformed id."""
    with session.opened() as orchestrator:
        changed = orchestrator.operations.resume(tenant)
    _tell("resumed", tenant, changed, output)


def _tell(what: str, tenant: str | None, changed: bool, output: Output) -> None:
    if output.structured:
        output.document({"what": what, "tenant_id": tenant, "changed": changed})
        return
    whose = f"Tenant {tenant}" if tenant else "Sending"
    if changed:
        output.write(f"{whose} is {what}.")
    elif what == "paused":
        output.write(f"{whose} was paused already.")
    else:
        output.write(f"Nothing changed: {whose[0].lower()}{whose[1:]} was not paused.")
