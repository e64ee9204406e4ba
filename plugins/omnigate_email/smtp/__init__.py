"""Mails on their way out: composed, and handed to a submission server."""
