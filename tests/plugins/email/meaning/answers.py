"""Answers as mail programs send them: the form of each program's quote, and what is new in it.

Source of the forms: the table in the sheet's section 6 (Gmail, Apple Mail, Outlook, Mail.ru, Yandex,
Thunderbird), and what Roundcube, The Bat!, Yahoo, Samsung's and Huawei's telephones write; composed, no
real mail.
"""

from __future__ import annotations

from typing import NamedTuple

NEW = "Добрый день!\n\nДа, беру два чайника. Когда доставите?"
OLD = "Здравствуйте!\nЧайник есть в наличии, 2 490 ₽.\n\nВаш магазин"


class Answer(NamedTuple):
    """A mail's text, and what of it is new."""

    id: str
    text: str
    new: str


def quoted(text: str) -> str:
    """Return a text as programs quote it."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


ATTRIBUTIONS = {
    "Gmail, Russian": "пн, 3 мар. 2025 г. в 14:05, Магазин «Чайник» <shop@chainik.example>:",
    "Gmail, Russian, May": "чт, 1 мая 2025 г. в 9:05, Магазин <shop@chainik.example>:",
    "Gmail, Russian, no-break spaces": "пн, 3 мар. 2025\u202fг. в 14:05, Магазин <s@ch.example>:",
    "Gmail, Russian, old": (
        "3 марта 2025 г., 14:05 пользователь Магазин <shop@chainik.example> написал:"
    ),
    "Gmail, Russian, wrapped": (
        "пн, 3 мар. 2025 г. в 14:05, Интернет-магазин электрических чайников\n"
        "<shop@chainik.example>:"
    ),
    "Gmail, Russian, link": "пн, 3 мар. 2025 г. в 14:05, Магазин <s@ch.example <mailto:s@ch.example>>:",
    "Gmail, English": "On Mon, Mar 3, 2025 at 2:05 PM Shop <shop@chainik.example> wrote:",
    "Gmail, English, narrow space": "On Mon, Mar 3, 2025 at 2:05\u202fPM Shop <s@ch.example> wrote:",
    "Gmail, English, wrapped": (
        "On Mon, Mar 3, 2025 at 2:05 PM The Shop of Electric Kettles <shop@chainik.example>\nwrote:"
    ),
    "Gmail, English, wrapped in the address": (
        "On Mon, Mar 3, 2025 at 2:05 PM The Shop of Electric Kettles <shop@chainik.example\n> wrote:"
    ),
    "Gmail, Russian, wrapped in the address": (
        "пн, 3 мар. 2025 г. в 14:05, Магазин электрических чайников <shop@chainik.example\n>:"
    ),
    "Apple Mail, Russian": "3 марта 2025 г., в 14:05, Магазин <s@ch.example> написал(а):",
    "Apple Mail, Russian, wrapped": (
        "3 марта 2025 г., в 14:05, Магазин электрических\nчайников <s@ch.example>\nнаписал(а):"
    ),
    "Apple Mail, English": "On Mar 3, 2025, at 2:05 PM, Shop <s@ch.example> wrote:",
    "Mail.ru": "Понедельник, 3 марта 2025, 14:05 +03:00 от Магазин <shop@chainik.example>:",
    "Mail.ru, no name": "Среда,  5 марта 2025, 9:05 +03:00 от shop@chainik.example:",
    "Mail.ru, wrapped": (
        "Понедельник, 3 марта 2025, 14:05 +03:00 от Магазин «Чайник»\n<shop@chainik.example>:"
    ),
    "Mail.ru, English": "Monday, March 3, 2025, 14:05 +03:00 from Shop <shop@chainik.example>:",
    "Yandex, name in quotes": '03.03.2025, 14:05, "Магазин" <shop@chainik.example>:',
    "Yandex": "03.03.2025, 14:05, Магазин <shop@chainik.example>:",
    "Yandex, telephone": "14:05, 3 марта 2025 г., Магазин <shop@chainik.example>:",
    "Yandex, telephone, English": "14:05, March 3, 2025, Shop <shop@chainik.example>:",
    "Thunderbird, Russian": "03.03.2025 14:05, Магазин пишет:",
    "Thunderbird, English": "On 03/03/2025 14:05, Shop wrote:",
    "Yahoo, Russian": (
        "понедельник, 3 марта 2025 г. в 14:05:12 GMT+3, Магазин <s@ch.example> написал(а):"
    ),
    "Yahoo, English": "On Monday, March 3, 2025 at 02:05:12 PM GMT+3, Shop <s@ch.example> wrote:",
    "Roundcube": "Магазин писал(а) 2025-03-03 14:05:",
    "The Bat!": "Вы писали 3 марта 2025 г., 14:05:12:",
}
"""What stands above a quote, by program: recognised whether the quote's lines are marked or not."""

