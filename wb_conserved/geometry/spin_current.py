"""Conventional spin current beyond products of truncated matrices

    projected   J^{is} = ½ {v^i, s}                                            (`operator_current`)
    Qiao        J^{is} = ½ [ ε'_m s_nm + ε_m K_nm − L_nm + h.c. ]              J. Qiao et al., Phys. Rev. B 98, 214402 (2018)
                K = −i s r + s D,  L = −i s H r + (s H) D,  D_nm = −∂H_nm/(ε_n − ε_m)
    Ryoo        J^{is} = ½ [ −i (ε_m (s r)_nm − (s H r)_nm) + (s ∂H)_nm + h.c. ]
                                                                               J. H. Ryoo et al., Phys. Rev. B 99, 235113 (2019)

The products s r, s H, s H r are matrices of their own, interpolated from the ab initio mesh, so that the states outside
the Wannier space take part in them.  ε'_m are the band velocities.  Units: eV Å [s].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .algebra import diagonal, namespace, product, with_adjoint


def qiao_current(energies, gradient, spin, spin_position, spin_hamiltonian, spin_hamiltonian_position, degenerate=1e-7):
    """Spin current of J. Qiao et al.

    Parameters
    ----------
    energies : array (k, n)
        eV.
    gradient : complex array (k, n, i, m)
        ∂_i H without position terms, eV Å.
    spin, spin_hamiltonian : complex array (k, n, s, m)
        s and s H.
    spin_position, spin_hamiltonian_position : complex array (k, n, i, s, m)
        s r and s H r.
    degenerate : float
        Bands closer than this (eV) do not mix in D.

    Returns
    -------
    complex array (k, n, i, s, m), Hermitian
    """
    xp = namespace(energies)
    difference = energies[:, :, None] - energies[:, None, :]
    close = xp.abs(difference) < degenerate
    inverse = xp.where(close, xp.zeros_like(difference), 1.0 / xp.where(close, xp.ones_like(difference), difference))
    D = -gradient * inverse[:, :, None, :]
    K = -1j * spin_position + _spin_last(product(spin, D))
    L = -1j * spin_hamiltonian_position + _spin_last(product(spin_hamiltonian, D))
    velocity = xp.permute_dims(diagonal(gradient), (0, 2, 1))  # k i m
    half = velocity[:, None, :, None, :] * spin[:, :, None, :, :] + energies[:, None, None, None, :] * K - L
    return 0.5 * with_adjoint(half)


def ryoo_current(energies, gradient, spin, spin_position, spin_hamiltonian_position):
    """Spin current of J. H. Ryoo et al.; arguments and result as for `qiao_current`."""
    half = -1j * (energies[:, None, None, None, :] * spin_position - spin_hamiltonian_position)
    half = half + _spin_last(product(spin, gradient))
    return 0.5 * with_adjoint(half)


def _spin_last(matrix):
    """(k, n, s, i, m) -> (k, n, i, s, m)."""
    return namespace(matrix).permute_dims(matrix, (0, 1, 3, 2, 4))


@dataclass(frozen=True)
class SpinCurrent:
    """A kind of conventional spin current.

    Attributes
    ----------
    label : str
        For the provenance of a result.
    matrices : tuple of str
        R-space matrices that it needs besides energies, velocity and spin; they multiply spin.
    compute : callable or None
        Takes energies, ∂H, spin and those matrices; None: `operator_current`.
    loaded_by : str or None
        Argument of WannierBerri's loader that makes the matrices.
    products : tuple of str
        Files (.sIu, .sHu) that they are from, or else sums over the bands of the ab initio calculation, which are truncated.
    sources : tuple of str
        Papers, by their keys in `wb_conserved.results.citations.ENTRIES`.
    """

    label: str
    matrices: tuple[str, ...] = ()
    compute: Callable[..., Any] | None = None
    loaded_by: str | None = None
    products: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


SPIN_CURRENTS = {
    "projected": SpinCurrent("projected"),
    "qiao": SpinCurrent("Qiao", ("SR", "SH", "SHR"), qiao_current, "SHCqiao", sources=("qiao2018",)),
    "ryoo": SpinCurrent("Ryoo", ("SA", "SHA"), ryoo_current, products=("sIu", "sHu"), sources=("ryoo2019",)),
}
"""Kinds of conventional spin current by name: the one list."""


def spin_currents(kinds) -> tuple[str, ...]:
    """Names of one kind or of several.

    Raises
    ------
    InputError
        Others than those of `SPIN_CURRENTS`, none, or one twice.
    """
    names = (kinds,) if isinstance(kinds, str) else kinds
    if not isinstance(names, list | tuple) or not names or any(name not in SPIN_CURRENTS for name in names):
        several = "" if isinstance(kinds, str) else ", or several of them"
        raise InputError("spin_current", f"one of {', '.join(SPIN_CURRENTS)}{several}", repr(kinds))
    if len(set(names)) < len(names):
        raise InputError("spin_current", "each kind once", repr(kinds))
    return tuple(names)


def needs_matrices(kinds) -> bool:
    """Whether any of some kinds needs matrices of its own."""
    return any(SPIN_CURRENTS[kind].matrices for kind in spin_currents(kinds))
