"""Files are one bot's by their ids, fetched for an hour, and refused where they are too big or odd."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.emulators.telegram import limits as platform_limits
from omnigate.emulators.telegram.files import image_sides
from omnigate.emulators.telegram.methods import media
from omnigate.emulators.telegram.samples import png
from tests.emulators.clock import Clock
from tests.emulators.telegram.conftest import Ask, asking

pytestmark = pytest.mark.anyio


async def _fetch(telegram: TelegramEmulator, bot: Bot, path: str) -> tuple[int, bytes]:
    url = f"{telegram.url}/file/bot{bot.token}/{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read()


def _file_id(bot: Bot, kind: str = "document") -> str:
    return str(bot.updates.past[-1].body["message"][kind]["file_id"])


def _on_disk(path: str) -> bytes | None:
    return Path(path).read_bytes() if Path(path).exists() else None


async def _upload(
    telegram: TelegramEmulator, bot: Bot, chat: int, kind: str, content: bytes
) -> tuple[int, str]:
    form = aiohttp.FormData()
    form.add_field("chat_id", str(chat))
    form.add_field(kind, content, filename="a.bin")
    url = f"{telegram.url}/bot{bot.token}/send{kind.title()}"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        return answer.status, (await answer.json()).get("description", "")


async def test_path_is_good_for_an_hour_and_then_another_is(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person, clock: Clock
) -> None:
    await anna.sends(bot, "document", "договор".encode(), file_name="договор.pdf")
    _, first = await ask("getFile", file_id=_file_id(bot))
    path = first["result"]["file_path"]
    fresh = await _fetch(telegram, bot, path)
    clock.now += 3601
    stale = await _fetch(telegram, bot, path)
    _, second = await ask("getFile", file_id=_file_id(bot))

    assert fresh == (200, "договор".encode())
    assert stale[0] == 404
    assert (await _fetch(telegram, bot, second["result"]["file_path"])) == fresh
    assert "договор" not in path, "the name is in the message alone"


async def test_ids_are_of_one_bot_and_the_file_is_of_all(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    other = telegram.add_bot("other_bot", reads_groups=True)
    group = telegram.group()
    for member in (bot, other, anna):
        await group.adds(member, "administrator" if isinstance(member, Bot) else "member")
    await anna.sends(group, "document")
    mine = bot.updates.past[-1].body["message"]["document"]
    theirs = other.updates.past[-1].body["message"]["document"]
    status, body = await ask("getFile", file_id=theirs["file_id"])
    sent = await ask("sendDocument", chat_id=group.id, document=theirs["file_id"])

    assert mine["file_id"] != theirs["file_id"]
    assert mine["file_unique_id"] == theirs["file_unique_id"]
    assert (status, body["description"]) == (400, "Bad Request: invalid file_id")
    assert sent[1]["description"] == "Bad Request: wrong file identifier/HTTP URL specified"


async def test_file_over_20_mb_is_not_given_to_bots(ask: Ask, bot: Bot, anna: Person) -> None:
    await anna.sends(bot, "video", size_bytes=20 * 1024 * 1024 + 1)

    status, body = await ask("getFile", file_id=_file_id(bot, "video"))

    assert (status, body["description"]) == (400, "Bad Request: file is too big")


async def test_local_server_puts_files_of_any_size_on_the_disk(anyio_backend: str) -> None:
    async with TelegramEmulator(local=True) as telegram:
        bot = telegram.add_bot()
        await telegram.person().sends(bot, "video", b"long film", size_bytes=10**9)
        async with asking(telegram, bot.token) as ask:
            _, body = await ask("getFile", file_id=_file_id(bot, "video"))
        path = body["result"]["file_path"]
        content = _on_disk(path)
        served = await _fetch(telegram, bot, path)

    assert path.startswith("/")
    assert content == b"long film"
    assert served[0] == 404
    assert _on_disk(path) is None, "nothing is left behind"


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("photo", b"no picture", "IMAGE_PROCESS_FAILED"),
        ("photo", png(9990, 11), "PHOTO_INVALID_DIMENSIONS"),
        ("photo", png(210, 10), "PHOTO_INVALID_DIMENSIONS"),
        ("photo", b"", "file must be non-empty"),
        ("document", b"", "file must be non-empty"),
    ],
    ids=["no picture", "too wide", "too flat", "empty photo", "empty file"],
)
async def test_odd_uploads_are_refused(
    kind, content, words, telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    refused = await _upload(telegram, bot, anna.id, kind, content)

    assert refused == (400, f"Bad Request: {words}")
    assert anna.chat(bot).received == []


async def test_pictures_at_the_limits_are_taken(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    assert (await _upload(telegram, bot, anna.id, "photo", png(200, 10)))[0] == 200


async def test_uploads_over_the_limits_are_refused(
    telegram: TelegramEmulator, bot: Bot, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are lowered: what they are is told below."""
    monkeypatch.setattr(media, "PHOTO_BYTES", 1000)
    monkeypatch.setattr(media, "UPLOAD_BYTES", 2000)

    photo = await _upload(telegram, bot, anna.id, "photo", png(8, 8) + bytes(1000))
    document = await _upload(telegram, bot, anna.id, "document", bytes(2001))

    assert photo[0] == document[0] == 400
    assert "is too big for a photo; the maximum size is 1000 bytes" in photo[1]
    assert document[1] == "Bad Request: file is too big"


def test_limits_are_those_of_the_sheet() -> None:
    mb = 1024 * 1024
    assert (10 * mb, 50 * mb) == (platform_limits.PHOTO_BYTES, platform_limits.UPLOAD_BYTES)
    assert (20 * mb, 3600) == (platform_limits.DOWNLOAD_BYTES, platform_limits.FILE_PATH_SECONDS)
    assert (platform_limits.TEXT_UNITS, platform_limits.CAPTION_UNITS) == (4096, 1024)
    assert (platform_limits.CALLBACK_DATA_BYTES, platform_limits.START_PAYLOAD_CHARS) == (64, 64)


async def test_captions_have_1024_units(ask: Ask, bot: Bot, anna: Person) -> None:
    await anna.sends(bot, "document")
    file_id = _file_id(bot)

    longest = await ask("sendDocument", chat_id=anna.id, document=file_id, caption="😀" * 512)
    longer = await ask("sendDocument", chat_id=anna.id, document=file_id, caption="😀" * 512 + "!")

    assert longest[0] == 200
    assert longer[1]["description"] == "Bad Request: message caption is too long"


async def test_photo_is_not_sent_as_a_document_by_its_id(ask: Ask, bot: Bot, anna: Person) -> None:
    await anna.sends(bot, "photo")
    photo = bot.updates.past[-1].body["message"]["photo"][-1]["file_id"]

    status, body = await ask("sendDocument", chat_id=anna.id, document=photo)

    assert (status, body["description"]) == (
        400,
        "Bad Request: can't use file of type Photo as Document",
    )


@pytest.mark.parametrize(
    ("content", "sides"),
    [
        (png(7, 5), (7, 5)),
        (b"GIF89a\x07\x00\x05\x00", (7, 5)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x05\x00\x07\x03" + bytes(9), (7, 5)),
        (b"\xff\xd8\xff", None),
        (b"", None),
        (b"%PDF-1.4", None),
    ],
    ids=["png", "gif", "jpeg", "cut jpeg", "nothing", "pdf"],
)
def test_pictures_are_known_by_their_first_bytes(content, sides) -> None:
    assert image_sides(content) == sides
