"""List-directed input as Fortran programs read it: `2, 2 2`, `3*2`, `1.5d0`, `1.0-100`, `4 !num_wann`.

Values are separated by blanks, tabs, commas or semicolons; r*c stands for r values c; a slash ends the line.  Values that
are left out (`,,`, `3*`), which keep what the program had before, are refused where they are needed.
"""

from __future__ import annotations

import re

import numpy as np

NOTHING = "(nothing)"
"""Stands for a value that is left out."""

_NUMBER = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:[edqEDQ]([+-]?\d+)|([+-]\d+))?")
_SEPARATOR = re.compile(r"\s*[,;]\s*|\s+")
_REPEATED = re.compile(r"(\d+)\*(.*)")
_COMMENT = re.compile(r"[!#]")
_PLAIN = re.compile(r"[\s\deE.+-]*")
_LARGEST_REPEAT = 1 << 20


def without_comment(text: str) -> str:
    """A line up to the first ! or #, stripped."""
    return _COMMENT.split(text, maxsplit=1)[0].strip()


def words(text: str) -> list[str]:
    """Values of a line, as text in a form that `float` and `int` know; a comment is left out, and what is no number stays.

    Examples
    --------
    >>> words("2,2 , 1.5d0 3*0  ! a comment")
    ['2', '2', '1.5e0', '0', '0', '0']
    """
    text = without_comment(text)
    if _PLAIN.fullmatch(text):
        return [_number(word) for word in text.split()]
    text, slash, _ = text.partition("/")
    text = text.strip()
    if not text:
        return []
    found = []
    for word in _SEPARATOR.split(text[:-1] if text[-1] in ",;" else text):
        repeated = _REPEATED.fullmatch(word)
        times, value = (int(repeated[1]), repeated[2]) if repeated else (1, word)
        if times > _LARGEST_REPEAT:
            times, value = 1, word
        found += times * [_number(value) if value else NOTHING]
    return found


def _number(word: str) -> str:
    match = _NUMBER.fullmatch(word)
    if match is None:
        return word
    sign, mantissa, exponent, bare = match.groups()
    exponent = exponent or bare
    return f"{sign}{mantissa}" + (f"e{exponent}" if exponent else "")


def to_float(word: str) -> float:
    """A finite number, from what `words` returns.

    Raises
    ------
    ValueError
        It is none.
    """
    if not _NUMBER.fullmatch(word):
        raise ValueError(word)
    value = float(word)
    if not np.isfinite(value):
        raise ValueError(word)
    return value
