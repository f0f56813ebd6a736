"""The input file of a run as a file in the folder of its results, from which the same runs again."""

from __future__ import annotations

import os
from pathlib import Path

import tomlkit

from .config import path_keys

HEADER = "# The input of the results in this folder, with paths relative to it: with --overwrite it computes them again.\n"


def rebased(text: str, source: Path, folder: Path, results: str = ".") -> str:
    """Text of an input file for a copy of it in the folder of its results, with everything else as it was.

    Parameters
    ----------
    text : str
        A valid input file.
    source : Path
        Where it is.
    folder : Path
        Where the copy will be; need not exist yet.
    results : str
        Value of [output] folder in the copy.

    Returns
    -------
    str
        The same for an input file that is such a copy, in its own folder.
    """
    document = tomlkit.parse(text)
    for section, key in path_keys():
        tables = document.get(section, {})
        for table in tables if isinstance(tables, list) else [tables]:
            if key in table:
                given = str(table[key])
                value = results if (section, key) == ("output", "folder") else _seen_from(folder, source.parent, given)
                if value != given:
                    table[key] = value
    return HEADER + tomlkit.dumps(document).removeprefix(HEADER)


def _seen_from(folder, base, given):
    """A path that is given relative to a base, relative to a folder; an absolute one as it is."""
    if Path(given).is_absolute():
        return given
    path = base / given
    whole = path.parent.resolve() / path.name
    try:
        return Path(os.path.relpath(whole, folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return whole.as_posix()
