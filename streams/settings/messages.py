"""What is wrong with a setting's value, in the words of this project and not of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationInfo, field_validator
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Kind of a fault, without `_parsing` and `_type` -> what the value has to be.
_NEEDED = {
    "int": "a whole number",
    "int_from_float": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "bool": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
}
_MAX_SHOWN = 40


def message(fault: Mapping[str, Any]) -> str:
    """Return what is wrong, from a fault as pydantic describes it."""
    kind = str(fault["type"]).removesuffix("_parsing").removesuffix("_type")
    needed = _NEEDED.get(kind)
    if needed is None:
        return str(fault["msg"]).removeprefix("Value error, ").replace("Input should", "it has to")
    given = str(fault["input"])
    shown = f"{given[:_MAX_SHOWN]}…" if len(given) > _MAX_SHOWN else given
    expected = {
        name: f"{value:g}" if isinstance(value, float) else str(value).replace("'", "")
        for name, value in fault.get("ctx", {}).items()
    }
    return f"it has to be {needed.format(**expected)}, and is {shown!r}"


class AnyCase(BaseSettings):
    """Settings whose choices may be written in any case."""

    @field_validator("*", mode="before")
    @classmethod
    def _in_any_case(cls, value: object, info: ValidationInfo) -> object:
        return in_its_case(cls.model_fields[info.field_name or ""].annotation, value)


def in_its_case(annotation: object, value: object) -> object:
    """Return the choice that a text names, whatever its letters' case; else the value."""
    choices = (each for each in get_args(annotation) if isinstance(each, str))
    if not isinstance(value, str):
        return value
    return next((each for each in choices if each.lower() == value.strip().lower()), value)
