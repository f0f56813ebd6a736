r"""Lattice models of insulators with a spin Hall effect: Kane–Mele, BHZ, and a Kramers-degenerate model.

Conductivities are in units of the carriers' charge e with ħ = 1, s = σ/2; see `wb_conserved.models.continuum`.
The basis is orbital-major: up and down of each orbital next to each other.
"""

from __future__ import annotations

import numpy as np
from wannierberri.system.system_R import System_R

from .kp import PAULI
from .lattice import lattice_system

_IDENTITY = np.eye(2)
_SX, _SY, _SZ = PAULI


def kane_mele(
    hopping: float = 1.0,
    spin_orbit: float = 0.1,
    rashba: float = 0.0,
    staggered: float = 0.0,
    lattice_constant: float = 1.0,
) -> System_R:
    r"""Honeycomb lattice of C. L. Kane and E. J. Mele, Phys. Rev. Lett. 95, 146802 (2005),

    .. math:: H = t\sum_{\langle ij\rangle}c_i^\dagger c_j
        + i\lambda_{SO}\sum_{\langle\langle ij\rangle\rangle}\nu_{ij}c_i^\dagger\sigma_zc_j
        + i\lambda_R\sum_{\langle ij\rangle}c_i^\dagger(\boldsymbol\sigma\times\hat{\boldsymbol d}_{ij})_zc_j
        + \lambda_v\sum_i\xi_ic_i^\dagger c_i,

    d̂_ij from j to i, ν = +1 for hops of the A sublattice along the first lattice vector, ξ = ±1 on A and B.

    Exact, μ in the gap at half filling: the identity's conductivity vanishes by time reversal.  Without Rashba coupling s_z is
    conserved, the model is two Haldane models of Chern numbers ±1 where |λ_v| < 3√3 |λ_SO|, and
    σ_conv^{xy,z} = σ_in^{xy,z} = σ_B^{xy,z} = σ_K^{xy,z} = (1/2π) sgn λ_SO there; 0 for larger |λ_v|.  With Rashba coupling
    (gapped for |λ_R| < 2√3 |λ_SO| if λ_v = 0) none is quantised; in the gap σ_in and σ_K are antisymmetric in i and l.

    Parameters
    ----------
    hopping, spin_orbit, rashba, staggered : float
        t, λ_SO, λ_R and λ_v, eV.
    lattice_constant : float
        Å.

    Returns
    -------
    wannierberri.system.System_R
        A sheet; basis A up, A down, B up, B down.

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.kane_mele().num_wann
    4
    """
    lattice = lattice_constant * np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 10]])
    site_b = (lattice[0] + lattice[1]) / 3
    raising = np.array([[0, 1], [0, 0]])  # |A><B|
    hoppings = {(0, 0, 0): np.kron(staggered * _SZ, _IDENTITY).astype(complex)}
    for vector in [(0, 0, 0), (-1, 0, 0), (0, -1, 0)]:
        bond = -(site_b + np.array(vector) @ lattice)  # from B to A
        x, y, _ = bond / np.linalg.norm(bond)
        to_a = np.kron(raising, hopping * _IDENTITY + 1j * rashba * (y * _SX - x * _SY))
        if vector == (0, 0, 0):
            hoppings[vector] += to_a + to_a.conj().T
        else:
            hoppings[vector] = to_a
    second = 1j * spin_orbit * np.kron(_SZ, _SZ)  # opposite on A and B
    hoppings[1, 0, 0] = hoppings.pop((-1, 0, 0)).conj().T + second
    hoppings[-1, 1, 0] = second
    hoppings[0, -1, 0] = hoppings[0, -1, 0] + second
    centers = np.repeat([np.zeros(3), site_b], 2, axis=0)
    return lattice_system(lattice, hoppings, _spin(2), centers, periodic=(True, True, False), name="kane_mele")


