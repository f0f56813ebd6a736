"""Spins that the projections of a .nnkp or .win file state: signs and quantisation axes of the Wannier functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from .seed_files import _blocks, _numbered, _rows
from .text import TextFile, word_to_float


@dataclass(frozen=True)
class StatedSpins:
    """What a file says of the spins that the Wannier functions started from.

    Attributes
    ----------
    path : Path
    axes : ndarray, shape (n, 3)
        Unit vectors, one for each projection that states one.
    lines : tuple of int
        Their lines in the file, counted from 1.
    signs : ndarray of int, shape (n,), or None
        1 (up) or -1, in the order of the Wannier functions; None for a .win file, which does not have that order.
    """

    path: Path
    axes: np.ndarray
    lines: tuple[int, ...]
    signs: np.ndarray | None


def _unit(path: Path, axis: np.ndarray, line: int) -> np.ndarray:
    length = float(np.linalg.norm(axis))
    if not length > 1e-6:
        raise InputError(path, "a spin axis that is not zero", f"{axis.tolist()}", line)
    return axis / length


def read_stated_spins(path: Path) -> StatedSpins | None:
    """Spins of the projections in a .nnkp file (block spinor_projections) or a .win file ([x,y,z] in a projection).

    Returns
    -------
    StatedSpins or None
        None where the file says nothing of spins.

    Raises
    ------
    InputError
        A line that states them cannot be read.
    """
    with TextFile(path) as file:
        blocks, _ = _blocks(path, file.rest())
    if "spinor_projections" in blocks:
        return _of_nnkp(path, _numbered(*blocks["spinor_projections"]))
    stated = []
    for number, text in _numbered(*blocks["projections"]) if "projections" in blocks else ():
        found = re.search(r"\[([^\]]*)\]", re.split(r"[!#]", text)[0])
        if found is not None:
            words = found.group(1).replace(",", " ").split()
            if len(words) != 3:
                raise InputError(path, "a spin axis [x,y,z]", repr(found.group(0)), number)
            axis = np.array([word_to_float(path, word, number, "a number in a spin axis") for word in words])
            stated.append((number, _unit(path, axis, number)))
    if not stated:
        return None
    lines, axes = zip(*stated, strict=True)
    return StatedSpins(path, np.array(axes), lines, None)


def _of_nnkp(path, rows):
    """Every third line after the number of projections has spin and axis."""
    rows = rows[3::3]
    if not rows:
        return None
    values = _rows(path, rows, 4, "spin and its axis")
    lines = tuple(number for number, _ in rows)
    wrong = np.flatnonzero(np.abs(values[:, 0]) != 1)
    if len(wrong):
        raise InputError(path, "spin 1 or -1 and its axis", f"{values[wrong[0]].tolist()}", lines[wrong[0]])
    axes = np.array([_unit(path, axis, line) for axis, line in zip(values[:, 1:], lines, strict=True)])
    return StatedSpins(path, axes, lines, values[:, 0].astype(int))
