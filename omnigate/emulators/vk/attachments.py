"""Everything that can hang on a message, made as the platform describes it.

Source: vendor JSON schema 5.199, ``messages_message_attachment`` and the objects it names.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from omnigate.emulators.vk.files import Attachment, Shelf, extension, image_mime

KINDS: Final = (
    "photo",
    "video",
    "audio",
    "doc",
    "link",
    "market",
    "wall",
    "wall_reply",
    "sticker",
    "gift",
    "graffiti",
    "audio_message",
    "poll",
    "story",
    "call",
    "article",
    "podcast",
    "video_playlist",
)

_DOC_TYPES: Final = {
    **dict.fromkeys(("txt", "pdf", "doc", "docx", "odt", "rtf"), 1),
    **dict.fromkeys(("zip", "rar", "7z", "gz"), 2),
    "gif": 3,
    **dict.fromkeys(("jpg", "jpeg", "png", "webp"), 4),
    **dict.fromkeys(("mp3", "ogg", "wav"), 5),
    **dict.fromkeys(("mp4", "avi", "mkv"), 6),
    "epub": 7,
}


class Maker:
    """Makes attachments of one owner and makes them known to the platform."""

    def __init__(self, shelf: Shelf, random: Random, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._random = random
        self._clock = clock
        self._last_id = 456_239_000

    def photo(
        self, owner_id: int, data: bytes | None = None, width: int = 1080, height: int = 720
    ) -> Attachment:
        """Return a photo: seven sizes, all of them with the same bytes behind."""
        data = data if data is not None else tiny_png(self._random.randrange(256))
        mime = image_mime(data) or "image/jpeg"
        name = (
            f"{self._random.getrandbits(64):016x}.{mime.partition('/')[2].replace('jpeg', 'jpg')}"
        )
        sizes = [
            {
                "type": letter,
                "url": self._shelf.put(data, name, mime),
                "width": width * share // 100,
                "height": height * share // 100,
            }
            for letter, share in (("s", 7), ("m", 12), ("x", 56), ("y", 75), ("z", 100))
        ]
        self._random.shuffle(
            sizes
        )  # the platform promises no order: the largest is to be looked for
        body = self._body(owner_id, album_id=-3, sizes=sizes, text="", has_tags=False)
        return self._known(Attachment("photo", body, data))

    def doc(self, owner_id: int, data: bytes, name: str) -> Attachment:
        """Return a document."""
        ending = extension(name)
        url = self._shelf.put(data, name, "application/octet-stream")
        kind = _DOC_TYPES.get(ending, 8)
        body = self._body(owner_id, title=name, size=len(data), ext=ending, type=kind, url=url)
        return self._known(Attachment("doc", body, data))

    def audio_message(
        self, owner_id: int, data: bytes | None = None, transcript: str | None = None
    ) -> Attachment:
        """Return a voice message, with its transcript if the platform made one."""
        data = data if data is not None else tiny_voice()
        body = self._body(
            owner_id,
            duration=max(1, len(data) // 4000),
            waveform=[self._random.randrange(32) for _ in range(16)],
            link_ogg=self._shelf.put(data, "audio.ogg", "audio/ogg"),
            link_mp3=self._shelf.put(data, "audio.mp3", "audio/mpeg"),
        )
        del body["date"]
        if transcript is not None:
            body |= {"transcript": transcript, "transcript_state": "done"}
        return self._known(Attachment("audio_message", body, data))

    def graffiti(self, owner_id: int, data: bytes | None = None) -> Attachment:
        """Return a drawing."""
        data = data if data is not None else tiny_png(0)
        url = self._shelf.put(data, "graffiti.png", "image/png")
        body = self._body(owner_id, url=url, width=200, height=200)
        del body["date"]
        return self._known(Attachment("graffiti", body, data))

    def video(self, owner_id: int, title: str = "Video") -> Attachment:
        """Return a video: there is no file to fetch, only a page that plays it."""
        body = self._body(
            owner_id, title=title, description="", duration=12, views=1, can_add=1, type="video"
        )
        body["player"] = f"https://vk.com/video_ext.php?oid={owner_id}&id={body['id']}"
        body["image"] = [self._image(320, 240)]
        return self._known(Attachment("video", body))

    def audio(self, owner_id: int, artist: str = "Artist", title: str = "Title") -> Attachment:
        """Return a track of music."""
        body = self._body(owner_id, artist=artist, title=title, duration=180, url="")
        return self._known(Attachment("audio", body))

    def link(self, url: str = "https://example.org/", title: str = "Example") -> Attachment:
        """Return a link with its preview."""
        return Attachment(
            "link",
            {"url": url, "title": title, "caption": "example.org", "description": "About it"},
        )

    def market(self, owner_id: int, title: str = "City bike") -> Attachment:
        """Return goods of a shop."""
        body = self._body(owner_id, title=title, description="As new", availability=0)
        currency = {"id": 643, "name": "RUB", "title": "rub"}
        body["price"] = {"amount": "1500000", "currency": currency, "text": "15 000 rub"}
        category = {"id": 1, "name": "Bikes", "inner_type": "market_market_category_nested"}
        body["category"] = category
        return self._known(Attachment("market", body))

    def wall(self, owner_id: int, text: str = "A post") -> Attachment:
        """Return a post of a wall."""
        body = self._body(
            owner_id, from_id=owner_id, text=text, post_type="post", inner_type="wall_wallpost"
        )
        return self._known(Attachment("wall", body))

    def wall_reply(self, owner_id: int, text: str = "A comment") -> Attachment:
        """Return a comment on a post."""
        body = self._body(owner_id, from_id=owner_id, text=text, post_id=1)
        del body["access_key"]
        return Attachment("wall_reply", body)

    def sticker(self, sticker_id: int = 9046) -> Attachment:
        """Return a sticker."""
        images = [self._image(size, size) for size in (64, 128, 256, 352, 512)]
        body = {"inner_type": "base_sticker_new", "sticker_id": sticker_id, "product_id": 279}
        return Attachment("sticker", {**body, "images": images, "images_with_background": images})

    def gift(self) -> Attachment:
        """Return a gift."""
        return Attachment("gift", {"id": 1, "thumb_256": self._image(256, 256)["url"]})

    def poll(self, owner_id: int, question: str = "Which one?") -> Attachment:
        """Return a poll."""
        answers = [{"id": n, "text": f"Answer {n}", "votes": 0, "rate": 0.0} for n in (1, 2)]
        flags = ("multiple", "closed", "is_board", "can_edit", "can_report", "can_share")
        body = self._body(owner_id, question=question, votes=0, end_date=0, created=self._now())
        body |= dict.fromkeys(flags, False) | {"can_vote": True, "disable_unvote": False}
        del body["date"], body["access_key"]
        return self._known(Attachment("poll", body | {"answers": answers}))

    def story(self, owner_id: int) -> Attachment:
        """Return a story."""
        body = self._body(owner_id, expires_at=self._now() + 86400, type="photo", is_expired=False)
        return Attachment("story", body | {"photo": self.photo(owner_id).body})

    def call(self, initiator_id: int, receiver_id: int) -> Attachment:
        """Return a call that took place."""
        who = {"initiator_id": initiator_id, "receiver_id": receiver_id}
        return Attachment("call", {**who, "state": "reached", "time": self._now(), "duration": 61})

    def article(self, owner_id: int) -> Attachment:
        """Return an article."""
        body = self._body(
            owner_id, title="An article", view_url="https://vk.com/@example-an-article"
        )
        return Attachment("article", body)

    def podcast(self, owner_id: int) -> Attachment:
        """Return a podcast."""
        return Attachment(
            "podcast", self._body(owner_id, artist="Show", title="Issue 1", duration=9)
        )

    def video_playlist(self, owner_id: int) -> Attachment:
        """Return a list of videos."""
        return Attachment("video_playlist", self._body(owner_id, title="Videos", count=2))

    def any(self, kind: str, owner_id: int) -> Attachment:
        """Return one of a kind with what one usually has.

        Raises:
            ValueError: there is no such kind
        """
        if kind not in KINDS:
            raise ValueError(f"no attachment is of kind {kind!r}: the kinds are {', '.join(KINDS)}")
        if kind == "doc":
            return self.doc(owner_id, b"%PDF-1.4\n", "offer.pdf")
        if kind == "call":
            return self.call(owner_id, 1)
        make: Callable[..., Attachment] = getattr(self, kind)
        return make() if kind in ("link", "sticker", "gift") else make(owner_id)

    def _body(self, owner_id: int, **more: Any) -> dict[str, Any]:
        self._last_id += 1
        key = f"{self._random.getrandbits(72):018x}"
        start = {"id": self._last_id, "owner_id": owner_id, "date": self._now(), "access_key": key}
        return start | more

    def _known(self, attachment: Attachment) -> Attachment:
        return self._shelf.remember(attachment)

    def _image(self, width: int, height: int) -> dict[str, Any]:
        url = self._shelf.put(tiny_png(width % 256), "image.png", "image/png")
        return {"url": url, "width": width, "height": height}

    def _now(self) -> int:
        return int(self._clock())


def tiny_png(shade: int) -> bytes:
    """Return a PNG of one grey pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes((0, shade)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    )


def tiny_voice(channels: int = 1) -> bytes:
    """Return the first page of an Ogg file that says Opus (RFC 7845 section 5.1)."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 312, 48000, 0, 0)
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, 0, 1, 0, 0, 1)
    return page + bytes((len(head),)) + head
