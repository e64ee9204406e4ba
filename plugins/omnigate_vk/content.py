"""What a message carries: text, files, places; and a readable word for everything else.

What people forward stands in the text, line by line, and its files among the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

import omnigate
from omnigate_vk.event import LONGEST
from omnigate_vk.model import Geo, Raw, Sizes

_SIZES: Final = TypeAdapter(list[Sizes])
_LETTERS: Final = "smopqrxyzw"
"""Types of sizes from small to large: photos of before 2012 do not say their sides."""
_SITE: Final = "https://vk.com/"
_DEEPEST: Final = 5
_MOST_FILES: Final = 100
_BROKEN: Final = (*(ValidationError, ValueError, TypeError, KeyError, IndexError, AttributeError),)
_DOCUMENTS: Final[Mapping[int, str]] = {3: "image", 4: "image", 5: "audio", 6: "video"}
"""Kinds of documents that are more than a file."""


@dataclass(slots=True)
class Content:
    """What is said with one message, in the words of the model."""

    lines: list[str] = field(default_factory=list)
    files: list[omnigate.AttachmentRef] = field(default_factory=list)
    location: omnigate.Location | None = None
    raw: list[Any] = field(default_factory=list)
    """What was attached and is no file."""
    forwarded: list[int] = field(default_factory=list)
    """Who wrote what is forwarded."""

    @property
    def text(self) -> str | None:
        """Return the text with a line for everything that has none of its own, or None."""
        return "\n".join(line for line in self.lines if line) or None


def content_of(message: Raw) -> Content:
    """Return what a message carries; what is not understood is kept raw behind a readable word."""
    content = Content()
    _add(content, message, "", 0)
    return content


def with_source(content: Content, peer_id: int, cmid: int) -> list[omnigate.AttachmentRef]:
    """Return the files, each with where to ask for it again when its address is no longer good."""
    return [
        file.model_copy(update={"ref": {**(file.ref or {}), "peer": peer_id, "cmid": cmid, "n": n}})
        for n, file in enumerate(content.files)
    ]


def _add(content: Content, message: Raw, before: str, depth: int) -> None:
    text = message.get("text")
    if isinstance(text, str) and text:
        content.lines.append(before + text)
    for attachment in _list(message.get("attachments")):
        _attach(content, attachment, before)
    if message.get("geo") is not None:
        _locate(content, message["geo"], before)
    if depth < _DEEPEST:
        for one in _list(message.get("fwd_messages")):
            if isinstance(one, dict):
                content.forwarded.append(one["from_id"] if _is_id(one.get("from_id")) else 0)
                _add(content, one, "[forwarded] ", depth + 1)


def _list(given: Any) -> Sequence[Any]:
    return given if isinstance(given, list) else ()


def _is_id(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _attach(content: Content, attachment: Any, before: str) -> None:
    kind = attachment.get("type") if isinstance(attachment, dict) else None
    body = attachment.get(kind) if isinstance(kind, str) else None
    read = _KINDS.get(kind) if isinstance(kind, str) else None
    try:
        found = read(body) if read is not None and isinstance(body, dict) else None
    except _BROKEN:
        found = None
    if isinstance(found, omnigate.AttachmentRef) and len(content.files) < _MOST_FILES:
        content.files.append(found)
        if kind in ("sticker", "audio_message"):
            content.raw.append(attachment)
        return
    word = found if isinstance(found, str) else f"[{_word(kind)}]"
    content.lines.append(before + word)
    content.raw.append(attachment)


def _locate(content: Content, given: Any, before: str) -> None:
    try:
        geo = Geo.model_validate(given)
        place = geo.place if isinstance(geo.place, dict) else {}
        words = (_said(place.get(key)) for key in ("address", "city", "country"))
        found = omnigate.Location(
            latitude=geo.coordinates.latitude,
            longitude=geo.coordinates.longitude,
            title=_said(place.get("title")) or None,
            address=", ".join(filter(None, words))[:LONGEST] or None,
        )
    except ValidationError:
        content.lines.append(f"{before}[geo]")
        content.raw.append({"type": "geo", "geo": given})
        return
    if content.location is None:
        content.location = found
    else:  # of what is forwarded: a message has one place
        content.lines.append(f"{before}[geo] {found.latitude}, {found.longitude}")


def _word(kind: Any) -> str:
    return kind.replace("_", " ")[:100] if isinstance(kind, str) and kind else "attachment"


# ---- kinds ----------------------------------------------------------------------------------------

_Found = omnigate.AttachmentRef | str


def _file(url: Any, kind: Any, mime: str | None, **more: Any) -> omnigate.AttachmentRef:
    if not isinstance(url, str) or not url:
        raise ValueError("a file without an address")
    return omnigate.AttachmentRef(kind=kind, mime=mime, ref={"url": url}, **more)


def _picture(given: Any, kind: str, mime: str, name: str) -> omnigate.AttachmentRef:
    sizes = [size for size in _SIZES.validate_python(given) if size.url]
    largest = max(sizes, key=lambda size: (size.width * size.height, _LETTERS.find(size.type)))
    width, height = max(largest.width, 0) or None, max(largest.height, 0) or None
    return _file(largest.url, kind, mime, name=name, width=width, height=height)


def _photo(body: Raw) -> _Found:
    original = body.get("orig_photo")
    sizes = [*body["sizes"], original] if isinstance(original, dict) else body["sizes"]
    return _picture(sizes, "image", "image/jpeg", "photo.jpg")


def _sticker(body: Raw) -> _Found:
    return _picture(body["images"], "sticker", "image/png", "sticker.png")


def _doc(body: Raw) -> _Found:
    size, title = body.get("size"), body.get("title")
    if not body.get("url"):
        return f"[doc] {_said(title)}".rstrip()
    is_size = isinstance(size, int) and 0 <= size < 2**53
    return _file(
        body["url"],
        _DOCUMENTS.get(body.get("type", 0), "file"),
        None,
        name=title[:255] if isinstance(title, str) else None,
        size_bytes=size if is_size else None,
    )


def _voice(body: Raw) -> _Found:
    seconds = body.get("duration")
    if not isinstance(seconds, (int, float)) or seconds < 0:
        seconds = None
    if body.get("link_ogg"):
        return _file(body["link_ogg"], "voice", "audio/ogg", duration_seconds=seconds)
    return _file(body["link_mp3"], "voice", "audio/mpeg", duration_seconds=seconds)


def _graffiti(body: Raw) -> _Found:
    return _file(body["url"], "image", "image/png", name="graffiti.png")


def _audio(body: Raw) -> _Found:
    title = f"{body['artist']} - {body['title']}"
    if body.get("url"):  # bots seldom get one: music is protected
        return _file(body["url"], "audio", "audio/mpeg", name=f"{title}.mp3"[:255])
    return f"[audio] {title}"


def _owned(word: str, title: str, path: str) -> Callable[[Raw], _Found]:
    """Return a reader of what has no file: a word, a title, and the page where it is."""

    def read(body: Raw) -> _Found:
        page = f"{_SITE}{path}{int(body['owner_id'])}_{int(body['id'])}"
        return " ".join(filter(None, (f"[{word}]", _said(body.get(title)), page)))

    return read


def _said(given: Any) -> str:
    return given[:500] if isinstance(given, str) else ""


def _link(body: Raw) -> _Found:
    return " ".join(filter(None, ("[link]", _said(body.get("title")), str(body["url"])[:2000])))


def _market(body: Raw) -> _Found:
    price = body.get("price")
    cost = _said(price.get("text")) if isinstance(price, dict) else ""
    page = f"{_SITE}product{int(body['owner_id'])}_{int(body['id'])}"
    return " ".join(filter(None, ("[market]", _said(body.get("title")), cost, page)))


def _gift(body: Raw) -> _Found:
    return "[gift]"


def _poll(body: Raw) -> _Found:
    answers = "".join(f"\n- {_said(answer['text'])}" for answer in body["answers"])
    return f"[poll] {_said(body['question'])}{answers}"


def _call(body: Raw) -> _Found:
    seconds = body.get("duration")
    length = f" {seconds} s" if isinstance(seconds, int) else ""
    return f"[call] {_said(body.get('state'))}{length}".rstrip()


def _article(body: Raw) -> _Found:
    page = body.get("view_url") or body.get("url")
    return " ".join(filter(None, ("[article]", _said(body.get("title")), _said(page))))


def _wall(body: Raw) -> _Found:
    owner = body["owner_id"] if "owner_id" in body else body["to_id"]
    page = f"{_SITE}wall{int(owner)}_{int(body['id'])}"
    return " ".join(filter(None, ("[wall]", _said(body.get("text")), page)))


_KINDS: Final[Mapping[str, Callable[[Raw], _Found]]] = {
    "photo": _photo,
    "doc": _doc,
    "audio_message": _voice,
    "graffiti": _graffiti,
    "sticker": _sticker,
    "audio": _audio,
    "video": _owned("video", "title", "video"),
    "link": _link,
    "market": _market,
    "wall": _wall,
    "wall_reply": _owned("wall reply", "text", "wall"),
    "gift": _gift,
    "poll": _poll,
    "story": _owned("story", "title", "story"),
    "call": _call,
    "article": _article,
    "podcast": _owned("podcast", "title", "podcast"),
    "podcasts": _owned("podcast", "title", "podcast"),
    "video_playlist": _owned("video playlist", "title", "video/playlist/"),
}
