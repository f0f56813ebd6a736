"""Systems that WannierBerri saved as a folder of .npz files, read without pickle."""

from __future__ import annotations

import logging
import zipfile
import zlib
from pathlib import Path

import numpy as np
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.symmetry.point_symmetry import PointGroup
from wannierberri.system import System_R

from ..errors import NO_SPIN, InputError
from .checks import TOLERANCES, check_finite, check_hermitian, opposite

logger = logging.getLogger("wb_conserved.io")

REQUIRED = ("real_lattice", "num_wann", "wannier_centers_cart", "iRvec", "_XX_R_Ham", "_XX_R_AA")
OPTIONAL = ("periodic", "is_phonon", "positions", "magnetic_moments", "atom_labels")


def is_npz_folder(folder: Path) -> bool:
    """Whether a folder has .npz files."""
    return any(folder.glob("*.npz"))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a .npz file.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, or needs pickle.
    """
    try:
        if path.stat().st_size == 0:
            raise InputError(path, "arrays", "an empty file (0 bytes)")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(path, "a .npz file with arrays", f"{type(error).__name__}: {error}") from error


def _array(folder: Path, name: str, shape: tuple | None = None) -> np.ndarray:
    path = folder / f"{name}.npz"
    arrays = read_arrays(path)
    if "arr_0" not in arrays:
        raise InputError(path, "an array 'arr_0'", f"{sorted(arrays)}")
    values = arrays["arr_0"]
    if shape is not None and values.shape != shape:
        raise InputError(path, f"an array of shape {shape}", f"{values.shape}")
    return values


def _numbers(folder: Path, name: str, shape: tuple) -> np.ndarray:
    values = _array(folder, name, shape)
    check_finite(folder / f"{name}.npz", name, values)
    return values


def read_pointgroup(path: Path, real_lattice: np.ndarray) -> PointGroup:
    """Point group of a pointgroup.npz file, which must be of the lattice given (Å).

    Raises
    ------
    InputError
        It is not there whole, or of another lattice.
    """
    arrays = read_arrays(path)
    try:
        count = int(arrays["nsym"])
        lattice = np.asarray(arrays["real_lattice"], dtype=float)
        stored: dict = {"nsym": count, "real_lattice": lattice}
        for i in range(count):
            stored[f"symm{i}_R"] = np.asarray(arrays[f"symm{i}_R"], dtype=float).reshape(3, 3)
            stored[f"symm{i}_TR"] = bool(arrays[f"symm{i}_TR"])
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(path, "nsym, real_lattice, symm0_R, symm0_TR...", f"{sorted(arrays)[:8]}") from error
    if lattice.shape != (3, 3) or not np.allclose(lattice, real_lattice, atol=1e-6):
        raise InputError(path, f"the lattice of real_lattice.npz, {real_lattice.tolist()}", f"{lattice.tolist()}")
    try:
        return PointGroup(dictionary=stored)
    except (AssertionError, RuntimeError) as error:
        raise InputError(path, "symmetries that form a group and keep the lattice", str(error)) from error


def _is_older(folder: Path, vectors: np.ndarray, num_wann: int) -> bool:
    """Whether matrices have the R vectors last, (m, n, R, ...), as older versions of WannierBerri wrote them, which is said.

    Where there are as many functions as R vectors, that order is taken in which H(R) is Hermitian.
    """
    hamiltonian = _array(folder, "_XX_R_Ham")
    newer, older = (len(vectors), num_wann, num_wann), (num_wann, num_wann, len(vectors))
    if hamiltonian.shape != older:
        return False
    if newer == older:
        minus = opposite(folder / "iRvec.npz", vectors)
        orders = hamiltonian, np.moveaxis(hamiltonian, 2, 0)
        deviations = [np.abs(H - H[minus].swapaxes(1, 2).conj()).max() for H in orders]
        if deviations[0] <= deviations[1]:
            return False
    logger.warning("%s: matrices with the R vectors last, as older versions of WannierBerri wrote them", folder)
    return True


def load_npz(folder: Path, spin: bool) -> System_R:
    """Load a System_R from the folder that its `to_npz` wrote.

    Parameters
    ----------
    folder : Path
    spin : bool
        Whether 'SS' is needed.

    Returns
    -------
    System_R
        With all matrices there are, and the point group that was saved.

    Raises
    ------
    InputError
        A file is missing or damaged, or an array has another shape than the others say, or is not finite.
    """
    needed = (*REQUIRED, "_XX_R_SS") if spin else REQUIRED
    missing = [f"{name}.npz" for name in needed if not (folder / f"{name}.npz").is_file()]
    if missing:
        hint = f" (give spin_order, or {NO_SPIN})" if missing == ["_XX_R_SS.npz"] else ""
        raise InputError(
            folder, f"the files {', '.join(f'{name}.npz' for name in needed)}{hint}", f"no {', '.join(missing)}"
        )
    system = System_R(silent=True)
    system.real_lattice = _numbers(folder, "real_lattice", (3, 3))
    system.num_wann = int(_numbers(folder, "num_wann", ()))
    system.wannier_centers_cart = _numbers(folder, "wannier_centers_cart", (system.num_wann, 3))

    path = folder / "iRvec.npz"
    arrays = read_arrays(path)
    name = "iRvec" if "iRvec" in arrays else "arr_0"
    vectors = arrays.get(name, np.zeros(0))
    if vectors.shape[1:] != (3,) or vectors.dtype.kind not in "iu":
        raise InputError(
            path,
            "an array of integers 'iRvec' of shape (nR, 3)",
            f"{ {key: value.shape for key, value in arrays.items()} }",
        )
    opposite(path, vectors)
    shifts = arrays.get("shifts_left_red")
    if shifts is not None and (
        shifts.shape != (system.num_wann, 3) or not np.allclose(shifts, system.wannier_centers_red, atol=1e-6)
    ):
        raise InputError(path, "the shifts of wannier_centers_cart.npz", f"others, of shape {shifts.shape}")
    system.rvec = Rvectors(system.real_lattice, shifts_left_red=system.wannier_centers_red, iRvec=vectors)

    older = _is_older(folder, vectors, system.num_wann)
    for file in sorted(folder.glob("_XX_R_*.npz")):
        matrices = _array(folder, file.stem)
        if older and matrices.ndim >= 3:
            matrices = np.ascontiguousarray(np.moveaxis(matrices, 2, 0))
        shape = (system.rvec.nRvec, system.num_wann, system.num_wann)
        if matrices.shape[:3] != shape:
            raise InputError(file, f"an array of shape {shape}, or that and more", f"{matrices.shape}")
        check_finite(file, file.stem, matrices)
        key = file.stem.removeprefix("_XX_R_")
        if key in TOLERANCES:
            if matrices.shape != (*shape, *((3,) if key != "Ham" else ())):
                raise InputError(
                    file, f"an array of shape {shape}" + (" x 3" if key != "Ham" else ""), f"{matrices.shape}"
                )
            check_hermitian(file, key, vectors, matrices)
        system.set_R_mat(key, matrices)

    if (folder / "pointgroup.npz").is_file():
        system.set_pointgroup(pointgroup=read_pointgroup(folder / "pointgroup.npz", system.real_lattice))
    else:
        system.set_pointgroup()
        if (folder / "symgroup.npz").is_file():
            logger.warning("%s: the point group is left out, as an older version of WannierBerri wrote it", folder)
    for name in OPTIONAL:
        if not (folder / f"{name}.npz").is_file():
            continue
        try:
            value = _array(folder, name)
        except InputError as error:
            if name in ("periodic", "is_phonon"):
                raise
            logger.warning("%s: left out", error)
            continue
        setattr(system, name, bool(value) if name == "is_phonon" else value)
    if getattr(system, "is_phonon", False):
        raise InputError(folder / "is_phonon.npz", "a system of electrons", "phonons")
    if np.asarray(system.periodic).shape != (3,):
        raise InputError(folder / "periodic.npz", "three booleans", f"shape {np.asarray(system.periodic).shape}")
    return system
