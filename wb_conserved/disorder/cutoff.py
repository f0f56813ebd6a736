r"""How far the real part of the Green function depends on what the Wannier functions do not know.

Outside the frozen window the bands of disentangled Wannier functions are not those of the crystal, but the weight of the
spectral matrix there and its mean energy are, as the Hamiltonian of the functions is the projected one.  How it is spread is
not known.  Of all distributions above an edge E with weight A₀ and mean energy E + d, that of largest entropy is exponential,

.. math:: A(\varepsilon)=\frac{A_0}{d}e^{-(\varepsilon-E)/d},\quad
    G(\varepsilon)=P\!\!\int\frac{A(\varepsilon')}{\varepsilon-\varepsilon'}d\varepsilon'
    =\frac{A_0}{d}e^y\,\mathrm{Ei}(-y),\quad y=\frac{E-\varepsilon}{d},

and with it in the place of what the Wannier functions have there, the rates of scattering are others.  How much they differ is
how far they are to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expi

from .scattering import Kind, rate_out

UNRELIABLE = 0.1
"""Relative change of the rates, above which it is said."""


@dataclass(frozen=True)
class CutOff:
    """What the window means for the scattering at each node.

    Attributes
    ----------
    window : (float, float)
        eV; from −∞ or to ∞ where nothing is said.
    share : (float, float)
        Of the spectral weight of the functions, below and above it.
    rates, others : float array (kind, node)
        Σ w tr Γ over 2πc, as it is and with the other distribution.
    """

    window: tuple[float, float]
    share: tuple[float, float]
    rates: np.ndarray
    others: np.ndarray

    def change(self, weights: np.ndarray) -> np.ndarray:
        """Relative change (level,) of the rates, of the kind for which it is largest, with weights (level, node) of nodes."""
        rates, difference = self.rates @ weights.T, np.abs(self.others - self.rates) @ weights.T
        return np.max(np.divide(difference, rates, out=np.zeros_like(rates), where=rates > 0), axis=0)

    def doubt(self, scan, axis) -> str:
        """What is to be said of a scan of levels on an axis of nodes; empty where the rates are to be trusted."""
        found = {}
        for kBT, levels in scan.groups:
            found |= dict(zip(self.change(axis.surface_weights(levels, kBT)).tolist(), levels.tolist(), strict=True))
        largest = max(found)
        if largest <= UNRELIABLE:
            return ""
        (below, above), (lowest, highest) = self.share, self.window
        parts = [f"{100 * above:.0f} % above {highest:g} eV"] if above > 0 else []
        parts += [f"{100 * below:.0f} % below {lowest:g} eV"] if below > 0 else []
        return (
            f"real part of the Green function: of the spectral weight of the impurity's functions {' and '.join(parts)} are "
            "outside the frozen window of the .win file, where sum and mean energy are right and the distribution is not; as "
            f"wide as these allow, it changes the rates of scattering at {found[largest]:g} eV by {100 * largest:.0f} % "
            "(mended by a wider window in Wannier90, dis_froz_max or dis_froz_min)"
        )


def cut_off(
    kinds: tuple[Kind, ...],
    spectrum: np.ndarray,
    green: np.ndarray,
    energies: np.ndarray,
    nodes: slice,
    order: str,
    window: tuple[float, float] | None,
) -> CutOff | None:
    """The consequence of a frozen window; None without one, and in Born order, which needs no real part.

    Parameters
    ----------
    kinds : tuple of Kind
    spectrum : complex array (bins, i, i)
        A of all bands, 1/eV.
    green : complex array (node, i, i)
    energies : float array (bins,)
        Equidistant, eV.
    nodes : slice
        Of the nodes among the energies.
    order : str
        See `wb_conserved.disorder.scattering.ORDERS`.
    window : (float, float) or None
        eV.
    """
    if window is None or order == "born":
        return None
    width, at = energies[1] - energies[0], energies[nodes]
    weight, share, other = width * np.trace(spectrum, axis1=1, axis2=2).real, [], green.copy()
    for edge, sign in zip(window, (-1, 1), strict=True):
        outside = sign * (energies - edge) > 0
        share.append(float(weight[outside].sum() / weight.sum()))
        if share[-1] > 0:
            other += _exponential(weight, spectrum, energies, outside, edge, at) - _as_it_is(spectrum, energies, outside, at)
    rates = np.zeros((2, len(kinds), len(at)))
    for number, kind in enumerate(kinds):
        block = np.ix_(range(len(at)), kind.rows, kind.rows)
        A = spectrum[nodes][block]
        for which, G in enumerate((green, other)):
            rates[which, number] = np.einsum("nij,nji->n", rate_out(kind.potential, A, G[block], order), A).real
    return CutOff(tuple(window), tuple(share), *rates)


def _as_it_is(spectrum, energies, outside, at):
    """Real part that the states outside make, (node, i, i)."""
    width = energies[1] - energies[0]
    distance = (at[:, None] - energies[outside]) / width
    kernel = np.log(np.abs((distance + 0.5) / (distance - 0.5)))
    return np.tensordot(kernel, spectrum[outside], axes=1)


def _exponential(weight, spectrum, energies, outside, edge, at):
    """The same with the weight and the mean energy of the states outside, spread as widely as these allow."""
    width = energies[1] - energies[0]
    mean = np.average(energies[outside], weights=weight[outside])
    reach, sign = abs(mean - edge), np.sign(mean - edge)
    scaled = sign / reach * scaled_integral(sign * (edge - at) / reach)
    return scaled[:, None, None] * width * spectrum[outside].sum(axis=0)


def scaled_integral(y: np.ndarray) -> np.ndarray:
    """exp(y) Ei(−y); far from 0 the first terms of its asymptotic series, which exponentials of large numbers do not reach."""
    near = np.clip(y, -_FAR, _FAR)
    near = np.where(near == 0, np.finfo(float).tiny, near)
    far = np.where(np.abs(y) > _FAR, y, _FAR)
    return np.where(np.abs(y) > _FAR, -(1 - 1 / far + 2 / far**2 - 6 / far**3) / far, np.exp(near) * expi(-near))


_FAR = 50.0
