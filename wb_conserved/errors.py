"""Errors about input: they name the file, the line where there is one, what was expected and what came."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """Input that cannot be used.

    Parameters
    ----------
    source : str or Path
        File (or argument) that the error is about.
    expected, found : str
        What should be there, and what is.
    line : int, optional
        Line of the file, counted from 1.

    Examples
    --------
    >>> from wb_conserved import InputError
    >>> str(InputError("mesh", "a positive integer", 0))
    'mesh: expected a positive integer; found 0'
    """

    def __init__(self, source: str | Path, expected: str, found: str, line: int | None = None):
        self.source, self.expected, self.found, self.line = str(source), expected, found, line
        where = f"{source}, line {line}" if line is not None else f"{source}"
        super().__init__(f"{where}: expected {expected}; found {found}")

    def __reduce__(self):
        return type(self), (self.source, self.expected, self.found, self.line)


class ConfigError(ValueError):
    """Input file with problems, one line each, that name file and key."""


NO_SPIN = 'spin=False (in an input file: operator = "identity") if no spin is needed'
"""The way out where there is no spin, for messages that users of both the command and Python see."""


def how_to_install(extra: str) -> str:
    """How to add optional packages, which is not by the name of this one: it is on no package index.

    Parameters
    ----------
    extra : str
        Name of them in pyproject.toml.
    """
    return f"pip install '.[{extra}]' in the folder of wb_conserved that has pyproject.toml"
