"""Settings given on the command line in place of those of the input file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from typing import Any

import click
import tomlkit

from ..errors import InputError

SET = "--set"


def overriding(command: Callable) -> Callable:
    """Give a command the options of `overridden`, as one argument ``overrides``."""

    def wrapped(*, settings, mesh, quantities, **arguments):
        return command(overrides=assignments(settings, mesh, quantities), **arguments)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])
    for option in (
        click.option("--quantities", help="In place of [quantities] names, separated by commas."),
        click.option("--mesh", help="In place of [grid] mesh: one number, or three separated by x."),
        click.option(
            SET, "settings", multiple=True, metavar="TABLE.KEY=VALUE",
            help="In place of a key of the input file, such as grid.mesh=24; may be given several times.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def assignments(settings: Sequence[str], mesh: str | None, quantities: str | None) -> dict[str, Any]:
    """Values by "table.key" from the options of a command.

    Raises
    ------
    InputError
        No assignment, or a mesh that is none.
    """
    found = dict(_assignment(text) for text in settings)
    if mesh is not None:
        try:
            numbers = [int(part) for part in mesh.replace("×", "x").split("x")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 3):
            raise InputError("--mesh", "a number, or three separated by x", repr(mesh))
        found["grid.mesh"] = numbers[0] if len(numbers) == 1 else numbers
    if quantities is not None:
        found["quantities.names"] = [name.strip() for name in quantities.split(",")]
    return found


def _assignment(text):
    place, equals, value = text.partition("=")
    if not equals or "." not in place:
        raise InputError(SET, "TABLE.KEY=VALUE, such as grid.mesh=24", repr(text))
    try:
        return place.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return place.strip(), value.strip()  # a word without quotation marks


def overridden(text: str, overrides: dict[str, Any]) -> str:
    """Text of an input file with other values, everything else as it was.

    Parameters
    ----------
    text : str
        TOML that can be read.
    overrides : dict of str to value
        By "table.key"; further points are tables within.
    """
    if not overrides:
        return text
    document = tomlkit.parse(text)
    for place, value in overrides.items():
        *tables, key = place.split(".")
        at = document
        for name in tables:
            if not isinstance(at.get(name), dict):
                at[name] = tomlkit.table()
            at = at[name]
        at[key] = value
    return tomlkit.dumps(document)
