"""`load_system`: one way in for every kind of Wannier data, with errors that name file and line."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from wannierberri.system import System_R

from ..errors import InputError
from ..parallel import agree
from .checks import check_dispersion, check_system, set_periodic, warn_of_large_spins
from .find import find_source
from .options import ALL_PERIODIC, Options
from .private import matrices, set_matrices
from .projections import function_labels
from .seed_files import frozen_window, read_win
from .sharing import share_system
from .spin_axis import Z_AXIS, choose_axis, set_spin, warn_of_stated_order
from .spin_order import PAIR_TOLERANCE, SPIN_PART_TOLERANCE, TIME_REVERSAL_TOLERANCE, check_spin_order
from .spinors import collinear_system
from .symmetry import SYMMETRY_TOLERANCE, symmetrize_system
from .text import COMPRESSIONS, locate, stem

if TYPE_CHECKING:
    from ..annotations import Communicator

logger = logging.getLogger("wb_conserved.io")

def load_system(
    path: str | os.PathLike | System_R | None = None,
    *,
    up: str | os.PathLike | System_R | None = None,
    down: str | os.PathLike | System_R | None = None,
    spin: bool = True,
    spin_order: str | Sequence[Sequence[int]] | None = None,
    spin_axis: Sequence[float] | None = None,
    spin_angles: Sequence[float] | None = None,
    spin_orbit_strength: float | None = None,
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
    outside_states: bool = False,
    check_overlaps: bool = True,
    comm: Communicator = None,
) -> System_R:
    """Load Hamiltonian, position and spin as a WannierBerri System_R; everything is checked before it is used.

    All files may be compressed (.xz, .gz). An option that the data at hand has no use for is refused.

    Parameters
    ----------
    path : str, path-like or object
        - a seedname, such as "data/pt/Pt": the first of these that exists is loaded: .chk, .chk.fmt, .chk.npz (with .eig, .mmn
          and .spn, formatted or not or .npz; .win and .nnkp are compared with where they are), _tb.dat, _hr.dat;
        - a file with such an ending, or one that `wb_conserved.io.register` has entered; of another name, if its first lines
          are those of _tb.dat or _hr.dat, WannierTools' sparse form included;
        - a folder that ``System_R.to_npz`` or ``SystemSOC.to_npz`` wrote;
        - a System_R: checked and returned itself, changed only by `spin_order`, which adds 'SS'; a SystemSOC: made a System_R;
          an object of another package that docs/files.md lists.
    up, down : as `path`
        In place of `path`: the calculations of both spins of a magnet without spin-orbit coupling; `up` alone: the same
        functions for both spins.  All options but those of spin are for both.
    spin : bool
        False to do without spin ('SS' is not set then, unless the data is a folder or system that has it).
    spin_order : {"interlaced", "block", "qe", "vasp5", "vasp6", "fplo"} or list of (up, down), optional
        Which functions are spin up and down along `spin_axis`, counted from 0, or the code that they are from (see
        `wb_conserved.io.spin_order.CODES`); needed wherever there are no spin matrices: there is no default. The order is
        checked, and signs of down functions are mended (see `wb_conserved.io.spin_order.check_spin_order`). A .nnkp file
        that says otherwise is warned of: nothing else tells up from down.
    spin_axis : sequence of float, optional
        Cartesian direction that up is along, any length; z, or what the projections of a .nnkp or .win file beside say.
    spin_angles : sequence of float, optional
        In place of `spin_axis`: its polar angles [θ, φ], degrees.  Both are also the axis of `up`, and of a SystemSOC.
    spin_orbit_strength : float, optional
        For a SystemSOC, object or folder: λ, the factor of spin-orbit coupling; what its ``set_soc_axis`` has set, or 1.
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
        only.  Ryoo's come from .sIu and .sHu files, or else, which is said, from a sum over the bands of the ab initio
        calculation, which is truncated.
    outside_states : bool
        Add the matrices 'HQ', 'QHQ' and 'QQ' that `SpinOrbitalMagnetization` needs for the part of states outside the space of
        the Wannier functions, from .uHu and .uIu files or else, which is said, such sums; from a .chk only.
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
        beside (in the folder, if it is one), if there is one, and ``function_labels`` are what the projections of the .nnkp
        file beside say. For a System_R without 'AA' that stays missing, with a warning.

    Raises
    ------
    InputError
        Names file, line where there is one, what was expected and what was found.  With `comm`, this and any other
        error of rank 0 is raised on all ranks.

    Examples
    --------
    >>> from wb_conserved import load_system
    >>> system = load_system("data/pt/Pt")  # .chk, .eig, .mmn and .spn
    >>> system.num_wann, system.has_R_mat("SS")
    (18, True)

    From hoppings, with the order of spin up and down:

    >>> system = load_system("data/pt/Pt_tb.dat.xz", spin_order="interlaced")
    """
    arguments = {name: value for name, value in locals().items() if name != "comm"}
    if comm is not None:
        return _load_on_rank_0(arguments, comm)
    options = Options(**arguments)
    options.check()
    if options.collinear:
        return _load_collinear(options)
    return _load(options)


def _load(options: Options) -> System_R:
    """A system from a single source."""
    reader, subject, source, seed = find_source(options.path)
    options.check_for(reader, source)
    if options.symmetrize and not seed:
        raise InputError(
            "symmetrize",
            "files with a .nnkp and a .win file beside, or wb_conserved.io.symmetry.symmetrize_system",
            source,
        )
    read_spin = options.spin and options.spin_order is None
    system = reader.read(options.request(subject, seed, read_spin))
    if system is options.path and not system.has_R_mat("AA"):
        logger.warning("the system given has no 'AA': position matrices between Wannier functions are missing")
    check_system(source, system, read_spin)
    if "periodic" in reader.options:
        check_dispersion(source, system, np.logical_and(options.periodic, system.periodic))
    if options.spin_order is not None:
        _set_spin(source, system, seed, options)
    elif options.spin:
        warn_of_large_spins(source, system)
    if options.given("periodic"):
        set_periodic(source, system, options.periodic)
    if options.symmetrize:
        tolerance = SYMMETRY_TOLERANCE if options.symmetry_tolerance is None else options.symmetry_tolerance
        beside = [_beside(seed, ending) for ending in (".nnkp", ".win")]
        system = symmetrize_system(system, *beside, tolerance=tolerance, magnetic_moments=options.magnetic_moments)
    _add_what_files_say(system, seed or _seed_in(Path(source)))
    logger.info(
        "%s: %d Wannier functions, %d R vectors, matrices %s",
        source,
        system.num_wann,
        system.rvec.nRvec,
        sorted(matrices(system)),
    )
    return system


def _load_collinear(options: Options) -> System_R:
    """A system from those of both spins."""
    parts = [part if part is None else _load(options.of_one_spin(part)) for part in (options.up, options.down)]
    axis = Z_AXIS if options.axis is None else options.axis
    system = collinear_system(*parts, axis)
    system.frozen_window = getattr(parts[0], "frozen_window", None)
    if not options.spin:
        set_matrices(system, {name: matrix for name, matrix in matrices(system).items() if name != "SS"})
    check_system("up and down", system, options.spin)
    return system


def _set_spin(source: str, system: System_R, seed: str, options: Options) -> None:
    """'SS' from the order of the functions."""
    if system.has_R_mat("SS"):
        raise InputError("spin_order", f"not to be given where there are spin matrices, {source}", repr(options.spin_order))
    files = [locate(seed + ending) for ending in (".nnkp", ".win")] if seed else []
    axis, stated = choose_axis([file for file in files if file is not None], options.axis)
    time_reversal_tolerance = options.time_reversal_tolerance
    pairs, signs = check_spin_order(
        source,
        system,
        options.spin_order,
        part_tolerance=SPIN_PART_TOLERANCE if options.spin_part_tolerance is None else options.spin_part_tolerance,
        time_reversal=options.time_reversal,
        tolerance=PAIR_TOLERANCE if options.spin_tolerance is None else options.spin_tolerance,
        time_reversal_tolerance=TIME_REVERSAL_TOLERANCE if time_reversal_tolerance is None else time_reversal_tolerance,
    )
    warn_of_stated_order(source, pairs, stated)
    set_spin(system, pairs, signs, axis)


def _add_what_files_say(system: System_R, seed: str) -> None:
    """Frozen window and labels of the functions, from the .win and .nnkp files beside."""
    win_path = locate(f"{seed}.win") if seed else None
    if win_path is None:
        return
    system.frozen_window = frozen_window(read_win(win_path))
    nnkp_path = locate(f"{seed}.nnkp")
    if nnkp_path is not None:
        with contextlib.suppress(InputError):  # functions have no labels then
            labels = function_labels(nnkp_path, win_path, system.real_lattice)
            system.function_labels = labels if len(labels) == system.num_wann else None


def _seed_in(folder: Path) -> str:
    """Seedname of the only .win file in a folder, "" if there is none or are several."""
    seeds = {stem(file).removesuffix(".win") for extension in COMPRESSIONS for file in folder.glob(f"*.win{extension}")}
    return seeds.pop() if len(seeds) == 1 else ""


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
