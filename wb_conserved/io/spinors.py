"""Systems with spin from calculations without: collinear spins, and spin-orbit coupling added as WannierBerri's SystemSOC does.

With the functions u of spin up and d of spin down along an axis n, in the order u_1, d_1, u_2, d_2, ...

    H = H_u ⊕ H_d + λ Σ_c V^c_st <s|σ_c|t>,   r = r_u ⊕ r_d,   σ_c between s and t: <s|σ_c|t> <s_i|t_j>

s and t are spins, V^c_st the operator of spin-orbit coupling in front of σ_c between functions of both, <s_i|t_j> overlaps of
the functions in space.  These are 1 for the same functions of both spins; where they are not known, spin has no component
across n, and there is no spin-orbit coupling that would need it.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.system import System_R, SystemSOC
from wannierberri.utility import pauli_xyz

from ..errors import InputError
from .ab_initio_mesh import ab_initio_mesh, set_ab_initio_mesh
from .checks import check_finite
from .npz import load_npz, read_arrays
from .spin_axis import spin_states

logger = logging.getLogger("wb_conserved.io")

SAME_LATTICE = 1e-4
"""Largest difference between lattice vectors of both spins, Å."""


def collinear_system(up: System_R, down: System_R | None, axis: np.ndarray) -> System_R:
    """System of two collinear spins without spin-orbit coupling, H and r of both being blocks.

    Parameters
    ----------
    up, down : System_R
        Of the functions of each spin; None for the same functions of both spins.
    axis : ndarray, shape (3,)
        Unit vector that up is along.

    Returns
    -------
    System_R
        'SS' has all components where the functions are the same, and else that along the axis alone, which is said.

    Raises
    ------
    InputError
        Different lattices or numbers of functions.
    """
    states = spin_states(axis)
    pauli = np.einsum("as,abc,bt->stc", states.conj(), pauli_xyz, states)
    if down is None:
        return _combined(up, up, pauli, overlap={(0, 0, 0): np.eye(int(up.num_wann))})
    _check_alike(up, down)
    logger.warning(
        "up and down: spin along %s alone, as overlaps of the functions of both spins are not known; without spin-orbit "
        "coupling nothing else is needed, any direction of the spins being as good",
        np.round(axis, 6).tolist(),
    )
    return _combined(up, down, pauli * np.eye(2)[:, :, None])


def soc_system(system: SystemSOC, axis: np.ndarray | None = None, strength: float | None = None) -> System_R:
    """System of R-space matrices that is equal to a SystemSOC.

    Parameters
    ----------
    system : SystemSOC
        With or without spin-orbit coupling.
    axis : ndarray, shape (3,), optional
        Unit vector of the spins; what ``set_soc_axis`` has set, or else z.
    strength : float, optional
        λ; what ``set_soc_axis`` has set, or else 1.

    Raises
    ------
    InputError
        Matrices of spin-orbit coupling are missing for a strength other than 0, or not of the same R vectors.
    """
    up, down = system.system_up, None if system.nspin == 1 else system.system_down
    if not system.has_soc:
        if strength:
            raise InputError("spin_orbit_strength", "0 for a SystemSOC without spin-orbit matrices", f"{strength:g}")
        return _with_group(collinear_system(up, down, np.array([0.0, 0.0, 1.0]) if axis is None else axis), system)
    if down is not None:
        _check_alike(up, down)
    if axis is not None or strength is not None or not hasattr(system, "pauli_rotated"):
        system = copy.copy(system)
        theta, phi = (0.0, 0.0) if axis is None else (np.arccos(np.clip(axis[2], -1, 1)), np.arctan2(axis[1], axis[0]))
        if axis is None and hasattr(system, "pauli_rotated"):
            system.alpha_soc = strength
        else:
            given = getattr(system, "alpha_soc", 1.0) if strength is None else strength
            system.set_soc_axis(theta=theta, phi=phi, alpha_soc=given)
    coupling = {(0, 0): (up.rvec.iRvec, up.get_R_mat("dV_soc"))}
    if down is None:
        coupling |= {(0, 1): coupling[0, 0], (1, 0): coupling[0, 0], (1, 1): coupling[0, 0]}
        overlap = {(0, 0, 0): np.eye(int(up.num_wann))}
    else:
        between, vectors = system.get_R_mat("dV_soc"), np.asarray(system.rvec.iRvec)
        coupling[1, 1] = (down.rvec.iRvec, down.get_R_mat("dV_soc"))
        coupling[0, 1] = (vectors, between)
        coupling[1, 0] = (-vectors, between.conj().swapaxes(1, 2))
        overlap = dict(zip(map(tuple, vectors.tolist()), system.get_R_mat("overlap_up_down"), strict=True))
    result = _combined(up, up if down is None else down, system.pauli_rotated, coupling, system.alpha_soc, overlap)
    return _with_group(result, system)


def _with_group(result: System_R, system: SystemSOC) -> System_R:
    """The system with the point group of the other."""
    if system.pointgroup is not None:
        result.set_pointgroup(pointgroup=system.pointgroup)
    return result


def as_system_R(system):
    """A SystemSOC as a system of R-space matrices; any other system itself."""
    return soc_system(system) if isinstance(system, SystemSOC) else system


def has_matrix(system, name: str) -> bool:
    """Whether a system has, or makes, a matrix."""
    if isinstance(system, SystemSOC):
        return name == "SS" or system.system_up.has_R_mat(name)
    return system.has_R_mat(name)


def _check_alike(up, down):
    if up.num_wann != down.num_wann:
        raise InputError("down", f"{up.num_wann} Wannier functions, as for up", f"{down.num_wann}")
    difference = np.abs(np.asarray(up.real_lattice) - down.real_lattice).max()
    if difference > SAME_LATTICE:
        raise InputError("down", f"the lattice of up to {SAME_LATTICE:g} Å", f"a difference of {difference:.4f} Å")
    meshes = [ab_initio_mesh(system) for system in (up, down)]
    if None not in meshes and meshes[0] != meshes[1]:
        raise InputError("down", f"the k mesh {list(meshes[0])} of up", f"{list(meshes[1])}")


def _combined(
    up: System_R,
    down: System_R,
    pauli: np.ndarray,
    coupling: Mapping | None = None,
    strength: float = 0.0,
    overlap: Mapping | None = None,
) -> System_R:
    """The system of both spins, functions in the order u_1, d_1, u_2, ...

    Parameters
    ----------
    up, down : System_R
    pauli : ndarray of complex, shape (2, 2, 3)
        <s|σ_c|t>.
    coupling : mapping of (s, t) to (vectors, matrices), optional
        R vectors (R, 3) and V^c (R, n, n, c).
    strength : float
        λ.
    overlap : mapping of R to matrix, optional
        Overlaps of functions up in the home cell and down at R.
    """
    parts, coupling, overlap = (up, down), coupling or {}, overlap or {}
    lists = [np.asarray(part.rvec.iRvec) for part in parts] + [np.asarray(vectors) for vectors, _ in coupling.values()]
    across = np.array(list(overlap), dtype=int).reshape(-1, 3)
    vectors = np.unique(np.concatenate([*lists, across, -across]), axis=0)
    index = {vector: i for i, vector in enumerate(map(tuple, vectors.tolist()))}

    def place(found):
        return [index[vector] for vector in map(tuple, np.asarray(found).tolist())]

    n = int(up.num_wann)
    hamiltonian = np.zeros((len(vectors), n, 2, n, 2), dtype=complex)
    position, spins = (np.zeros((len(vectors), n, 2, n, 2, 3), dtype=complex) for _ in range(2))
    zero, own = index[0, 0, 0], np.arange(n)
    for s, part in enumerate(parts):
        hamiltonian[place(part.rvec.iRvec), :, s, :, s] += part.get_R_mat("Ham")
        if part.has_R_mat("AA"):
            position[place(part.rvec.iRvec), :, s, :, s] += part.get_R_mat("AA")
        spins[zero, own, s, own, s] = pauli[s, s]
    for (s, t), (found, matrices) in coupling.items():
        hamiltonian[place(found), :, s, :, t] += strength * np.asarray(matrices) @ pauli[s, t]
    for vector, matrix in overlap.items():
        opposite = index[tuple(-component for component in vector)]
        spins[index[vector], :, 0, :, 1] += matrix[:, :, None] * pauli[0, 1]
        spins[opposite, :, 1, :, 0] += matrix.conj().T[:, :, None] * pauli[1, 0]

    system = System_R(silent=True)
    system.set_real_lattice(np.array(up.real_lattice, dtype=float))
    system.num_wann = 2 * n
    centers = np.stack([part.wannier_centers_cart for part in parts], axis=1).reshape(2 * n, 3)
    system.set_wannier_centers(wannier_centers_cart=centers)
    system.rvec = Rvectors(system.real_lattice, shifts_left_red=system.wannier_centers_red, iRvec=vectors)
    for name, matrices in (("Ham", hamiltonian), ("AA", position), ("SS", spins)):
        if name != "AA" or up.has_R_mat("AA"):
            system.set_R_mat(name, matrices.reshape(len(vectors), 2 * n, 2 * n, *matrices.shape[5:]))
    system.do_at_end_of_init()
    system.periodic = np.asarray(up.periodic).copy()
    set_ab_initio_mesh(system, ab_initio_mesh(up))
    return system


def is_soc_folder(folder: Path) -> bool:
    """Whether a folder is one that ``SystemSOC.to_npz`` wrote."""
    return (folder / "system_up").is_dir()


def load_soc_folder(folder: Path) -> SystemSOC:
    """Load a SystemSOC from the folder that its `to_npz` wrote; without pickle.

    Raises
    ------
    InputError
        A file is missing or damaged, or an array has another shape than the others say.
    """
    up = load_npz(folder / "system_up", spin=False)
    down = load_npz(folder / "system_down", spin=False) if (folder / "system_down").is_dir() else None
    system = SystemSOC(up, down)
    cell = folder / "cell.npz"
    if cell.is_file():
        arrays = read_arrays(cell)
        if {"positions", "typat", "magmoms_on_axis"} <= set(arrays):
            system.set_cell(**arrays)
    if down is None:
        return system
    names = ("dV_soc", "overlap_up_down")
    if not all((folder / f"_XX_R_{name}.npz").is_file() for name in names):
        return system
    arrays = read_arrays(folder / "iRvec.npz")
    vectors = arrays.get("iRvec", arrays.get("arr_0", np.zeros(0)))
    if vectors.shape[1:] != (3,) or vectors.dtype.kind not in "iu":
        raise InputError(folder / "iRvec.npz", "an array of integers 'iRvec' of shape (nR, 3)", f"{vectors.shape}")
    system.rvec = Rvectors(
        system.real_lattice, up.wannier_centers_red, shifts_right_red=down.wannier_centers_red, iRvec=vectors
    )
    for name, tail in zip(names, ((3,), ()), strict=True):
        path = folder / f"_XX_R_{name}.npz"
        matrices = read_arrays(path).get("arr_0", np.zeros(0))
        shape = (len(vectors), int(up.num_wann), int(up.num_wann), *tail)
        if matrices.shape != shape:
            raise InputError(path, f"an array of shape {shape}", f"{matrices.shape}")
        check_finite(path, name, matrices)
        system.set_R_mat(name, matrices)
    return system