ATTRIBUTIONS_OF_MARKED_QUOTES = {
    "Thunderbird, Russian, no date": "Магазин писал(а):",
    "Thunderbird, no date": "Магазин пишет:",
    "old Thunderbird, English": "Shop wrote:",
}
"""Somebody's own words might look so: recognised only directly above marked lines."""

HEADERS = {
    "Outlook, Russian": (
        "-----Исходное сообщение-----\n"
        "От: Магазин <shop@chainik.example>\n"
        "Отправлено: понедельник, 3 марта 2025 г. 14:05\n"
        "Кому: Анна <anna@mail.example>\n"
        "Тема: Заказ 1042\n"
    ),
    "Outlook, English": (
        "-----Original Message-----\n"
        "From: Shop <shop@chainik.example>\n"
        "Sent: Monday, March 3, 2025 2:05 PM\n"
        "To: Anna <anna@mail.example>\n"
        "Subject: Order 1042\n"
    ),
    "Outlook, spaced title": "----- Original Message -----\nFrom: Shop\nSent: Monday\nSubject: Order\n",
    "Outlook, Russian, a line": (
        "________________________________\n"
        "От: Магазин <shop@chainik.example>\n"
        "Отправлено: понедельник, 3 марта 2025 г. 14:05\n"
        "Кому: Анна; Борис\n"
        "Копия: Вера\n"
        "Тема: RE: Заказ 1042\n"
    ),
    "Outlook on the web, Russian": (
        "__________________\n\nОт: Магазин\nОтправлено: 3 марта 2025 г. 14:05\nКому: Анна\nТема: Заказ\n"
    ),
    "Outlook, English, block only": (
        "From: Shop <shop@chainik.example>\n"
        "Sent: Monday, March 3, 2025 2:05 PM\n"
        "To: Anna <anna@mail.example>\n"
        "Cc: Boris <boris@mail.example>\n"
        "Subject: Order 1042\n"
    ),
    "Apple Mail, addresses but no hour": (
        "From: Shop <shop@chainik.example>\nDate: March 3, 2025\nTo: anna@mail.example\n"
    ),
    "Outlook, Russian, bold": (
        "*От:* Магазин <shop@chainik.example>\n"
        "*Отправлено:* 3 марта 2025 г. 14:05\n"
        "*Кому:* Анна\n"
        "*Тема:* Заказ\n"
    ),
    "Outlook, wrapped": (
        "От: Магазин электрических чайников с очень длинным названием\n"
        "<shop@chainik.example>\n"
        "Отправлено: понедельник, 3 марта 2025 г. 14:05\n"
        "Кому: Анна <anna@mail.example>; Борис <boris@mail.example>; Вера\n"
        "<vera@mail.example>\n"
        "Тема: Заказ 1042\n"
    ),
    "Outlook, important": (
        "От: Магазин <shop@chainik.example>\n"
        "Отправлено: понедельник, 3 марта 2025 г. 14:05\n"
        "Кому: Анна <anna@mail.example>\n"
        "Тема: Заказ 1042\n"
        "Важность: Высокая\n"
    ),
    "Huawei, the subject first": (
        "-------- Исходное сообщение --------\n"
        "Тема: Заказ 1042\nОт: shop@chainik.example\nКому: anna@mail.example\n"
    ),
    "Samsung, run together": (
        "-------- Исходное сообщение --------От: Магазин <shop@chainik.example> "
        "Дата: 03.03.2025  14:05  (GMT+03:00) Кому: anna@mail.example Тема: Заказ 1042 \n"
    ),
    "Samsung, run together, to many": (
        "-------- Original message --------From: Shop <shop@chainik.example> "
        f"Date: 3/3/25  2:05 PM  (GMT+03:00) To: {', '.join(['anna@mail.example'] * 20)} Subject: x\n"
    ),
    "Yandex, whom it went to": (
        "----------------\nКому: Анна (anna@mail.example);\nКопия: Вера (vera@mail.example);\n"
        'Тема: Заказ 1042;\n03.03.2025, 14:05, "Магазин" <shop@chainik.example>:\n'
    ),
    "Yandex, whom it went to, telephone": (
        "----------------\nКому: Анна (anna@mail.example);\nТема: Заказ 1042;\n"
        "14:05, 3 марта 2025 г., Магазин <shop@chainik.example>:\n"
    ),
    "Outlook, one line": "From: Shop <s@ch.example> Sent: Monday 2:05 PM To: Anna Subject: Order\n",
    "Outlook, German": (
        "________________________________\n"
        "Von: Laden <laden@kessel.example>\nGesendet: Montag, 3. März 2025\nAn: Anna\nBetreff: x\n"
    ),
    "Gmail, forwarded": (
        "---------- Forwarded message ---------\n"
        "От: Магазин <shop@chainik.example>\n"
        "Date: пн, 3 мар. 2025 г. в 14:05\n"
        "Subject: Заказ\n"
        "To: <anna@mail.example>\n"
    ),
    "Mail.ru, forwarded": (
        "-------- Пересылаемое сообщение --------\n"
        "От кого: Магазин <shop@chainik.example>\n"
        "Кому: anna@mail.example\n"
        "Дата: Понедельник, 3 марта 2025, 14:05 +03:00\n"
        "Тема: Заказ\n"
    ),
    "Yandex, forwarded": (
        "-------- Пересылаемое сообщение --------\n"
        '03.03.2025, 14:05, "Магазин" <shop@chainik.example>:\n'
    ),
    "Thunderbird, forwarded": (
        "-------- Перенаправленное сообщение --------\n"
        "Тема: \tЗаказ\nДата: \tMon, 3 Mar 2025 14:05:00 +0300\nОт: \tМагазин\nКому: \tАнна\n"
    ),
    "Apple Mail, forwarded": (
        "Начало переадресованного сообщения:\n\n"
        "От: Магазин <shop@chainik.example>\nТема: Заказ\nДата: 3 марта 2025 г. в 14:05\n"
        "Кому: Анна\n"
    ),
    "Apple Mail, forwarded, English": (
        "Begin forwarded message:\n\nFrom: Shop\nSubject: Order\nDate: March 3, 2025\nTo: Anna\n"
    ),
}
"""What stands above an old mail that is not marked line by line."""

