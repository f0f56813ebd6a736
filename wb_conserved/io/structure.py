"""Atoms of a crystal, with ASE; its symmetry, with spglib, as generators that [system] symmetry and WannierBerri know."""

from __future__ import annotations

import importlib.util
import itertools
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.data import chemical_symbols
from wannierberri.symmetry.point_symmetry import PointSymmetry, from_string_prod

from ..errors import InputError
from .projections import read_atoms
from .text import locate

logger = logging.getLogger("wb_conserved.io")

NAMES = ("C6z", "C4z", "C4x", "C4y", "C3z", "C2z", "C2x", "C2y", "Inversion", "Mz", "Mx", "My")
"""Operations that have names in WannierBerri, those of high order first."""
VACUUM = 8.0
"""A gap without atoms along a lattice vector that is longer than this is vacuum, Å."""
_TIME_REVERSAL = "TimeReversal"
_SAME = 1e-3  # of matrices of operations
_LENGTHS = 1e-3  # of two lattices, Å


@dataclass(frozen=True)
class Structure:
    """Atoms, and where they are from.

    Attributes
    ----------
    atoms : ase.Atoms
    source : Path
    """

    atoms: ase.Atoms
    source: Path

    @property
    def moments(self) -> np.ndarray | None:
        """Cartesian magnetic moments (atom, 3), μ_B; None where none are known, or all vanish."""
        values = self.atoms.get_initial_magnetic_moments()
        if self.atoms.calc is not None and "magmoms" in getattr(self.atoms.calc, "results", {}):
            values = self.atoms.calc.results["magmoms"]
        values = np.asarray(values, dtype=float)
        if not np.any(np.abs(values) > 1e-2):
            return None
        return values if values.ndim == 2 else np.outer(values, [0.0, 0.0, 1.0])


def read_structure(seed: str, lattice: np.ndarray, outputs: Iterable[Path] = ()) -> Structure | None:
    """Atoms of a .win file, with magnetic moments of an output of the same cell; or of such an output.

    Parameters
    ----------
    seed : str
        Of the Wannier90 files.
    lattice : array (3, 3)
        Of the Wannier functions, Å.
    outputs : iterable of Path
        Files that `ase.io.read` may understand; others are passed over.
    """
    win = locate(f"{seed}.win")
    found = None
    if win is not None:
        try:
            labels, positions = read_atoms(win, lattice)
            symbols = [_symbol(win, label) for label in labels]
            found = Structure(ase.Atoms(symbols, cell=lattice, scaled_positions=positions, pbc=True), win)
        except InputError as error:
            logger.warning("%s", error)
    for path in outputs:
        atoms = _of_output(path)
        if atoms is None or not np.allclose(atoms.cell.lengths(), np.linalg.norm(lattice, axis=1), atol=_LENGTHS):
            continue
        other = Structure(atoms, path)
        if found is None:
            found = other
        elif other.moments is not None and len(atoms) == len(found.atoms):
            found.atoms.set_initial_magnetic_moments(other.moments)
            break
    return found


def _symbol(path, label):
    found = re.match(r"[A-Za-z]{1,2}", label)
    candidates = [found[0].capitalize(), found[0][0].upper()] if found else []
    symbol = next((symbol for symbol in candidates if symbol in chemical_symbols), None)
    if symbol is None:
        raise InputError(path, "atoms whose labels begin with a chemical symbol", repr(label))
    return symbol


def _of_output(path):
    try:
        return ase.io.read(path)
    except Exception as error:  # of whatever reader ASE takes
        logger.debug("%s: not read by ASE: %s", path, error)
        return None


def vacuum(atoms: ase.Atoms) -> np.ndarray:
    """Largest gap without atoms along each lattice vector, along its normal, Å, (3,)."""
    gaps = []
    for axis in range(3):
        height = atoms.cell.volume / np.linalg.norm(np.cross(*np.delete(atoms.cell.array, axis, axis=0)))
        places = np.sort(atoms.get_scaled_positions(wrap=True)[:, axis])
        gaps.append(height * np.max(np.diff(np.append(places, places[0] + 1))))
    return np.array(gaps)


