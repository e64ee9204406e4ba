"""Filled-in forms: checked against the configured fields, told apart into profile, text and custom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import omnigate
from omnigate_webchat.formconfig import Form, FormField
from omnigate_webchat.phone import e164

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PROFILE: Final = {"name": "display_name", "email": "email", "phone": "phone"}
_MESSAGE: Final = "message"
_LONGEST: Final = {"text": 500, "select": 500, "email": 254, "phone": 40, "textarea": 8000}


class FormRejected(Exception):
    """A form is not accepted; ``fields`` says why, a word a field.

    The words: ``required``, ``too_long``, ``email``, ``phone``, ``option``, ``unknown``.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form said."""

    profile: dict[str, str] = field(default_factory=dict)
    """Fields of the profile, by the model's names; the phone is E.164."""
    text: str | None = None
    custom: dict[str, str] = field(default_factory=dict)

    def sender(self, profile: omnigate.Profile) -> omnigate.Profile:
        """Return the profile with what the form said."""
        return profile.model_copy(update=self.profile)


def read_form(
    form: Form, values: dict[str, str | None], *, consent: bool, default_region: str
) -> Filled:
    """Return what was filled in; raises `FormRejected` naming every field at fault."""
    given = {name: value.strip() for name, value in values.items() if value and value.strip()}
    known = {entry.name: entry for entry in form.fields}
    faults = {name: "unknown" for name in given if name not in known}
    read: dict[str, str] = {}
    for name, entry in known.items():
        value, fault = _read_field(entry, given.get(name), default_region)
        if fault is not None:
            faults[name] = fault
        elif value is not None:
            read[name] = value
    if form.consent is not None and not consent:
        faults["consent"] = "required"
    if faults:
        raise FormRejected(faults)
    return Filled(
        profile={_PROFILE[name]: value for name, value in read.items() if name in _PROFILE},
        text=read.get(_MESSAGE),
        custom={
            name: value for name, value in read.items() if name not in _PROFILE and name != _MESSAGE
        },
    )


def asks_for_phones(forms: Iterable[Form | None]) -> bool:
    """Tell whether any of the forms has a field that needs phone numbers understood."""
    return any(entry.kind == "phone" for form in forms if form for entry in form.fields)


def _read_field(
    entry: FormField, value: str | None, default_region: str
) -> tuple[str | None, str | None]:
    """Return the value as it is kept, and what is wrong with it."""
    if value is None:
        return None, "required" if entry.required else None
    if len(value) > _LONGEST[entry.kind]:
        return None, "too_long"
    if entry.kind == "phone":
        number = e164(value, default_region)
        return number, None if number else "phone"
    if entry.kind == "email" and not _EMAIL.fullmatch(value):
        return None, "email"
    if entry.kind == "select" and value not in entry.options:
        return None, "option"
    return value, None
