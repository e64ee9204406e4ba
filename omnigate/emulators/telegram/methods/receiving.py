"""Methods by which a bot says how it wants its updates.

Source: fact sheet, section 2.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram.errors import bad_request
from omnigate.emulators.telegram.limits import CERTIFICATE_BYTES, LONG_POLL_SECONDS
from omnigate.emulators.telegram.query import Method, Query, Said
from omnigate.emulators.telegram.webhook import WebhookSettings

_CONNECTIONS = 40
_MOST_CONNECTIONS = 100
_MOST_LOCAL_CONNECTIONS = 100_000


async def get_updates(query: Query) -> Any:
    """Return what has happened; confirm what lies before the offset."""
    arguments = query.arguments
    offset = arguments.integer("offset")
    limit = arguments.integer("limit", 100, least=1, most=100)
    seconds = arguments.integer("timeout", least=0, most=LONG_POLL_SECONDS)
    if query.receiver.sender is None:
        query.bot.updates.choose(arguments.text("allowed_updates"))
    updates = await query.receiver.get_updates(offset, limit, seconds)
    return [update.body for update in updates]


async def set_webhook(query: Query) -> Any:
    """Deliver to a webhook from now on; an empty address is the end of that."""
    arguments = query.arguments
    drop = arguments.boolean("drop_pending_updates")
    url = arguments.text("url")
    if not url:
        return Said(True, await query.receiver.delete_webhook(drop=drop))
    certificate = arguments.files.get("certificate")
    if certificate is None and arguments.text("certificate").startswith("attach://"):
        attached = arguments.text("certificate").removeprefix("attach://")
        certificate = arguments.files.get(attached)
    if certificate is not None and len(certificate.content) > CERTIFICATE_BYTES:
        size = len(certificate.content)
        raise bad_request(f"certificate size is too big ({size} bytes)")
    most = _MOST_LOCAL_CONNECTIONS if query.world.local else _MOST_CONNECTIONS
    settings = WebhookSettings(
        url,
        secret_token=arguments.text("secret_token"),
        max_connections=arguments.integer("max_connections", _CONNECTIONS, least=1, most=most),
        ip_address=arguments.text("ip_address"),
        has_certificate=certificate is not None,
    )
    allowed = arguments.text("allowed_updates")
    return Said(True, await query.receiver.set_webhook(settings, allowed, drop=drop))


async def delete_webhook(query: Query) -> Any:
    """Deliver by long polls from now on."""
    drop = query.arguments.boolean("drop_pending_updates")
    return Said(True, await query.receiver.delete_webhook(drop=drop))


async def get_webhook_info(query: Query) -> Any:
    """Tell how the webhook is doing."""
    return query.receiver.info()


METHODS: dict[str, Method] = {
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
}
