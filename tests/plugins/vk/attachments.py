"""Everything that hangs on messages, where each form is described, and what it must become."""

from __future__ import annotations

from .forms import ANNA, DATE, Table, image, owned, size

ATTACHMENTS = Table("c3d4e5")
said, attached = ATTACHMENTS.said, ATTACHMENTS.attached

# ---- files ----------------------------------------------------------------------------------------

attached(
    "photo",
    "photos_photo; sheet, section 4",
    owned(
        album_id=-3,
        text="",
        has_tags=False,
        sizes=[size("s", 75, 50), size("z", 1080, 720), size("x", 604, 403)],
    ),
    {
        "text": None,
        "attachments": [
            {
                "kind": "image",
                "mime": "image/jpeg",
                "width": 1080,
                "height": 720,
                "ref": {
                    "url": "https://sun9-1.userapi.com/z.jpg",
                    "peer": ANNA,
                    "cmid": 9,
                    "n": 0,
                },
            }
        ],
    },
)
attached(
    "photo",
    "documentation, object Photo sizes: old photos say 0 for both sides",
    owned(album_id=-3, sizes=[size("m", 0, 0), size("y", 0, 0), size("x", 0, 0), size("s", 0, 0)]),
    {
        "attachments": [
            {"ref": {"url": "https://sun9-1.userapi.com/y.jpg"}, "width": None, "height": None}
        ]
    },
    name="attached: a photo of unknown size",
)
attached(
    "photo",
    "photos_photo.orig_photo",
    owned(album_id=-3, sizes=[size("z", 1080, 720)], orig_photo=size("base", 4000, 3000)),
    {"attachments": [{"ref": {"url": "https://sun9-1.userapi.com/base.jpg"}, "width": 4000}]},
    name="attached: a photo with its original",
)
attached(
    "photo",
    "photos_photo_sizes: only type, width and height are required",
    owned(album_id=-3, sizes=[{"type": "w", "width": 2560, "height": 1}, size("z", 1080, 720)]),
    {"attachments": [{"width": 1080}]},
    name="attached: a photo with a size that has no address",
)
attached(
    "doc",
    "docs_doc; sheet, section 4",
    owned(title="счёт.pdf", size=4096, ext="pdf", type=1, url="https://vk.com/doc777_1?hash=x"),
    {"attachments": [{"kind": "file", "name": "счёт.pdf", "size_bytes": 4096}]},
)
for number, kind in ((3, "image"), (4, "image"), (5, "audio"), (6, "video"), (8, "file")):
    attached(
        "doc",
        "docs_doc.type",
        owned(title="x", size=1, ext="x", type=number, url="https://vk.com/doc777_1"),
        {"attachments": [{"kind": kind, "name": "x"}]},
        name=f"attached: a document of type {number}",
    )
attached(
    "doc",
    "docs_doc: the address is not required",
    owned(title="счёт.pdf", size=4096, ext="pdf", type=1),
    {"text": "[doc] счёт.pdf", "attachments": [], "extensions": {"attachments": [{"type": "doc"}]}},
    name="attached: a document without an address",
)
VOICE = {
    "id": 1,
    "owner_id": ANNA,
    "duration": 5,
    "waveform": [0, 3, 31],
    "link_ogg": "https://psv4.userapi.com/a.ogg",
    "link_mp3": "https://psv4.userapi.com/a.mp3",
    "access_key": "k",
}
attached(
    "audio_message",
    "messages_audio_message; sheet, section 4",
    {**VOICE, "transcript": "Здравствуйте", "transcript_state": "done"},
    {
        "attachments": [
            {
                "kind": "voice",
                "mime": "audio/ogg",
                "duration_seconds": 5.0,
                "ref": {"url": "https://psv4.userapi.com/a.ogg"},
            }
        ],
        "extensions": {"attachments": [{"audio_message": {"transcript": "Здравствуйте"}}]},
    },
)
attached(
    "audio_message",
    "messages_audio_message, link_ogg empty: composed",
    {**VOICE, "link_ogg": ""},
    {"attachments": [{"kind": "voice", "mime": "audio/mpeg"}]},
    name="attached: a voice message as MP3",
)
attached(
    "graffiti",
    "messages_graffiti",
    {"id": 1, "owner_id": ANNA, "url": "https://vk.com/g.png", "width": 9, "height": 9},
    {"attachments": [{"kind": "image", "mime": "image/png", "name": "graffiti.png"}]},
)
attached(
    "sticker",
    "base_sticker_new; sheet, section 4",
    {
        "inner_type": "base_sticker_new",
        "sticker_id": 9046,
        "product_id": 279,
        "images": [image(64), image(512), image(256)],
        "images_with_background": [image(512)],
    },
    {
        "text": None,
        "attachments": [{"kind": "sticker", "mime": "image/png", "width": 512}],
        "extensions": {"attachments": [{"sticker": {"sticker_id": 9046}}]},
    },
)
attached(
    "sticker",
    "base_sticker_new: only inner_type is required",
    {"inner_type": "base_sticker_new", "sticker_id": 9046, "product_id": 279},
    {"text": "[sticker]", "attachments": []},
    name="attached: a sticker without pictures",
)
said(
    "text with two photos, a document and a video",
    "messages_message.attachments; sheet, section 4",
    {
        "text": "вот",
        "attachments": [
            {"type": "photo", "photo": owned(album_id=-3, sizes=[size("z", 2, 1)])},
            {"type": "video", "video": owned(title="Кот", duration=3)},
            {
                "type": "doc",
                "doc": owned(title="a.txt", size=1, ext="txt", type=1, url="https://a"),
            },
            {"type": "photo", "photo": owned(album_id=-3, sizes=[size("z", 3, 1)])},
        ],
    },
    {
        "text": "вот\n[video] Кот https://vk.com/video777_456239017",
        "attachments": [
            {"kind": "image", "ref": {"n": 0}},
            {"kind": "file", "ref": {"n": 1}},
            {"kind": "image", "ref": {"n": 2}},
        ],
    },
)

