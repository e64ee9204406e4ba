"""What else is told: answers and edits, presses, readings, reactions, who may be written to."""

from __future__ import annotations

from typing import Final

from omnigate_vk.marks import Marks

import omnigate

from .forms import ADMIN, ANNA, BORIS, CHAT, DATE, GROUP, SAID_AT, Json, Table, foreign, message

HAPPENINGS = Table("e4f5a6")
case = HAPPENINGS.case

SECRET: Final = b"secret of this installation"
OURS: Final = Marks(SECRET).payload("msg_00000000000000000000000001.0")
ANSWER: Json = {"from_id": -GROUP, "out": 1, "random_id": 0}

# ---- answers --------------------------------------------------------------------------------------

case(
    "an administrator answers",
    "sheet, section 4, message_reply; messages_base_message.admin_author_id",
    "message_reply",
    message(text="Да, есть", admin_author_id=ADMIN, **ANSWER),
    (
        omnigate.EchoMessage,
        {
            "text": "Да, есть",
            "author": "vk:555",
            "conversation": "777",
            "message_id": "777:9",
            "occurred_at": SAID_AT,
            "recipient": {"address": "vk:777"},
        },
    ),
)
case(
    "another program answers",
    "sheet, section 4, message_reply: a random_id that is not ours",
    "message_reply",
    message(text="Автоответ", **{**ANSWER, "random_id": 123}),
    (omnigate.EchoMessage, {"text": "Автоответ", "author": None}),
)
case(
    "an administrator sends a place",
    "base_geo in a message_reply",
    "message_reply",
    message(
        admin_author_id=ADMIN,
        geo={"coordinates": {"latitude": 55.75, "longitude": 37.61}},
        **ANSWER,
    ),
    (omnigate.EchoMessage, {"text": "[location]"}),
)
case(
    "what we sent ourselves",
    "sheet, section 4, message_reply: also sent for our own calls; payload is kept on the message",
    "message_reply",
    message(text="Сто рублей", payload=OURS, **ANSWER),
)
case(
    "what somebody pretends that we sent",
    "composed: a payload like ours, without our secret",
    "message_reply",
    message(text="Сто", payload='{"omnigate":"msg_1.0/0000000000000000"}', **ANSWER),
    (omnigate.EchoMessage, {"text": "Сто"}),
)
case(
    "an answer in a chat of several people",
    "sheet, section 4: peers above 2000000000",
    "message_reply",
    message(text="Всем", peer_id=CHAT, admin_author_id=ADMIN, **ANSWER),
    (omnigate.EchoMessage, {"conversation": "2000000007", "message_id": "2000000007:9"}),
)

# ---- edits ----------------------------------------------------------------------------------------

case(
    "an edit",
    "sheet, section 4, message_edit; messages_base_message.update_time",
    "message_edit",
    message(text="Двести", date=DATE - 60, update_time=DATE),
    (
        omnigate.MessageEdited,
        {"message_id": "777:9", "text": "Двести", "occurred_at": SAID_AT, "attachments": []},
    ),
)
case(
    "an edit that takes the text away and leaves a place and a forward",
    "sheet, section 4, message_edit",
    "message_edit",
    message(
        geo={"coordinates": {"latitude": 55.75, "longitude": 37.61}},
        fwd_messages=[foreign("раз")],
    ),
    (
        omnigate.MessageEdited,
        {"text": "[forwarded] раз", "location": {"latitude": 55.75}, "occurred_at": SAID_AT},
    ),
)
case(
    "an administrator's edit",
    "sheet, section 4, message_edit",
    "message_edit",
    message(text="Триста", admin_author_id=ADMIN, **ANSWER),
    (omnigate.MessageEdited, {"text": "Триста"}),
)
case(
    "our own edit",
    "sheet, section 4, message_edit",
    "message_edit",
    message(text="Триста", payload=OURS, **ANSWER),
)

# ---- who may be written to ------------------------------------------------------------------------

