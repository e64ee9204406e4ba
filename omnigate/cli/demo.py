"""``omnigate demo``: see all of it at work, without an account anywhere."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from omnigate.cli import terminal
from omnigate.cli.failure import WrongUsage

_PORT: Final = 8085
_EVERYTHING: Final = "telegram,vk,phone"


def demo(
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Port of the page; another if it is in use."
        ),
    ] = _PORT,
    platforms: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="PLATFORMS",
            help="What is emulated beside the site, with commas: telegram, vk, phone; or none.",
        ),
    ] = _EVERYTHING,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in your browser.")
    ] = True,
) -> None:
    """Start a whole working gateway with a page to try it.

    Everything lives in a scratch directory that goes away at the end.
    """
    # It brings in the daemon: no other command should wait for it.
    from omnigate import demo as gateway_demo  # noqa: PLC0415

    try:
        wanted = gateway_demo.chosen(platforms)
    except gateway_demo.UnknownPlatform as error:
        raise WrongUsage(str(error)) from None
    gateway_demo.run(port, platforms=wanted, open_browser=browser, say=_say_now)


def _say_now(text: str) -> None:
    """Print at once, also into a pipe: the demo goes on until somebody stops it."""
    terminal.say(text)
    terminal.flush()
