r"""Spin-orbit coupling as a term of its own, and its strength.

With Wannier functions of pure spin, real but for the spin, every Hamiltonian has three parts:

.. math:: H = H_0 + H_{xc} + H_{so},\quad H_{xc} = \tfrac12(H - \Theta H\Theta^{-1}),\quad
    H_0 = \tfrac14\sum_{\mu=0}^3\sigma_\mu(H - H_{xc})\sigma_\mu

H_0 is even under time reversal and does not know spin, the exchange H_xc is odd, and H_so is the rest: even, and different for
spins.  H(λ) = H − (1 − λ) H_so goes from none (λ = 0) to all of it (λ = 1).
"""

from __future__ import annotations

import copy

import numpy as np

from ..errors import InputError
from ..io.private import matrices, set_matrices
from .base import Operator, RealSpaceMatrix
from .torque import exchange_hamiltonian, pure_spin


def spin_orbit_hamiltonian(system) -> Operator:
    """The spin-orbit part H_so of the Hamiltonian of a system, eV.

    Parameters
    ----------
    system : wannierberri.system.System_R
        With 'SS', whose part in the home cell tells the pairs of functions.

    Returns
    -------
    Operator
        A scalar, even under time reversal.

    Raises
    ------
    InputError
        A system without R vectors or spin, or functions that are not pairs of opposite spin.

    Examples
    --------
    >>> from wb_conserved.models import kane_mele
    >>> from wb_conserved.operators import spin_orbit_hamiltonian
    >>> spin_orbit_hamiltonian(kane_mele()).unit
    'eV'
    """
    even = system.get_R_mat("Ham") - exchange_hamiltonian(system).matrix.matrix[..., 0]
    sigma = pure_spin(system)
    without = 0.25 * (even + sum(s @ even @ s.conj().T for s in sigma))
    matrix = RealSpaceMatrix(system.rvec.iRvec, (even - without)[..., None])
    return Operator("spin-orbit coupling", rank=0, odd_under_time_reversal=False, matrix=matrix, scale=1.0, unit="eV")


def with_spin_orbit_strength(system, strength: float):
    """The same system with λ times its spin-orbit coupling.

    Parameters
    ----------
    system : wannierberri.system.System_R
    strength : float
        λ.

    Returns
    -------
    wannierberri.system.System_R
        A copy; other matrices are shared.

    Raises
    ------
    InputError
        See `spin_orbit_hamiltonian`; or a strength that is no finite number.

    Examples
    --------
    >>> from wb_conserved.models import kane_mele
    >>> from wb_conserved.operators import spin_orbit_hamiltonian, with_spin_orbit_strength
    >>> without = with_spin_orbit_strength(kane_mele(), 0.0)
    >>> bool(abs(spin_orbit_hamiltonian(without).matrix.matrix).max() < 1e-12)
    True
    """
    if isinstance(strength, bool) or not np.isscalar(strength) or not np.isfinite(strength):
        raise InputError("strength", "a finite number, 0 without and 1 with all of the spin-orbit coupling", repr(strength))
    coupling = spin_orbit_hamiltonian(system).matrix.matrix[..., 0]
    scaled = copy.copy(system)
    set_matrices(scaled, {**matrices(system), "Ham": system.get_R_mat("Ham") - (1 - strength) * coupling})
    return scaled
