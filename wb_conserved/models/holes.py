r"""k·p models of holes, where every published definition of the spin Hall current has an exact result of its own.

Conductivities are in units of the carriers' charge e with ħ = 1; a result of this package is −e²/ħ, e²/ħ = 2.434135e-4 S,
times these numbers.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..units import BOHR_MAGNETON_AREA
from .kp import KPSystem

_WINDING = {"rashba": 3, "dresselhaus": 1}


def heavy_holes(mass: float = 1.0, coupling: float = 0.02, kind: str = "rashba", half_width: float = 2.5) -> KPSystem:
    r"""Heavy holes of a quantum well, j_z = ±3/2, with a coupling cubic in k; s = (3/2) σ_z in units of ħ.

    .. math:: H = k^2/2m + i\alpha(g\,\sigma_+ - g^*\sigma_-),\quad
        g = k_-^3\ \text{(Rashba)},\ k_+k_-^2\ \text{(Dresselhaus)},\quad k_\pm = k_x \pm i k_y

    Exact (both bands occupied, T = 0; A. Wong and F. Mireles, Phys. Rev. B 81, 085304 (2010)): with the winding number
    N = 3 of Rashba's coupling and 1 of Dresselhaus's the s-dipole is 3N φ̂/(4k) in both bands, so that
    σ_in^{xy,z} = −3N e/8π for every α, σ_conv^{xy,z} → 3N e/8π and σ_K^{xy,z} → −3N e/8π as α → 0, and
    σ_B = σ_P = 0.  σ_K at m = μ = 1, kT = 0.02, in e/8π: −9.058 for α = 0.02, −9.384 for 0.05 (Rashba).

    Parameters
    ----------
    mass : float
        m in ħ²/(eV Å²).
    coupling : float
        α, eV Å³.
    kind : {"rashba", "dresselhaus"}
    half_width : float
        Of the box in momentum space, 1/Å.

    Returns
    -------
    KPSystem
        Its "SS", in the place of Pauli matrices, are 3σ_z for the component z and 0 for the others.

    Raises
    ------
    InputError
        Another kind.

    Examples
    --------
    >>> from wb_conserved.models import heavy_holes
    >>> heavy_holes(coupling=0.05).num_wann
    2
    """
    if kind not in _WINDING:
        raise InputError("kind", f"one of {', '.join(_WINDING)}", repr(kind))
    minus = 3 if kind == "rashba" else 2  # powers of k_− and k_+ in g
    plus = 3 - minus

    def matrix(scalar, element):
        return np.stack([np.stack([scalar, element], -1), np.stack([element.conj(), scalar], -1)], -2)

    def powers(k):
        return k[:, 0] - 1j * k[:, 1], k[:, 0] + 1j * k[:, 1]

    def hamiltonian(k):
        low, high = powers(k)
        return matrix((k[:, 0] ** 2 + k[:, 1] ** 2) / (2 * mass), 1j * coupling * low**minus * high**plus)

    def derivative(k):
        low, high = powers(k)
        by_low = 1j * coupling * minus * low ** (minus - 1) * high**plus
        by_high = 1j * coupling * plus * low**minus * high ** max(plus - 1, 0)
        along_x = matrix(k[:, 0] / mass, by_low + by_high)
        along_y = matrix(k[:, 1] / mass, 1j * (by_high - by_low))
        return np.stack([along_x, along_y, np.zeros_like(along_x)], axis=-1)

    spin = np.diag([3.0, -3.0])[:, :, None] * [0.0, 0.0, 1.0]
    return KPSystem(hamiltonian, derivative, half_width, {"SS": spin}, name=f"heavy holes, {kind}")


def luttinger_holes(gamma1: float = 13.38, gamma: float = 4.97, half_width: float = 0.1) -> KPSystem:
    r"""Holes of the valence band of a semiconductor in the spherical approximation, bands upwards (germanium by default),

    .. math:: H = \frac{\hbar^2}{2m_e}\left[(\gamma_1+\tfrac52\gamma)k^2 - 2\gamma(\mathbf k\cdot\mathbf J)^2\right],\quad
        \varepsilon_H = \frac{\hbar^2k^2}{2m_e}(\gamma_1-2\gamma),\ \varepsilon_L = \frac{\hbar^2k^2}{2m_e}(\gamma_1+2\gamma)

    (J. M. Luttinger, Phys. Rev. 102, 1030 (1956); S. Murakami, N. Nagaosa and S.-C. Zhang, Science 301, 1348 (2003)), with
    s = J/3, the spin of a hole of total angular momentum 3/2.  Heavy (H) and light (L) holes are pairs, degenerate at every k.

    Exact (T = 0, μ > 0): σ^{ils} = σ ε_ils, with the Fermi wave vectors k_H, k_L and r = γ_1/γ in units of e/12π²

    =========  ==============================================
    σ_B        3k_H − k_L
    σ_P        k_H − 3k_L
    σ_in       2(k_H − k_L), also ½(σ_B + σ_P)
    σ_conv     (r + 2)(k_H − k_L)
    σ_K        k_H + k_L − 2(r − 1)(k_H − k_L)
    =========  ==============================================

    from A^x = −i√3/2k between j = 3/2 and 1/2 along k: the antisymmetric parts ⅙ε_ils of Ωs^{li}, P^{ils}, Ω^{lis} and K^{ils}
    are 1/2, 1/6, (r + 2)/6 and −(r − 1)/3 over k² for heavy holes, −1/6, −1/2 and the negative of the others for light ones,
    and that of d^{is} v̄^l is −v/6k for both, S^{ils} its negative.  Without coupling, r → ∞ at k_H, k_L → k, σ_conv → 2k,
    σ_K → −2k and σ_in → 0.

    Parameters
    ----------
    gamma1, gamma : float
        Luttinger parameters γ_1 and γ, γ_1 > 2γ.
    half_width : float
        Of the box in momentum space, 1/Å.

    Returns
    -------
    KPSystem
        Three-dimensional; basis j_z = 3/2, 1/2, −1/2, −3/2, and 2J/3 as "SS".

    Examples
    --------
    >>> from wb_conserved.models import luttinger_holes
    >>> luttinger_holes().num_wann
    4
    """
    projections = np.array([1.5, 0.5, -0.5, -1.5])
    raising = np.diag(np.sqrt((1.5 - projections[1:]) * (2.5 + projections[1:])), 1)
    J = np.array([(raising + raising.T) / 2, (raising - raising.T) / 2j, np.diag(projections)])
    scalar, coupled = BOHR_MAGNETON_AREA * (gamma1 + 2.5 * gamma), 2 * BOHR_MAGNETON_AREA * gamma

    def hamiltonian(k):
        along = np.einsum("ka,aij->kij", k, J)
        return scalar * np.sum(k * k, axis=1)[:, None, None] * np.eye(4) - coupled * along @ along

    def derivative(k):
        along = np.einsum("ka,aij->kij", k, J)[:, None]
        slope = 2 * scalar * k[:, :, None, None] * np.eye(4) - coupled * (along @ J + J @ along)
        return np.moveaxis(slope, 1, -1)

    spin = np.moveaxis(2 * J / 3, 0, -1)
    return KPSystem(hamiltonian, derivative, half_width, {"SS": spin}, periodic=(True, True, True), name="luttinger_holes")
