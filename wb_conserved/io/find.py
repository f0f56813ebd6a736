"""Which reader a path or an object is for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from .formats import FOLDERS, OBJECTS, READERS, Reader, formats_text
from .text import COMPRESSIONS, STREAM_ERRORS, locate, open_stream, stem

_HEAD_LINES, _HEAD_BYTES = 8, 1 << 14
_PICKLES = (".pickle", ".pkl", ".sav")


class Source(NamedTuple):
    """What a system is loaded from.

    Attributes
    ----------
    reader : Reader
    subject : Path or object
        What it reads.
    name : str
        What to call it in messages.
    seed : str
        Seedname with its folder; empty where there is none.
    """

    reader: Reader
    subject: Any
    name: str
    seed: str


def find_source(path: Any) -> Source:
    """Reader of what `load_system` is given.

    Raises
    ------
    InputError
        Nothing of the kind, or more than one; the error lists what there is.
    """
    if not isinstance(path, str | os.PathLike):
        found = next(((kind, reader) for kind, reader in OBJECTS.items() if reader.recognise(path)), None)
        if found is None:
            raise InputError("path", f"a path, or {formats_text()}", f"a {type(path).__name__}")
        return Source(found[1], path, f"the {found[0]} given", "")
    name = os.fspath(path)
    if os.path.isfile(name):
        return _of_file(name)
    candidates = {ending: locate(name + ending) for ending in READERS}
    found = next((Source(READERS[e], file, str(file), name) for e, file in candidates.items() if file is not None), None)
    if os.path.isdir(name):
        return _of_folder(name, found)
    if found is None:
        raise InputError(name, f"a file or folder, or a seedname X of a file: {formats_text()}", "no such file")
    return found


def _of_file(name: str) -> Source:
    fitting = [ending for ending in READERS if stem(name).endswith(ending)]
    if fitting:
        ending = max(fitting, key=len)
        return Source(READERS[ending], Path(name), name, stem(name).removesuffix(ending))
    if name.endswith(_PICKLES):
        raise InputError(name, f"no pickle, which can run any program when it is read; {formats_text()}", "a pickle")
    head = _head(name)
    for ending, reader in READERS.items():
        if reader.recognise is not None and head and reader.recognise(head):
            return Source(reader, Path(name), name, _seed_of(name, ending))
    raise InputError(name, f"one of {formats_text()}", "another file")


def _head(name: str) -> list[str]:
    """The first lines of a text file; none of others."""
    with open_stream(Path(name)) as stream:
        try:
            start = stream.read(_HEAD_BYTES)
        except STREAM_ERRORS:
            return []
    return [] if b"\0" in start else start.decode("ascii", "replace").splitlines()[:_HEAD_LINES]


def _seed_of(name: str, ending: str) -> str:
    """What precedes the ending without .dat, or else the last dot, in the name of a file."""
    folder, base = os.path.split(stem(name))
    kind = ending.removesuffix(".dat")
    seed = re.split(rf"[._-]?{re.escape(kind.lstrip('_'))}(?![a-z])", base, maxsplit=1)[0]
    return os.path.join(folder, seed if seed and seed != base else base.rpartition(".")[0] or base)


def _of_folder(name: str, found: Source | None) -> Source:
    reader = next((reader for reader in FOLDERS.values() if reader.recognise(Path(name))), None)
    if reader is not None and found:
        raise InputError(
            name,
            f"a seedname or a folder of arrays: give {name}/ for the folder, or the whole name of the file",
            f"both: {found.name}, and a folder of that name",
        )
    if reader is not None:
        return Source(reader, Path(name), name, "")
    if found:
        return found
    seeds = sorted(
        {
            stem(file).removesuffix(ending)
            for ending in READERS
            for extension in COMPRESSIONS
            for file in Path(name).glob(f"*{ending}{extension}")
        }
    )
    hint = f", or a seedname, such as {seeds[0]}" if seeds else ""
    raise InputError(name, f"a folder that to_npz of a system wrote{hint}; or {formats_text()}", "another folder")
