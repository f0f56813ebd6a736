"""Scattering by local impurities at each energy of an axis: Green function, T matrix, rates.

For an impurity with the matrix W (eV) on some Wannier functions, in a fraction c of the cells, A(ε) being the spectral matrix
on them and G = P∫dε' A(ε')/(ε − ε') − iπA their Green function, T = (1 − WG)⁻¹W is the T matrix, all orders of one impurity:

    out of a multiplet   Γ_M = 2πc U†T†ATU            into it   2πc U†T F T†U            levels   c U†½(T + T†)U

with T = W in Born order.  "third" expands the rates, not T: out WAW + WG†WAW + WAWGW, in WFW + WGWFW + WFWG†W, levels
W + ½(WGW + (WGW)†).  Symmetrised rates have ½(TFT† + T†FT) into a multiplet, expanded as well in "third".  The optical
theorem T − T† = −2πi T†AT holds with the A of the shells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

ORDERS = ("born", "third", "t-matrix")
_SMOOTHING = 2.0  # bins


@dataclass(frozen=True)
class Kind:
    """One kind of impurity.

    Attributes
    ----------
    rows : int array (i,)
        Its functions among those of all kinds.
    potential : complex array (i, i)
        W, eV.
    concentration : float
        Fraction of cells.
    """

    rows: np.ndarray
    potential: np.ndarray
    concentration: float

    @property
    def factor(self) -> float:
        """2πc."""
        return 2 * np.pi * self.concentration


def green_function(spectrum: np.ndarray, first: int, number: int, width: float) -> np.ndarray:
    """Green function at some nodes from the spectral matrix of all bands.

    Parameters
    ----------
    spectrum : complex array (bins, i, i)
        A(ε), 1/eV, on equidistant energies.
    first, number : int
        The nodes.
    width : float
        Distance of the energies, eV.

    Returns
    -------
    complex array (number, i, i)
        Real part: P∫ of A, smoothed by a Gaussian of two bins, constant in each bin; imaginary part: −πA itself.
    """
    bins = np.arange(len(spectrum))
    smooth = gaussian_filter1d(spectrum, _SMOOTHING, axis=0, mode="constant")
    distance = np.arange(first, first + number)[:, None] - bins
    kernel = np.log(np.abs((distance + 0.5) / (distance - 0.5)))
    real = np.tensordot(kernel, smooth, axes=1)
    return real - 1j * np.pi * spectrum[first : first + number]


@dataclass(frozen=True)
class Scattering:
    """Scattering at every node, for all kinds together.

    Attributes
    ----------
    kinds : tuple of Kind
    outward : complex array (node, i, i)
        2πc T†AT of all kinds, each on its own functions, eV.
    shift : complex array (node, i, i)
        c ½(T + T†), eV.
    inward : tuple of tuple of (complex array, complex array)
        For each kind pairs L, R (node, i, i) of 2πc Σ L F R.
    symmetric : tuple
        The same with symmetrised rates, ½(T F T† + T† F T), "third" to third order.
    second : complex array (node, i, i)
        2πc WAW, eV.
    spectrum : complex array (node, i, i)
        A, 1/eV.
    optical : float
        Largest violation of the optical theorem over the size of T.
    """

    kinds: tuple[Kind, ...]
    outward: np.ndarray
    shift: np.ndarray
    inward: tuple
    symmetric: tuple
    second: np.ndarray
    spectrum: np.ndarray
    optical: float

    @property
    def potential(self) -> np.ndarray:
        """W of all kinds (i, i), eV."""
        number = self.spectrum.shape[-1]
        result = np.zeros((number, number), dtype=complex)
        for kind in self.kinds:
            result[np.ix_(kind.rows, kind.rows)] = kind.potential
        return result


def scattering_of(kinds, spectrum: np.ndarray, green: np.ndarray, order: str, first_order: bool = True) -> Scattering:
    """Scattering from the spectral matrix and the Green function at the nodes.

    Parameters
    ----------
    kinds : sequence of Kind
        Their rows do not overlap.
    spectrum, green : complex array (node, i, i)
    order : {"born", "third", "t-matrix"}
    first_order : bool
        Whether cW counts among the shifts of levels; False where it is taken to be part of H.
    """
    outward, shift, second = (np.zeros_like(spectrum) for _ in range(3))
    inward, symmetric, optical = [], [], 0.0
    for kind in kinds:
        block = np.ix_(range(len(spectrum)), kind.rows, kind.rows)
        W, A, G = kind.potential, spectrum[block], green[block]
        out, pairs, symmetrised, level, violation = _RATES[order](W, A, G)
        optical = max(optical, violation)
        outward[block] = kind.factor * out
        shift[block] = kind.concentration * (level if first_order else level - W)
        second[block] = kind.factor * (W @ A @ W)
        inward.append(tuple(pairs))
        symmetric.append(tuple(symmetrised))
    return Scattering(tuple(kinds), outward, shift, tuple(inward), tuple(symmetric), second, spectrum, optical)


def rate_out(W: np.ndarray, A: np.ndarray, G: np.ndarray, order: str) -> np.ndarray:
    """What sends states out, without 2πc: T†AT (node, i, i), eV², of a potential W with A and G (node, i, i)."""
    return _RATES[order](W, A, G)[0]


def _born(W, A, G):
    T = np.broadcast_to(W, A.shape)
    return W @ A @ W, [(T, T)], [(T, T)], T, 0.0


def _t_matrix(W, A, G):
    T = np.linalg.solve(np.eye(len(W)) - W @ G, np.broadcast_to(W, A.shape))
    adjoint = _adjoint(T)
    out = adjoint @ A @ T
    violation = np.abs(T - adjoint + 2j * np.pi * out).max() / np.abs(T).max()
    symmetrised = [(0.5 * T, adjoint), (0.5 * adjoint, T)]
    return out, [(T, adjoint)], symmetrised, 0.5 * (T + adjoint), float(violation)


def _third(W, A, G):
    WGW, T = W @ G @ W, np.broadcast_to(W, A.shape)
    adjoint = _adjoint(WGW)
    out = W @ A @ W + adjoint @ A @ W + W @ A @ WGW
    level = 0.5 * (WGW + adjoint)
    # expanded too: squares of W + WGW would not conserve particles with these rates out
    return out, [(T + WGW, T), (T, adjoint)], [(T + level, T), (T, level)], T + level, 0.0


_RATES = {"born": _born, "third": _third, "t-matrix": _t_matrix}


def _adjoint(matrices):
    return matrices.conj().swapaxes(-1, -2)
