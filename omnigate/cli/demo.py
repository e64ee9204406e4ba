"""``omnigate demo``: see all of it at work, without an account anywhere."""

from __future__ import annotations

from typing import Annotated, Final

import typer

_PORT: Final = 8085


def demo(
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Port of the page; another if it is in use."
        ),
    ] = _PORT,
    platforms: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="PLATFORMS",
            help="Emulate platforms too, with a phone for each: telegram, vk, or both with a comma.",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in your browser.")
    ] = True,
) -> None:
    """Start a whole working gateway with a page to try it.

    Everything lives in a scratch directory that goes away at the end.
    """
    # It brings in the daemon: no other command should wait for it.
    from omnigate import demo as gateway_demo  # noqa: PLC0415

    wanted = [] if platforms is None else gateway_demo.chosen(platforms)
    gateway_demo.run(port, platforms=wanted, open_browser=browser, say=_say_now)


def _say_now(text: str) -> None:
    """Print at once, also into a pipe: the demo goes on until somebody stops it."""
    print(text, flush=True)