case(
    "messages allowed",
    "callback_message_allow; sheet, section 4",
    "message_allow",
    {"user_id": ANNA, "key": ""},
    (omnigate.ContactUnblocked, {"conversation": "777", "sender": {"address": "vk:777"}}),
)
case(
    "messages allowed by a widget",
    "callback_message_allow.key; sheet, section 7",
    "message_allow",
    {"user_id": ANNA, "key": "w_4hJq0bR2nVtQ"},
    (omnigate.ContactUnblocked, {"conversation": "777"}),
    (
        omnigate.InboundMessage,
        {
            "handover": "w_4hJq0bR2nVtQ",
            "context": {"custom": {"key": "w_4hJq0bR2nVtQ"}},
            "automatic": True,
        },
    ),
)
case(
    "messages forbidden",
    "callback_message_deny; sheet, section 4",
    "message_deny",
    {"user_id": ANNA},
    (omnigate.ContactBlocked, {"reason": "the customer forbade messages"}),
)
case(
    "on the blacklist",
    "callback_user_block; sheet, section 4",
    "user_block",
    {"admin_id": ADMIN, "user_id": ANNA, "unblock_date": 0, "reason": 1, "comment": "spam"},
    (
        omnigate.ContactBlocked,
        {"reason": "put on the community's blacklist spam", "sender": {"address": "vk:777"}},
    ),
)
case(
    "on the blacklist without a word",
    "callback_user_block.comment is not required",
    "user_block",
    {"admin_id": ADMIN, "user_id": ANNA, "unblock_date": 0, "reason": 0},
    (omnigate.ContactBlocked, {"reason": "put on the community's blacklist"}),
)
case(
    "off the blacklist",
    "callback_user_unblock; sheet, section 4",
    "user_unblock",
    {"admin_id": ADMIN, "user_id": ANNA, "by_end_date": 1},
    (omnigate.ContactUnblocked, {"conversation": "777"}),
)

# ---- presses, readings, reactions, typing ---------------------------------------------------------

PRESS: Json = {
    "user_id": ANNA,
    "peer_id": ANNA,
    "event_id": "d2f1",
    "conversation_message_id": 9,
}
for name, payload, pressed in (
    ("of ours", {"button": "more"}, "more"),
    ("with an object", {"do": "more"}, '{"do":"more"}'),
    ("with a text", '{"button":"more"}', "more"),
    ("with half of an emoji", {"do": "\ud83d"}, '{"do":"\ufffd"}'),
):
    case(
        f"a callback button {name}",
        "callback_message_event.payload; sheet, section 4"
        if isinstance(payload, dict)
        else "composed: a payload as messages have it",
        "message_event",
        {**PRESS, "payload": payload},
        (omnigate.ButtonPressed, {"payload": pressed, "message_id": "777:9"}),
    )
case(
    "a callback button in a chat, of a message without a number",
    "callback_message_event: conversation_message_id is not required",
    "message_event",
    {"user_id": ANNA, "peer_id": CHAT, "event_id": "d2f1", "payload": {"button": "more"}},
    (
        omnigate.ButtonPressed,
        {"conversation": "2000000007", "message_id": None, "sender": {"address": "vk:777"}},
    ),
)
case(
    "read",
    "callback_message_read; sheet, section 4",
    "message_read",
    {"from_id": ANNA, "peer_id": ANNA, "read_message_id": 15, "conversation_message_id": 9},
    (omnigate.Receipt, {"state": "read", "message_id": "777:9", "conversation": "777"}),
)
for number, shown in ((1, ["❤"]), (4, ["👍"]), (99, ["vk:99"])):
    case(
        f"reaction {number}",
        "callback_message_reaction_event; sheet, section 4",
        "message_reaction_event",
        {"reacted_id": ANNA, "peer_id": ANNA, "cmid": 9, "reaction_id": number},
        (omnigate.Reaction, {"emoji": shown, "message_id": "777:9"}),
    )
case(
    "a reaction taken back, in a chat",
    "callback_message_reaction_event: reaction_id is not required",
    "message_reaction_event",
    {"reacted_id": BORIS, "peer_id": CHAT, "cmid": 9},
    (omnigate.Reaction, {"emoji": [], "sender": {"address": "vk:888"}}),
)
for state in ("typing", "audiomessage"):
    case(
        f"somebody is busy: {state}",
        "callback_message_typing_state; sheet, section 4",
        "message_typing_state",
        {"state": state, "from_id": ANNA, "to_id": -GROUP},
    )

# ---- other kinds ----------------------------------------------------------------------------------

for kind, given in (
    ("group_join", {"user_id": ANNA, "join_type": "join"}),
    ("group_leave", {"user_id": ANNA, "self": 1}),
    (
        "lead_forms_new",
        {
            "lead_id": 1,
            "group_id": GROUP,
            "user_id": ANNA,
            "form_id": 1,
            "form_name": "Чай",
            "answers": [{"key": "phone_number", "question": "Телефон", "answer": "+79001112233"}],
        },
    ),
    (
        "market_order_new",
        {
            "id": 12,
            "group_id": GROUP,
            "user_id": ANNA,
            "date": DATE,
            "status": 0,
            "items_count": 1,
            "total_price": {
                "amount": "150000",
                "currency": {"id": 643, "name": "RUB", "title": "руб."},
                "text": "1 500 руб.",
            },
        },
    ),
    ("hologram_new", {"user_id": ANNA, "depth": 3}),
):
    case(
        f"another kind: {kind}",
        "sheet, section 4"
        if kind != "hologram_new"
        else "composed: a kind that no version has yet",
        kind,
        given,
        (
            omnigate.InboundMessage,
            {
                "text": f"[{kind.replace('_', ' ')}]",
                "conversation": "777",
                "automatic": True,
                "extensions": {kind: given},
            },
        ),
    )
