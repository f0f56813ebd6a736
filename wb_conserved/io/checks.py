"""Checks of matrices between Wannier functions: finite, Hermitian, spins of at most 1."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import numpy as np
from wannierberri.system import System_R

from ..errors import NO_SPIN, InputError
from .private import matrices as r_matrices

logger = logging.getLogger("wb_conserved.io")

HAMILTONIAN_TOLERANCE = 1e-5
"""Largest |H(R) - H(-R)†|, eV: ten times the last digit of a _hr.dat file."""
POSITION_TOLERANCE = 0.5
"""Largest |r(R) - r(-R)†|, Å. Wannier90 writes finite differences that are Hermitian only for an infinitely
dense k mesh (0.05 to 0.1 Å on 4 x 4 x 4 meshes of Pt and Fe), so that only gross errors are refused."""
SPIN_TOLERANCE = 1e-5
"""Largest |S(R) - S(-R)†| of Pauli matrices."""
TOLERANCES = {"Ham": (HAMILTONIAN_TOLERANCE, "eV"), "AA": (POSITION_TOLERANCE, "Å"), "SS": (SPIN_TOLERANCE, "")}
NAMES = {"Ham": "H", "AA": "r", "SS": "S"}


def opposite(source: str | Path, vectors: np.ndarray, lines: np.ndarray | None = None) -> np.ndarray:
    """Index of -R for each R.

    Parameters
    ----------
    source : str or Path
        Where the vectors are from, for errors.
    vectors : ndarray of int, shape (nR, 3)
        Reduced coordinates.
    lines : ndarray of int, shape (nR,), optional
        Their lines in the file.

    Returns
    -------
    ndarray of int, shape (nR,)

    Raises
    ------
    InputError
        An R is there twice, or -R is not there.
    """
    index: dict[tuple, int] = {}
    for i, vector in enumerate(map(tuple, vectors.tolist())):
        line = None if lines is None else int(lines[i])
        if vector in index:
            raise InputError(source, "each R vector once", f"R = {vector} again", line)
        index[vector] = i
    found = np.empty(len(vectors), dtype=int)
    for vector, i in index.items():
        minus = tuple(-component for component in vector)
        if minus not in index:
            line = None if lines is None else int(lines[i])
            raise InputError(source, f"-R = {minus} for R = {vector}", "no such R vector", line)
        found[i] = index[minus]
    if (0, 0, 0) not in index:
        raise InputError(source, "R = (0, 0, 0)", "no such R vector")
    return found


def check_hermitian(
    source: str | Path,
    key: str,
    vectors: np.ndarray,
    matrices: np.ndarray,
    lines: np.ndarray | None = None,
) -> float:
    """Check that X(R) = X(-R)† for 'Ham', 'AA' or 'SS'.

    Parameters
    ----------
    source : str or Path
        Where the matrices are from, for errors.
    key : str
        WannierBerri's name of the matrix.
    vectors : ndarray of int, shape (nR, 3)
    matrices : ndarray, shape (nR, num_wann, num_wann, ...)
    lines : ndarray of int, shape (nR,), optional
        Line of the head of each R in the file.

    Returns
    -------
    float
        Largest |X(R) - X(-R)†|.

    Raises
    ------
    InputError
        It is above the tolerance: 1e-5 eV for 'Ham', 0.5 Å for 'AA', 1e-5 for 'SS'.
    """
    tolerance, unit = TOLERANCES[key]
    minus = opposite(source, vectors, lines)
    deviation = np.abs(matrices - matrices[minus].swapaxes(1, 2).conj())
    worst = np.unravel_index(deviation.argmax(), deviation.shape)
    largest = float(deviation[worst])
    if not largest <= tolerance:
        name, vector = NAMES[key], tuple(vectors[worst[0]].tolist())
        raise InputError(
            source,
            f"{name}(R) = {name}(-R)† to {tolerance:g} {unit}".rstrip(),
            f"a difference of {largest:.3e} {unit} at R = {vector}, element ({worst[1] + 1}, {worst[2] + 1})",
            None if lines is None else int(lines[worst[0]]),
        )
    return largest


def check_finite(source: str | Path, name: str, values: np.ndarray):
    """Raise InputError if `values` are not numbers, or not finite."""
    if values.dtype.kind not in "biufc":
        raise InputError(source, f"numbers for {name}", f"data of type {values.dtype}")
    if not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        raise InputError(source, f"finite numbers for {name}", f"{count} that are NaN or infinite")


def to_k(system: System_R, key: str, kpoints: np.ndarray) -> np.ndarray:
    """Interpolate a matrix, without centre phases.

    Parameters
    ----------
    system : System_R
    key : str
    kpoints : ndarray, shape (nk, 3)
        Reduced coordinates.

    Returns
    -------
    ndarray of complex, shape (nk, num_wann, num_wann, ...)
    """
    phases = np.exp(2j * np.pi * kpoints @ system.rvec.iRvec.T)
    return np.tensordot(phases, system.get_R_mat(key), axes=1)


def largest_spin(system: System_R, mesh: int = 4) -> float:
    """Largest |eigenvalue| of the interpolated σ_x, σ_y and σ_z on a mesh x mesh x mesh that avoids k = 0."""
    steps = (np.arange(mesh) + 0.37) / mesh
    kpoints = np.array(list(itertools.product(steps, steps, steps)))
    largest = 0.0
    for part in np.array_split(kpoints, max(1, len(kpoints) // 8)):
        spins = to_k(system, "SS", part).transpose(0, 3, 1, 2)
        spins = 0.5 * (spins + spins.conj().swapaxes(2, 3))
        largest = max(largest, float(np.abs(np.linalg.eigvalsh(spins)).max()))
    return largest


def warn_of_large_spins(source: str | Path, system: System_R):
    """Log a warning with the figure when interpolated spins exceed 1 (by more than 1e-6), and what it means for σ.

    Good data: 1.0004 (Pt), 1.25 (Te), 1.28 (Fe), 1.54 (a public iron on 2 x 2 x 2 points): no sign of wrong files, which
    `wb_conserved.io.spin_overlaps` finds. In tellurium, σ^s_xyz is 121.3 with these spins, 113.3 (ħ/|e|) S/cm with pure
    ones (``spin_order``).
    """
    largest = largest_spin(system)
    if largest > 1 + 1e-6:
        logger.warning(
            "%s: the interpolated spin exceeds 1: |eigenvalue| up to %.6f between the points of the k mesh, an error of "
            "the interpolation that a denser ab initio mesh makes smaller; σ is linear in spin, so that contributions of "
            "such k points are wrong by up to %.2g %%",
            source,
            largest,
            100 * (largest - 1),
        )


def check_system(source: str | Path, system: System_R, spin: bool):
    """Check the matrices of a system: shapes, finite numbers, Hermitian.

    Parameters
    ----------
    source : str or Path
        Where it is from, for errors.
    system : System_R
    spin : bool
        Whether 'SS' must be there.

    Raises
    ------
    InputError
        A matrix is missing, has another shape than it should, is not finite or not Hermitian.
    """
    for attribute in ("real_lattice", "num_wann", "rvec", "wannier_centers_cart"):
        if getattr(system, attribute, None) is None:
            raise InputError(source, f"a system with {attribute}", "a system without")
    if getattr(system, "is_phonon", False):
        raise InputError(source, "a system of electrons", "phonons (is_phonon is true)")
    num_wann, vectors = int(system.num_wann), np.asarray(system.rvec.iRvec)
    shapes = {"Ham": (), "AA": (3,), "SS": (3,)}
    for key, tail in shapes.items():
        if not system.has_R_mat(key):
            if key == "Ham" or (key == "SS" and spin):
                hint = f": give spin_order, or {NO_SPIN}" if key == "SS" else ""
                raise InputError(source, f"matrices '{key}'{hint}", f"only {sorted(r_matrices(system))}")
            continue
        matrices = np.asarray(system.get_R_mat(key))
        shape = (len(vectors), num_wann, num_wann, *tail)
        if matrices.shape != shape:
            raise InputError(source, f"matrices '{key}' of shape {shape}", f"{matrices.shape}")
        check_finite(source, f"'{key}'", matrices)
        check_hermitian(source, key, vectors, matrices)
    for name, values, shape in (
        ("real_lattice", system.real_lattice, (3, 3)),
        ("wannier_centers_cart", system.wannier_centers_cart, (num_wann, 3)),
    ):
        values = np.asarray(values)
        if values.shape != shape:
            raise InputError(source, f"{name} of shape {shape}", f"{values.shape}")
        check_finite(source, name, values)


def check_dispersion(source: str | Path, system: System_R, periodic: tuple[bool, bool, bool]):
    """Check that there are hoppings along each direction that is called periodic.

    Raises
    ------
    InputError
        All R vectors are zero along one: bands are flat there, and conductivities are those of a sheet or wire.
    """
    flat = ~np.asarray(system.rvec.iRvec).any(axis=0)
    directions = [i for i in range(3) if flat[i] and np.broadcast_to(periodic, 3)[i]]
    if directions:
        way = [bool(p) and i not in directions for i, p in enumerate(periodic)]
        raise InputError(
            source,
            f"R vectors with a component along lattice vector {directions[0] + 1}, or periodic={way} for a sheet or wire",
            "R = 0 only along it",
        )


def set_periodic(source: str | Path, system: System_R, periodic: tuple[bool, bool, bool]):
    """Mark directions as not periodic; every R must be zero along them.

    Raises
    ------
    InputError
        There is an R that is not.
    """
    periodic = np.asarray(periodic, dtype=bool)
    if periodic.shape != (3,):
        raise InputError("periodic", "three booleans", repr(periodic.tolist()))
    for direction in np.flatnonzero(~periodic):
        used = np.count_nonzero(system.rvec.iRvec[:, direction])
        if used:
            raise InputError(
                source,
                f"R vectors without component {direction + 1}, which periodic={periodic.tolist()} calls not periodic",
                f"{used} with one, as of a slab across the boundary of the cell: leave it periodic, and take one k point along "
                f"it, mesh = [{', '.join('1' if i == direction else 'n' for i in range(3))}], which is exact where the vacuum "
                "separates the layers",
            )
    system.periodic = periodic
