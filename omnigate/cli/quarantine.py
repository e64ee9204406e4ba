"""``omnigate quarantine``: what nobody understood, to look at, try again or drop."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from omnigate.cli import portions, terminal
from omnigate.cli.failure import NotRunning
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.paging import say_page
from omnigate.cli.portions import Deed, DryRun, Manner, Yes
from omnigate.cli.reach import running, store

_MOST_DUMPED: Final = 4096
_LINE: Final = 16

Ids = Annotated[
    list[int] | None, typer.Argument(metavar="ID", min=0, help="Numbers from: quarantine list")
]
Channel = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only what came by this channel.")
]
All = Annotated[bool, typer.Option("--all", help="Everything in quarantine.")]
_LOOK: Final = "omnigate quarantine list"
_RETRY: Final = Deed(
    path="/admin/quarantine/retry",
    noun="request",
    verb="try again",
    doing="Trying again",
    would="tried again",
    done="Taken in:",
    look=_LOOK,
)
_DROP: Final = portions.dropping("/admin/quarantine/drop", "request", _LOOK)


def list_quarantine(
    channel: Channel = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List what came in and was not understood, the latest first."""
    with store(config_path) as client:
        answer = client.get("/admin/quarantine", channel=channel, limit=limit, cursor=cursor)
    columns = {
        "ID": "id",
        "RECEIVED": "received",
        "CHANNEL": "channel",
        "SIZE": "size",
        "REASON": "reason",
    }
    say_page(answer, columns, _row, "The quarantine is empty.", as_json=as_json)


def show(
    number: Annotated[
        int, typer.Argument(metavar="ID", min=0, help="Number from: quarantine list")
    ],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show a request as it was kept: reason, headers, body."""
    with store(config_path) as client:
        answer = client.get(f"/admin/quarantine/{number}")
    if as_json:
        terminal.say_json(answer)
        return
    request = answer["request"]
    terminal.say_fields(
        [
            ("id", answer["id"]),
            ("channel", answer["channel"]),
            ("received", terminal.moment(answer["received_at"])),
            ("from", request.get("remote")),
            ("reason", answer["reason"]),
            ("request", f"{request['method']} {request['path']}"),
        ]
    )
    for title, pairs in (("Query", request["query"]), ("Headers", request["headers"])):
        if pairs:
            terminal.say_title(title)
            terminal.say_fields(pairs.items())
    terminal.say_title(f"Body, {terminal.size(answer['size_bytes'])}")
    for line in body_lines(base64.b64decode(answer["body"])):
        terminal.put(line)


def retry(
    ids: Ids = None,
    channel: Channel = None,
    everything: All = False,
    dry_run: DryRun = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Try again to understand requests, with the channel's present code.

    What is understood is taken in as if it came now; what is not stays, with the new reason.
    """
    wanted = _selection(ids, channel, everything=everything)
    try:
        with running(config_path) as client:
            manner = Manner(dry_run, yes=True, as_json=as_json)
            portions.carry_out(client, _RETRY, wanted, manner)
    except NotRunning as error:
        error.remedy += "\nOnly the daemon has the channels that can understand it."
        raise


def drop(
    ids: Ids = None,
    channel: Channel = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Forget requests for good."""
    wanted = _selection(ids, channel, everything=everything)
    with store(config_path) as client:
        portions.carry_out(client, _DROP, wanted, Manner(dry_run, yes, as_json))


def body_lines(body: bytes) -> Iterator[str]:
    """Return a body as lines that are safe to print: its text, or a dump of bytes that are none."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        yield from _dumped(body[:_MOST_DUMPED])
        if len(body) > _MOST_DUMPED:
            yield f"… {terminal.size(len(body) - _MOST_DUMPED)} more; --json has all of it"
        return
    yield from (terminal.clean(line) for line in text.splitlines())


def _dumped(body: bytes) -> Iterator[str]:
    for start in range(0, len(body), _LINE):
        some = body[start : start + _LINE]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in some)
        yield f"{start:08x}  {some.hex(' '):<{3 * _LINE - 1}}  {shown}"


def _selection(ids: list[int] | None, channel: str | None, *, everything: bool) -> dict[str, Any]:
    how = "numbers of requests, or --channel NAME, or --all"
    return portions.selection(ids, {"channel": channel}, everything=everything, how=how)


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "received": terminal.moment(item["received_at"]),
        "size": terminal.size(item["size_bytes"]),
    }
