"""Doors for the company's own mail server, by SMTP and LMTP."""
