"""Projections of a .nnkp file and atoms of a .win file: what each Wannier function started from, in the file's order."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from .list_directed import words
from .seed_files import read_blocks, rows_of_numbers, take_unit
from .text import line_of_numbers

logger = logging.getLogger("wb_conserved.io")

CENTER_TOLERANCE = 1e-4
"""Largest difference between a projection's centre (five digits in the .nnkp file) and an atom, reduced coordinates."""

# Wannier90's user guide, chapter 3: l -> names in the order m_r = 1, 2, ..., as WannierBerri spells them
ORBITALS = {
    0: ("s",),
    1: ("pz", "px", "py"),
    2: ("dz2", "dxz", "dyz", "dx2-y2", "dxy"),
    3: ("fz3", "fxz2", "fyz2", "fzx2-zy2", "fxyz", "fx3-3xy2", "f3yx2-y3"),
    -1: ("sp-1", "sp-2"),
    -2: ("sp2-1", "sp2-2", "sp2-3"),
    -3: ("sp3-1", "sp3-2", "sp3-3", "sp3-4"),
    -5: ("sp3d2-1", "sp3d2-2", "sp3d2-3", "sp3d2-4", "sp3d2-5", "sp3d2-6"),
}
"""Wannier90's sp3d hybrids (l = -4) are missing: WannierBerri does not know them."""


@dataclass(frozen=True)
class Orbital:
    """One line of a projection block.

    Attributes
    ----------
    center : tuple of float
        Reduced coordinates.
    name : str
        WannierBerri's name, "dxy" say.
    shell : tuple
        (l, radial, zona, axes): equal for the orbitals of a shell on a site; axes are z and x, Cartesian.
    spin : int
        1 or -1; 0 without spin.
    line : int
        Line of the file, counted from 1.
    """

    center: tuple[float, float, float]
    name: str
    shell: tuple
    spin: int
    line: int

    @property
    def axes(self) -> np.ndarray:
        """Local axes x, y, z as rows."""
        return local_axes(self.shell)


def local_axes(shell: tuple) -> np.ndarray:
    """Local axes x, y, z of a shell (see `Orbital`) as rows."""
    z, x = np.reshape(shell[3], (2, 3))
    z, x = z / np.linalg.norm(z), x / np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z])


@dataclass(frozen=True)
class FunctionLabel:
    """What a Wannier function started from.

    Attributes
    ----------
    atom : int or None
        Number of the atom, counted from 0 as in the .win file; None between atoms.
    name : str
        Label of the atom.
    orbital : str
        "dxy", say.
    shell : tuple
        See `Orbital`.
    spin : int
        1 or -1; 0 without spin.
    """

    atom: int | None
    name: str
    orbital: str
    shell: tuple
    spin: int

    def is_of(self, name: str) -> bool:
        """Whether the orbital has a name, or is of a shell "s", "p", "d" or "f"."""
        return self.orbital == name or (name in "spdf" and self.shell[0] == "spdf".index(name))


def function_labels(nnkp: Path, win: Path, real_lattice: np.ndarray) -> tuple[FunctionLabel, ...]:
    """Labels of the Wannier functions from the projections and atoms of two files.

    Raises
    ------
    InputError
        See `read_projections` and `read_atoms`.
    """
    names, positions = read_atoms(win, real_lattice)
    labels = []
    for orbital in read_projections(nnkp):
        distance = np.asarray(orbital.center) - positions
        near = np.flatnonzero(np.abs(distance - np.round(distance)).max(axis=1) < CENTER_TOLERANCE)
        atom = int(near[0]) if len(near) else None
        name = "" if atom is None else names[atom]
        labels.append(FunctionLabel(atom, name, orbital.name, orbital.shell, orbital.spin))
    return tuple(labels)


def functions_of(labels: Sequence[FunctionLabel], atoms: Sequence | None, orbitals: Sequence[str] | None) -> list[int]:
    """Wannier functions on some atoms, and of some orbitals or shells.

    Parameters
    ----------
    labels : sequence of FunctionLabel
    atoms : sequence of int or str, optional
        Numbers of atoms, counted from 0, or their labels; all by default.
    orbitals : sequence of str, optional
        Such as "dxy" or "d"; all by default.

    Raises
    ------
    InputError
        An atom or orbital that is not there.
    """
    of_atoms = [i for i, label in enumerate(labels) if atoms is None or label.atom in atoms or label.name in atoms]
    known = sorted({label.atom for label in labels} | {label.name for label in labels}, key=str)
    missing = [atom for atom in atoms or () if atom not in known]
    if missing or not of_atoms:
        raise InputError("atoms", f"some of {known}", f"{list(atoms or ())!r}")
    if orbitals is None:
        return of_atoms
    there = sorted({labels[i].orbital for i in of_atoms})
    unknown = [name for name in orbitals if not any(labels[i].is_of(name) for i in of_atoms)]
    if unknown:
        raise InputError("orbitals", f"names among {there}, or s, p, d, f", f"{unknown!r}")
    return [i for i in of_atoms if any(labels[i].is_of(name) for name in orbitals)]


