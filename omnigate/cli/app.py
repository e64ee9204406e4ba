"""All commands in one table: noun, verb, function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Annotated, Any, Final, Literal

import typer
from typer.main import get_command

from omnigate.cli import (
    backend,
    call,
    call_request,
    channel,
    channel_log,
    config,
    contact,
    conversation,
    daemon,
    db,
    dead,
    demo,
    doctor,
    events,
    identity,
    init,
    message,
    message_send,
    people,
    plugin,
    quarantine,
    queue,
    replays,
    stats,
    status,
    token,
    trace,
    webhook,
)
from omnigate.cli.help import Noun, Verb

Command = Callable[..., None]

_VERBS: Final[dict[str, Command]] = {
    "init": init.init,
    "run": daemon.run,
    "demo": demo.demo,
    "check": daemon.check,
    "status": status.status,
    "stats": stats.stats,
    "doctor": doctor.doctor,
    "reload": daemon.reload,
    "stop": daemon.stop,
}
_NOUNS: Final[dict[str, tuple[str, dict[str, Command]]]] = {
    "channel": (
        "The configured ways to reach customers.",
        {
            "list": channel.list_channels,
            "show": channel.show,
            "pause": channel.pause,
            "resume": channel.resume,
            "drain": channel.drain,
            "log": channel_log.log,
            "setup": channel.setup,
            "add": channel.add,
            "remove": channel.remove,
        },
    ),
    "backend": (
        "The configured receivers of events.",
        {
            "list": backend.list_backends,
            "show": backend.show,
            "pause": backend.pause,
            "resume": backend.resume,
            "test": backend.send_sample,
            "add": backend.add,
            "remove": backend.remove,
        },
    ),
    "message": (
        "What was said, both ways.",
        {
            "send": message_send.send,
            "list": message.list_messages,
            "show": message.show,
            "cancel": message.cancel,
            "resolve": message.resolve,
            "trace": trace.trace,
        },
    ),
    "conversation": (
        "The threads with customers.",
        {
            "list": conversation.list_conversations,
            "show": conversation.show,
            "close": conversation.close,
            "reopen": conversation.reopen,
            "transfer": conversation.transfer,
            "handover": conversation.handover,
        },
    ),
    "contact": (
        "Customers, over all channels.",
        {
            "list": contact.list_contacts,
            "show": contact.show,
            "consent": contact.consent,
            "merge": identity.merge,
            "unmerge": identity.unmerge,
            "merges": identity.merges,
            "conflicts": identity.conflicts,
            "export": people.export,
            "erase": people.erase,
        },
    ),
    "call": (
        "Customers called by phone.",
        {
            "request": call_request.request,
            "list": call.list_calls,
            "show": call.show,
            "cancel": call.cancel,
            "resolve": call.resolve,
        },
    ),
    "events": (
        "What happens, as it happens, and once more.",
        {
            "tail": events.tail,
            "show": events.show,
            "replay": replays.replay,
            "replays": replays.list_replays,
        },
    ),
    "dead": (
        "What was given up: look, offer again, drop.",
        {
            "list": dead.list_dead,
            "show": dead.show,
            "replay": dead.replay,
            "drop": dead.drop,
        },
    ),
    "quarantine": (
        "What came in and nobody understood.",
        {
            "list": quarantine.list_quarantine,
            "show": quarantine.show,
            "retry": quarantine.retry,
            "drop": quarantine.drop,
        },
    ),
    "queue": (
        "What is owed and has not gone out yet.",
        {
            "list": queue.list_queue,
            "show": queue.show,
            "retry": queue.retry,
            "drop": queue.drop,
        },
    ),
    "token": (
        "What a CRM presents to the API.",
        {"create": token.create, "list": token.list_tokens, "revoke": token.revoke},
    ),
    "plugin": (
        "The kinds of channels and backends that are installed.",
        {"list": plugin.list_plugins, "describe": plugin.describe},
    ),
    "webhook": (
        "Samples and signatures, for whoever writes a receiver.",
        {"verify": webhook.verify, "sample": webhook.sample},
    ),
    "config": (
        "The configuration as example, schema, and in force.",
        {"example": config.example, "schema": config.schema, "show": config.show},
    ),
    "db": (
        "The store itself.",
        {"migrate": db.migrate, "backup": db.backup, "check": db.check, "prune": db.prune},
    ),
}


def tree() -> Any:
    """Return the whole command line; help is boxed on a terminal and plain in a pipe.

    It is made once and keeps nothing of a run: to make it takes longer than most commands.
    """
    return _tree("rich" if sys.stdout.isatty() else None)


@cache
def _tree(style: Literal["rich"] | None) -> Any:
    return get_command(_build(style))


def _build(style: Literal["rich"] | None) -> typer.Typer:
    app = typer.Typer(
        name="omnigate",
        cls=Noun,
        help="One self-hosted daemon between every channel a customer writes on and any CRM.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=style,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, function in _VERBS.items():
        app.command(name, cls=Verb)(function)
    for noun, (summary, verbs) in _NOUNS.items():
        group = typer.Typer(cls=Noun, help=summary, no_args_is_help=True, rich_markup_mode=style)
        for verb, function in verbs.items():
            group.command(verb, cls=Verb)(function)
        app.add_typer(group, name=noun)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"omnigate {version('omnigate')}")
        raise typer.Exit


def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """One self-hosted daemon between every channel a customer writes on and any CRM."""
