"""What .win and .nnkp say about the lattice, the k mesh and the bands: used to find files of different calculations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError
from .text import TextFile, numbers, word_to_float

BOHR = 0.52917721092
"""Å in a Bohr radius, Wannier90's default."""

_ASSIGNMENT = re.compile(r"^\s*([a-z_0-9]+)\s*(?:[=:]\s*|\s+)(.*?)\s*$", re.IGNORECASE)
_WANTED = ("num_bands", "num_wann", "mp_grid", "dis_win_min", "dis_win_max", "dis_froz_min", "dis_froz_max", "ws_distance_tol")
_REAL = ("dis_", "ws_")
_LOGICAL = ("translate_home_cell", "use_ws_distance")


@dataclass
class SeedFile:
    """Lattice, k points and counts of a .win or .nnkp file; None where the file does not say.

    Attributes
    ----------
    path : Path
    real_lattice : ndarray, shape (3, 3), or None
        Rows are lattice vectors, Å.
    kpoints : ndarray, shape (NK, 3), or None
        Reduced coordinates.
    neighbours : ndarray of int, shape (NK * NNB, 5), or None
        k point, neighbour (both from 1) and the reciprocal lattice vector, .nnkp only.
    projections : ndarray, shape (n, 3), or None
        Centres of the projections, reduced coordinates, .nnkp only.
    values : dict
        num_bands, num_wann (int), mp_grid (ndarray), dis_* (float, eV), ws_distance_tol (float, Å), translate_home_cell and
        use_ws_distance (bool), .win only.
    lines : dict
        Line of each of these, counted from 1; for "kpoints", of each k point.
    """

    path: Path
    real_lattice: np.ndarray | None = None
    kpoints: np.ndarray | None = None
    neighbours: np.ndarray | None = None
    projections: np.ndarray | None = None
    values: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)


def _blocks(path: Path, lines: list[str]) -> tuple[dict[str, tuple[int, list[str]]], list[tuple[int, str]]]:
    """Blocks `begin name ... end name` with the number of their first line, and the numbered lines outside."""
    blocks, outside, name, start = {}, [], None, 0
    for number, text in enumerate(lines, start=1):
        words = re.split(r"[!#]", text)[0].lower().split()
        if name is None:
            if len(words) >= 2 and words[0] == "begin":
                name, start = words[1], number
            else:
                outside.append((number, re.split(r"[!#]", text)[0]))
        elif len(words) >= 2 and words[0] == "end":
            if words[1] != name:
                raise InputError(path, f"'end {name}'", repr(text.strip()), number)
            blocks[name] = (start + 1, lines[start : number - 1])
            name = None
    if name is not None:
        raise InputError(path, f"'end {name}'", "the end of the file (truncated?)", start)
    return blocks, outside


def _numbered(first: int, lines: list[str]) -> list[tuple[int, str]]:
    return [(first + i, text) for i, text in enumerate(lines) if re.split(r"[!#]", text)[0].strip()]


def _rows(path: Path, rows: list[tuple[int, str]], columns: int, expected: str) -> np.ndarray:
    texts = [" ".join(re.split(r"[!#]", text)[0].split()[:columns]) for _, text in rows]
    try:
        return numbers(path, texts, 1, columns, expected)
    except InputError:
        for (number, _), text in zip(rows, texts, strict=True):
            numbers(path, [text], number, columns, expected)
        raise


