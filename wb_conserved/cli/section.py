"""What sections of an input file are made of: their base, kinds of values, and the error of a rule that sees several keys."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class IsPath:
    """Mark of a key that is a path, relative to the folder of the input file."""


RelativePath = Annotated[str, Field(pattern=r"^[^\x00]+$"), IsPath()]
Count = Annotated[int, Field(gt=0)]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Vector = Annotated[list[float], Field(min_length=3, max_length=3)]


class Section(BaseModel):
    """A table of the input file; the description of a key is what its errors say was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def section_of(field) -> type[Section]:
    """The section that a field of the whole input file is, which it may lack."""
    members = [field.annotation, *get_args(field.annotation)]
    return next(member for member in members if isinstance(member, type) and issubclass(member, Section))


def each_once(values: list | None) -> list | None:
    """The values, unless one is there twice."""
    twice = next((value for value in values or () if values.count(value) > 1), None)
    if twice is not None:
        raise PydanticCustomError("twice", "{value} once", {"value": repr(twice), "times": values.count(twice)})
    return values


def problem(key: str, expected: str, found: Any, section: str = "") -> PydanticCustomError:
    """Error of a validator that sees more than one key."""
    return PydanticCustomError(
        "key", "{expected}", {"section": section, "key": key, "expected": expected, "found": str(found)}
    )
