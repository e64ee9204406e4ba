"""``omnigate init``: a commented configuration that works at once."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated, Final

import typer

from omnigate.cli.failure import Failed
from omnigate.cli.terminal import say
from omnigate.owners import hand_over, share

TEMPLATE: Final = """\
# Omnigate: what comes in, where it goes. All keys: omnigate config example
# After every change: omnigate check, then omnigate reload

# What omnigate channel add and omnigate backend add write.
include = ["omnigate.d/*.toml"]

[server]
# Loopback: put a TLS proxy (nginx, Caddy …) before it, or set tls_cert and tls_key.
listen = "127.0.0.1:8080"
# The address under which customers' browsers and your CRM reach this daemon.
# public_url = "https://chat.example.org"

[store]
# Beside this file; four slashes make it absolute: sqlite:////var/lib/omnigate/omnigate.db
url = "sqlite:///omnigate.db"

# A chat for your site. Put this line into its pages:
#   <script async src="http://127.0.0.1:8080/channels/site/w.js"></script>
[channels.site]
kind = "webchat"
# The sites that may show it, as browsers write them: scheme and host, no path. To try it, save the
# line above as index.html, run "python3 -m http.server 8000" beside it and open localhost:8000.
allowed_origins = ["http://localhost:8000"]

# Shows every event in the terminal of the daemon: to see it work. Your CRM comes next.
[backends.console]
kind = "console"

# Your CRM: take the # away, or have it asked for by "omnigate backend add webhook --name crm"; either way
# put its name into the route.
# [backends.crm]
# kind = "webhook"
# url = "https://crm.example.org/omnigate"
# # Made by: (umask 077; echo whsec_$(openssl rand -base64 32) > crm.secret)
# secret = { file = "crm.secret" }

# Which backends get what; the first route that matches decides.
[[routes]]
channels = ["*"]
backends = ["console"]
"""


def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="File to write.")] = Path(
        "omnigate.toml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented omnigate.toml that works at once."""
    if path.is_dir():
        path /= "omnigate.toml"
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            # Secrets may be written into it later: nobody else needs to read them.
            path.chmod(0o600)
            hand_over(path)
            file.write(TEMPLATE)
        # A directory that is closed but for a group is the daemon's: so is what is in it.
        if not path.parent.stat().st_mode & stat.S_IRWXO:
            share(path, path.parent)
    except FileExistsError:
        raise Failed(
            f"{path} exists already.", "Edit it, name another file, or replace it with --force."
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failed(f"{path} cannot be written: {reason}.", "Name a file elsewhere.") from None
    option = "" if path == Path("omnigate.toml") else f" --config {path}"
    say(f"Wrote {path}. Next:")
    say(f"  1. omnigate check{option}   see that it is right")
    say(f"  2. omnigate run{option}     start the daemon; stop it with Ctrl-C")
