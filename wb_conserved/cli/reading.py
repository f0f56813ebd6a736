"""Input files of the command line: TOML, with errors that name the file and the key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError

from ..errors import ConfigError, InputError
from .config import Config, model_of
from .impurity_sections import FOLDER
from .overrides import overridden

BLANK = "FILL IN"
"""What ``init`` leaves where a value has to be given by hand; no key takes it."""
_LENGTH_OF_FOUND = 80


def read_config(path: Path, overrides: Mapping[str, Any] | None = None) -> tuple[Config, str]:
    """Read and validate an input file.

    Parameters
    ----------
    path : Path
    overrides : dict of str to value, optional
        In place of keys of the file, see `wb_conserved.cli.overrides.overridden`.

    Returns
    -------
    Config, str
        The settings, and the text of the file with the overrides in it.

    Raises
    ------
    ConfigError, InputError
        Every problem, with file, key (or line, for broken TOML), what was expected and what was found.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, "a TOML file that can be read", error.strerror) from None
    except UnicodeDecodeError as error:
        raise InputError(path, "a TOML file in UTF-8", str(error)) from None
    try:
        data = tomllib.loads(text)
        if overrides:
            text = overridden(text, overrides)
            data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise InputError(path, "TOML", str(error).replace(place[0] if place else "", ""), line) from None
    filled: dict[str, Any] = {name: {} for name, field in Config.model_fields.items() if field.is_required()} | data
    try:
        return Config.model_validate(filled, context={FOLDER: path.parent}), text
    except ValidationError as error:
        problems = {_key(item): _explain(item, filled) for item in error.errors()}
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems.values())) from None


def _key(item: dict) -> tuple[str, ...]:
    """Section, with the number of the table where there may be several, and key that an error of pydantic is about."""
    section, *rest = [str(part) for part in item["loc"]] or [""]
    if item["type"] == "key":
        section, rest = item["ctx"]["section"] or section, [*rest[:1], item["ctx"]["key"]] if rest else [item["ctx"]["key"]]
    if rest and rest[0].isdecimal():
        return (f"{section} {int(rest[0]) + 1}", *rest[1:2])
    return (section, *rest[:1])


def _explain(item: dict, data: dict) -> str:
    place, *keys = _key(item)
    section, _, number = place.partition(" ")
    name = f"[{section}]" if section not in _SEVERAL else f"[[{section}]] {number}".rstrip()
    name = f"{name} {keys[0]}" if keys else name
    if item["type"] == "key":
        return f"{name}: expected {item['ctx']['expected']}; found {item['ctx']['found']}"
    if item["type"] == "twice":
        return f"{name}: expected {item['ctx']['value']} once; found it {item['ctx']['times']} times"
    known = list(Config.model_fields if not keys else model_of(section).model_fields)
    if item["type"] == "extra_forbidden":
        close = difflib.get_close_matches(keys[0] if keys else section, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"{name}: expected one of {', '.join(known)}; found an unknown {'key' if keys else 'section'}{hint}"
    given = data[section][int(number) - 1] if number else data[section]
    if not keys:
        expected = "tables, [[impurity]]" if section in _SEVERAL and not number else "a table"
        return f"{name}: expected {expected}; found {_shortened(given)}"
    field = model_of(section).model_fields[keys[0]]
    found = "nothing" if item["type"] == "missing" else _shortened(given[keys[0]])
    return f"{name}: expected {field.description}; found {found}{_hint(item)}"


_SEVERAL = [name for name, field in Config.model_fields.items() if get_origin(field.annotation) is list]
"""Sections of which there may be several tables."""


def _hint(item: dict) -> str:
    """What to do about a blank; the nearest of the words that a key takes, for one that is misspelt."""
    if item["input"] == BLANK:
        return ", the blank that init left: take it from the output of the scf calculation, or use electrons in place of level"
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    close = difflib.get_close_matches(item["input"], re.findall(r"'([^']+)'", item["ctx"]["expected"]), n=1)
    return f"; did you mean {close[0]} in place of {item['input']}?" if close else ""


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LENGTH_OF_FOUND else text[: _LENGTH_OF_FOUND - 3] + "..."
