"""messages.send and messages.edit: what goes out, and everything that it is refused for.

Source: vendor JSON schema 5.199 (arguments, codes). Where a limit or a word is somebody's report or
nobody's, `limits` and `errors` say so.
"""

from __future__ import annotations

from typing import Any, Final

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.arguments import Arguments, required
from omnigate.emulators.vk.calls import Call
from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.errors import Refused, invalid
from omnigate.emulators.vk.files import Attachment, bare
from omnigate.emulators.vk.keyboards import read_keyboard, read_template
from omnigate.emulators.vk.message import CHAT_PEERS, Message
from omnigate.emulators.vk.quoting import quoted

INTENTS: Final = (
    "default",
    "account_update",
    "bot_ad_invite",
    "bot_ad_promo",
    "confirmed_notification",
    "customer_support",
    "finance_notification",
    "game_notification",
    "moderated_newsletter",
    "non_promo_newsletter",
    "promo_newsletter",
    "purchase_update",
)
_TARGETS: Final = ("user_id", "peer_id", "peer_ids", "chat_id", "domain", "user_ids")


def send(call: Call) -> Any:
    """Send to one target, answered with an id, or to several, answered with an outcome for each."""
    arguments = call.arguments
    peers, several = _targets(call)
    random_id = arguments.number("random_id")
    if random_id is None:
        raise required("random_id")
    if not -(2**31) <= random_id < 2**31:  # what happens to larger ones is unverified
        raise invalid("random_id should be integer")
    _check_intent(arguments)
    content = _content(call.community, arguments)
    if not several:
        return _send_to(call, peers[0], random_id, content).id
    outcomes = []
    for peer_id in peers:
        try:
            message = _send_to(call, peer_id, random_id, content)
        except Refused as error:
            why = {"code": error.code, "description": error.words}
            outcomes.append({"peer_id": peer_id, "message_id": 0, "error": why})
        else:
            ids = {"message_id": message.id, "conversation_message_id": message.cmid}
            outcomes.append({"peer_id": peer_id, **ids})
    return outcomes


def edit(call: Call) -> int:
    """Change a message of the community.

    What the call does not name is gone afterwards, keyboard and attachments too (unverified).
    """
    arguments = call.arguments
    message = find(call, arguments.needed_number("peer_id"))
    if not message.out or message.action is not None:
        raise Refused(920)
    if call.world.clock() - message.date > limits.CHANGEABLE_SECONDS:
        raise Refused(909)
    content = _content(call.community, arguments, keep=arguments.flag("keep_forward_messages"))
    for name, value in content.items():
        setattr(message, name, value)
    message.update_time = call.world.now()
    call.community.say(message, "message_edit")
    call.world.bell.ring()
    return 1


def find(call: Call, peer_id: int) -> Message:
    """Return the message that ``cmid`` or ``message_id`` names."""
    arguments = call.arguments
    cmid = arguments.number("cmid") or arguments.number("conversation_message_id")
    message_id = arguments.number("message_id")
    if cmid is None and message_id is None:
        raise invalid("message_id or cmid is a required parameter")
    conversation = call.community.conversations.get(peer_id)
    message = conversation and conversation.find(cmid=cmid, message_id=message_id)
    if not message:
        raise invalid("message_id is incorrect")  # own words
    return message


def _targets(call: Call) -> tuple[list[int], bool]:
    arguments = call.arguments
    named = [name for name in _TARGETS if arguments.text(name)]
    if not named:
        raise invalid("you should specify peer_id, user_id, domain, chat_id or user_ids param")
    if len(named) > 1:
        raise invalid(f"only one of {', '.join(named)} should be specified")  # own words
    if named[0] in ("peer_ids", "user_ids"):
        peers = arguments.numbers(named[0], limits.PEERS)
        return list(dict.fromkeys(peers)), True
    if named[0] == "chat_id":
        return [CHAT_PEERS + arguments.needed_number("chat_id")], False
    if named[0] == "domain":
        person = call.world.person_by_name(arguments["domain"])
        if person is None:
            raise Refused(113)
        return [person.id], False
    peer_id = arguments.needed_number(named[0])
    if peer_id == 0 or (named[0] == "user_id" and peer_id < 0):
        raise invalid(f"{named[0]} is incorrect")  # own words
    return [peer_id], False


def _check_intent(arguments: Arguments) -> None:
    intent = arguments.choice("intent", INTENTS, "default")
    subscription = arguments.number("subscribe_id")
    if subscription is not None and not 0 <= subscription <= 100:
        raise invalid("subscribe_id should be between 0 and 100")
    if intent not in ("default", "customer_support"):
        raise Refused(943)  # a community has to be granted them; here none is (unverified)


