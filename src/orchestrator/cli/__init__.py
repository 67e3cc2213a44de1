"""The command line: ``outreach``. Data goes to standard output; everything said to a person goes to standard error."""

from __future__ import annotations


def main() -> None:
    """Run ``outreach`` with the process's arguments; the entry point of the installed script."""
    from orchestrator.cli.application import run

    run()
