"""A System_R from .chk, .eig, .mmn and .spn, all checked, through WannierBerri's own interpolation."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from wannierberri.system import System_R
from wannierberri.w90files import EIG, MMN, SPN, WannierData
from wannierberri.w90files.bkvectors import BKVectors
from wannierberri.w90files.chk import CheckPoint

from ..errors import InputError
from ..geometry.spin_current import SPIN_CURRENTS
from .ab_initio_mesh import at_copies, set_ab_initio_mesh
from .bloch_files import check_energies, check_overlaps, read_eig, read_mmn, read_spn
from .centres import check_centres_of_overlaps
from .chk import LATTICE_TOLERANCE, MESH_TOLERANCE, Checkpoint, read_checkpoint
from .minimal_distance import DISTANCE_TOLERANCE
from .neighbour_products import Neighbours, add_outside_states, add_ryoo
from .real_space import SAME_BANDS, change_of_bands
from .seed_files import SeedFile, read_nnkp, read_win
from .spin_axis import read_stated_spins
from .spin_overlaps import check_spin_directions, check_spins
from .text import locate, require
from .wannierberri_npz import read_checkpoint_npz, read_eig_npz, read_mmn_npz, read_spn_npz

logger = logging.getLogger("wb_conserved.io")


_READERS = {
    "chk": (read_checkpoint, read_checkpoint_npz),
    "eig": (read_eig, read_eig_npz),
    "mmn": (read_mmn, read_mmn_npz),
    "spn": (read_spn, read_spn_npz),
}


def _read(kind: str, path: Path, *arguments):
    """Contents of a file of Wannier90, or of the .npz file that WannierBerri made of it."""
    return _READERS[kind][path.name.endswith(".npz")](path, *arguments)


def locate_beside(seed: str, kind: str, checkpoint: Path) -> Path | None:
    """A file X.eig, say, or X.eig.npz: what is of the same kind as the checkpoint comes first."""
    original, saved = locate(f"{seed}.{kind}"), Path(f"{seed}.{kind}.npz")
    if saved.is_file() and (original is None or checkpoint.name.endswith(".npz")):
        return saved
    return original


def beside(seed: str, kind: str, checkpoint: Path) -> Path:
    """As `locate_beside`, but the file must be there."""
    return locate_beside(seed, kind, checkpoint) or require(f"{seed}.{kind}", f"beside {checkpoint.name}, or as .npz")


def check_lattice(seed: SeedFile, real_lattice: np.ndarray, name: str):
    """Check the lattice of a .win or .nnkp file against another's (Å, tolerance 1e-4 Å)."""
    if seed.real_lattice is None:
        return
    difference = np.abs(seed.real_lattice - real_lattice).max()
    if difference > LATTICE_TOLERANCE:
        raise InputError(
            seed.path,
            f"the lattice vectors of {name} to {LATTICE_TOLERANCE:g} Å",
            f"a difference of {difference:.4f} Å (files of different calculations?)",
            seed.lines.get("real_lattice"),
        )


