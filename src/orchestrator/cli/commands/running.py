"""Commands that stay: ``demo``, ``serve``, ``worker``, ``sandbox``, ``relay``; and ``status``, which tells of them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.output import Output

Seed = Annotated[int, typer.Option("--seed", help="Decides what simulated recipients do.")]


class Owners(StrEnum):
    """How owners behave in the sandbox."""

    absent = "absent"
    realistic = "realistic"
    lively = "lively"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(demo)
    app.command()(serve)
    app.command()(worker)
    app.command()(status)
    app.command()(sandbox)
    app.command()(relay)


def demo(
    host: options.Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="First port to try; 0: any free one.")] = 8080,
    seed: Seed = 7,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep the database in this folder.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Run headless, compare every counter, exit 0 or 9.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Watch campaigns go out, come back and add up: the whole product on this machine, with nothing to set up.

    Service, worker and a SendGrid look-alike run on a temporary database.
    Configuration and live keys are ignored; no email leaves the machine.
    Ctrl-C stops and cleans up.
    """
    from orchestrator.cli.demo import command
    from orchestrator.cli.demo.stage import Play

    play = Play(host=host, port=port, seed=seed, keep=keep)
    raise typer.Exit(int(command.run(play, Output(json=json, quiet=quiet), check=check)))


def serve(
    host: options.Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8080,
    with_worker: Annotated[bool, typer.Option("--with-worker", help="Also send what is due.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Serve webhooks, opt-out links, health and metrics over HTTP; published events go to stdout as lines of JSON.

    Without --with-worker nothing is sent.
    """
    from orchestrator.cli import service

    service.serve(host, port, with_worker=with_worker, output=Output(quiet=quiet))


def worker(
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=10_000, help="Most mails on their way at the same time.")
    ] = 200,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do and exit, as for cron.")] = False,
    drain_timeout: Annotated[
        float,
        typer.Option(
            "--drain-timeout", min=0, metavar="SECONDS", help="How long stopping may wait for mails on their way."
        ),
    ] = 45.0,
    quiet: options.Quiet = False,
) -> None:
    """Send what is due, publish events, and settle what is in doubt, until asked to stop.

    SIGTERM and Ctrl-C drain: nothing new is begun, mails on their way are waited for, exit 0.
    A second signal ends at once; so does a drain that takes too long. Then exit 143 or 130.
    """
    from orchestrator.cli import worker

    if once:
        worker.work_once(concurrency, Output(quiet=quiet))
    else:
        worker.work(concurrency, drain_timeout, Output(quiet=quiet))


def status(json: options.Json = False) -> None:
    """Tell who works and what waits: workers, queues, pauses, mails in doubt."""
    from orchestrator.cli import status

    status.show(Output(json=json))


def sandbox(
    host: options.Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8025,
    webhook_url: Annotated[
        str | None,
        typer.Option("--webhook-url", metavar="URL", help="Where signed events are posted; default: nowhere."),
    ] = None,
    inbound_url: Annotated[
        str | None,
        typer.Option(
            "--inbound-url", metavar="URL", help="Where mail from owners is posted, signed; default: nowhere."
        ),
    ] = None,
    inbound_host: Annotated[
        str | None,
        typer.Option("--inbound-host", metavar="HOST", help="Host whose mail that is; default: every host's."),
    ] = None,
    owners: Annotated[
        Owners, typer.Option("--owners", help="How often owners answer, opt out and are away.")
    ] = Owners.absent,
    seed: Seed = 7,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the SendGrid look-alike alone, for any SendGrid client; nothing it takes ever leaves this machine."""
    from orchestrator.cli import service
    from orchestrator.sandbox import Behaviour, OwnerModel, SandboxConfig

    models = {
        Owners.absent: OwnerModel.absent, Owners.realistic: OwnerModel.realistic, Owners.lively: OwnerModel.lively
    }  # fmt: skip
    config = SandboxConfig(
        webhook_url=webhook_url,
        inbound_url=inbound_url,
        inbound_host=inbound_host,
        seed=seed,
        behaviour=Behaviour.realistic(),
        owners=models[owners](),
    )
    service.run_sandbox(host, port, config, Output(json=json, quiet=quiet))


def relay(
    once: Annotated[bool, typer.Option("--once", help="Publish what is there and exit.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Publish the outbox to stdout: one CloudEvent per line, each at least once.

    With --once, exit 7 when an event could not be written; it stays in the outbox.
    """
    from orchestrator.cli import service

    service.relay(once=once, output=Output(quiet=quiet))
