"""The configuration of the Asterisk under test: ARI and AMI, two phones, nothing off loopback.

Only what is here is configured, so that modules for anything else find nothing to do.

Source: the sample files of Asterisk 16.28 and 22.10 (asterisk-config).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.plugins.call.ari import LOGIN


class Ports(NamedTuple):
    """Where an Asterisk listens, and where its phones are."""

    http: int
    manager: int
    sip: int
    agent: int
    customer: int


RTP_PORTS = (36_000, 36_998)


def configuration(inside: Path, ports: Ports) -> dict[str, str]:
    """Return the files of a configuration; ``inside`` is its folder as Asterisk sees it."""
    return {
        "asterisk.conf": f"""
[directories]
astetcdir => {inside}/etc
astdbdir => {inside}/db
astkeydir => {inside}/keys
astspooldir => {inside}/spool
astrundir => {inside}/run
astlogdir => {inside}/log
""",
        "modules.conf": "[modules]\nautoload = yes\n",
        "logger.conf": "[logfiles]\nmessages => notice,warning,error\n",
        "stasis.conf": "",
        "cdr.conf": "[general]\nenable = no\n",
        "rtp.conf": f"[general]\nrtpstart = {RTP_PORTS[0]}\nrtpend = {RTP_PORTS[1]}\n",
        "http.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {ports.http}\n",
        "ari.conf": f"""
[general]
enabled = yes
[{LOGIN[0]}]
type = user
read_only = no
password = {LOGIN[1]}
""",
        "manager.conf": f"""
[general]
enabled = yes
bindaddr = 127.0.0.1
port = {ports.manager}
[{LOGIN[0]}]
secret = {LOGIN[1]}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = call
write = call,originate,reporting
""",
        # As plugins/omnigate_call/README.md recommends it, and without its last line.
        "extensions.conf": """
[omnigate-out]
exten => _7[3489]XXXXXXXXX,1,Dial(PJSIP/+${EXTEN}@trunk)
same => n,Hangup(${HANGUPCAUSE})
[omnigate-out-bare]
exten => _7[3489]XXXXXXXXX,1,Dial(PJSIP/+${EXTEN}@trunk)
""",
        "pjsip.conf": f"""
[loopback]
type = transport
protocol = udp
bind = 127.0.0.1:{ports.sip}
{_phone("agent", ports.agent)}
{_phone("trunk", ports.customer)}
""",
    }


def _phone(name: str, port: int) -> str:
    return f"""
[{name}]
type = aor
contact = sip:{name}@127.0.0.1:{port}
[{name}]
type = endpoint
transport = loopback
context = nowhere
disallow = all
allow = alaw,ulaw
direct_media = no
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
aors = {name}
"""