@dataclass(frozen=True)
class CrystalSymmetry:
    """Symmetry of atoms.

    Attributes
    ----------
    group : str
        Name of the space group.
    operations : list of PointSymmetry
        Of its point group, without time reversal unless moments were given.
    """

    group: str
    operations: list[PointSymmetry]


def crystal_symmetry(structure: Structure, tolerance: float = 1e-3) -> CrystalSymmetry | None:
    """Symmetry of atoms, and of their magnetic moments where there are some; None without spglib.

    Parameters
    ----------
    structure : Structure
    tolerance : float
        Of positions, Å.
    """
    if importlib.util.find_spec("spglib") is None:
        return None
    import spglib

    atoms, moments = structure.atoms, structure.moments
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    plain = spglib.get_symmetry_dataset(cell, symprec=tolerance)
    if plain is None:
        return None
    rotations, reversing = plain.rotations, itertools.repeat(False)
    group = f"{plain.international} ({plain.number})"
    if moments is not None:
        magnetic = spglib.get_magnetic_symmetry_dataset((*cell, moments), symprec=tolerance)
        if magnetic is not None:
            rotations, reversing = magnetic.rotations, magnetic.time_reversals
            group = f"{group}, magnetic space group of number {magnetic.uni_number} (UNI)"
    lattice = atoms.cell.array.T
    operations = [
        PointSymmetry(lattice @ rotation @ np.linalg.inv(lattice), bool(reverses))
        for rotation, reverses in zip(rotations, reversing, strict=False)
    ]
    return CrystalSymmetry(group, operations)


def candidates(lattice: np.ndarray, crystal: CrystalSymmetry | None, moments_known: bool) -> list[str]:
    """Generators by name that a lattice and its atoms have, each with time reversal where the moments do not say.

    Parameters
    ----------
    lattice : array (3, 3)
    crystal : CrystalSymmetry or None
        None: whatever the lattice has.
    moments_known : bool
        Whether the operations of `crystal` say which of them reverse time.
    """
    found = [_TIME_REVERSAL]
    for name in NAMES:
        for text in (name, f"{_TIME_REVERSAL}*{name}"):
            operation = from_string_prod(text)
            if not _of_lattice(operation, lattice):
                continue
            if crystal is None or any(_same(operation, other, moments_known) for other in crystal.operations):
                found.append(text)
    return found


def _same(operation, other, with_time):
    matrices = (part.R * (-1 if part.Inv else 1) for part in (operation, other))
    first, second = matrices
    return np.abs(first - second).max() < _SAME and (not with_time or operation.TR == other.TR)


def _of_lattice(operation, lattice):
    matrix = np.linalg.inv(lattice.T) @ operation.R @ lattice.T
    return np.abs(matrix - np.round(matrix)).max() < _SAME


def minimal(names: Sequence[str], lattice: np.ndarray) -> list[str]:
    """The generators that matter, in order: each of which makes the group of those before it larger."""
    chosen, group = [], {_in_integers(from_string_prod("Identity"), lattice)}
    for name in sorted(names, key=lambda text: text.startswith(_TIME_REVERSAL) + text.startswith(f"{_TIME_REVERSAL}*")):
        operation = _in_integers(from_string_prod(name), lattice)
        if operation not in group:
            chosen.append(name)
            group = _closed(group | {operation})
    return chosen


def _in_integers(operation, lattice):
    """Matrix in reduced coordinates, row by row, and whether time is reversed."""
    matrix = operation.R * (-1 if operation.Inv else 1)
    reduced = np.round(np.linalg.inv(lattice.T) @ matrix @ lattice.T).astype(int)
    return (*reduced.ravel().tolist(), bool(operation.TR))


def _closed(operations):
    """The group that some operations make."""
    while True:
        matrices = np.array([operation[:9] for operation in operations]).reshape(-1, 3, 3)
        times = np.array([operation[9] for operation in operations])
        products = (matrices[:, None] @ matrices[None]).reshape(-1, 9)
        reverses = (times[:, None] != times[None]).ravel()
        larger = {(*product, reverse) for product, reverse in zip(products.tolist(), reverses.tolist(), strict=True)}
        if larger == set(operations):
            return larger
        operations = larger