def read_win(path: Path) -> SeedFile:
    """Read unit cell, k points, mesh, counts and windows of a .win file.

    Raises
    ------
    InputError
        One of them is there and cannot be read.
    """
    with TextFile(path) as file:
        lines = file.rest()
    blocks, outside = _blocks(path, lines)
    seed = SeedFile(path)
    if "unit_cell_cart" in blocks:
        rows = _numbered(*blocks["unit_cell_cart"])
        seed.lines["real_lattice"] = blocks["unit_cell_cart"][0]
        unit = 1.0
        if rows and rows[0][1].split()[0].lower() in ("bohr", "ang"):
            unit = BOHR if rows.pop(0)[1].split()[0].lower() == "bohr" else 1.0
        if len(rows) != 3:
            raise InputError(
                path, "three lattice vectors in unit_cell_cart", f"{len(rows)}", seed.lines["real_lattice"]
            )
        seed.real_lattice = unit * _rows(path, rows, 3, "a lattice vector")
    if "kpoints" in blocks:
        rows = _numbered(*blocks["kpoints"])
        seed.kpoints = _rows(path, rows, 3, "a k point")
        seed.lines["kpoints"] = [number for number, _ in rows]
    for number, text in outside:
        match = _ASSIGNMENT.match(text)
        if match is None or match.group(1).lower() not in (*_WANTED, *_LOGICAL):
            continue
        name, words = match.group(1).lower(), match.group(2).split()
        if name in _LOGICAL:
            word = words[0].lower().strip(".") if words else ""
            if word[:1] not in ("t", "f"):
                raise InputError(path, f"true or false for {name}", repr(text.strip()), number)
            seed.values[name], seed.lines[name] = word.startswith("t"), number
            continue
        count = 3 if name == "mp_grid" else 1
        if len(words) < count:
            raise InputError(path, f"{count} numbers for {name}", repr(text.strip()), number)
        values = [word_to_float(path, word, number, f"a number for {name}") for word in words[:count]]
        if not name.startswith(_REAL):
            values = [round(value) for value in values]
        if name == "ws_distance_tol" and not values[0] > 0:
            raise InputError(path, "ws_distance_tol > 0 (Å)", repr(text.strip()), number)
        seed.values[name] = np.array(values) if name == "mp_grid" else values[0]
        seed.lines[name] = number
    return seed


def read_nnkp(path: Path) -> SeedFile:
    """Read lattice, k points and neighbours of a .nnkp file.

    Raises
    ------
    InputError
        A block is missing, has another number of lines than it says, or lines that cannot be read.
    """
    with TextFile(path) as file:
        lines = file.rest()
    blocks, _ = _blocks(path, lines)
    for name in ("real_lattice", "kpoints", "nnkpts"):
        if name not in blocks:
            raise InputError(path, f"a block 'begin {name}'", f"none in {len(lines)} lines", len(lines))
    seed = SeedFile(path, lines={name: blocks[name][0] for name in ("real_lattice", "nnkpts")})
    lattice = _numbered(*blocks["real_lattice"])
    if len(lattice) != 3:
        raise InputError(path, "three lattice vectors", f"{len(lattice)}", blocks["real_lattice"][0])
    seed.real_lattice = _rows(path, lattice, 3, "a lattice vector")

    def counted(name: str, per_point: int | None, columns: int) -> tuple[list[int], np.ndarray]:
        rows = _numbered(*blocks[name])
        if not rows:
            raise InputError(path, f"a number of lines in block {name}", "nothing", blocks[name][0])
        count = round(word_to_float(path, rows[0][1].split()[0], rows[0][0], f"the count of block {name}"))
        wanted = count if per_point is None else count * per_point
        if len(rows) - 1 != wanted:
            raise InputError(path, f"{wanted} lines in block {name}", f"{len(rows) - 1}", rows[0][0])
        return [number for number, _ in rows[1:]], _rows(path, rows[1:], columns, f"a line of block {name}")

    seed.lines["kpoints"], seed.kpoints = counted("kpoints", None, 3)
    _, neighbours = counted("nnkpts", len(seed.kpoints), 5)
    seed.neighbours = neighbours.astype(int)
    for name, lines_of_one in (("spinor_projections", 3), ("projections", 2)):
        rows = _numbered(*blocks[name])[1::lines_of_one] if name in blocks else []
        if rows and seed.projections is None:
            seed.projections = _rows(path, rows, 6, "a projection: centre, l, m_r, r")[:, :3]
    return seed


def frozen_window(win: SeedFile) -> tuple[float, float] | None:
    """Energies (eV) between which the bands of the Wannier functions are those of the ab initio calculation, as a .win file
    says: its frozen window; None without disentanglement, or without such a window."""
    values = win.values
    disentangled = values.get("num_bands", values.get("num_wann")) != values.get("num_wann")
    if "dis_froz_max" not in values or not disentangled:
        return None
    return values.get("dis_froz_min", values.get("dis_win_min", -np.inf)), values["dis_froz_max"]
