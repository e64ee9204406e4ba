"""A customer's phone: what it shows and does on its emulated platform, without the daemon."""

import subprocess
import sys
import tomllib
from typing import Any

import pytest

from omnigate.demo.phones import PLATFORMS, CannotDo, Phone, UnknownPlatform, chosen, opened
from omnigate.demo.phones.phone import Action, Screen, picture_type
from tests.demo.pictures import png

pytestmark = pytest.mark.anyio


@pytest.fixture(params=PLATFORMS)
async def phone(request):
    async with opened(request.param) as phone:
        yield phone


async def touch(phone: Phone, do: Any, **more: Any) -> Screen:
    await phone.act(Action(do=do, **more))
    return phone.screen()


def test_platforms_are_named_with_commas_and_each_counts_once():
    assert chosen("telegram,vk") == ["telegram", "vk"]
    assert chosen(" VK , telegram,vk") == ["vk", "telegram"]
    assert chosen("phone,vk") == ["phone", "vk"]
    assert chosen("none") == []


@pytest.mark.parametrize("names", ["whatsapp", "telegram,whatsapp", "", " , "])
def test_an_unknown_platform_is_refused_and_the_known_ones_are_named(names):
    with pytest.raises(UnknownPlatform, match="telegram, vk, phone and none") as refused:
        chosen(names)
    assert ("whatsapp" in str(refused.value)) is ("whatsapp" in names)


def emulators_brought_in_by(*modules: str) -> list[str]:
    script = (
        f"import sys, {', '.join(modules)}; print(*[m for m in sys.modules if 'emulators' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_the_plain_demo_brings_in_no_emulator():
    assert emulators_brought_in_by("omnigate.demo", "omnigate.cli.demo") == []


def test_an_emulator_that_is_brought_in_would_be_noticed():
    """The twin of the test above."""
    assert emulators_brought_in_by("omnigate.demo", "omnigate.demo.phones.telegram")


async def test_the_channel_is_one_toml_section_and_names_the_file_of_its_secret(phone):
    (section,) = tomllib.loads(phone.section)["channels"].values()
    assert section["kind"] == phone.facts.kind
    assert section["token"] == {"file": phone.secret_file}
    assert phone.secret not in phone.section


async def test_a_conversation_begins_with_start_and_goes_on_with_texts(phone):
    assert not phone.screen().started
    assert (await touch(phone, "start")).started
    screen = await touch(phone, "write", text="Есть в наличии? 🚲")
    last = screen.messages[-1]
    assert (last.text, last.mine) == ("Есть в наличии? 🚲", True)
    assert last.sent_at > 0


async def test_an_own_message_can_be_edited_and_reacted_to_and_answered(phone):
    screen = await touch(phone, "write", text="One")
    number = screen.messages[-1].id
    screen = await touch(phone, "edit", message=number, text="Two")
    assert (screen.messages[-1].text, screen.messages[-1].edited) == ("Two", True)
    assert (await touch(phone, "react", message=number, text="👍")).messages[-1].reactions == ["👍"]
    assert (await touch(phone, "react", message=number)).messages[-1].reactions == []
    screen = await touch(phone, "write", message=number, text="Three")
    assert screen.messages[-1].answers == "Two"


async def test_what_a_phone_has_and_what_it_has_not_are_what_its_facts_say(phone):
    screen = await touch(phone, "write", text="Hello")
    always = {"start", "write", "press", "tap"}
    assert set(phone.touches) == always | set(phone.facts.can)
    for missing in {"contact", "delete", "type", "read"} - set(phone.facts.can):
        with pytest.raises(CannotDo, match=phone.facts.title):
            await touch(phone, missing, message=screen.messages[-1].id)


async def test_pictures_are_sent_as_pictures_and_other_files_by_their_names(phone):
    await touch(phone, "start")
    picture = png(8, 8, (9, 9, 9))
    await phone.sends(picture, "bike.png", "Look")
    await phone.sends(b"%PDF-1.4", "invoice.pdf", "")
    shown, named = phone.screen().messages[-2:]
    assert (shown.text, [file.is_picture for file in shown.files]) == ("Look", [True])
    assert phone.content(shown.id, 0) == picture
    assert [(file.is_picture, file.name) for file in named.files] == [(False, "invoice.pdf")]
    assert phone.content(named.id, 0) == b"%PDF-1.4"
    assert phone.content(named.id, 1) is None
    assert phone.content(987654, 0) is None


async def test_where_one_is_can_be_told(phone):
    place = (await touch(phone, "location")).messages[-1].place
    assert place is not None
    assert (round(place.latitude), round(place.longitude)) == (56, 38)


async def test_what_is_not_there_any_more_cannot_be_touched(phone):
    screen = await touch(phone, "write", text="Hello")
    touches: list[tuple[str, dict[str, Any]]] = [
        ("edit", {"message": 987654, "text": "x"}),
        ("react", {"message": 987654, "text": "👍"}),
        ("press", {"message": screen.messages[-1].id}),
        ("tap", {}),
    ]
    for do, more in touches:
        with pytest.raises(CannotDo, match="not there any more"):
            await touch(phone, do, **more)


async def test_who_is_blocked_is_shown_until_it_is_over(phone):
    await touch(phone, "start")
    assert (await touch(phone, "block")).blocked
    assert not (await touch(phone, "block")).blocked


async def test_an_empty_message_is_refused_by_telegram():
    async with opened("telegram") as phone:
        with pytest.raises(CannotDo, match="empty"):
            await touch(phone, "write", text="")


async def test_a_change_is_told_at_once_and_no_change_is_not(phone):
    before = phone.screen()
    with pytest.raises(TimeoutError):
        await phone.changed(before, 0.05)
    await touch(phone, "start")
    assert (await phone.changed(before, 5)).started


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(1, 1, (0, 0, 0)), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"<svg onload=alert(1)>", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_only_pictures_that_cannot_do_anything_are_shown_as_pictures(content, kind):
    assert picture_type(content) == kind