def check_seed_file(seed: SeedFile, checkpoint: Checkpoint):
    """Check lattice, mesh, k points and counts of a .win or .nnkp file against a .chk.

    Raises
    ------
    InputError
        They differ.
    """
    name = checkpoint.path.name
    check_lattice(seed, checkpoint.real_lattice, name)
    mesh = seed.values.get("mp_grid")
    if mesh is not None and (mesh != checkpoint.mp_grid).any():
        raise InputError(
            seed.path, f"the k mesh {checkpoint.mp_grid.tolist()} of {name}", f"{mesh.tolist()}", seed.lines["mp_grid"]
        )
    num_wann = seed.values.get("num_wann")
    if num_wann is not None and num_wann != checkpoint.num_wann:
        raise InputError(
            seed.path, f"num_wann = {checkpoint.num_wann}, as in {name}", f"{num_wann}", seed.lines["num_wann"]
        )
    num_bands = seed.values.get("num_bands")
    if num_bands is not None and num_bands != checkpoint.num_bands:
        raise InputError(
            seed.path, f"num_bands = {checkpoint.num_bands}, as in {name}", f"{num_bands}", seed.lines["num_bands"]
        )
    if seed.kpoints is not None:
        lines = seed.lines["kpoints"]
        if len(seed.kpoints) != checkpoint.num_kpoints:
            raise InputError(
                seed.path,
                f"{checkpoint.num_kpoints} k points, as in {name}",
                f"{len(seed.kpoints)}",
                lines[0] if lines else None,
            )
        steps = np.abs(seed.kpoints - checkpoint.kpoints) * checkpoint.mp_grid
        if steps.max() > MESH_TOLERANCE:
            worst = int(steps.max(axis=1).argmax())
            raise InputError(
                seed.path,
                f"the k points of {name}, k point {worst + 1} at {checkpoint.kpoints[worst]}",
                f"it at {seed.kpoints[worst]}",
                lines[worst],
            )


def neighbour_vectors(
    path: Path,
    checkpoint: Checkpoint,
    neighbours: np.ndarray,
    shifts: np.ndarray,
    lines: np.ndarray,
    nnkp: SeedFile | None,
) -> BKVectors:
    """Vectors b of the finite differences, in the order of the first k point of the .mmn file.

    Parameters
    ----------
    path : Path
        The .mmn file, for errors.
    checkpoint : Checkpoint
    neighbours, shifts, lines : ndarray
        As `read_mmn` returns them.
    nnkp : SeedFile or None
        Compared with where given.

    Returns
    -------
    BKVectors

    Raises
    ------
    InputError
        The list is not that of the .nnkp file, not the same for all k points, or not enough for a derivative.
    """
    mesh = checkpoint.mp_grid
    points = np.rint(checkpoint.kpoints * mesh).astype(int)
    vectors = points[neighbours] - points[:, None] + shifts * mesh
    reference = vectors[0]
    first = {tuple(vector): i for i, vector in enumerate(reference.tolist())}
    order = np.empty_like(neighbours)
    for ik, row in enumerate(vectors.tolist()):
        if set(map(tuple, row)) != set(first) or len(first) != len(row):
            wrong = next((ib for ib, vector in enumerate(row) if tuple(vector) not in first), 0)
            raise InputError(
                path,
                f"the vectors b of k point 1 at k point {ik + 1}",
                f"b = {row[wrong]} steps of the mesh",
                int(lines[ik, wrong]),
            )
        order[ik, [first[tuple(vector)] for vector in row]] = np.arange(len(row))
    if nnkp is not None:
        count = neighbours.shape[1]
        if len(nnkp.neighbours) != neighbours.size:
            raise InputError(
                nnkp.path,
                f"{count} neighbours of a k point, as in {path.name}",
                f"{len(nnkp.neighbours) / len(neighbours):g}",
                nnkp.lines["nnkpts"],
            )
        listed = nnkp.neighbours.reshape(-1, count, 5)
        here = np.concatenate(
            [
                np.broadcast_to(1 + np.arange(len(neighbours))[:, None, None], (*neighbours.shape, 1)),
                1 + neighbours[..., None],
                shifts,
            ],
            axis=2,
        )
        for ik in range(len(neighbours)):
            if {tuple(row) for row in listed[ik].tolist()} != {tuple(row) for row in here[ik].tolist()}:
                raise InputError(
                    path, f"the neighbours of k point {ik + 1} that {nnkp.path.name} lists", "others", int(lines[ik, 0])
                )
    recip_lattice = 2 * np.pi * np.linalg.inv(checkpoint.real_lattice).T
    try:
        shells, cartesian = BKVectors.k_to_shells(reference, (reference / mesh) @ recip_lattice, kmesh_tol=1e-5)
        weights, _, sorted_vectors = BKVectors.get_shell_weights(shells, cartesian, bk_complete_tol=1e-5)
    except RuntimeError:
        found = f"{len(reference)} that are not (the lattice of another calculation?)"
        raise InputError(
            path, "neighbours that are whole shells and complete, Σ_b w b b = 1", found, int(lines[0, 0])
        ) from None
    back = [first[tuple(vector)] for vector in sorted_vectors.tolist()]
    ordered = np.empty_like(weights)
    ordered[back] = weights
    rows = np.arange(len(neighbours))[:, None]
    return BKVectors(
        recip_lattice=recip_lattice,
        mp_grid=mesh,
        wk=ordered,
        bk_grid=reference,
        kpt_grid=points,
        G=dict(enumerate(shifts[rows, order])),
        neighbours=dict(enumerate(neighbours[rows, order])),
    )


