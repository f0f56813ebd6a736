"""Input files of the command line: TOML, with errors that name the file and the key."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigError, InputError
from .config import Config
from .section import section_of

_LENGTH_OF_FOUND = 80


def read_config(path: Path) -> tuple[Config, str]:
    """Read and validate an input file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Config, str
        The settings, and the text of the file.

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
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise InputError(path, "TOML", str(error).replace(place[0] if place else "", ""), line) from None
    filled = {name: {} for name, field in Config.model_fields.items() if field.is_required()} | data
    try:
        return Config.model_validate(filled), text
    except ValidationError as error:
        problems = {_key(item): _explain(item, filled) for item in error.errors()}
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems.values())) from None


def _key(item: dict) -> tuple[str, ...]:
    """Section and key that an error of pydantic is about."""
    if item["type"] == "key":
        section = item["ctx"]["section"] or item["loc"][0]
        return (section, item["ctx"]["key"])
    return tuple(str(part) for part in item["loc"][:2])


def _explain(item: dict, data: dict) -> str:
    section, *keys = _key(item)
    name = f"[{section}] {keys[0]}" if keys else f"[{section}]"
    if item["type"] == "key":
        return f"{name}: expected {item['ctx']['expected']}; found {item['ctx']['found']}"
    if item["type"] == "twice":
        return f"{name}: expected {item['ctx']['value']} once; found it {item['ctx']['times']} times"
    if item["type"] == "extra_forbidden":
        known = list((section_of(Config.model_fields[section]) if keys else Config).model_fields)
        close = difflib.get_close_matches(keys[0] if keys else section, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"{name}: expected one of {', '.join(known)}; found an unknown {'key' if keys else 'section'}{hint}"
    if not keys:
        return f"{name}: expected a table; found {_shortened(data[section])}"
    field = section_of(Config.model_fields[section]).model_fields[keys[0]]
    found = "nothing" if item["type"] == "missing" else _shortened(data[section][keys[0]])
    return f"{name}: expected {field.description}; found {found}{_hint(item)}"


def _hint(item: dict) -> str:
    """The nearest of the words that a key takes, for one that is misspelt."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    close = difflib.get_close_matches(item["input"], re.findall(r"'([^']+)'", item["ctx"]["expected"]), n=1)
    return f"; did you mean {close[0]} in place of {item['input']}?" if close else ""


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LENGTH_OF_FOUND else text[: _LENGTH_OF_FOUND - 3] + "..."
