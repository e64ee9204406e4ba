"""Forms of a web chat as the configuration describes them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

import omnigate

_KINDS: Final = {"email": "email", "phone": "phone", "message": "textarea"}

Label = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Words = Label | dict[str, Label]
"""One text for everybody, or one a language: ``{ru = "…", en = "…"}``."""


class FormField(omnigate.Model):
    """One field of a form."""

    name: Key = Field(
        description="name, email and phone go to the contact; any other name arrives in context.custom."
    )
    kind: Literal["text", "textarea", "email", "phone", "select"] = Field(
        "text",
        description="What is asked for; email and phone are checked. Fields named email, phone and message "
        "have their kind without it.",
    )
    label: Words | None = Field(
        None, description="Text beside the field, one or one a language; known names have theirs."
    )
    required: bool = Field(False, description="The form is not accepted without it.")
    options: list[Label] = Field([], max_length=50, description="Choices of a select.")

    @model_validator(mode="before")
    @classmethod
    def _known_name(cls, value: Any) -> Any:
        """Let a bare name stand for a field, and known names bring their kind."""
        if isinstance(value, str):
            value = {"name": value}
        if isinstance(value, dict) and "kind" not in value:
            value = {**value, "kind": _KINDS.get(str(value.get("name")), "text")}
        return value

    @model_validator(mode="after")
    def _options_of_a_select(self) -> Self:
        if (self.kind == "select") != bool(self.options):
            raise ValueError("options belong to a field of kind select, and it needs some")
        return self


class Form(omnigate.Model):
    """A form that is shown before the conversation or outside hours."""

    enabled: bool = Field(True, description="Set to false to keep the form without showing it.")
    title: Words | None = Field(
        None, description="Heading, one or one a language.", examples=["Before we start"]
    )
    text: Words | None = Field(
        None,
        description="Text above the fields, one or one a language.",
        examples=["Tell us how to reach you."],
    )
    fields: list[FormField] = Field(
        [
            FormField(name="name", kind="text", required=True),
            FormField(name="email", kind="email"),
        ],
        min_length=1,
        max_length=20,
        description='The fields, in order; a bare name stands for an optional field: ["name", "email"].',
    )
    consent: Words | None = Field(
        None,
        description="Text of a box that must be ticked; never ticked beforehand.",
        examples=["I agree to my data being used"],
    )

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [field.name for field in self.fields]
        if len(names) != len(set(names)):
            raise ValueError("two fields have the same name")
        return self


class OfflineForm(Form):
    """The form outside hours: what it says becomes a message."""

    fields: list[FormField] = Field(
        [
            FormField(name="name", kind="text"),
            FormField(name="email", kind="email", required=True),
            FormField(name="message", kind="textarea", required=True),
        ],
        min_length=1,
        max_length=20,
        description="The fields, in order; one is named message.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if "message" not in {field.name for field in self.fields}:
            raise ValueError("the offline form needs a field named message")
        return self
