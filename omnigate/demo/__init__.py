"""``omnigate demo``: the real daemon in a scratch directory, with a page that shows all sides of it.

The page has the customer's site with the chat, the webhooks as a CRM gets them, and an agent's desk.
The chat, the store, the signed webhooks and the API are those of ``omnigate run``. Other platforms are
emulated, as far as they are asked for, and have a customer's phone beside the site.
"""

from omnigate.demo.phones import UnknownPlatform, chosen
from omnigate.demo.running import run

__all__ = ["UnknownPlatform", "chosen", "run"]
