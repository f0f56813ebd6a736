r"""Hops that an impurity changes, absorbed into its potential at one energy; and the electrons that it binds.

If the hops of the impurity are a matrix times those of the crystal, :math:`h'=Lh`, with levels :math:`H'_{00}` in place of
:math:`H_{00}`, then

.. math:: E-H_\mathrm{defective}=D\,(E-H-W)\,D^\dagger,\qquad W=E-H_{00}-L^{-1}(E-H'_{00})L^{-\dagger},

D being L on the impurity and 1 elsewhere (H. Shiba, Prog. Theor. Phys. 46, 77 (1971)): electrons of the energy E outside are
scattered as by the Hermitian matrix W on the impurity alone, exactly.  Where h' is no such product, L is that of the smallest
:math:`\sum_k|(h'-Lh)\psi_k|^2` over the states at E.
"""

from __future__ import annotations

import itertools

import numpy as np

from ..errors import InputError
from ..io.checks import to_k

_PARTS = 2000  # k points at once
_SINGULAR = 1e-8
_STEPS = 200


def hop_matrix(system, cells, before, after, energy: float, width: float, mesh: int) -> tuple[np.ndarray, float]:
    """L of the hops at an energy.

    Parameters
    ----------
    system : wannierberri.system.System_R
        The crystal.
    cells : int array (R, 3)
    before, after : complex array (R, n, num_wann)
        <i, 0|H|j, R> between the n functions of the atom and those of the others, in the crystal and of the impurity; eV.
    energy, width : float
        Of the states: weights are exp(−((ε − energy)/width)²), eV.
    mesh : int
        Of k points, along each direction that is periodic.

    Returns
    -------
    L : complex array (n, n)
    left : float
        Root of Σ_k |(h' − Lh)ψ_k|² over Σ_k |(h' − h)ψ_k|²: 0 where all of the change is absorbed.

    Raises
    ------
    InputError
        No states at the energy that some of the functions are coupled to.
    """
    number = before.shape[1]
    squares, products, both = (np.zeros((number, number), dtype=complex) for _ in range(3))
    for kpoints in _parts(system, mesh):
        energies, states = _states(system, kpoints)
        weights = np.exp(-(((energies - energy) / width) ** 2))[:, None]
        phases = np.exp(2j * np.pi * kpoints @ np.asarray(cells).T)
        old, new = (np.tensordot(phases, hops, axes=1) @ states for hops in (before, after))  # k, function, band
        squares += np.tensordot(weights * old, old.conj(), axes=([0, 2], [0, 2]))
        products += np.tensordot(weights * new, old.conj(), axes=([0, 2], [0, 2]))
        both += np.tensordot(weights * new, new.conj(), axes=([0, 2], [0, 2]))
    strengths = np.linalg.eigvalsh(squares)
    if not strengths[0] > _SINGULAR * strengths[-1]:
        expected = f"an energy (eV) with states, within {width} eV and on {mesh} points, that hop to all functions"
        raise InputError("energy", expected, f"{energy}")
    L = products @ np.linalg.inv(squares)
    change = (both - products - products.conj().T + squares).trace().real
    left = (both - L @ products.conj().T).trace().real
    if change <= _SINGULAR * squares.trace().real:
        return L, 0.0
    return L, float(np.sqrt(max(left, 0.0) / change))


def absorbed(L: np.ndarray, before: np.ndarray, after: np.ndarray, energy: float) -> np.ndarray:
    """W at an energy from the levels of the crystal and of the impurity, eV."""
    inverse = np.linalg.inv(L)
    one = energy * np.eye(len(L))
    return one - before - inverse @ (one - after) @ inverse.conj().T


def friedel_sum(system, functions, potential, energy: float, broadening: float, mesh: int) -> float:
    """Electrons that an impurity binds, −(1/π) Im ln det(1 − W G(E + iη)).

    Parameters
    ----------
    system : wannierberri.system.System_R
    functions : sequence of int
    potential : complex array (n, n)
        W on them, eV.
    energy, broadening : float
        E and η, eV.
    mesh : int
        Of k points, along each direction that is periodic.
    """
    functions = list(functions)
    G, number = np.zeros((len(functions),) * 2, dtype=complex), 0
    for kpoints in _parts(system, mesh):
        energies, states = _states(system, kpoints)
        own = states[:, functions]
        G += np.einsum("kin,kn,kjn->ij", own, 1 / (energy + 1j * broadening - energies), own.conj(), optimize=True)
        number += len(kpoints)
    steps = np.linspace(0, 1, _STEPS)[:, None, None]
    determinants = np.linalg.det(np.eye(len(functions)) - steps * (potential @ G / number))
    return float(-np.unwrap(np.angle(determinants))[-1] / np.pi)


def _parts(system, mesh):
    """k points of a mesh with Γ, which has the symmetry of the crystal, in parts."""
    steps = [np.arange(mesh) / mesh if periodic else np.zeros(1) for periodic in system.periodic]
    kpoints = np.array(list(itertools.product(*steps)))
    return np.array_split(kpoints, -(-len(kpoints) // _PARTS))


def _states(system, kpoints):
    matrices = to_k(system, "Ham", kpoints)
    return np.linalg.eigh(0.5 * (matrices + matrices.conj().swapaxes(1, 2)))