def bhz(
    coupling: float = 1.0,
    mass: float = 2.0,
    bandwidth: float = 1.0,
    mixing: float = 0.0,
    lattice_constant: float = 1.0,
) -> System_R:
    r"""Square lattice of B. A. Bernevig, T. L. Hughes and S.-C. Zhang, Science 314, 1757 (2006),

    .. math:: H = A(\sin k_xa\,\tau_x\sigma_z + \sin k_ya\,\tau_y) + [M - 2B(2-\cos k_xa-\cos k_ya)]\tau_z
        + D\,\tau_y\sigma_y

    (τ the two orbitals; D breaks inversion and mixes the spins, not time reversal).

    Exact, μ = 0 in the gap: the identity's conductivity vanishes by time reversal.  For D = 0 s_z is conserved, and
    σ_conv^{xy,z} = σ_in^{xy,z} = σ_B^{xy,z} = σ_K^{xy,z} = −w/2π, w = ½[sgn M − 2 sgn(M − 4B) + sgn(M − 8B)] the degree of
    the map k → d/|d| from the zone to the sphere: for B > 0 w = 1 for 0 < M < 4B, −1 for 4B < M < 8B, 0 elsewhere.
    With D none is quantised; in the gap σ_in and σ_K are antisymmetric in i and l.

    Parameters
    ----------
    coupling, mass, bandwidth, mixing : float
        A, M, B and D, eV.
    lattice_constant : float
        a, Å.

    Returns
    -------
    wannierberri.system.System_R
        A sheet; basis of orbital 1 up, down, orbital 2 up, down.

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.bhz().num_wann
    4
    """
    hoppings = _dirac_hoppings(coupling, mass, bandwidth)
    hoppings[0, 0, 0] = hoppings[0, 0, 0] + mixing * np.kron(_SY, _SY)
    lattice = lattice_constant * np.diag([1.0, 1.0, 10.0])
    return lattice_system(lattice, hoppings, _spin(2), periodic=(True, True, False), name="bhz")


def kramers_degenerate(
    coupling: float = 1.0,
    mass: float = 2.0,
    bandwidth: float = 1.0,
    flip: float = 0.7,
    lattice_constant: float = 1.0,
) -> System_R:
    r"""BHZ sheets, coupled so that every band stays a Kramers pair while s_z is not conserved,

    .. math:: H = d_1\tau_x\sigma_z + d_2\tau_y + d_3\tau_x\sigma_x + d_4\tau_z,\quad
        d = \left(A\sin k_xa,\ A\sin k_ya,\ C\sin k_za,\ M - 2B(2-\cos k_xa-\cos k_ya)\right).

    The four matrices anticommute: ε = ±|d|, each twice, at every k.  Inversion is τ_z, time reversal iσ_y K.

    Exact, μ = 0 in the gap: the identity's conductivity vanishes, and although [H, s_z] ≠ 0

    .. math:: \sigma_{in}^{xy,z} = \sigma_B^{xy,z} = \sigma_{conv}^{xy,z} = \sigma_K^{xy,z}
        = -\frac12\int\frac{d^3k}{(2\pi)^3}\frac{D}{|d|^3},\quad
        D = \det\begin{pmatrix}d_1&d_2&d_4\\\partial_xd_1&0&\partial_xd_4\\0&\partial_yd_2&\partial_yd_4\end{pmatrix},

    from the projector P = ½(1 − d·Γ/|d|) on the occupied pair: Ωs^{yx} = i tr(P[∂_yP, ∂_xP]s_z) and
    Ω^{yxz} = −2 Im tr(P v_y(1 − P)J^{xz})/(4|d|²) both reduce to −D/(2|d|³);
    σ_K agrees to the precision of the k sum, and with μ in a band all four agree too (numerically): the part of H that
    flips the spin depends on k_z alone.  C = 0: −w/(2πa) as for `bhz`.  For a Kramers-degenerate model where the
    definitions differ take ``random_model(kramers=True)``.

    Parameters
    ----------
    coupling, mass, bandwidth, flip : float
        A, M, B and C, eV.
    lattice_constant : float
        a, Å.

    Returns
    -------
    wannierberri.system.System_R
        Three-dimensional; basis of orbital 1 up, down, orbital 2 up, down.

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.kramers_degenerate().num_wann
    4
    """
    hoppings = _dirac_hoppings(coupling, mass, bandwidth)
    hoppings[0, 0, 1] = -0.5j * flip * np.kron(_SX, _SX)
    return lattice_system(lattice_constant * np.eye(3), hoppings, _spin(2), name="kramers_degenerate")


def _dirac_hoppings(coupling, mass, bandwidth):
    """A (sin k_x τ_x σ_z + sin k_y τ_y) + [M − 2B (2 − cos k_x − cos k_y)] τ_z."""
    tau_z = np.kron(_SZ, _IDENTITY)
    return {
        (0, 0, 0): (mass - 4 * bandwidth) * tau_z,
        (1, 0, 0): -0.5j * coupling * np.kron(_SX, _SZ) + bandwidth * tau_z,
        (0, 1, 0): -0.5j * coupling * np.kron(_SY, _IDENTITY) + bandwidth * tau_z,
    }


def _spin(num_orbitals):
    """Pauli matrices [n, m, axis], up and down of each orbital next to each other."""
    return np.stack([np.kron(np.eye(num_orbitals), sigma) for sigma in PAULI], axis=-1)
