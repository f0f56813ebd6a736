"""`load_system`: one way in for every kind of Wannier data, with errors that name file and line."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from wannierberri.system import System_R

from ..errors import InputError
from ..geometry.spin_current import needs_matrices, spin_currents
from ..parallel import agree
from .checks import check_dispersion, check_system, set_periodic, warn_of_large_spins
from .formats import FOLDER, READERS, Reader, Request
from .private import matrices
from .projections import function_labels
from .seed_files import frozen_window, read_win
from .sharing import share_system
from .spin_axis import choose_axis, set_spin, warn_of_stated_order
from .spin_order import PAIR_TOLERANCE, SPIN_PART_TOLERANCE, TIME_REVERSAL_TOLERANCE, check_spin_order
from .symmetry import SYMMETRY_TOLERANCE, symmetrize_system
from .text import COMPRESSIONS, locate, stem

logger = logging.getLogger("wb_conserved.io")

ALL_PERIODIC = (True, True, True)


def load_system(
    path: str | os.PathLike | System_R,
    *,
    spin: bool = True,
    spin_order: str | Sequence[Sequence[int]] | None = None,
    spin_axis: Sequence[float] | None = None,
    spin_tolerance: float | None = None,
    spin_part_tolerance: float | None = None,
    time_reversal: bool | None = None,
    time_reversal_tolerance: float | None = None,
    wannier_centers: np.ndarray | None = None,
    real_lattice: np.ndarray | None = None,
    ws_distance: bool | str = "auto",
    mp_grid: Sequence[int] | None = None,
    periodic: tuple[bool, bool, bool] = ALL_PERIODIC,
    symmetrize: bool = False,
    symmetry_tolerance: float | None = None,
    magnetic_moments: np.ndarray | None = None,
    spin_current: str | Sequence[str] = "projected",
    check_overlaps: bool = True,
    comm=None,
) -> System_R:
    """Load Hamiltonian, position and spin as a WannierBerri System_R; everything is checked before it is used.

    All files may be compressed (.xz, .gz). An option that the data at hand has no use for is refused.

    Parameters
    ----------
    path : str, path-like or System_R
        - a seedname, such as "data/pt/Pt": the first of these that exists is loaded: .chk (with .eig, .mmn and
          .spn, formatted or not; .win and .nnkp are compared with where they are), _tb.dat, _hr.dat;
        - a file: X.chk, X_tb.dat or X_hr.dat, or X with an ending that `wb_conserved.io.register` has entered;
        - a folder that ``System_R.to_npz`` wrote;
        - a System_R: checked and returned itself, changed only by `spin_order`, which adds 'SS'.
    spin : bool
        False to do without spin ('SS' is not set then, unless the data is a folder or system that has it).
    spin_order : {"interlaced", "block", "qe", "vasp5", "vasp6", "fplo"} or list of (up, down), optional
        Which functions are spin up and down along `spin_axis`, counted from 0, or the code that they are from (see
        `wb_conserved.io.spin_order.CODES`); needed wherever there are no spin matrices: there is no default. The order is
        checked, and signs of down functions are mended (see `wb_conserved.io.spin_order.check_spin_order`). A .nnkp file
        that says otherwise is warned of: nothing else tells up from down.
    spin_axis : sequence of float, optional
        Cartesian direction that up is along, any length; z, or what the projections of a .nnkp or .win file beside say.
    spin_tolerance : float, optional
        Largest distance of the centres of a pair, Å; 0.1 if not given.
    spin_part_tolerance : float, optional
        Largest norm of the part of H with Pauli matrices over that of the rest, dimensionless; 1 if not given. For
        magnets whose exchange splitting exceeds their bandwidth.
    time_reversal : bool, optional
        Whether H in the given order must have time-reversal symmetry. If not given: if the bands are degenerate in
        pairs at all k = -k to 1 meV. False for antiferromagnets with such bands.
    time_reversal_tolerance : float, optional
        Largest |H(R) - σ_y H(R)* σ_y|, eV; 0.01 if not given.
    wannier_centers : array_like, shape (num_wann, 3), optional
        Å, Cartesian; for _hr.dat without a _centres.xyz file.
    real_lattice : array_like, shape (3, 3), optional
        Rows are lattice vectors, Å; for _hr.dat without a .win or .nnkp file.
    ws_distance : {"auto", True, False}
        Whether elements lie at their nearest copies, as with use_ws_distance of Wannier90. "auto": unless the .win file or
        the head of the _wsvec.dat file says use_ws_distance = false, which is said. For _tb.dat and _hr.dat the copies are
        those of the _wsvec.dat file, or rebuilt from the centres where there is none and the mesh is known (`mp_grid`, the
        .win file, or the R vectors where they fit one mesh only), which is said. Bands then agree with those from the .chk,
        unless copies are equally near to about 1e-5 Å only (ws_distance_tol of the .win file, where it says another): 4 meV
        in tellurium, 2.4 eV in iron on 2 x 2 x 2 points. ``wb-conserved check`` says how much such choices matter.
    mp_grid : sequence of int, optional
        The three numbers of the ab initio k mesh, for _tb.dat and _hr.dat without a .win file.
    periodic : tuple of bool
        False for directions without hoppings (all R zero along them): refused where this is not said of them.
    symmetrize : bool
        Restore the symmetry of the crystal, from the projections in the .nnkp file and the atoms in the .win file beside
        (see `wb_conserved.io.symmetry`); needs spglib and irrep. For projected functions (num_iter = 0).
    symmetry_tolerance : float, optional
        Refuse to symmetrise where that moves a band by more than this, eV; 0.05 if not given.
    magnetic_moments : array_like, shape (n_atoms, 3), optional
        With `symmetrize`: Cartesian, μ_B, atoms as in the .win file. Needed for magnetic systems.
    spin_current : {"projected", "qiao", "ryoo"} or sequence of them
        "qiao" and "ryoo" add the matrices that `ConventionalSpinConductivity` needs for these spin currents; from a .chk
        only.  Ryoo's come from a sum over the bands of the ab initio calculation, which is truncated.
    check_overlaps : bool
        Whether to compare the overlaps of the .mmn file, which are used, with those that Wannier90 left in the .chk. False
        for a .chk in which they are not those of its gauge, as an older Wannier90 wrote them in parallel.
    comm : mpi4py.MPI.Comm, optional
        Ranks that call this together.  Rank 0 reads, and the R-space matrices, read-only, are kept once per node (see
        `wb_conserved.io.sharing.share_system`); what the others give as `path` is not looked at.  None: this process
        reads for itself.

    Returns
    -------
    System_R
        With 'Ham' (eV), 'AA' (Å; zero for _hr.dat, which has no positions but the centres) and, with `spin`, 'SS'
        (Pauli matrices). Its point group is trivial, unless it came with one or `symmetrize` set it, which adds what it
        found as ``symmetry_report``; ``frozen_window`` (two energies in eV, or None) is that of the .win file
        beside, if there is one. For a System_R without 'AA' that stays missing, with a warning.

    Raises
    ------
    InputError
        Names file, line where there is one, what was expected and what was found.  With `comm`, this and any other
        error of rank 0 is raised on all ranks.
    """
    if comm is not None:
        arguments = {name: value for name, value in locals().items() if name != "comm"}
        return _load_on_rank_0(arguments, comm)
    if spin_order is None:
        for name, value in (
            ("spin_axis", spin_axis),
            ("spin_tolerance", spin_tolerance),
            ("spin_part_tolerance", spin_part_tolerance),
            ("time_reversal", time_reversal),
            ("time_reversal_tolerance", time_reversal_tolerance),
        ):
            if value is not None:
                raise InputError(name, "to be given with spin_order only", repr(value))
    elif not spin:
        raise InputError("spin_order", "not to be given with spin=False", repr(spin_order))
    if not (ws_distance == "auto" or isinstance(ws_distance, bool)):
        raise InputError("ws_distance", "'auto', True or False", repr(ws_distance))

    for name, value in (("symmetrize", symmetrize), ("check_overlaps", check_overlaps)):
        if not isinstance(value, bool):
            raise InputError(name, "True or False", repr(value))
    for name, value in (("symmetry_tolerance", symmetry_tolerance), ("magnetic_moments", magnetic_moments)):
        if value is not None and not symmetrize:
            raise InputError(name, "to be given with symmetrize=True only", repr(value))

    own_matrices = needs_matrices(spin_current)
    reader, source, seed = _find(path)
    options = {
        "wannier_centers": wannier_centers,
        "real_lattice": real_lattice,
        "ws_distance": ws_distance,
        "mp_grid": mp_grid,
        "spin_current": spin_currents(spin_current),
        "check_overlaps": check_overlaps,
    }
    if own_matrices and ("spin_current" not in reader.options or not spin or spin_order is not None):
        raise InputError("spin_current", "'projected' where there are no .chk and .spn files", repr(spin_current))
    if symmetrize and not seed:
        raise InputError(
            "symmetrize",
            "files with a .nnkp and a .win file beside, or wb_conserved.io.symmetry.symmetrize_system",
            source,
        )
    given = {
        "wannier_centers": wannier_centers is not None,
        "real_lattice": real_lattice is not None,
        "ws_distance": ws_distance != "auto",
        "mp_grid": mp_grid is not None,
        "periodic": tuple(periodic) != ALL_PERIODIC,
        "check_overlaps": check_overlaps is not True,
    }
    for name, is_given in given.items():
        if is_given and name not in reader.options:
            raise InputError(name, f"not to be given for {source}, which has its own", f"{name} given")

    read_spin = spin and spin_order is None
    system = reader.read(Request(Path(source), seed, read_spin, spin_order, **options))
    if system is path and not system.has_R_mat("AA"):
        logger.warning("the system given has no 'AA': position matrices between Wannier functions are missing")
    check_system(source, system, read_spin)
    if "periodic" in reader.options:
        check_dispersion(source, system, periodic)
    if spin_order is not None:
        if system.has_R_mat("SS"):
            raise InputError("spin_order", f"not to be given where there are spin matrices, {source}", repr(spin_order))
        files = [locate(seed + ending) for ending in (".nnkp", ".win")] if seed else []
        axis, stated = choose_axis([file for file in files if file is not None], spin_axis)
        pairs, signs = check_spin_order(
            source,
            system,
            spin_order,
            part_tolerance=SPIN_PART_TOLERANCE if spin_part_tolerance is None else spin_part_tolerance,
            time_reversal=time_reversal,
            tolerance=PAIR_TOLERANCE if spin_tolerance is None else spin_tolerance,
            time_reversal_tolerance=(
                TIME_REVERSAL_TOLERANCE if time_reversal_tolerance is None else time_reversal_tolerance
            ),
        )
        warn_of_stated_order(source, pairs, stated)
        set_spin(system, pairs, signs, axis)
    elif spin:
        warn_of_large_spins(source, system)
    if given["periodic"]:
        set_periodic(source, system, periodic)
    if symmetrize:
        tolerance = SYMMETRY_TOLERANCE if symmetry_tolerance is None else symmetry_tolerance
        beside = [_beside(seed, ending) for ending in (".nnkp", ".win")]
        system = symmetrize_system(system, *beside, tolerance=tolerance, magnetic_moments=magnetic_moments)
    win_path = locate(f"{seed}.win") if seed else None
    if win_path is not None:
        system.frozen_window = frozen_window(read_win(win_path))
        nnkp_path = locate(f"{seed}.nnkp")
        if nnkp_path is not None:
            with contextlib.suppress(InputError):  # functions have no labels then
                labels = function_labels(nnkp_path, win_path, system.real_lattice)
                system.function_labels = labels if len(labels) == system.num_wann else None
    logger.info(
        "%s: %d Wannier functions, %d R vectors, matrices %s",
        source,
        system.num_wann,
        system.rvec.nRvec,
        sorted(matrices(system)),
    )
    return system


def _load_on_rank_0(arguments: dict, communicator) -> System_R:
    """`load_system` on rank 0, its matrices in the memory of each node."""
    system, error = None, None
    if communicator.rank == 0:
        try:
            system = load_system(**arguments)
        except Exception as problem:
            error = problem
    agree(communicator, error)
    return share_system(system, communicator)


def _beside(seed: str, ending: str) -> Path:
    file = locate(seed + ending)
    if file is None:
        raise InputError(f"{seed}{ending}", "this file, or it with .xz or .gz, for symmetrize=True", "no such file")
    return file


def _find(path: str | os.PathLike | System_R) -> tuple[Reader, str, str]:
    """Reader, what to call the data in messages, and seedname."""
    if isinstance(path, System_R):
        return Reader(lambda _: path, options=()), "the System_R given", ""
    if not isinstance(path, str | os.PathLike):
        raise InputError("path", "a path or a System_R", f"a {type(path).__name__}")
    name = os.fspath(path)
    if os.path.isfile(name):
        fitting = [ending for ending in READERS if stem(name).endswith(ending)]
        if not fitting:
            raise InputError(
                name, f"a file X{', X'.join(READERS)} (plain, .xz or .gz), a seedname or a folder", "another file"
            )
        ending = max(fitting, key=len)
        return READERS[ending], name, stem(name).removesuffix(ending)
    candidates = {ending: locate(name + ending) for ending in READERS}
    found = next(((READERS[ending], str(file), name) for ending, file in candidates.items() if file is not None), None)
    if os.path.isdir(name):
        arrays = sorted(Path(name).glob("*.npz"))
        if arrays and found:
            raise InputError(name, "a seedname or a folder of .npz files", f"both: {found[1]} and {arrays[0]}")
        if arrays:
            return FOLDER, name, ""
        if not found:
            seeds = sorted(
                {
                    stem(file).removesuffix(ending)
                    for ending in READERS
                    for extension in COMPRESSIONS
                    for file in Path(name).glob(f"*{ending}{extension}")
                }
            )
            hint = f": give a seedname, such as {seeds[0]}" if seeds else ""
            raise InputError(name, f"a folder of .npz files that System_R.to_npz wrote{hint}", "a folder with none")
    if found is None:
        looked = ", ".join(f"{name}{ending}" for ending in READERS)
        hint = f"; {name}.chk.fmt is not read, w90chk2chk.x converts it" if locate(f"{name}.chk.fmt") else ""
        raise InputError(name, f"one of {looked} (plain, .xz or .gz), or a folder of .npz files{hint}", "none of them")
    return found
