"""Files that a system is loaded from: a reader for each ending, entered with `register`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wannierberri.system import System_R

from ..errors import NO_SPIN, InputError
from .npz import load_npz
from .real_space import at_nearest_copies, check_centres_beside, refuse_translated_centres
from .seed_files import SeedFile, read_nnkp, read_win
from .text import locate
from .tight_binding import RealSpace, build_system, read_centres, read_hr, read_tb
from .wannier_data import check_lattice, load_wannier_data

logger = logging.getLogger("wb_conserved.io")

OPTIONS = ("wannier_centers", "real_lattice", "ws_distance", "mp_grid", "periodic", "spin_current", "check_overlaps")
"""Arguments of `load_system` that not all readers have a use for."""


@dataclass(frozen=True)
class Request:
    """What is asked of a reader.

    Attributes
    ----------
    path : Path
        The file, perhaps with .xz or .gz; or the folder.
    seed : str
        The path without the ending.
    spin : bool
        Whether 'SS' is needed.
    spin_order, wannier_centers, real_lattice, ws_distance, mp_grid, spin_current, check_overlaps
        Arguments of `load_system`; their defaults where the reader takes no such option.
    """

    path: Path
    seed: str
    spin: bool
    spin_order: str | Sequence[Sequence[int]] | None = None
    wannier_centers: np.ndarray | None = None
    real_lattice: np.ndarray | None = None
    ws_distance: bool | str = "auto"
    mp_grid: Sequence[int] | None = None
    spin_current: tuple[str, ...] = ("projected",)
    check_overlaps: bool = True


@dataclass(frozen=True)
class Reader:
    """A reader of a kind of file or folder.

    Attributes
    ----------
    read : callable
        Takes a `Request` and returns a System_R.
    options : tuple of str
        Those of `OPTIONS` that make sense for it.
    """

    read: Callable[[Request], System_R]
    options: tuple[str, ...] = ("periodic",)


READERS: dict[str, Reader] = {}
"""Reader of each ending, in the order in which files of a seedname are looked for."""


def register(ending: str, read: Callable[[Request], System_R], options: Sequence[str] = ("periodic",)) -> None:
    """Enter a reader of files X + ending, which `load_system` then finds after those that there are.

    Parameters
    ----------
    ending : str
        Such as "_tb.dat"; .xz and .gz are not part of it.  Of endings that fit a file the longest counts.
    read : callable
        Takes a `Request` and returns a System_R with 'Ham' (eV), 'AA' (Å, with the centres in ``wannier_centers_cart``
        rather than on its diagonal) and, where ``request.spin``, 'SS' (Pauli matrices).  `load_system` checks that it is
        finite and Hermitian, and does all that does not depend on the kind of file.
    options : sequence of str
        Those of `OPTIONS` that make sense for such files; others are refused.

    Raises
    ------
    InputError
        An ending that there is, or unknown options.
    """
    if not isinstance(ending, str) or not ending or ending in READERS:
        raise InputError("ending", f"one besides {', '.join(READERS)}", repr(ending))
    unknown = [option for option in options if option not in OPTIONS]
    if unknown:
        raise InputError("options", f"some of {', '.join(OPTIONS)}", ", ".join(map(repr, unknown)))
    READERS[ending] = Reader(read, tuple(options))


def _load_chk(request: Request) -> System_R:
    """System from .chk and the files beside it."""
    seed, spn = request.seed, locate(f"{request.seed}.spn")
    if request.spin_order is not None and spn is not None:
        raise InputError("spin_order", f"not to be given where there are spin matrices, {spn}", repr(request.spin_order))
    if request.spin and spn is None:
        raise InputError(
            f"{seed}.spn",
            f"spin matrices: this file (or with .xz, .gz), or spin_order, or {NO_SPIN}",
            "no such file",
        )
    return load_wannier_data(
        seed,
        request.path,
        request.spin,
        request.spin_current,
        ws_distance=request.ws_distance,
        with_overlaps_of_chk=request.check_overlaps,
    )


def _load_tb(request: Request) -> System_R:
    """System from _tb.dat."""
    _refuse_spin(request)
    model = read_tb(request.path)

    def find_centers(lattice, beside):
        check_centres_beside(request.path, request.seed, model, lattice, beside)
        return model.centers

    return _real_space(request, model, find_centers)


def _load_hr(request: Request) -> System_R:
    """System from _hr.dat, with centres from elsewhere."""
    _refuse_spin(request)
    model = read_hr(request.path)
    return _real_space(request, model, lambda _, beside: _centers(request, model, beside))


def _refuse_spin(request):
    if request.spin:
        raise InputError(
            request.path,
            f"spin_order ('interlaced', 'block' or pairs), as this file has no spin; or {NO_SPIN}",
            "neither",
        )


def _real_space(request: Request, model: RealSpace, find_centers: Callable) -> System_R:
    """System without spin; a lattice and centres that the model lacks come from elsewhere."""
    path, seed = request.path, request.seed
    mp_grid = None if request.mp_grid is None else _mesh(request.mp_grid)
    win_path, nnkp_path = locate(f"{seed}.win"), locate(f"{seed}.nnkp")
    beside = [read_win(win_path)] if win_path else []
    if nnkp_path:
        beside.append(read_nnkp(nnkp_path))
    lattice, name = model.real_lattice, path.name
    if lattice is None:
        lattice, name = _lattice(path, request.real_lattice, beside)
    for seed_file in beside:
        check_lattice(seed_file, lattice, name)
        num_wann = seed_file.values.get("num_wann", model.num_wann)
        if num_wann != model.num_wann:
            raise InputError(
                seed_file.path,
                f"num_wann = {model.num_wann}, as in {path.name}",
                f"{num_wann}",
                seed_file.lines["num_wann"],
            )
    centers = find_centers(lattice, beside)
    model = at_nearest_copies(model, seed, lattice, centers, beside, request.ws_distance, mp_grid)
    return build_system(model, centers, lattice)


def _mesh(mp_grid: Sequence[int]) -> tuple[int, int, int]:
    mesh = tuple(mp_grid) if isinstance(mp_grid, Sequence | np.ndarray) else ()
    if len(mesh) != 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in mesh):
        raise InputError("mp_grid", "three positive integers", repr(mp_grid))
    return mesh


def _lattice(path: Path, real_lattice: np.ndarray | None, beside: list[SeedFile]) -> tuple[np.ndarray, str]:
    """Lattice for a _hr.dat file, Å, and whose it is."""
    if real_lattice is not None:
        lattice = _user_array("real_lattice", real_lattice, (3, 3))
        if abs(np.linalg.det(lattice)) < 1e-6:
            raise InputError("real_lattice", "three independent vectors", f"{lattice.tolist()}")
        return lattice, "real_lattice"
    for seed_file in beside:
        if seed_file.real_lattice is not None:
            return seed_file.real_lattice, seed_file.path.name
    raise InputError(path, "real_lattice, or a .win or .nnkp file beside, as this file has no lattice", "neither")


def _centers(request: Request, model: RealSpace, beside: list[SeedFile]) -> np.ndarray:
    """Centres for a _hr.dat file, Å."""
    path, seed = request.path, request.seed
    logger.warning("%s: no position matrices: r is diagonal, with the centres given", path)
    if request.wannier_centers is not None:
        return _user_array("wannier_centers", request.wannier_centers, (model.num_wann, 3))
    centres_path = locate(f"{seed}_centres.xyz")
    if centres_path is None:
        raise InputError(
            path,
            f"wannier_centers, or a file {Path(seed).name}_centres.xyz beside, as this file has no centres",
            "neither",
        )
    refuse_translated_centres(beside, centres_path)
    return read_centres(centres_path, model.num_wann)


def _user_array(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(name, f"numbers of shape {shape}", repr(values)[:80]) from None
    if array.shape != shape or not np.isfinite(array).all():
        raise InputError(name, f"finite numbers of shape {shape}", f"shape {array.shape}: {repr(values)[:80]}")
    return array


register(".chk", _load_chk, ("ws_distance", "periodic", "spin_current", "check_overlaps"))
register("_tb.dat", _load_tb, ("ws_distance", "mp_grid", "periodic"))
register("_hr.dat", _load_hr, ("wannier_centers", "real_lattice", "ws_distance", "mp_grid", "periodic"))

FOLDER = Reader(lambda request: load_npz(request.path, request.spin), options=())
"""Reader of folders of .npz files."""
