"""Wrong keyboards and carousels, each with the code and the words that it is refused with."""

from __future__ import annotations

from tests.emulators.vk.refusals import BAD, KEYS, carousel, keyboard, text

KEYBOARDS: list[tuple[str, str, int, str]] = [
    ("no JSON", "{", 100, BAD + "keyboard contains incorrect JSON"),
    ("a list", "[]", 911, KEYS + "keyboard should be array"),
    ("no buttons", "{}", 911, KEYS + "buttons should be array"),
    (
        "inline is a number",
        keyboard([text()], inline=1),
        911,
        KEYS + "inline property should be boolean",
    ),
    (
        "inline and one-time",
        keyboard([text()], inline=True, one_time=True),
        911,
        KEYS + "one_time is not allowed for inline keyboard",
    ),
    ("six columns", keyboard([text()] * 6), 911, KEYS + "row 0 contains too much columns"),
    ("eleven rows", keyboard(*[[text()]] * 11), 911, KEYS + "buttons contain too much rows"),
    (
        "41 buttons",
        keyboard(*[[text()] * 5] * 8, [text()]),
        911,
        KEYS + "keyboard contains too much buttons",
    ),
    (
        "seven inline rows",
        keyboard(*[[text()]] * 7, inline=True),
        911,
        KEYS + "buttons contain too much rows",
    ),
    (
        "eleven inline buttons",
        keyboard([text()] * 5, [text()] * 5, [text()], inline=True),
        911,
        KEYS + "keyboard contains too much buttons",
    ),
    (
        "an empty label",
        keyboard([text("")]),
        911,
        KEYS + "button [0][0] label should be at least 1 letters length",
    ),
    (
        "label of 41",
        keyboard([text("x" * 41)]),
        911,
        KEYS + "button [0][0] label should be no longer than 40 letters",
    ),
    (
        "payload of 256",
        keyboard([text(payload="x" * 256)]),
        911,
        KEYS + "button [0][0] payload is invalid JSON",
    ),
    (
        "long payload",
        keyboard([text(payload={"a": "x" * 250})]),
        911,
        KEYS + "button [0][0] payload is too long",
    ),
    (
        "payload of null",
        keyboard([text(payload=None)]),
        911,
        KEYS + "button [0][0] payload is invalid",
    ),
    (
        "unknown type",
        keyboard([{"action": {"type": "dance"}}]),
        911,
        KEYS + "button [0][0] has invalid action type",
    ),
    ("unknown field", keyboard([text(hint="?")]), 911, KEYS + "action contains unknown fields"),
    (
        "unknown colour",
        keyboard([{**text(), "color": "pink"}]),
        911,
        KEYS + "button [0][0] has invalid color",
    ),
    (
        "colour of a link",
        keyboard(
            [
                {
                    "action": {"type": "open_link", "link": "https://a.b", "label": "A"},
                    "color": "primary",
                }
            ]
        ),
        911,
        KEYS + "button [0][0] color is allowed only for text and callback",
    ),
    (
        "link to nowhere",
        keyboard([{"action": {"type": "open_link", "link": "{url}", "label": "A"}}]),
        911,
        KEYS + "button [0][0] has invalid link",
    ),
    (
        "application without its id",
        keyboard([{"action": {"type": "open_app", "label": "A"}}]),
        911,
        KEYS + "button [0][0] should have app_id",
    ),
    (
        "label on a location",
        keyboard([{"action": {"type": "location", "label": "Here"}}]),
        911,
        KEYS + "action contains unknown fields",
    ),
    (
        "one_time is a number",
        keyboard([text()], one_time=1),
        911,
        KEYS + "one_time property should be boolean",
    ),
    (
        "unknown field of the whole",
        keyboard([text()], hint=1),
        911,
        KEYS + "keyboard contains unknown fields: hint",
    ),
    ("a row that is none", keyboard("row"), 911, KEYS + "row 0 should be array of buttons"),
    ("a button that is none", keyboard(["button"]), 911, KEYS + "button [0][0] should have action"),
    (
        "unknown field of a button",
        keyboard([{**text(), "hint": 1}]),
        911,
        KEYS + "button [0][0] contains unknown fields",
    ),
]

TEMPLATES: list[tuple[str, str, int, str]] = [
    ("no JSON", "{", 100, BAD + "template contains incorrect JSON"),
    ("not a carousel", '{"type":"poster"}', 911, KEYS + "template type should be carousel"),
    (
        "eleven elements",
        carousel(*[{"title": "A"}] * 11),
        911,
        KEYS + "template should contain from 1 to 10 elements",
    ),
    (
        "title of 81",
        carousel({"title": "x" * 81}),
        911,
        KEYS + "element [0] title should be no longer than 80 letters",
    ),
    (
        "four buttons",
        carousel({"title": "A", "buttons": [text()] * 4}),
        911,
        KEYS + "element [0] contains too much buttons",
    ),
    (
        "unlike elements",
        carousel({"title": "A"}, {"title": "B", "description": "b"}),
        911,
        KEYS + "template elements should have the same structure",
    ),
    ("an element that is none", carousel("A"), 911, KEYS + "element [0] should be object"),
    (
        "unknown field",
        carousel({"title": "A", "hint": 1}),
        911,
        KEYS + "element [0] contains unknown fields",
    ),
    (
        "neither title nor photo",
        carousel({"description": "A"}),
        911,
        KEYS + "element [0] should have title or photo_id",
    ),
    (
        "unknown action",
        carousel({"title": "A", "action": {"type": "dance"}}),
        911,
        KEYS + "element [0] has invalid action",
    ),
]
