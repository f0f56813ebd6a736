"""Wannier90's checkpoint (.chk, or .chk.fmt as w90chk2chk.x -export writes it): gauge, k mesh, lattice and centres."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from .fortran import RecordFile, RecordText
from .text import stem

UNITARITY_TOLERANCE = 1e-6
"""Largest |U†U - 1| of the gauge matrices of a .chk."""
MESH_TOLERANCE = 1e-3
"""Largest distance of a k point from the mesh, in steps of the mesh (k points are typed with 4 digits or more)."""
LATTICE_TOLERANCE = 1e-4
"""Largest difference between the lattice vectors of two files, in Å (.nnkp has 7 digits, .win may be rounded)."""


@dataclass
class Checkpoint:
    """Contents of a .chk file.

    Attributes
    ----------
    path : Path
    num_bands, num_wann, num_neighbours : int
        Bands are counted after `exclude_bands`; None for neighbours where the file does not say.
    real_lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    mp_grid : ndarray of int, shape (3,)
    kpoints : ndarray, shape (NK, 3)
        Reduced coordinates, on the mesh exactly.
    in_window : ndarray of bool, shape (NK, num_bands)
        Bands in the outer window.
    gauge : ndarray of complex, shape (NK, num_bands, num_wann)
        Wannier functions from Bloch states.
    overlaps : ndarray of complex, shape (num_wann, num_wann, num_neighbours, NK)
        <u_k|u_{k+b}> between Wannier-gauge states, in the order of the .nnkp file; None
        where the file has none.
    centers : ndarray, shape (num_wann, 3)
        Å, Cartesian.
    spreads : ndarray, shape (num_wann,)
        Å².
    selected_bands : ndarray of int, shape (num_bands,), or None
        Which bands of the other files these are, counted from 0; None: all.
    """

    path: Path
    num_bands: int
    num_wann: int
    num_neighbours: int | None
    real_lattice: np.ndarray
    mp_grid: np.ndarray
    kpoints: np.ndarray
    in_window: np.ndarray
    gauge: np.ndarray
    overlaps: np.ndarray | None
    centers: np.ndarray
    spreads: np.ndarray
    selected_bands: np.ndarray | None = None

    @property
    def num_kpoints(self) -> int:
        """Number of k points."""
        return len(self.kpoints)


def kpoints_on_mesh(source: Path, kpoints: np.ndarray, mp_grid: np.ndarray) -> np.ndarray:
    """Check that k points are a full Gamma-centred mesh, and put them on it exactly.

    Parameters
    ----------
    source : Path
        File they are from.
    kpoints : ndarray, shape (NK, 3)
        Reduced coordinates.
    mp_grid : array_like of int, shape (3,)
        Mesh.

    Returns
    -------
    ndarray, shape (NK, 3)

    Raises
    ------
    InputError
        Wrong number, a point off the mesh, or one that is there twice.
    """
    mesh = " x ".join(str(n) for n in mp_grid)
    if len(kpoints) != np.prod(mp_grid):
        raise InputError(source, f"{np.prod(mp_grid)} k points for the mesh {mesh}", f"{len(kpoints)}")
    steps = np.rint(kpoints * mp_grid)
    off = np.flatnonzero(np.abs(kpoints * mp_grid - steps).max(axis=1) > MESH_TOLERANCE)
    if len(off):
        raise InputError(
            source, f"k points on the Gamma-centred mesh {mesh}", f"k point {off[0] + 1} at {kpoints[off[0]]}"
        )
    _, counts = np.unique(steps.astype(int) % mp_grid, axis=0, return_counts=True)
    if (counts > 1).any():
        raise InputError(source, f"each point of the mesh {mesh} once", "some k points more than once")
    return steps / mp_grid


def check_unitary(path: Path, matrices: np.ndarray, name: str):
    """Check columns of gauge matrices, shape (NK, n, m), to be orthonormal."""
    product = matrices.conj().swapaxes(1, 2) @ matrices
    deviation = np.abs(product - np.eye(matrices.shape[2])).max(axis=(1, 2))
    worst = int(deviation.argmax())
    if deviation[worst] > UNITARITY_TOLERANCE:
        raise InputError(
            path,
            f"{name} unitary to {UNITARITY_TOLERANCE:g}",
            f"|U†U - 1| = {deviation[worst]:.2e} at k point {worst + 1}",
        )


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check a .chk or .chk.fmt file, plain or compressed.

    Raises
    ------
    InputError
        The file is not a checkpoint, ends early, contradicts itself, has gauge matrices that are not
        unitary (tolerance 1e-6), or is of an unfinished wannierisation.
    """
    formatted = stem(path).endswith(".fmt")
    with RecordText(path) if formatted else RecordFile(path) as file:
        header = file.record("the header of a .chk file")
        if len(header) > 256:
            raise InputError(path, "the header of a .chk file (33 characters)", f"a record of {len(header)} bytes")
        num_bands = file.integer("the number of bands")
        num_excluded = file.integer("the number of excluded bands")
        file.array("the excluded bands", "i4", (max(num_excluded, 0),))
        real_lattice = file.array("the lattice vectors", "f8", (3, 3)).copy()
        recip_lattice = file.array("the reciprocal lattice vectors", "f8", (3, 3))
        if np.abs(real_lattice @ recip_lattice.T / (2 * np.pi) - np.eye(3)).max() > 1e-6:
            raise InputError(path, "reciprocal lattice vectors of the lattice vectors", "others")
        num_kpoints = file.integer("the number of k points")
        mp_grid = file.array("the k mesh", "i4", (3,)).astype(int)
        if num_kpoints < 1 or num_kpoints != np.prod(mp_grid):
            raise InputError(path, f"{np.prod(mp_grid)} k points for the mesh {mp_grid.tolist()}", f"{num_kpoints}")
        kpoints = file.array("the k points", "f8", (3, num_kpoints)).T
        num_neighbours = file.integer("the number of neighbours of a k point")
        num_wann = file.integer("the number of Wannier functions")
        if not 0 < num_wann <= num_bands:
            raise InputError(path, f"between 1 and num_bands = {num_bands} Wannier functions", f"{num_wann}")
        stage = file.record("the stage of the calculation", 20).decode("ascii", "replace").strip()
        if stage != "postwann":
            raise InputError(path, "a finished wannierisation (stage 'postwann')", f"stage '{stage}'")
        disentangled = file.integer("whether bands were disentangled") != 0
        in_window = np.ones((num_kpoints, num_bands), dtype=bool)
        if disentangled:
            file.array("the invariant spread", "f8", (1,))
            in_window = file.array("the bands in the outer window", "i4", (num_bands, num_kpoints)).T != 0
            num_in_window = file.array("the numbers of bands in the outer window", "i4", (num_kpoints,))
            subspace = file.array("the matrices U_opt", "c16", (num_bands, num_wann, num_kpoints)).transpose(2, 0, 1)
            _check_window(path, in_window, num_in_window, subspace)
        elif num_bands != num_wann:
            raise InputError(
                path,
                "as many Wannier functions as bands where nothing is disentangled",
                f"{num_wann} Wannier functions, {num_bands} bands",
            )
        rotation = file.array("the matrices U", "c16", (num_wann, num_wann, num_kpoints)).transpose(2, 0, 1)
        overlaps = file.array("the overlap matrices M", "c16", (num_wann, num_wann, num_neighbours, num_kpoints))
        centers = file.array("the centres", "f8", (3, num_wann)).T.copy()
        spreads = file.array("the spreads", "f8", (num_wann,)).copy()
        file.finish("the spreads of a .chk file")

    check_unitary(path, rotation, "matrices U")
    gauge = np.array(rotation)
    if disentangled:
        check_unitary(path, subspace, "matrices U_opt")
        gauge = np.zeros((num_kpoints, num_bands, num_wann), dtype=complex)
        for ik, (window, bands) in enumerate(zip(in_window, num_in_window, strict=True)):
            gauge[ik, window] = subspace[ik, :bands].dot(rotation[ik])
    return Checkpoint(
        path,
        num_bands,
        num_wann,
        num_neighbours,
        real_lattice,
        mp_grid,
        kpoints_on_mesh(path, kpoints, mp_grid),
        in_window,
        gauge,
        overlaps,
        centers,
        spreads,
    )


def _check_window(path: Path, in_window: np.ndarray, num_in_window: np.ndarray, subspace: np.ndarray):
    counted = in_window.sum(axis=1)
    wrong = np.flatnonzero(counted != num_in_window)
    if len(wrong):
        raise InputError(
            path,
            f"{num_in_window[wrong[0]]} bands in the outer window at k point {wrong[0] + 1}",
            f"{counted[wrong[0]]} flagged",
        )
    for ik, bands in enumerate(num_in_window):
        if bands < subspace.shape[2]:
            raise InputError(
                path, f"at least {subspace.shape[2]} bands in the outer window at k point {ik + 1}", f"{bands}"
            )
        if np.abs(subspace[ik, bands:]).max(initial=0) > UNITARITY_TOLERANCE:
            raise InputError(path, f"U_opt zero outside the window at k point {ik + 1}", "other numbers")