def _vectors_and_weights(vectors: BKVectors, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """b (NK, NNB, 3), 1/Å, and w_b (NK, NNB), Å², in the order of the .mmn file."""
    place = {tuple(vector): i for i, vector in enumerate(vectors.bk_grid.tolist())}
    which = np.array([[place[tuple(step)] for step in row] for row in steps.tolist()])
    return vectors.bk_cart[which], vectors.wk[which]


def load_wannier_data(
    seed: str,
    chk_path: Path,
    spin: bool,
    spin_current: tuple[str, ...] = ("projected",),
    *,
    outside_states: bool = False,
    ws_distance: bool | str = "auto",
    with_overlaps_of_chk: bool = True,
) -> System_R:
    """Load a seedname with a checkpoint.

    Parameters
    ----------
    seed : str
        Seedname with its folder.
    chk_path : Path
        The .chk file, plain or compressed.
    spin : bool
        Whether to read the .spn file.
    spin_current : tuple of {"projected", "qiao", "ryoo"}
        Spin currents whose matrices are made too.  Those of Ryoo come from .sIu and .sHu files, or from .mmn, .eig and .spn by
        a sum over the bands of the ab initio calculation, which is truncated.
    outside_states : bool
        Whether to make 'HQ', 'QHQ' and 'QQ', from .uHu and .uIu files or by such sums.
    ws_distance : {"auto", True, False}
        Whether elements lie at their nearest copies; "auto": unless the .win file says use_ws_distance = false.
    with_overlaps_of_chk : bool
        Whether to compare the overlaps with those of the .chk.

    Returns
    -------
    System_R
        With 'Ham', 'AA' and, with `spin`, 'SS'; 'SR', 'SH', 'SHR' (Qiao) or 'SA', 'SHA' (Ryoo); 'HQ', 'QHQ', 'QQ'.  Its
        attribute ``sums_over_bands`` names the files that truncated sums stand for.

    Raises
    ------
    InputError
        A file is missing, cannot be read, or is not of the same calculation.
    """
    eig_path = beside(seed, "eig", chk_path)
    mmn_path = beside(seed, "mmn", chk_path)
    spn_path = beside(seed, "spn", chk_path) if spin else None
    checkpoint = _read("chk", chk_path)
    win_path, nnkp_path = locate(f"{seed}.win"), locate(f"{seed}.nnkp")
    win = read_win(win_path) if win_path else None
    nnkp = read_nnkp(nnkp_path) if nnkp_path else None
    for seed_file in (win, nnkp):
        if seed_file is not None:
            check_seed_file(seed_file, checkpoint)

    data = WannierData()
    data.set_chk(
        CheckPoint(
            real_lattice=checkpoint.real_lattice,
            v_matrix=checkpoint.gauge,
            wannier_centers_cart=checkpoint.centers,
            wannier_spreads=checkpoint.spreads,
            kpt_red=checkpoint.kpoints,
            mp_grid=checkpoint.mp_grid,
        )
    )
    energies = _read("eig", eig_path, checkpoint)
    check_energies(eig_path, energies, checkpoint, win)
    data.set_file("eig", EIG(data=energies))
    spins = None
    if spn_path is not None:
        spins = _read("spn", spn_path, checkpoint)
        data.set_file("spn", SPN(data=spins))

    overlaps, neighbours, shifts, lines = _read("mmn", mmn_path, checkpoint)
    vectors = neighbour_vectors(mmn_path, checkpoint, neighbours, shifts, lines, nnkp)
    if with_overlaps_of_chk and checkpoint.overlaps is not None:
        check_overlaps(mmn_path, overlaps, neighbours, lines, checkpoint)
    points = np.rint(checkpoint.kpoints * checkpoint.mp_grid).astype(int)
    steps = points[neighbours] - points[:, None] + shifts * checkpoint.mp_grid
    check_centres_of_overlaps(checkpoint, mmn_path, overlaps, neighbours, steps)
    if spins is not None:
        check_spins(spn_path, spins, mmn_path, overlaps, neighbours, steps)
        check_spin_directions(spn_path, spins, checkpoint, read_stated_spins(nnkp_path) if nnkp_path else None)
    products = tuple(dict.fromkeys(ending for kind in spin_current for ending in SPIN_CURRENTS[kind].products))
    near = None
    if products or outside_states:
        near = Neighbours(neighbours.copy(), *_vectors_and_weights(vectors, steps), overlaps.copy())
    order = [vectors.reorder_bk_vectors(ik, neighbours[ik], shifts[ik], overlaps[ik]) for ik in range(len(overlaps))]
    data.set_file("bkvec", vectors)
    data.set_file("mmn", MMN(data=overlaps, bk_reorder=order))
    system = System_R.from_wannierdata(
        data,
        berry=True,
        spin=spin,
        silent=True,
        **{SPIN_CURRENTS[kind].loaded_by: True for kind in spin_current if SPIN_CURRENTS[kind].loaded_by},
    )
    if products:
        add_ryoo(system, seed, checkpoint, near, energies, spins)
    if outside_states:
        add_outside_states(system, seed, checkpoint, near, energies)
    set_ab_initio_mesh(system, checkpoint.mp_grid)
    files = (*products, *(("uHu", "uIu") if outside_states else ()))
    system.sums_over_bands = tuple(kind for kind in files if locate(f"{seed}.{kind}") is None)
    return _at_copies_of_win(system, checkpoint, win, ws_distance)


def _at_copies_of_win(system: System_R, checkpoint: Checkpoint, win: SeedFile | None, ws_distance: bool | str) -> System_R:
    """The system with elements where Wannier90 puts them, with what was done.

    WannierBerri rounds the vectors between centres before it looks for nearest copies, so that it shares elements between
    others than Wannier90 where distances differ by about the tolerance (bands of tellurium by 3.5 meV).
    """
    stated = {} if win is None else win.values
    used = stated.get("use_ws_distance", True) if ws_distance == "auto" else ws_distance
    tolerance = stated.get("ws_distance_tol", DISTANCE_TOLERANCE)
    result = at_copies(system, checkpoint.mp_grid, tolerance, None if used else np.zeros((1, 3)))
    if (used and tolerance == DISTANCE_TOLERANCE) or ws_distance is False:
        return result
    usual = at_copies(system, checkpoint.mp_grid, DISTANCE_TOLERANCE)
    change = change_of_bands(*(SimpleNamespace(vectors=s.rvec.iRvec, hamiltonian=s.get_R_mat("Ham")) for s in (usual, result)))
    if change > SAME_BANDS:
        name = checkpoint.path.name
        words = f"ws_distance_tol = {tolerance:g} Å, so that copies as equally near share elements of {name}"
        if not used:
            words = f"use_ws_distance = false, so that elements of {name} are not at their nearest copies"
            words += " (ws_distance=True: they are)"
        logger.warning("%s: %s; bands change by up to %.3g eV", win.path, words, change)
    return result
