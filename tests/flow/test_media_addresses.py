"""Addresses of files: signed, expiring, and only in place of placeholders."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import omnigate
from omnigate.flow.signed import AddressBook
from omnigate.model.facts import Message
from tests.flow.files import ATT, opened

pytestmark = pytest.mark.anyio


class TestAddresses:
    """Signed, expiring, and only in place of placeholders."""

    def test_are_good_until_they_end_and_for_one_file(self):
        book = AddressBook(b"k" * 32, "https://x.test/", 3600)
        url = book.sign(ATT, 10_000)
        exp, sig = url.partition("?exp=")[2].split("&sig=")
        assert url.startswith(f"https://x.test/media/{ATT}?")
        assert 13_600 <= int(exp) < 17_200
        assert book.is_good(ATT, exp, sig, 10_000)
        assert not book.is_good(ATT, exp, sig, int(exp))
        assert not book.is_good(ATT[:-1] + "1", exp, sig, 10_000)
        assert not book.is_good(ATT, str(int(exp) + 1), sig, 10_000)
        assert not AddressBook(b"o" * 32, "https://x.test", 1).is_good(ATT, exp, sig, 10_000)
        for junk in ("", "é", "\ud800", sig[:-1], sig + "="):
            assert not book.is_good(ATT, exp, junk, 10_000)
        for junk in ("", "x", "-1", "1e9", "9" * 13, "²", exp + " "):
            assert not book.is_good(ATT, junk, sig, 10_000)

    def test_stay_the_same_for_a_while_so_that_retries_look_the_same(self):
        book = AddressBook(b"k" * 32, "https://x.test", 3600)
        assert book.sign(ATT, 10_801) == book.sign(ATT, 14_000)

    def test_replace_placeholders_but_nothing_that_somebody_wrote(self):
        book = AddressBook(b"k" * 32, "https://x.test", 3600)
        attachment = omnigate.Attachment(id=ATT, url=f"omnigate-media:{ATT}")
        said = Message(
            id="msg_1",
            direction="inbound",
            state="received",
            created_at=datetime.now(UTC),
            text=f'"url":"omnigate-media:{ATT}"',
            attachments=[attachment],
        )
        shown = Message.model_validate_json(book.present(said.model_dump_json(), 0))
        assert shown.text == said.text
        assert shown.attachments[0].url == book.sign(ATT, 0)
        assert book.present("nothing", 0) == "nothing"

    async def test_of_models_are_signed_too(self, store):
        async with opened(store) as files:
            attachment = omnigate.Attachment(id=ATT, url=f"omnigate-media:{ATT}")
            signed = files.present_model(attachment)
            said = Message(
                id="msg_1",
                direction="inbound",
                state="received",
                created_at=datetime.now(UTC),
                attachments=[attachment],
            )
            assert signed.url == files.sign(ATT)
            assert files.present_model(said).attachments == [signed]
            assert files.present_model(signed) == signed
