"""E-mail, by IMAP, SMTP and LMTP.

`channel` tells what a mailbox does. Mail comes by `mailbox` (IMAP) or `listener` (SMTP, LMTP), is read by
`worker`, and `intake` makes of it what the host stores. What goes out is `sending`'s: `composing` writes the
mail, `submission` hands it over. What a mail *means* is told by pure modules: `quoting`, `automatic`,
`reports`, `threads`, `loops`.
"""

from __future__ import annotations

from collections.abc import Sequence

import omnigate
from omnigate_email.channel import Email

__all__ = ["Email"]


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``email``."""
    return [Email]
