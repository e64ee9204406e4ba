"""Reading mails: bytes in, a `Mail` out, in a process of its own."""
