"""What WannierBerri saves of an ab initio calculation: X.chk.npz, X.eig.npz, X.mmn.npz with X.bkvec.npz, X.spn.npz."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ..errors import InputError
from .bloch_files import OVERLAP_NORM_TOLERANCE, check_spin_matrices, largest_norm
from .checks import check_finite
from .chk import Checkpoint, check_unitary, kpoints_on_mesh
from .npz import read_arrays

logger = logging.getLogger("wb_conserved.io")

NORM_CERTAIN = 0.1
"""Refuse overlaps with rows or columns of norms above 1 by more than this."""


def _array(path: Path, arrays: dict, name: str, shape: tuple) -> np.ndarray:
    """An array of a shape, None for any length."""
    if name not in arrays:
        raise InputError(path, f"an array {name!r}", f"{sorted(arrays)[:8]}")
    values = np.asarray(arrays[name])
    fits = len(shape) == values.ndim and all(n in (None, m) for n, m in zip(shape, values.shape, strict=True))
    if not fits:
        raise InputError(path, f"{name} of shape {shape}".replace("None", "any"), f"{values.shape}")
    check_finite(path, name, values)
    return values


def _of_each_kpoint(path: Path, arrays: dict, name: str, num_kpoints: int, shape: tuple) -> np.ndarray:
    """Arrays name_0, name_1, ... of all k points, (k, *shape)."""
    missing = [ik for ik in range(num_kpoints) if f"{name}_{ik}" not in arrays]
    if missing:
        expected = f"arrays {name}_0 to {name}_{num_kpoints - 1}, one for each k point (not of irreducible ones only)"
        raise InputError(path, expected, f"no {name}_{missing[0]}")
    return np.array([_array(path, arrays, f"{name}_{ik}", shape) for ik in range(num_kpoints)])


def read_checkpoint_npz(path: Path) -> Checkpoint:
    """Read a .chk.npz file, which has no overlaps and no outer window.

    Raises
    ------
    InputError
        An array is missing, of another shape than the others say, or not finite; a gauge that is not unitary (1e-6).
    """
    arrays = read_arrays(path)
    num_bands, num_wann, count = (int(_array(path, arrays, name, ())) for name in ("num_bands", "num_wann", "num_kpts"))
    if "wannier_centers_cart" not in arrays:
        raise InputError(path, "a finished wannierisation, with 'wannier_centers_cart'", f"{sorted(arrays)[:8]}")
    mesh = _array(path, arrays, "mp_grid", (3,)).astype(int)
    gauge = _of_each_kpoint(path, arrays, "v_matrix", count, (num_bands, num_wann)).astype(complex)
    check_unitary(path, gauge, "the gauge")
    spreads = arrays.get("wannier_spreads", np.full(num_wann, np.nan))
    return Checkpoint(
        path=path,
        num_bands=num_bands,
        num_wann=num_wann,
        num_neighbours=None,
        real_lattice=_array(path, arrays, "real_lattice", (3, 3)),
        mp_grid=mesh,
        kpoints=kpoints_on_mesh(path, _array(path, arrays, "kpt_red", (count, 3)), mesh),
        in_window=np.ones((count, num_bands), dtype=bool),
        gauge=gauge,
        overlaps=None,
        centers=_array(path, arrays, "wannier_centers_cart", (num_wann, 3)),
        spreads=np.asarray(spreads, dtype=float),
        selected_bands=_array(path, arrays, "selected_bands", (num_bands,)).astype(int) if "selected_bands" in arrays else None,
    )


def _matrices(path: Path, checkpoint: Checkpoint, shape: tuple[str | int | None, ...]) -> np.ndarray:
    """Arrays data_0, data_1, ... of all k points; axes "bands" are those of the checkpoint, perhaps of more in the file."""
    arrays, selected = read_arrays(path), checkpoint.selected_bands
    axes = [axis for axis, length in enumerate(shape) if length == "bands"]
    first, count = np.asarray(arrays.get("data_0", np.zeros(()))), checkpoint.num_bands
    if selected is not None and first.ndim == len(shape) and first.shape[axes[0]] > max(count, selected.max()):
        count = first.shape[axes[0]]
    else:
        selected = None
    lengths = tuple(count if length == "bands" else length for length in shape)
    values = _of_each_kpoint(path, arrays, "data", checkpoint.num_kpoints, lengths)
    for axis in axes if selected is not None else ():
        values = values.take(selected, axis=axis + 1)
    return values


def read_eig_npz(path: Path, checkpoint: Checkpoint) -> np.ndarray:
    """As `read_eig`."""
    return _matrices(path, checkpoint, ("bands",)).real.astype(float)


def read_mmn_npz(path: Path, checkpoint: Checkpoint) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As `read_mmn`, with the neighbours of the .bkvec.npz file beside; the lines are 0."""
    overlaps = _matrices(path, checkpoint, (None, "bands", "bands"))
    beside = path.with_name(path.name.removesuffix(".mmn.npz") + ".bkvec.npz")
    if not beside.is_file():
        raise InputError(beside, f"this file, which has the neighbours for {path.name}", "no such file")
    arrays, count = read_arrays(beside), overlaps.shape[1]
    neighbours = _of_each_kpoint(beside, arrays, "neighbours", checkpoint.num_kpoints, (count,)).astype(int)
    shifts = _of_each_kpoint(beside, arrays, "G", checkpoint.num_kpoints, (count, 3)).astype(int)
    if neighbours.min() < 0 or neighbours.max() >= checkpoint.num_kpoints:
        raise InputError(beside, f"neighbours between 0 and {checkpoint.num_kpoints - 1}", f"up to {neighbours.max()}")
    norms = [largest_norm(matrices) for matrices in overlaps]
    worst = int(np.argmax(norms))
    if norms[worst] > 1 + NORM_CERTAIN:
        expected = f"rows and columns of norm 1 at most in overlaps (tolerance {NORM_CERTAIN:g})"
        raise InputError(path, expected, f"norm {norms[worst]:.6f} of k point {worst + 1}")
    if norms[worst] > 1 + OVERLAP_NORM_TOLERANCE:
        logger.warning(
            "%s: rows or columns of overlaps have norms up to %.4f, which are 1 at most: an error of how they were made (up to "
            "1.04 in data from GPAW), by which positions are wrong too",
            path,
            norms[worst],
        )
    return overlaps, neighbours, shifts, np.zeros(neighbours.shape, dtype=int)


def read_spn_npz(path: Path, checkpoint: Checkpoint) -> np.ndarray:
    """As `read_spn`."""
    spins = _matrices(path, checkpoint, ("bands", "bands", 3)).astype(complex)
    for ik, matrices in enumerate(spins):
        check_spin_matrices(path, matrices.transpose(2, 0, 1), ik)
    return spins
