"""The command ``keys``: every key of an input file, from the models that validate it."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..calculators import OVER_LEVELS
from ..errors import InputError
from .config import Config, key_of
from .group import main

_UNITS = ("eV", "Å", "K", "GB", "μ_B", "fs")
_WIDTH = 118


@dataclass(frozen=True)
class Key:
    """A key of an input file.

    Attributes
    ----------
    section, name : str
    several : bool
        Whether there may be several tables of that section.
    default : str
        As in the file; "required", or "—" where nothing is set without it.
    unit : str
        Empty for what has none.
    meaning : str
        What may stand there, and what it means.
    """

    section: str
    several: bool
    name: str
    default: str
    unit: str
    meaning: str

    @property
    def heading(self) -> str:
        """Heading of its table."""
        return f"[[{self.section}]]" if self.several else f"[{self.section}]"


def all_keys() -> list[Key]:
    """Every key, in the order of the models; last the options of quantities, from their signatures."""
    keys = [
        Key(section, several, name, _default(field), unit_of(field.description or ""), field.description or "")
        for section, (model, several) in sections().items()
        for name, field in model.model_fields.items()
    ]
    return [*keys, *_options()]


def sections() -> dict[str, tuple[type[BaseModel], bool]]:
    """Model of each table of an input file, and whether there may be several of it."""
    found = {}
    for section, field in Config.model_fields.items():
        candidates = [field.annotation, *get_args(field.annotation)]
        model = next(part for part in candidates if inspect.isclass(part) and issubclass(part, BaseModel))
        found[section] = (model, model is not field.annotation and list in map(_origin, candidates))
    return found


def _origin(annotation):
    return getattr(annotation, "__origin__", annotation)


def unit_of(description: str) -> str:
    """The unit that a description gives in parentheses."""
    found = re.search(rf"\(({'|'.join(map(re.escape, _UNITS))})\)", description)
    return found[1] if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "—" if value is None else _toml(value)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("null", "—") if not isinstance(value, BaseModel) else "—"


def _options() -> Iterator[Key]:
    """Options of quantities that no other key gives."""
    for name, entry in OVER_LEVELS.items():
        for option, parameter in entry.options.items():
            if key_of(option) is not None:
                continue
            text = _parameter_text(entry.calculator, option)
            default = "—" if parameter.default in (None, inspect.Parameter.empty) else _toml(parameter.default)
            yield Key("quantities", False, f"options.{name}.{option}", default, unit_of(text), text)


def _parameter_text(calculator: type, option: str) -> str:
    """What the docstring of a quantity, or of one of its bases, says of a parameter."""
    found = (_described(inspect.cleandoc(vars(kind).get("__doc__") or "").split("\n"), option) for kind in calculator.__mro__)
    return next(filter(None, found), f"option of {calculator.__name__}")


def _described(lines, option):
    """What the lines of a docstring say of a parameter; empty where they do not."""
    for place, line in enumerate(lines):
        if re.match(rf"{option}\b.* : ", line):
            text = [line.split(" : ", 1)[1]]
            for further in lines[place + 1 :]:
                if not further.startswith("    "):
                    break
                text.append(further.strip())
            return ": ".join(filter(None, [text[0], " ".join(text[1:])])).replace("`", "")
    return ""


def format_keys(keys: list[Key]) -> str:
    """Keys as text, a part for each table."""
    lines: list[str] = []
    for heading in dict.fromkeys(key.heading for key in keys):
        lines += ["", heading] if lines else [heading]
        for key in (key for key in keys if key.heading == heading):
            unit = f", {key.unit}" if key.unit else ""
            lines.append(f"  {key.name}  ({key.default if key.default == 'required' else f'default {key.default}'}{unit})")
            lines += textwrap.wrap(key.meaning, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def format_markdown(keys: list[Key]) -> str:
    """Keys as tables of Markdown, for documentation."""
    lines: list[str] = []
    for heading in dict.fromkeys(key.heading for key in keys):
        lines += ["", f"## {heading}", "", "| key | default | unit | meaning |", "|---|---|---|---|"]
        lines += [
            "| " + " | ".join(text.replace("|", r"\|") for text in (f"`{key.name}`", key.default, key.unit, key.meaning)) + " |"
            for key in keys
            if key.heading == heading
        ]
    return "\n".join(lines).strip() + "\n"


@main.command(example="temperature multiplets")
@click.argument("words", nargs=-1)
@click.option("--markdown", is_flag=True, help="As tables of Markdown.")
def keys(words, markdown):
    """Every key of an input file: default, unit and meaning.  WORDS are tables, or parts of the names of keys."""
    every = all_keys()
    fitting = {word: [key for key in every if word.strip("[]") == key.section or word in key.name] for word in words}
    for word in words:
        if not fitting[word]:
            known = ", ".join(dict.fromkeys(key.section for key in every))
            raise InputError("WORDS", f"tables ({known}) or parts of the names of keys", repr(word))
    found = [key for key in every if not words or any(key in fitting[word] for word in words)]
    click.echo(format_markdown(found).strip() if markdown else format_keys(found))
