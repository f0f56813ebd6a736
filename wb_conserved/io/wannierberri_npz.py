"""What WannierBerri saves of an ab initio calculation: X.chk.npz, X.eig.npz, X.mmn.npz with X.bkvec.npz, X.spn.npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from .bloch_files import check_overlap_norms, check_spin_matrices
from .checks import check_finite
from .chk import Checkpoint, check_unitary, kpoints_on_mesh
from .npz import read_arrays


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
    )


def _matrices(path: Path, checkpoint: Checkpoint, shape: tuple) -> np.ndarray:
    return _of_each_kpoint(path, read_arrays(path), "data", checkpoint.num_kpoints, shape)


def read_eig_npz(path: Path, checkpoint: Checkpoint) -> np.ndarray:
    """As `read_eig`."""
    return _matrices(path, checkpoint, (checkpoint.num_bands,)).real.astype(float)


def read_mmn_npz(path: Path, checkpoint: Checkpoint) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As `read_mmn`, with the neighbours of the .bkvec.npz file beside; the lines are 0."""
    bands = checkpoint.num_bands
    overlaps = _matrices(path, checkpoint, (None, bands, bands))
    beside = path.with_name(path.name.removesuffix(".mmn.npz") + ".bkvec.npz")
    if not beside.is_file():
        raise InputError(beside, f"this file, which has the neighbours for {path.name}", "no such file")
    arrays, count = read_arrays(beside), overlaps.shape[1]
    neighbours = _of_each_kpoint(beside, arrays, "neighbours", checkpoint.num_kpoints, (count,)).astype(int)
    shifts = _of_each_kpoint(beside, arrays, "G", checkpoint.num_kpoints, (count, 3)).astype(int)
    if neighbours.min() < 0 or neighbours.max() >= checkpoint.num_kpoints:
        raise InputError(beside, f"neighbours between 0 and {checkpoint.num_kpoints - 1}", f"up to {neighbours.max()}")
    for ik in range(checkpoint.num_kpoints):
        check_overlap_norms(path, overlaps[ik], f" of k point {ik + 1}")
    return overlaps, neighbours, shifts, np.zeros(neighbours.shape, dtype=int)


def read_spn_npz(path: Path, checkpoint: Checkpoint) -> np.ndarray:
    """As `read_spn`."""
    bands = checkpoint.num_bands
    spins = _matrices(path, checkpoint, (bands, bands, 3)).astype(complex)
    for ik, matrices in enumerate(spins):
        check_spin_matrices(path, matrices.transpose(2, 0, 1), ik)
    return spins