SIGNATURES = {
    "a line of two dashes": "-- \nАнна Петрова\nООО «Ромашка», отдел закупок\n+7 916 123-45-67",
    "two dashes, the space lost": "--\nАнна Петрова",
    "an iPhone": "Отправлено с iPhone",
    "an iPhone of mine": "Отправлено с моего iPhone",
    "an iPad, English": "Sent from my iPad",
    "Mail.ru": "Отправлено из мобильной Почты Mail",
    "Mail.ru, new name": "Отправлено из Почты Mail для Android",
    "Yandex": "Отправлено из Яндекс Почты",
    "Yandex, telephone": "Отправлено из мобильного приложения Яндекс Почты",
    "Outlook, English": "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "Outlook, Russian": "Получить Outlook для Android",
    "Outlook, Russian, iOS": "Получите Outlook для iOS (https://aka.ms/o0ukef)",
    "Mail of Windows": "Отправлено из Почты для Windows",
    "myMail": "Отправлено из myMail для iOS",
    "Proton": "Sent with [Proton Mail](https://proton.example/mail) secure email.",
    "Samsung": "Отправлено с Samsung Galaxy\n\nhttps://galaxy.example",
    "a farewell": "С уважением,\nАнна Петрова\nООО «Ромашка»\nтел. +7 916 123-45-67",
    "a farewell in one line": "С уважением, Анна Петрова",
    "a farewell, short": "С ув., Анна",
    "a farewell, English": "Best regards,\nAnna",
    "a farewell and a telephone": "С уважением,\nАнна\n\nОтправлено с iPhone",
    "two farewells": "Best regards,\nAnna\n-- \nAnna Petrova",
}

