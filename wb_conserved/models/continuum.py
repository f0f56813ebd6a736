r"""k·p models with closed answers: massive Dirac electrons and the Rashba ferromagnet.

Conductivities are in units of the carriers' charge e with ħ = 1, s = σ/2; the identity's is the anomalous Hall
conductivity over e.  A result of this package is −e²/ħ, e²/ħ = 2.434135e-4 S, times these numbers.
"""

from __future__ import annotations

import numpy as np

from .kp import PAULI, KPSystem, rashba_gas


def massive_dirac(mass: float = 0.2, velocity: float = 1.0, half_width: float = 4.0) -> KPSystem:
    r"""Two-dimensional massive Dirac electrons,

    .. math:: H = v(k_x\sigma_x + k_y\sigma_y) + m\sigma_z,\quad \varepsilon = \pm\sqrt{m^2+v^2k^2}.

    Exact (T = 0, half width W → ∞).  The Berry curvature of the lower band is Ω_z = m v²/(2|ε|³), so that

    - identity: σ^{xy} = −(1/4π) sgn m for μ in the gap, −(1/4π) m/|μ| outside, the same for all calculators;
    - spin, in the gap: σ_conv^{xy,z} = 0 because {σ_x, σ_z} = 0; σ_in^{xy,z} = σ_B^{xy,z} = 1/16π, either sign of m;
      σ_K^{xy,z} = 0 at μ = 0, where the orbital magnetization vanishes for every m.

    In the box |k_a| < W the identity's σ^{xy} in the gap is −(1/2π²) arctan[v²W² / (m √(m² + 2v²W²))], the solid angle of
    a square seen from the height m; outside the gap it differs from the limit by the same amount.

    Parameters
    ----------
    mass : float
        m, eV.
    velocity : float
        v, eV Å.
    half_width : float
        Of the box in momentum space, 1/Å.

    Returns
    -------
    KPSystem

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.massive_dirac(half_width=3.0).num_wann
    2
    """

    def hamiltonian(k):
        vector = np.stack([velocity * k[:, 0], velocity * k[:, 1], np.full(len(k), mass)], axis=1)
        return np.einsum("ka,aij->kij", vector, PAULI)

    def derivative(k):
        result = np.zeros((len(k), 2, 2, 3), dtype=complex)
        result[..., 0], result[..., 1] = velocity * PAULI[0], velocity * PAULI[1]
        return result

    return KPSystem(hamiltonian, derivative, half_width, {"SS": np.moveaxis(PAULI, 0, -1)}, name="massive_dirac")


def rashba_ferromagnet(mass: float = 1.0, alpha: float = 0.5, zeeman: float = 0.3, half_width: float = 3.0) -> KPSystem:
    r"""Rashba gas in an exchange field along z: the crossing of `rashba_gas` at k = 0 opens by 2|Z|,

    .. math:: H = k^2/2m + \alpha(k_y\sigma_x - k_x\sigma_y) + Z\sigma_z,\quad
        \varepsilon_\pm = k^2/2m \pm \Delta,\ \Delta = \sqrt{Z^2+\alpha^2k^2}.

    Exact (T = 0, Z ≠ 0, μ > |Z|, both bands occupied), with Δ_± = Δ(k_±) on the Fermi circles
    k_±² = 2m[μ + mα² ∓ √((μ + mα²)² − μ² + Z²)]:

    - identity: σ^{xy} = −(Z/4π)(1/Δ_+ − 1/Δ_−);
    - σ_B^{xy,z} = (1/8π) [1 − ½ Z² (1/Δ_+² + 1/Δ_−²)] and σ_in^{xy,z} = 0;
    - σ_conv^{xy,z} = (1/16π mα²) [Δ_− + Z²/Δ_− − Δ_+ − Z²/Δ_+].

    With m = μ = 1 and α = 0.5 8πσ_B is 0.815, 0.976, 0.9998 for Z = 0.3, 0.1, 0.01 but 0 for Z = 0, and σ_in is 0 but
    −1/8π for Z = 0: the limits Z → 0 and threshold of the multiplets → 0 do not commute.  σ_K is continuous, 8πσ_K = −0.880
    for Z = 0.3 and −1 for Z = 0.

    Parameters
    ----------
    mass : float
        m in ħ²/(eV Å²).
    alpha : float
        eV Å.
    zeeman : float
        Z, eV; not 0.
    half_width : float
        Of the box in momentum space, 1/Å.

    Returns
    -------
    KPSystem

    Raises
    ------
    ValueError
        Z = 0, which is another model with other answers: `rashba_gas`.

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.rashba_ferromagnet(half_width=3.0).num_wann
    2
    """
    if zeeman == 0:
        raise ValueError("zeeman: expected a number other than 0 (eV), found 0; without exchange field use rashba_gas")
    return rashba_gas(mass, alpha, zeeman, half_width)
