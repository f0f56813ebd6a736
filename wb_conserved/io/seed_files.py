"""What .win and .nnkp say about the lattice, the k mesh and the bands: used to find files of different calculations."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .list_directed import without_comment
from .text import TextFile, line_of_numbers

logger = logging.getLogger("wb_conserved.io")

BOHR = 0.52917721092
"""Å in a Bohr radius, Wannier90's default."""

_BEGIN = re.compile(r"begin[^a-z]*([a-z]\w*)(.*)", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([a-z_0-9]+)\s*(?:[=:]\s*|\s+)(.*)", re.IGNORECASE)
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


class Block(NamedTuple):
    """Block `begin name ... end name` of a .win or .nnkp file.

    Attributes
    ----------
    line : int
        The line after its beginning, counted from 1.
    head : str
        What follows its name there.
    rows : list of (int, str)
        Lines in it with their numbers, without comments and blank lines.
    """

    line: int
    head: str
    rows: list[tuple[int, str]]


def read_blocks(path: Path) -> tuple[dict[str, Block], list[tuple[int, str]]]:
    """Blocks of a .win or .nnkp file by name in small letters, and the numbered lines outside, without comments.

    As in Wannier90, a line that starts with begin starts the block whose name it has, in whatever form (begin_name,
    beginname, begin : name), and one that starts with end and has this name ends it.

    Raises
    ------
    InputError
        A block that does not end, or is there twice.
    """
    blocks: dict[str, Block] = {}
    outside, name, block = [], "", Block(0, "", [])
    with TextFile(path) as file:
        lines = file.rest()
    for number, line in enumerate(lines, start=1):
        text = without_comment(line)
        start = _BEGIN.fullmatch(text)
        if not name and start is not None:
            name, block = start[1].lower(), Block(number + 1, start[2], [])
            if name in blocks:
                raise InputError(path, f"block {name} once", f"it again, first in line {blocks[name].line - 1}", number)
        elif not name and text:
            outside.append((number, text))
        elif name and text.lower().startswith("end"):
            if name not in text.lower():
                raise InputError(path, f"'end {name}'", repr(text), number)
            blocks[name], name = block, ""
        elif text:
            block.rows.append((number, text))
    if name:
        raise InputError(path, f"'end {name}'", "the end of the file (truncated?)", block.line - 1)
    return blocks, outside


def rows_of_numbers(path: Path, rows: list[tuple[int, str]], columns: int, expected: str) -> np.ndarray:
    """The first `columns` numbers of numbered lines, (len(rows), columns)."""
    expected = f"{columns} finite numbers: {expected}"
    return np.array([line_of_numbers(path, text, number, columns, expected) for number, text in rows]).reshape(-1, columns)


def take_unit(path: Path, name: str, block: Block, count: int | None) -> tuple[float, list[tuple[int, str]]]:
    """Å in the unit of a block of a .win file, and its lines without that of the unit.

    Parameters
    ----------
    path : Path
    name : str
    block : Block
    count : int or None
        Lines that it has without one for the unit, where that is known.

    Raises
    ------
    InputError
        A first line that is a word and no unit.
    """
    rows = block.rows
    text = rows[0][1].lower() if rows else ""
    if not text.isalpha() and len(rows) - 1 != count:
        if "bohr" in block.head.lower():
            logger.warning(
                "%s, line %d: the unit in the line that begins block %s has no effect in Wannier90, which takes Å: so here; "
                "for Bohr radii a line 'bohr' of its own follows it",
                path,
                block.line - 1,
                name,
            )
        return 1.0, rows
    if "ang" in text or "bohr" in text:
        return (1.0 if "ang" in text else BOHR), rows[1:]
    raise InputError(path, f"'ang' or 'bohr' in block {name}", repr(rows[0][1]), rows[0][0])


def read_win(path: Path) -> SeedFile:
    """Read unit cell, k points, mesh, counts and windows of a .win file.

    Raises
    ------
    InputError
        One of them is there and cannot be read.
    """
    blocks, outside = read_blocks(path)
    seed = SeedFile(path)
    if "unit_cell_cart" in blocks:
        block = blocks["unit_cell_cart"]
        seed.lines["real_lattice"] = block.line
        unit, rows = take_unit(path, "unit_cell_cart", block, 3)
        if len(rows) != 3:
            raise InputError(path, "three lattice vectors in unit_cell_cart", f"{len(rows)}", block.line)
        seed.real_lattice = unit * rows_of_numbers(path, rows, 3, "a lattice vector")
    if "kpoints" in blocks:
        rows = blocks["kpoints"].rows
        seed.kpoints = rows_of_numbers(path, rows, 3, "a k point")
        seed.lines["kpoints"] = [number for number, _ in rows]
    for number, text in outside:
        match = _ASSIGNMENT.fullmatch(text)
        if match is None or match[1].lower() not in (*_WANTED, *_LOGICAL):
            continue
        name = match[1].lower()
        if name in seed.lines:
            raise InputError(path, f"{name} once", f"it again, first in line {seed.lines[name]}", number)
        seed.values[name], seed.lines[name] = _value(path, name, match[2], number), number
    return seed


def _value(path: Path, name: str, text: str, line: int):
    """Value of a keyword of a .win file."""
    if name in _LOGICAL:
        word = text.lower().strip(" .")
        if word[:1] not in ("t", "f"):
            raise InputError(path, f"true or false for {name}", repr(text), line)
        return word.startswith("t")
    count = 3 if name == "mp_grid" else 1
    values = line_of_numbers(path, text, line, count, f"{count} numbers for {name}" if count > 1 else f"a number for {name}")
    if name == "ws_distance_tol" and not values[0] > 0:
        raise InputError(path, "ws_distance_tol > 0 (Å)", repr(text), line)
    if not name.startswith(_REAL):
        values = [round(value) for value in values]
    return np.array(values) if name == "mp_grid" else values[0]


def read_nnkp(path: Path) -> SeedFile:
    """Read lattice, k points and neighbours of a .nnkp file.

    Raises
    ------
    InputError
        A block is missing, has another number of lines than it says, or lines that cannot be read.
    """
    blocks, _ = read_blocks(path)
    for name in ("real_lattice", "kpoints", "nnkpts"):
        if name not in blocks:
            raise InputError(path, f"a block 'begin {name}'", f"blocks {sorted(blocks)}")
    seed = SeedFile(path, lines={name: blocks[name].line for name in ("real_lattice", "nnkpts")})
    lattice = blocks["real_lattice"].rows
    if len(lattice) != 3:
        raise InputError(path, "three lattice vectors", f"{len(lattice)}", blocks["real_lattice"].line)
    seed.real_lattice = rows_of_numbers(path, lattice, 3, "a lattice vector")

    def counted(name: str, per_point: int, columns: int) -> tuple[list[int], np.ndarray]:
        rows = blocks[name].rows
        if not rows:
            raise InputError(path, f"a number of lines in block {name}", "nothing", blocks[name].line)
        count = round(line_of_numbers(path, rows[0][1], rows[0][0], 1, f"the count of block {name}")[0])
        if len(rows) - 1 != count * per_point:
            raise InputError(path, f"{count * per_point} lines in block {name}", f"{len(rows) - 1}", rows[0][0])
        return [number for number, _ in rows[1:]], rows_of_numbers(path, rows[1:], columns, f"a line of block {name}")

    seed.lines["kpoints"], seed.kpoints = counted("kpoints", 1, 3)
    _, neighbours = counted("nnkpts", len(seed.kpoints), 5)
    seed.neighbours = neighbours.astype(int)
    for name, lines_of_one in (("spinor_projections", 3), ("projections", 2)):
        rows = blocks[name].rows[1::lines_of_one] if name in blocks else []
        if rows and seed.projections is None:
            seed.projections = rows_of_numbers(path, rows, 6, "a projection: centre, l, m_r, r")[:, :3]
    return seed


def frozen_window(win: SeedFile) -> tuple[float, float] | None:
    """Energies (eV) between which the bands of the Wannier functions are those of the ab initio calculation, as a .win file
    says: its frozen window; None without disentanglement, or without such a window."""
    values = win.values
    disentangled = values.get("num_bands", values.get("num_wann")) != values.get("num_wann")
    if "dis_froz_max" not in values or not disentangled:
        return None
    return values.get("dis_froz_min", values.get("dis_win_min", -np.inf)), values["dis_froz_max"]