def _send_to(call: Call, peer_id: int, random_id: int, content: dict[str, Any]) -> Message:
    community = call.community
    if (sent := _sent_before(community, peer_id, random_id)) is not None:
        return sent
    call.world.check_peer(community, peer_id)
    quotes = quoted(call, peer_id)
    message = community.add(
        peer_id, -community.id, out=True, random_id=random_id, **content, **quotes
    )
    community.conversation(peer_id).end_activity()
    if random_id:
        community.sent[peer_id, random_id] = (community.ground.clock(), message)
    community.say(message, "message_reply")
    return message


def _sent_before(community: Community, peer_id: int, random_id: int) -> Message | None:
    """Return what was sent with the same number; 0 is no number."""
    if not random_id or (peer_id, random_id) not in community.sent:
        return None
    at, message = community.sent[peer_id, random_id]
    recent = community.ground.clock() - at < limits.SAME_RANDOM_ID_SECONDS
    return message if recent else None


def _content(community: Community, arguments: Arguments, *, keep: bool = False) -> dict[str, Any]:
    """Return the fields of a message that arguments describe."""
    for name in ("dont_parse_links", "disable_mentions"):
        arguments.flag(name)
    text = arguments.text("message")
    if len(text) > limits.MESSAGE_CHARACTERS:
        raise Refused(914)
    attachments = _attachments(community, arguments)
    keyboard = _keyboard(community, arguments)
    template = _template(community, arguments, keyboard)
    if template is not None and not text:
        raise invalid("message is required for template")  # own words
    geo = _geo(arguments)
    quotes = keep or any(arguments.text(name) for name in ("forward", "forward_messages"))
    if not (text.strip() or attachments or geo or quotes):
        raise invalid("message is empty or invalid")
    return {
        "text": text,
        "attachments": attachments,
        "keyboard": keyboard,
        "template": template,
        "geo": geo,
        "payload": arguments.text("payload", limits.PAYLOAD_CHARACTERS) or None,
        "format_data": _format(arguments, text),
    }


def _attachments(community: Community, arguments: Arguments) -> list[Attachment]:
    given = arguments.text("attachment", limits.ATTACHMENT_CHARACTERS)
    addresses = [one.strip() for one in given.split(",") if one.strip()]
    if len(addresses) > limits.ATTACHMENTS:
        raise invalid("attachment should contain no more than 10 items")  # own words
    found = [_attachment(community, address) for address in addresses]
    if (sticker := arguments.number("sticker_id")) is not None:
        found.append(community.ground.make.sticker(sticker))
    return found


def _attachment(community: Community, address: str) -> Attachment:
    """Return what an address names.

    The platform is said to drop silently what it does not know; that is unverified, and a mistake
    is better seen, so it is refused here.
    """
    name = bare(address.replace("audio_message", "doc").replace("graffiti", "doc"))
    found = community.ground.shelf.attachments.get(name)
    if found is None:
        raise invalid(f"attachment is invalid: {address}")  # own words
    key = found.body.get("access_key")
    own = found.body.get("owner_id") == -community.id
    if key is not None and not own and not address.endswith(f"_{key}"):
        raise invalid(f"attachment is not accessible: {address}")  # own words
    return found


def _keyboard(community: Community, arguments: Arguments) -> dict[str, Any] | None:
    given = arguments.document("keyboard")
    if not arguments.text("keyboard"):
        return None
    if not community.bots_enabled:
        raise Refused(912)
    return read_keyboard(given, community.id)


def _template(
    community: Community, arguments: Arguments, keyboard: dict[str, Any] | None
) -> dict[str, Any] | None:
    given = arguments.document("template")
    if not arguments.text("template"):
        return None
    if not community.bots_enabled:
        raise Refused(912)
    if keyboard is not None and keyboard["inline"]:
        raise invalid("Only template or keyboard field should be specified")
    return read_template(given)


def _geo(arguments: Arguments) -> dict[str, Any] | None:
    latitude = arguments.real("lat", -90, 90)
    longitude = arguments.real("long", -180, 180)
    if (latitude is None) != (longitude is None):
        raise invalid("lat and long should be specified together")  # own words
    if latitude is None:
        return None
    return {"type": "point", "coordinates": {"latitude": latitude, "longitude": longitude}}


def _format(arguments: Arguments, text: str) -> dict[str, Any] | None:
    """Return the marking of a text: pieces with offset, length and kind, as libraries send it."""
    given = arguments.document("format_data")
    if given is None:
        return None
    items = given.get("items") if isinstance(given, dict) else None
    if not isinstance(items, list):
        raise invalid("format_data is invalid")  # own words
    for item in items:
        if not isinstance(item, dict) or item.get("type") not in (
            "bold",
            "italic",
            "underline",
            "url",
        ):
            raise invalid("format_data has an item of unknown type")  # own words
        start, length = item.get("offset"), item.get("length")
        if not isinstance(start, int) or not isinstance(length, int) or start < 0 or length < 1:
            raise invalid("format_data has an item out of bounds")  # own words
        if start + length > len(text.encode("utf-16-le")) // 2:
            raise invalid("format_data has an item out of bounds")  # own words
    return dict(given)
