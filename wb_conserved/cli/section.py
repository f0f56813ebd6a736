"""What all sections of an input file share: the base, errors that see more than one key, and which key gives what."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


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


class IsPath:
    """Mark of a key that is a path, relative to the folder of the input file."""


RelativePath = Annotated[str, Field(pattern=r"^[^\x00]+$"), IsPath()]
Count = Annotated[int, Field(gt=0)]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Vector = Annotated[list[float], Field(min_length=3, max_length=3)]


class Section(BaseModel):
    """A table of the input file; the description of a key is what its errors say was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


KEYS = {
    "Efermi": ("fermi", "levels"),
    "electrons": ("fermi", "electrons"),
    "kBT": ("temperature", "kBT"),
    "fermi_surface_width": ("temperature", "fermi_surface_width"),
    "tetra": ("temperature", "tetrahedra"),
    "degen_thresh": ("multiplets", "threshold"),
    "spin_current": ("system", "spin_current"),
    "outside_states": ("system", "outside_states"),
    "operator": ("quantities", "operator"),
    "compute_components": ("quantities", "compute_components"),
    "mesh": ("grid", "mesh"),
    "adpt_num_iter": ("grid", "adpt_num_iter"),
    "adpt_mesh": ("grid", "adpt_mesh"),
    "adpt_fac": ("grid", "adpt_fac"),
    "memory_per_rank": ("run", "memory_per_rank"),
    "scattering": ("disorder", "scattering"),
    "width": ("disorder", "width"),
    "extra_rate": ("disorder", "extra_rate"),
    "first_order": ("disorder", "first_order"),
    "large": ("disorder", "large"),
}
"""Section and key for each argument of a calculator or a run; other arguments are options of a quantity."""


def key_of(argument: Any, quantity: str = "") -> tuple[str, str] | None:
    """Section and key that give an argument of a calculator: an option of its own where there is no other.

    Parameters
    ----------
    argument : str
    quantity : str
        Whose calculator it is; without one, None where no key of all quantities gives the argument.
    """
    if argument in KEYS:
        return KEYS[argument]
    return ("quantities", f"options.{quantity}.{argument}") if quantity else None
