"""The table of what a system is loaded from: files by their endings, folders, and objects of other packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.system import System_R, SystemSOC

from ..errors import InputError
from . import packages
from .fplo import load_fplo, recognise_hamdata
from .hr import recognise_hr
from .npz import is_npz_folder, load_npz
from .spinors import is_soc_folder, load_soc_folder, soc_system
from .tight_binding import recognise_tb
from .wannier90 import load_chk, load_hr, load_tb

OPTIONS = (
    "wannier_centers",
    "real_lattice",
    "ws_distance",
    "mp_grid",
    "periodic",
    "spin_current",
    "outside_states",
    "check_overlaps",
    "spin_axis",
    "spin_orbit_strength",
)
"""Arguments of `load_system` that not all readers have a use for."""


@dataclass(frozen=True)
class Request:
    """What is asked of a reader.

    Attributes
    ----------
    path : Path
        The file, perhaps with .xz or .gz; or the folder; or the object of another package.
    seed : str
        The path without the ending.
    spin : bool
        Whether 'SS' is needed.
    spin_order, wannier_centers, real_lattice, ws_distance, mp_grid, spin_current, outside_states, check_overlaps,
    spin_orbit_strength
        Arguments of `load_system`; their defaults where the reader takes no such option.
    spin_axis : ndarray, shape (3,), or None
        Unit vector, from ``spin_axis`` or ``spin_angles``.
    """

    path: Any
    seed: str
    spin: bool
    spin_order: str | Sequence[Sequence[int]] | None = None
    wannier_centers: np.ndarray | None = None
    real_lattice: np.ndarray | None = None
    ws_distance: bool | str = "auto"
    mp_grid: Sequence[int] | None = None
    spin_current: tuple[str, ...] = ("projected",)
    outside_states: bool = False
    check_overlaps: bool = True
    spin_axis: np.ndarray | None = None
    spin_orbit_strength: float | None = None


@dataclass(frozen=True)
class Reader:
    """A reader of a kind of file, folder or object.

    Attributes
    ----------
    read : callable
        Takes a `Request` and returns a System_R.
    options : tuple of str
        Those of `OPTIONS` that make sense for it.
    recognise : callable or None
        Whether a file of another name is of this kind, by its first lines; or whether a folder, or an object, is.
    contents : str
        What it is, for messages.
    """

    read: Callable[[Request], System_R]
    options: tuple[str, ...] = ("periodic",)
    recognise: Callable[[Any], bool] | None = None
    contents: str = ""


READERS: dict[str, Reader] = {}
"""Reader of each ending, in the order in which files of a seedname are looked for."""
FOLDERS: dict[str, Reader] = {}
"""Reader of each kind of folder."""
OBJECTS: dict[str, Reader] = {}
"""Reader of each kind of object, by its name."""


def register(
    ending: str,
    read: Callable[[Request], System_R],
    options: Sequence[str] = ("periodic",),
    *,
    recognise: Callable[[list[str]], bool] | None = None,
    contents: str = "",
) -> None:
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
    recognise : callable, optional
        Takes the first lines of a text file with none of the endings, and returns whether it is of this kind.
    contents : str
        What such a file is, for messages.

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
    READERS[ending] = Reader(read, tuple(options), recognise, contents)


def formats_text() -> str:
    """All that there is, in a line, for messages."""
    endings = ", ".join(f"X{ending}" for ending in READERS)
    return (
        f"{endings} (each plain, .xz or .gz); {', '.join(FOLDERS)}; an object of {', '.join(OBJECTS)}; or a System_R of "
        "WannierBerri made in any other way, in Python: load_system(system), or system.to_npz(folder) for an input file"
    )


OBJECTS["SystemSOC"] = Reader(
    lambda request: soc_system(request.path, request.spin_axis, request.spin_orbit_strength),
    ("spin_axis", "spin_orbit_strength"),
    lambda system: isinstance(system, SystemSOC),
    "SystemSOC of WannierBerri",
)
OBJECTS["System_R"] = Reader(lambda request: request.path, (), lambda system: isinstance(system, System_R), "System_R")

_SPIN_ORBIT = ("spin_axis", "spin_orbit_strength")
_REAL_SPACE = ("ws_distance", "mp_grid", "periodic")

_OF_CHECKPOINTS = ("ws_distance", "periodic", "spin_current", "outside_states", "check_overlaps")

register(".chk", load_chk, _OF_CHECKPOINTS, contents="Wannier90's checkpoint")
register(".chk.fmt", load_chk, _OF_CHECKPOINTS, contents="Wannier90's checkpoint as text")
register(".chk.npz", load_chk, _OF_CHECKPOINTS, contents="Wannier90's checkpoint, saved by WannierBerri")
register("_tb.dat", load_tb, _REAL_SPACE, recognise=recognise_tb, contents="H(R) and r(R)")
register("_hr.dat", load_hr, ("wannier_centers", "real_lattice", *_REAL_SPACE), recognise=recognise_hr, contents="H(R)")
register("+hamdata", load_fplo, recognise=recognise_hamdata, contents="FPLO's Wannier functions")
register(".hdf5", packages.load_tbmodels_file, contents="TBmodels' model")
for _ending in (".TSHS", ".HSX"):
    register(_ending, packages.load_sisl_file, contents="what sisl reads")
FOLDERS["a folder of SystemSOC.to_npz"] = Reader(
    lambda request: soc_system(load_soc_folder(request.path), request.spin_axis, request.spin_orbit_strength),
    _SPIN_ORBIT,
    is_soc_folder,
    "SystemSOC",
)
FOLDERS["a folder of System_R.to_npz"] = Reader(
    lambda request: load_npz(request.path, request.spin), (), is_npz_folder, "System_R"
)
for _name, _package, _classes, _read in (
    ("PythTB model", "pythtb", ("tb_model", "TBModel"), packages.load_pythtb),
    ("TBmodels model", "tbmodels", ("Model",), packages.load_tbmodels),
    ("sisl Hamiltonian", "sisl", ("Hamiltonian",), packages.load_sisl),
    ("ASE Wannier functions", "ase", ("Wannier",), packages.load_ase),
):
    OBJECTS[_name] = Reader(_read, ("periodic",), packages.is_of(_package, *_classes), _name)
