"""The command tree of ``outreach``.

Only typer is imported here: ``--version`` and ``--help`` must not wait for a database library. Commands import what
they need when they run.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from orchestrator.cli import failures, signals
from orchestrator.cli.commands import (
    attacking,
    campaigns,
    deciding,
    importing,
    looking,
    pausing,
    replying,
    running,
    scheduling,
    setup,
    suppressing,
)
from orchestrator.cli.failures import ExitCode

_EXIT_CODES = " · ".join(f"{int(code)} {meaning}" for code, meaning in failures.MEANINGS.items())


class Root(TyperGroup):
    """The root of the tree: turns every error a command raises into words and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
        except BrokenPipeError:
            # Whoever read our output has seen enough; nothing more may be written, not even by the interpreter.
            sys.stdout = None
            raise typer.Exit(int(ExitCode.OK)) from None
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")):
                raise
            wants_json = bool({"--json", "--jsonl"} & set(ctx.obj or ()))
            code = failures.report(error, as_json=wants_json)
            _let_go_of_stdout()
            raise typer.Exit(int(code)) from None

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Keep the arguments: an error wants to know whether a program or a person reads it."""
        return super().make_context(info_name, args, *rest, obj=tuple(args), **extra)


def _let_go_of_stdout() -> None:
    """Let what cannot be written, as to a full disk, go nowhere: the interpreter would try again and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


app = typer.Typer(
    name="outreach",
    cls=Root,
    help="Writes once, and well, to each property's owner by email, and knows what happened.",
    epilog=f"Exit codes: {_EXIT_CODES}",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from orchestrator.cli.version import version

        typer.echo(f"outreach {version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Writes once, and well, to each property's owner by email, and knows what happened."""
    from orchestrator.cli import logs

    logs.configure()
    if ctx.invoked_subcommand is None:
        from orchestrator.cli import state

        state.show()


running.register(app)
importing.register(app)
campaigns.register(app)
scheduling.register(app)
setup.register(app)
deciding.register(app)
replying.register(app)
pausing.register(app)
suppressing.register(app)
attacking.register(app)
looking.register(app)


def run() -> None:
    """Run the process's command line and exit."""
    signals.end_like_exceptions()
    get_command(app)(prog_name="outreach")
