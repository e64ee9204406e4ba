"""Why there is no dialogue with a server, in words for the operator."""

from __future__ import annotations

import socket
import ssl

from aiosmtplib import (
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from omnigate_email.servers import distrust


def why(error: SMTPException | OSError) -> str:
    """Return what went wrong, behind the name of the server, and what to look at."""
    cause = error.__cause__ if error.__cause__ is not None else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted: {distrust(cause)}"
    if isinstance(cause, ssl.SSLError):
        return "does not speak TLS as expected; check port and tls"
    if isinstance(cause, ConnectionRefusedError):
        return "refuses connections; is anything running there? Check host and port"
    if isinstance(cause, socket.gaierror):
        return f"cannot be found: {cause.strerror}; check host"
    if isinstance(error, SMTPConnectTimeoutError | SMTPTimeoutError):
        return "did not answer in time"
    if isinstance(cause, SMTPServerDisconnected):
        return "closed the connection"
    if "STARTTLS" in str(error):
        return "does not offer STARTTLS; check port and tls"
    return f"cannot be spoken to: {error}"
