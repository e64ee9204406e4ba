"""Tokens in what is stored and told: nobody who reads it learns one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.handovertoken import digest_of, new_handover_token
from omnigate.ids import handover_id
from omnigate.model.context import Context
from omnigate.model.inbound import MessageEdited
from omnigate.store import veil
from omnigate.store.handovers import NewHandover, make_handovers
from tests.store.counter import ANNA, BOT, DAY, MAIL, SHOP, SITE, VISITOR, Counter


def typed(token: str) -> str:
    """Return a token as somebody types it who reads it from a screen."""
    text = token.upper().replace("0", "o").replace("1", "l")
    return "-".join(text[start : start + 5] for start in range(0, len(text), 5))


class TestUnread:
    """Nobody who reads messages can carry on in the customer's place."""

    def bring(self, counter: Counter, token: str, written: str, **more: Any) -> dict[str, Any]:
        """Bring a token to a channel where it is not good, in every text that there is."""
        text = f"/start {written}"
        visit = Context.model_validate(
            {"page": f"https://shop.example/?t={written}", "custom": {"start": written, "n": 1}}
        )
        more = {"text": text, "subject": text, "html": f"<p>{text}</p>", "full_text": text} | more
        counter.write(MAIL, ANNA, written, context=visit, extensions={"to": [written]}, **more)
        (said,) = counter.events("message.received")[-1:]
        assert not self.is_read(counter, token)
        message: dict[str, Any] = said["data"]["message"]
        return message

    def is_read(self, counter: Counter, token: str) -> bool:
        """Tell whether a token can be read from anything that is stored."""
        tables = ("event_body", "message", "conversation", "contact", "address", "handover")
        told = "".join(str(counter.desk.rows(f"SELECT * FROM {table}")) for table in tables)
        return token in read_as(told) or typed(token) in told

    @pytest.mark.parametrize("write", [str, str.upper, typed])
    def test_one_that_is_still_good_stands_nowhere(self, counter: Counter, write: Any) -> None:
        token = counter.token(BOT)
        message = self.bring(counter, token, write(token))
        assert message["text"] == message["subject"] == message["full_text"] == "/start …"
        assert message["html"] == "<p>/start …</p>"
        (made,) = counter.desk.rows("SELECT id FROM handover")
        assert message["handover"] == made.id
        context = json.loads(counter.conversation(MAIL).context)
        assert context["page"] == "https://shop.example/?t=…"
        assert context["custom"] == {"start": "…", "n": 1}
        counter.write(BOT, ANNA, token)
        assert counter.used() == [counter.conversation(BOT).id], "it is as good as before"

    def test_one_that_is_pasted_is_hidden_though_no_link_brought_it(self, counter: Counter) -> None:
        token = counter.token(BOT)
        link = f"https://t.me/acme?start={token}"
        counter.write(MAIL, ANNA, text=f"What is {link}?")
        counter.write(MAIL, ANNA, full_text=f"> {link}", text="yes")
        counter.write(MAIL, ANNA, text="yes", full_text=f"{'all of it ' * 500}> {link}")
        counter.write(MAIL, ANNA, text="yes", html=f'<a href="{link}">here</a>')
        said = [one["data"]["message"] for one in counter.events("message.received")[-4:]]
        assert said[0]["text"] == "What is https://t.me/acme?start=…?"
        assert said[1]["full_text"] == "> https://t.me/acme?start=…"
        assert said[2]["full_text"].endswith("all of it > https://t.me/acme?start=…")
        assert said[3]["html"] == '<a href="https://t.me/acme?start=…">here</a>'
        assert not self.is_read(counter, token)

    def test_one_that_is_edited_in_is_hidden(self, counter: Counter) -> None:
        token = counter.token(BOT)
        counter.write(MAIL, ANNA, text="hello")
        (said,) = counter.desk.rows("SELECT external_id FROM message ORDER BY id DESC LIMIT 1")
        more = {"item": MessageEdited, "message_id": said.external_id, "text": token, "html": token}
        counter.put(MAIL, counter._said("edit", "c", **more))
        (edited,) = counter.events("message.edited")
        assert (edited["data"]["message"]["text"], edited["data"]["message"]["html"]) == ("…", "…")
        assert not self.is_read(counter, token)

    def test_what_is_told_of_a_conversation_names_none_either(self, counter: Counter) -> None:
        good, used = counter.token(SHOP), counter.token(BOT)
        counter.write(SITE, VISITOR, text=f"my code is {good}")
        counter.write(BOT, ANNA, used, text=f"/start {used}")
        told = counter.handover(BOT)
        assert told is not None
        assert told["messages"][-1]["text"] == "my code is …"
        assert not self.is_read(counter, good)

    def test_a_text_cannot_spoil_what_is_stored_by_a_token_in_an_escape(
        self, counter: Counter
    ) -> None:
        token = "n" + new_handover_token()[1:]
        new = NewHandover(
            handover_id(),
            digest_of(token),
            counter.conversation(SITE).id,
            ["bot"],
            counter.desk.now + DAY,
        )
        counter.desk.run(make_handovers, new)
        counter.write(MAIL, ANNA, token, text="\n" + token[1:])
        assert counter.events("message.received")[-1]["data"]["message"]["text"] == "\n" + token[1:]

    def test_without_the_veil_it_is_read(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(veil.Veil, "hide", lambda self, token, handover_id: None)
        with pytest.raises(AssertionError, match="my code is"):
            self.test_what_is_told_of_a_conversation_names_none_either(counter)


def read_as(text: str) -> str:
    """Return a text as a machine would look for tokens in it."""
    return text.lower().replace("-", "")