def read_projections(path: Path) -> list[Orbital]:
    """Projections of a .nnkp file, in the order of the Wannier functions.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Orbital

    Raises
    ------
    InputError
        No projections, or lines that cannot be read or that WannierBerri has no orbital for.
    """
    blocks, _ = read_blocks(path)
    spinor = "spinor_projections" in blocks
    name = "spinor_projections" if spinor else "projections"
    if name not in blocks:
        raise InputError(
            path,
            "a block 'begin projections' or 'begin spinor_projections', for the order of the Wannier functions",
            f"blocks {sorted(blocks)}",
        )
    rows = blocks[name].rows
    count = int(line_of_numbers(path, rows[0][1], rows[0][0], 1, "the number of projections")[0]) if rows else 0
    per_projection = 3 if spinor else 2
    if not count or len(rows) - 1 != count * per_projection:
        raise InputError(
            path,
            f"a number of projections in block {name}, {per_projection} lines for each",
            f"{max(len(rows) - 1, 0)} lines for {count}",
            blocks[name].line,
        )
    return [_orbital(path, rows[1 + per_projection * i :][:per_projection]) for i in range(count)]


def _orbital(path: Path, rows: list[tuple[int, str]]) -> Orbital:
    number = rows[0][0]
    *center, l, mr, radial = rows_of_numbers(path, rows[:1], 6, "a projection: centre, l, m_r, r")[0]
    l, mr, radial = round(l), round(mr), round(radial)
    *axes, zona = rows_of_numbers(path, rows[1:2], 7, "axes and zona of a projection")[0]
    if l not in ORBITALS or not 1 <= mr <= len(ORBITALS[l]):
        raise InputError(
            path, f"an orbital that can be symmetrised, l one of {sorted(ORBITALS)}", f"l = {l}, m_r = {mr}", number
        )
    z, x = np.reshape(axes, (2, 3))
    if abs(z @ x) > 1e-5 or not np.allclose([z @ z, x @ x], 1, atol=1e-5):
        raise InputError(path, "orthogonal unit vectors as axes", f"z = {z.tolist()}, x = {x.tolist()}", number + 1)
    spin = 0
    if len(rows) == 3:
        spin, *axis = rows_of_numbers(path, rows[2:3], 4, "spin and its axis")[0]
        if not np.allclose(axis, [0, 0, 1], atol=1e-6) or abs(spin) != 1:
            raise InputError(path, "spin 1 or -1 along 0 0 1", repr(rows[2][1].strip()), rows[2][0])
    return Orbital(tuple(center), ORBITALS[l][mr - 1], (l, radial, zona, tuple(axes)), int(spin), number)


def read_atoms(path: Path, real_lattice: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Atoms of a .win file.

    Parameters
    ----------
    path : Path
    real_lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.

    Returns
    -------
    names : list of str
    positions : ndarray, shape (n, 3)
        Reduced coordinates.

    Raises
    ------
    InputError
        No atoms, or a line that cannot be read.
    """
    blocks, _ = read_blocks(path)
    name = next((name for name in ("atoms_frac", "atoms_cart") if name in blocks), None)
    if name is None:
        raise InputError(path, "a block 'begin atoms_frac' or 'begin atoms_cart'", f"blocks {sorted(blocks)}")
    unit, rows = take_unit(path, name, blocks[name], None) if name == "atoms_cart" else (1.0, blocks[name].rows)
    if not rows:
        raise InputError(path, f"atoms in block {name}", "none", blocks[name].line)
    names = [words(text)[0] for _, text in rows]
    texts = [(number, " ".join(words(text)[1:])) for number, text in rows]
    positions = rows_of_numbers(path, texts, 3, "a position")
    if name == "atoms_cart":
        positions = unit * positions @ np.linalg.inv(real_lattice)
    return names, positions


def species_name(label: str) -> str:
    """Species of an atom's label, without what tells atoms apart: Te of Te1, Te2 and te_b."""
    return re.sub(r"(?<=[A-Za-z])(\d+|[-_].*)$", "", label).capitalize()


def species_of(path: Path, names: list[str]) -> list[int]:
    """Numbers of chemical species, from labels without what tells atoms apart: a number, or what follows - or _.

    Te1, Te2 and te_b are one species, which one line says.

    Parameters
    ----------
    path : Path
        .win file, for the message.
    names : list of str
        Labels of the atoms.

    Returns
    -------
    list of int
        Counted from 1.
    """
    kinds = [species_name(name) for name in names]
    for kind in sorted(set(kinds)):
        labels = sorted({name for name, other in zip(names, kinds, strict=True) if other == kind})
        if len(labels) > 1:
            logger.warning(
                "%s: atoms labelled %s are taken as one species, %s; only magnetic_moments make them different",
                path,
                ", ".join(labels),
                kind,
            )
    return [sorted(set(kinds)).index(kind) + 1 for kind in kinds]
