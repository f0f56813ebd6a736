r"""Orbital angular momentum of the states themselves, within and between atoms, in units of ħ.

.. math:: L^a_{nm} = \frac{m_e}{2\hbar}\,\epsilon_{abc}\sum_{p\notin M_n\cup M_m}
    \frac12\left(A^b_{np}v^c_{pm} + v^c_{np}A^b_{pm}\right)

(A. Pezo, D. García Ovalle and A. Manchon, Phys. Rev. B 106, 104414 (2022); S. Bhowal and G. Vignale, Phys. Rev. B 103, 195309
(2021)): position times velocity, symmetrised, with the interband connection A as position.  M_n is the multiplet of n;
neither its states nor those of M_m are passed through, so that it is covariant in both.  In eV and Å m_e/ħ² =
1/(2 × 3.80998) per eV Å².  The diagonal is −1/μ_B times the orbital moment that `OrbitalMoment` tabulates for the charge.

With the atomic L of `orbital_angular_momentum` only the part of shells counts; here the hops do, and in a model without
position matrix nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..units import BOHR_MAGNETON_AREA
from .base import BandMatrix, Operator, enter


@dataclass(frozen=True)
class _OrbitalMoment(BandMatrix):
    """L from connection and velocity."""

    def compute(self, g):
        position, velocity = np.moveaxis(g.connection, 2, 0), np.moveaxis(g.velocity, 2, 0)  # a k n m
        outside = np.where(g.multiplets.same, 0, velocity)
        pairs = ((1, 2), (2, 0), (0, 1))
        half = np.stack([position[b] @ outside[c] - position[c] @ outside[b] for b, c in pairs], axis=2)
        adjoint = np.swapaxes(half, 1, 3).conj()
        if g.metric is not None:
            adjoint = g.metric[:, None, None] * g.metric * adjoint
        return (half + adjoint) / (4 * BOHR_MAGNETON_AREA)


ORBITAL_MOMENT = Operator(
    "orbital moment", rank=1, odd_under_time_reversal=True, matrix=_OrbitalMoment(), scale=1.0, unit="ħ"
)
"""L between and within atoms, an axial vector odd under time reversal."""

enter("orbital_moment", ORBITAL_MOMENT)