WHOLE = {
    "nothing": "",
    "blank": "  \n\n ",
    "words": NEW,
    "only a quote": quoted(OLD),
    "only a forwarded mail": HEADERS["Gmail, forwarded"] + "\n" + OLD,
    "only a forwarded mail and a signature": "-- \nАнна\n"
    + HEADERS["Mail.ru, forwarded"]
    + "\n"
    + OLD,
    "only a signature": SIGNATURES["a farewell"],
    "only a telephone": "Отправлено с iPhone",
    "answers between the quotes": (
        "пн, 3 мар. 2025 г. в 14:05, Магазин <shop@chainik.example>:\n"
        "> Какой цвет?\nБелый.\n\n> Какой адрес?\nТверская, 1"
    ),
    "an answer below the quote": "03.03.2025 14:05, Магазин пишет:\n> Какой цвет?\n\nБелый, пожалуйста.",
    "answers between, as The Bat! quotes": (
        "Здравствуйте, Магазин.\n\nВы писали 3 марта 2025 г., 14:05:12:\n\n"
        "М> Какой цвет?\n\nБелый.\n\nМЧ> Адрес?\nМЧ>> ?\n\nТверская, 1"
    ),
    "answers between, with words above": "Отвечаю ниже.\n\n> Цвет?\nБелый.\n> Адрес?\nТверская, 1",
    "a moment and a colon": "3 марта 2025 г. в 14:05 я заказал у вас:\nчайник\nчашку",
    "a moment and words": "03.03.2025 14:05 не привезли.\nЖду ответа.",
    "somebody writes": "Мой муж пишет:\nчайник не греет.",
    "a farewell that goes on": "Чайник не греет.\nС уважением отношусь к вашей работе, но верните деньги.",
    "a postscript": "Спасибо.\nС уважением,\nАнна\n\nP.S. Пришлите чек",
    "a question below the farewell": "Спасибо.\nС уважением,\nАнна\n\nА чек где?",
    "a sentence below the farewell": "Спасибо.\nС уважением, Анна\nПришлите ещё и чек для бухгалтерии.",
    "words below the telephone's line": "Здравствуйте\n\nОтправлено с iPhone\n\nЗабыла: нужен чек",
    "sent by post": "Отправлено с посылкой 3 марта, трек 8002",
    "a form with its own headers": "От: Анна\nТелефон: +7 916 123-45-67\nТема: возврат\nХочу вернуть чайник",
    "an order that has a sender, a receiver and a day": (
        "Здравствуйте! Нужен букет.\nОт: Ивана\nКому: Марии\nДата: 8 марта\nОткрытка: с праздником!"
    ),
    "a journey": "Hello!\nFrom: Moscow\nTo: Kazan\nDate: 5 May 2025\nWe need three tickets.",
    "underscores to be filled in": "Фамилия\n____________________\nИмя\n____________________",
    "a form below a rule": "Заявка\n" + "_" * 30 + "\nТовар: чайник\nКоличество: 2",
    "somebody wrote on a day": "On 3 March I ordered a kettle and my wife wrote:\nwhere is it?",
    "a number and a sign": "Цена должна быть\n  5000 > цена > 4000\nДоговорились?",
    "a courier who said": "Был 03.03.2025, 14:05, курьер, и сказал:\nждите до завтра.",
    "dashes and a form": "Заявка\n----------------\nТовар: чайник\nКоличество: 2",
    "a time and a colon": "14:05, 3 марта 2025 г., курьер сказал:\nждите до завтра.",
    "dashes": "Нужно:\n--\nчайник белый, два литра, с подсветкой.\nИ чашка к нему.",
    "a farewell far from the end": "С уважением,\nАнна\n"
    + "\n".join(f"позиция {n}" for n in range(12)),
    "text of the automatic answer": "Автоответ: меня нет",
}
"""Texts that stay as they are."""


def answers() -> list[Answer]:
    """Return every answer of the tables, with marked and with unmarked quotes."""
    found = []
    for program, line in (ATTRIBUTIONS | ATTRIBUTIONS_OF_MARKED_QUOTES).items():
        found.append(Answer(f"{program}, marked", f"{NEW}\n\n{line}\n\n{quoted(OLD)}\n", NEW))
        wholly = f"{NEW}\r\n\r\n{quoted(f'{line}{chr(10)}{OLD}')}"
        found.append(Answer(f"{program}, directly below", f"Да\n{line}\n{quoted(OLD)}", "Да"))
        found.append(Answer(f"{program}, marked with its line", wholly, NEW))
    for program, line in ATTRIBUTIONS.items():
        found.append(Answer(f"{program}, unmarked", f"{NEW}\n\n{line}\n\n{OLD}\n", NEW))
    for program, block in HEADERS.items():
        found.append(Answer(program, f"{NEW}\n\n{block}\n{OLD}\n", NEW))
        found.append(Answer(f"{program}, marked", f"{NEW}\n\n{block}\n{quoted(OLD)}\n", NEW))
    for name, signature in SIGNATURES.items():
        found.append(Answer(f"{name}, alone", f"{NEW}\n\n{signature}\n", NEW))
        above = f"{NEW}\n{signature}\n\n{ATTRIBUTIONS['Yandex']}\n{quoted(OLD)}"
        found.append(Answer(f"{name}, above a quote", above, NEW))
        below = f"{NEW}\n\n{ATTRIBUTIONS['Mail.ru']}\n{quoted(OLD)}\n\n{signature}"
        found.append(Answer(f"{name}, below a quote", below, NEW))
    found.append(Answer("a quote without a word above", f"{NEW}\n{quoted(OLD)}", NEW))
    found.append(Answer("a quote of a quote", f"{NEW}\n{quoted(quoted(OLD))}\n{quoted(OLD)}", NEW))
    found.extend(Answer(name, text, text.strip()) for name, text in WHOLE.items())
    return found