# ---- what is no file ------------------------------------------------------------------------------

attached(
    "video",
    "video_video_full; sheet, section 4",
    owned(title="Кот", duration=12, player="https://vk.com/video_ext.php?oid=777", type="video"),
    {"text": "[video] Кот https://vk.com/video777_456239017"},
)
attached(
    "audio",
    "audio_audio",
    owned(artist="Кино", title="Пачка сигарет", duration=240, url=""),
    {"text": "[audio] Кино - Пачка сигарет", "attachments": []},
)
attached(
    "link",
    "base_link_attachment; sheet, section 4",
    {"url": "https://shop.example/x", "title": "Чайник", "caption": "shop.example"},
    {"text": "[link] Чайник https://shop.example/x"},
)
attached(
    "market",
    "market_market_item",
    {
        "id": 5,
        "owner_id": -4242,
        "title": "Чайник",
        "description": "Медный",
        "availability": 0,
        "category": {"id": 1, "name": "Посуда", "inner_type": "market_market_category_nested"},
        "price": {
            "amount": "150000",
            "currency": {"id": 643, "name": "RUB", "title": "руб."},
            "text": "1 500 руб.",
        },
    },
    {"text": "[market] Чайник 1 500 руб. https://vk.com/product-4242_5"},
)
attached(
    "wall",
    "wall_wallpost_full; owner_id or, in old posts, to_id",
    {"inner_type": "wall_wallpost", "id": 3, "to_id": -4242, "from_id": -4242, "text": "Скидки"},
    {"text": "[wall] Скидки https://vk.com/wall-4242_3"},
)
attached(
    "wall_reply",
    "wall_wall_comment",
    {"id": 4, "from_id": ANNA, "date": DATE, "text": "Беру", "post_id": 3, "owner_id": -4242},
    {"text": "[wall reply] Беру https://vk.com/wall-4242_4"},
)
attached(
    "gift", "gifts_layout", {"id": 1, "thumb_256": "https://vk.com/gift.png"}, {"text": "[gift]"}
)
attached(
    "poll",
    "polls_poll",
    {
        **dict.fromkeys(("multiple", "closed", "is_board", "can_edit", "can_report"), False),
        **dict.fromkeys(("can_share", "disable_unvote"), False),
        "can_vote": True,
        "id": 7,
        "owner_id": ANNA,
        "created": DATE,
        "end_date": 0,
        "votes": 1,
        "question": "Когда?",
        "answers": [
            {"id": 1, "text": "Утром", "votes": 0, "rate": 0},
            {"id": 2, "text": "Вечером", "votes": 1, "rate": 100},
        ],
    },
    {
        "text": "[poll] Когда?\n- Утром\n- Вечером",
        "extensions": {"attachments": [{"type": "poll"}]},
    },
)
attached(
    "story",
    "stories_story",
    owned(expires_at=DATE + 86400, is_expired=False, type="photo"),
    {"text": "[story] https://vk.com/story777_456239017"},
)
attached(
    "call",
    "calls_call",
    {
        "initiator_id": ANNA,
        "receiver_id": -4242,
        "state": "canceled_by_initiator",
        "time": DATE,
    },
    {"text": "[call] canceled_by_initiator"},
)
attached(
    "article",
    "articles_article; sheet, section 4",
    {"id": 1, "owner_id": -4242, "title": "О чае", "view_url": "https://vk.com/@shop-tea"},
    {"text": "[article] О чае https://vk.com/@shop-tea"},
)
for kind in ("podcast", "podcasts"):
    attached(
        kind,
        "sheet, section 4, podcasts",
        owned(title="Выпуск 1", duration=9),
        {"text": "[podcast] Выпуск 1 https://vk.com/podcast777_456239017"},
    )
attached(
    "video_playlist",
    "video_video_album_full",
    owned(title="Ролики", count=2),
    {"text": "[video playlist] Ролики https://vk.com/video/playlist/777_456239017"},
)
for kind in ("market_album", "mini_app", "narrative", "group_call_in_progress", "holo_gram"):
    attached(
        kind,
        "messages_message_attachment_type, or none of it (holo_gram); bodies composed",
        {"title": "x"},
        {
            "text": f"[{kind.replace('_', ' ')}]",
            "extensions": {"attachments": [{"type": kind, kind: {"title": "x"}}]},
        },
    )
attached(
    "photo",
    "composed: an attachment without its body",
    None,
    {"text": "[photo]", "attachments": []},
    name="attached: a photo that is not there",
)
