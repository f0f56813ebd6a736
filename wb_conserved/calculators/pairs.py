r"""Averages of pairs of electrons in a superconductor, from which its gap follows,

.. math:: F_{ij}(\boldsymbol R) = \int e^{-i\boldsymbol k\cdot\boldsymbol R}\sum_n f_n\,U_{in}U^*_{N+j,n}
    = -\langle c_{0i}c_{Rj}\rangle,

U the eigenvectors of H_B(k), N functions of electrons; no ½ in the basis of all functions.  `PairSusceptibility` is the
derivative of F with respect to Δ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..occupations.fermi import fermi, fermi_slope
from .base import GeometryCalculator
from .contract import SUM, Accumulating

_F, _CHI = "F", "χ"
_CLOSE = 1e-5  # kT: below, a difference quotient of f is its derivative


@dataclass(frozen=True)
class Averages:
    """What a run returns: an array of complex numbers."""

    data: np.ndarray


class _OfPairs(GeometryCalculator, Accumulating):
    """Base: sums over k points of what eigenvectors and energies give.

    Parameters
    ----------
    iRvec : int array (R, 3)
    kBT : float array (T,)
        eV, > 0.
    """

    symbol = long_name = "pairs"
    axes = {}  # noqa: RUF012
    of_observable = False
    odd_under_time_reversal = False

    def __init__(self, iRvec, kBT):
        super().__init__(operator="identity", degen_thresh=0.0, kwargs_formula={"external_terms": False})
        self.iRvec, self.kBT = np.asarray(iRvec), np.atleast_1d(np.asarray(kBT, dtype=float))

    def accumulate(self, states, weight=1.0, out=None):
        """Real and imaginary parts of the sums."""
        first, (name,) = 0, self.merges
        for batch in states.batches:
            kpoints = states.kpoints[first : first + len(batch.energies)]
            first += len(kpoints)
            phases = np.exp(2j * np.pi * (kpoints @ self.iRvec.T))  # k R
            found = weight * self.sums(batch.energies, batch.eigenvectors, phases)
            parts = np.stack([found.real, found.imag])
            out = {name: parts if out is None else SUM(out[name], parts)}
        return out

    def finalize(self, values, system):
        """Complex numbers again."""
        (name,) = self.merges
        return Averages(values[name][0] + 1j * values[name][1])

    def __call__(self, data_K):
        raise TypeError(f"{type(self).__name__}: expected wb_conserved.run; found another driver")


class AnomalousAverage(_OfPairs):
    """F_ij(R), (T, R, N, N), at each temperature."""

    merges = {_F: SUM}  # noqa: RUF012

    def sums(self, energies, vectors, phases):
        """Sum over some k points."""
        n = vectors.shape[1] // 2
        electrons, holes = vectors[:, :n], vectors[:, n:].conj()
        result = []
        for kBT in self.kBT.tolist():
            occupied = fermi(energies / kBT) if kBT > 0 else (energies <= 0).astype(float)
            of_k = (electrons * occupied[:, None, :]) @ holes.swapaxes(1, 2)
            result.append(np.tensordot(phases.conj(), of_k, axes=(0, 0)))
        return np.stack(result)


class PairSusceptibility(_OfPairs):
    """χ_pq = ∂F_p/∂Δ_q for some pairs p = (R, i, j), (T, p, q), negative definite.

    Parameters
    ----------
    iRvec : int array (R, 3)
    pairs : int array (p, 3)
        Index of R, i and j.
    kBT : float array (T,)
        eV, > 0.
    """

    merges = {_CHI: SUM}  # noqa: RUF012

    def __init__(self, iRvec, pairs, kBT):
        super().__init__(iRvec, kBT)
        self.pairs = np.asarray(pairs)

    def sums(self, energies, vectors, phases):
        """Sum over some k points."""
        n, (R, i, j) = vectors.shape[1] // 2, self.pairs.T
        electrons, holes = vectors[:, i].conj(), vectors[:, n + j]  # k p n
        of_pairs = phases[:, R, None, None] * electrons[..., None] * holes[:, :, None, :]  # k p n m
        of_pairs = of_pairs.reshape(*of_pairs.shape[:2], -1)
        result = []
        for kBT in self.kBT.tolist():
            weights = _difference_quotient(energies, kBT).reshape(len(energies), 1, -1)
            result.append(np.einsum("kpx,kqx->pq", of_pairs.conj() * weights, of_pairs, optimize=True))
        return np.stack(result)


def _difference_quotient(energies, kBT):
    """(f_n − f_m)/(ε_n − ε_m), (k, n, m), 1/eV."""
    x = energies / kBT
    difference = x[:, :, None] - x[:, None, :]
    close = np.abs(difference) < _CLOSE
    f = fermi(x)
    quotient = (f[:, :, None] - f[:, None, :]) / np.where(close, 1.0, difference)
    middle = -fermi_slope(0.5 * (x[:, :, None] + x[:, None, :]))
    return np.where(close, middle, quotient) / kBT
