"""Spins that the projections of a .nnkp or .win file state: signs and quantisation axes of the Wannier functions."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wannierberri.system import System_R
from wannierberri.utility import pauli_xyz

from ..errors import InputError
from .seed_files import read_blocks, rows_of_numbers
from .text import line_of_numbers

logger = logging.getLogger("wb_conserved.io")

Z_AXIS = np.array([0.0, 0.0, 1.0])
AXIS_TOLERANCE = 1e-4
"""Axes are the same to this (.nnkp files have 7 digits)."""


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
    blocks, _ = read_blocks(path)
    if "spinor_projections" in blocks:
        return _of_nnkp(path, blocks["spinor_projections"].rows)
    stated = []
    for number, text in blocks["projections"].rows if "projections" in blocks else ():
        found = re.search(r"\[([^\]]*)\]", text)
        if found is not None:
            axis = np.array(line_of_numbers(path, found[1], number, 3, "a spin axis [x,y,z]"))
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
    values = rows_of_numbers(path, rows, 4, "spin and its axis")
    lines = tuple(number for number, _ in rows)
    wrong = np.flatnonzero(np.abs(values[:, 0]) != 1)
    if len(wrong):
        raise InputError(path, "spin 1 or -1 and its axis", f"{values[wrong[0]].tolist()}", lines[wrong[0]])
    axes = np.array([_unit(path, axis, line) for axis, line in zip(values[:, 1:], lines, strict=True)])
    return StatedSpins(path, axes, lines, values[:, 0].astype(int))


def spin_states(axis: np.ndarray) -> np.ndarray:
    """Up and down along an axis (a, b, c), as Wannier90's interfaces have them.

    up = (1 + c, a + ib)/√(2 + 2c), down = (c - 1, a + ib)/√(2 - 2c); along ±z (1, 0) and (0, 1) in the order that these
    have. The phases matter: those of down turn S about the axis.

    Parameters
    ----------
    axis : ndarray, shape (3,)
        Cartesian unit vector.

    Returns
    -------
    ndarray of complex, shape (2, 2)
        Up and down are the columns.
    """
    a, b, c = axis
    if np.hypot(a, b) < 1e-6:
        return np.eye(2, dtype=complex) if c > 0 else np.array([[0, 1], [1, 0]], dtype=complex)
    states = np.array([[1 + c, c - 1], [a + 1j * b, a + 1j * b]])
    return states / np.sqrt([2 + 2 * c, 2 - 2 * c])


def unit_axis(spin_axis: Sequence[float]) -> np.ndarray:
    """Unit vector along the user's axis, or an InputError."""
    try:
        axis = np.array(spin_axis, dtype=float)
    except (TypeError, ValueError):
        axis = np.zeros(0)
    if axis.shape != (3,) or not np.isfinite(axis).all() or not np.linalg.norm(axis) > 0:
        raise InputError("spin_axis", "three numbers, not all zero", repr(spin_axis)[:80])
    return axis / np.linalg.norm(axis)


def axis_of_angles(spin_angles: Sequence[float]) -> np.ndarray:
    """Unit vector (sin θ cos φ, sin θ sin φ, cos θ) of [θ, φ] in degrees.

    Raises
    ------
    InputError
        They are not two numbers.
    """
    try:
        theta, phi = (float(angle) for angle in spin_angles)
    except (TypeError, ValueError):
        theta = phi = np.nan
    if not np.isfinite([theta, phi]).all():
        raise InputError("spin_angles", "two numbers [θ, φ], degrees", repr(spin_angles)[:80])
    theta, phi = np.deg2rad([theta, phi])
    axis = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    return np.where(np.abs(axis) < 1e-15, 0.0, axis)


def choose_axis(files: Sequence[Path], spin_axis: Sequence[float] | None) -> tuple[np.ndarray, StatedSpins | None]:
    """Quantisation axis of the functions: the one that the files state, or the user's where they state none.

    Parameters
    ----------
    files : sequence of Path
        .nnkp and .win files, the better first.
    spin_axis : sequence of float, optional
        The user's, any length.

    Returns
    -------
    axis : ndarray, shape (3,)
        Unit vector; z where nobody says another.
    stated : StatedSpins or None
        What the first file that states spins says.

    Raises
    ------
    InputError
        The user's axis is no vector, or another than that of the files; or these have several.
    """
    axis = None if spin_axis is None else unit_axis(spin_axis)
    stated = next((found for found in map(read_stated_spins, files) if found is not None), None)
    if stated is None:
        return (Z_AXIS if axis is None else axis), None
    first = stated.axes[0]
    for other, line in zip(stated.axes, stated.lines, strict=True):
        if np.abs(other - first).max() > AXIS_TOLERANCE:
            raise InputError(
                stated.path,
                f"one spin axis for all projections, as spin_order needs: {first.tolist()}; or the .chk and .spn files",
                f"{other.tolist()}",
                line,
            )
    if axis is not None and np.abs(axis - first).max() > AXIS_TOLERANCE:
        raise InputError(
            "spin_axis",
            f"{np.round(first, 6).tolist()}, the axis of the projections in {stated.path} (line {stated.lines[0]})",
            f"{np.round(axis, 6).tolist()}",
        )
    if axis is None and np.abs(first - Z_AXIS).max() > AXIS_TOLERANCE:
        logger.warning(
            "%s, line %d: up and down are along %s there, not along z: spin_axis is taken from it",
            stated.path,
            stated.lines[0],
            np.round(first, 6).tolist(),
        )
    return first, stated


def warn_of_stated_order(source: str | Path, pairs: np.ndarray, stated: StatedSpins | None):
    """Log a warning where the projections of a .nnkp file have another function up, or down, than `pairs`.

    No property of H tells up from down, and the order of VASP need not be that of the file, so that both are said.
    """
    if stated is None or stated.signs is None or len(stated.signs) != pairs.size:
        return
    signs = np.empty(pairs.size, dtype=int)
    signs[pairs[:, 0]], signs[pairs[:, 1]] = 1, -1
    wrong = np.flatnonzero(signs != stated.signs)
    if len(wrong):
        first, names = int(wrong[0]), {1: "up", -1: "down"}
        logger.warning(
            "%s: spin_order has function %d %s, the projections of %s (line %d) have it %s, and so for %d of %d functions: one "
            "is wrong, unless the code (VASP) did not keep the order of that file; up for down changes the sign of spin",
            source,
            first + 1,
            names[signs[first]],
            stated.path,
            stated.lines[first],
            names[int(stated.signs[first])],
            len(wrong),
            pairs.size,
        )


def set_spin(system: System_R, pairs: np.ndarray, signs: np.ndarray | None = None, axis: np.ndarray = Z_AXIS):
    """Set 'SS' to Pauli matrices in each pair at R = 0: pure spins along ± `axis`.

    Parameters
    ----------
    system : System_R
    pairs : ndarray of int, shape (n, 2)
    signs : ndarray, shape (n,), optional
        Of the down functions; 1 if not given.
    axis : ndarray, shape (3,)
        Cartesian unit vector.
    """
    spins = np.zeros((int(system.num_wann), int(system.num_wann), 3), dtype=complex)
    spinors = spin_states(axis)
    matrices = np.einsum("si,sta,tj->ija", spinors.conj(), pauli_xyz, spinors)
    factors = np.ones(len(pairs)) if signs is None else signs
    for (first, i), (second, j) in itertools.product(enumerate(pairs.T), repeat=2):
        spins[i, j] = matrices[first, second] * (factors if first != second else np.ones(len(pairs)))[:, None]
    system.set_R_mat("SS", spins, R=[0, 0, 0])
