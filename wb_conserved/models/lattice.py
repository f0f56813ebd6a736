"""Lattice models as WannierBerri ``System_R``, without position matrix beyond the Wannier centres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.system.system_R import System_R

from .kp import PAULI


def lattice_system(
    real_lattice: ArrayLike,
    hoppings: Mapping[tuple[int, int, int], ArrayLike],
    spin: ArrayLike | None = None,
    centers: ArrayLike | None = None,
    periodic: Sequence[bool] = (True, True, True),
    name: str = "model",
) -> System_R:
    """System from hopping matrices.

    Parameters
    ----------
    real_lattice : array (3, 3)
        Rows are lattice vectors, Å.
    hoppings : mapping of (R1, R2, R3) to complex array (n, n)
        H_ij(R) = <i, 0|H|j, R> in eV.  H(−R) = H(R)† is completed: give one of the two, and H(0) Hermitian.
    spin : complex array (n, n, 3), optional
        Pauli matrices of the basis, the same in every cell.
    centers : array (n, 3), optional
        Positions of the orbitals, Å; all at the origin by default.
    periodic : three bool
        Two: a sheet, results per sheet.

    Returns
    -------
    wannierberri.system.System_R

    Examples
    --------
    >>> import numpy as np
    >>> from wb_conserved.models import lattice_system
    >>> hoppings = {(0, 0, 0): [[0.0]], (1, 0, 0): [[-1.0]]}  # of R and −R only one
    >>> chain = lattice_system(np.eye(3), hoppings, periodic=(True, False, False))
    >>> chain.num_wann, len(chain.rvec.iRvec)
    (1, 3)
    """
    full = {}
    for vector, matrix in hoppings.items():
        matrix = np.asarray(matrix, dtype=complex)
        minus = tuple(-component for component in vector)
        if minus != vector and minus in hoppings:
            raise ValueError(f"hoppings: expected one of R and −R, found both {vector} and {minus}")
        if minus == vector and not np.allclose(matrix, matrix.conj().T):
            raise ValueError("hoppings: expected a Hermitian matrix at R = 0")
        full[vector] = matrix
        full[minus] = matrix.conj().T
    system = System_R(periodic=periodic, name=name, silent=True, force_internal_terms_only=True)
    system.real_lattice = np.asarray(real_lattice, dtype=float)
    system.num_wann = len(next(iter(full.values())))
    system.set_wannier_centers(wannier_centers_cart=None if centers is None else np.asarray(centers, dtype=float))
    system.rvec = Rvectors(
        lattice=system.real_lattice, iRvec=np.array(list(full)), shifts_left_red=system.wannier_centers_red
    )
    system.set_R_mat("Ham", np.array(list(full.values())))
    if spin is not None:
        system.set_R_mat("SS", np.asarray(spin, dtype=complex), R=[0, 0, 0])
    system.do_at_end_of_init()
    return system


def rashba_lattice(
    hopping: float = 1.0, alpha: float = 0.5, zeeman: float = 0.0, lattice_constant: float = 1.0
) -> System_R:
    r"""Square lattice with Rashba coupling; for small k the Rashba gas with m = 1/(2 t a²).

    .. math:: H = 2t(2-\cos k_xa-\cos k_ya) + \frac{\alpha}{a}(\sin k_ya\,\sigma_x-\sin k_xa\,\sigma_y) + Z\sigma_z

    Point group 4mm with time reversal for Z = 0; WannierBerri starts with the trivial group, set it with
    ``system.set_pointgroup(symmetry_gen=["C4z", "Mx", "TimeReversal"])``.

    Parameters
    ----------
    hopping, zeeman : float
        t and Z, eV.
    alpha : float
        eV Å.
    lattice_constant : float
        a, Å.

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.rashba_lattice().num_wann
    2
    """
    a = lattice_constant
    identity = np.eye(2)
    hoppings = {
        (0, 0, 0): 4 * hopping * identity + zeeman * PAULI[2],
        (1, 0, 0): -hopping * identity + 0.5j * alpha / a * PAULI[1],
        (0, 1, 0): -hopping * identity - 0.5j * alpha / a * PAULI[0],
    }
    lattice = np.diag([a, a, 10.0])
    return lattice_system(lattice, hoppings, np.moveaxis(PAULI, 0, -1), periodic=(True, True, False), name="rashba")


def random_model(
    num_orbitals: int = 3, dimension: int = 3, kramers: bool = False, seed: int = 0, centers: bool = True
) -> System_R:
    """Random hoppings to nearest neighbours, each orbital with two spin states: 2 × `num_orbitals` bands.

    For tests of identities, which hold for any Hamiltonian.

    Parameters
    ----------
    num_orbitals : int
    dimension : int
        2 or 3 periodic directions.
    kramers : bool
        Symmetric under time reversal and inversion at once, T = iσ_y K on every orbital: every band is twofold
        degenerate at every k, while s_z is not conserved.
    seed : int
    centers : bool
        Orbitals at random positions instead of at the origin; with `kramers`, which includes inversion, at the origin.

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.random_model().num_wann
    6
    """
    generator = np.random.default_rng(seed)
    n = 2 * num_orbitals
    time_reversal = np.kron(np.eye(num_orbitals), 1j * PAULI[1])  # orbital-major: up and down of each orbital adjacent

    def matrix():
        return generator.normal(size=(n, n)) + 1j * generator.normal(size=(n, n))

    vectors = [(1, 0, 0), (0, 1, 0), (1, 1, 0)] + ([(0, 0, 1), (1, 0, 1)] if dimension == 3 else [])
    onsite = matrix()
    hoppings = {(0, 0, 0): onsite + onsite.conj().T, **{vector: matrix() for vector in vectors}}
    if kramers:
        # (PT) H(k) (PT)^-1 = H(k): with trivial parity, U H(k)* U† = H(k), that is U H(R)* U† = H(−R) = H(R)†
        hoppings = {
            vector: 0.5 * (hop + (time_reversal @ hop.conj() @ time_reversal.conj().T).conj().T)
            for vector, hop in hoppings.items()
        }
    lattice = np.array([[1.0, 0.2, 0.0], [-0.1, 1.1, 0.0], [0.0, 0.3, 0.9]])
    if dimension == 2:
        lattice = np.array([[1.0, 0.2, 0.0], [-0.1, 1.1, 0.0], [0.0, 0.0, 5.0]])
    positions = generator.uniform(-0.3, 0.3, size=(num_orbitals, 3)) if centers and not kramers else np.zeros((1, 3))
    if dimension == 2:
        positions[:, 2] = 0.0
    positions = np.repeat(positions, 2, axis=0) if len(positions) > 1 else np.zeros((n, 3))
    spin = np.moveaxis(np.array([np.kron(np.eye(num_orbitals), sigma) for sigma in PAULI]), 0, -1)
    return lattice_system(
        lattice, hoppings, spin, positions, periodic=(True, True, dimension == 3), name=f"random{seed}"
    )
