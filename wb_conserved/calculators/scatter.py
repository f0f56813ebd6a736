r"""How the contributions of the k points of a mesh to a sum over occupied states scatter.

With the contribution c_k of each of N k points, the sum is Σ_k c_k / N.  Two numbers tell whether a few of them carry it:

    scatter            √(Σ_k c_k²) / N              per component
    effective number   (Σ_k |c_k|)² / Σ_k |c_k|²    of k points; |c| is the norm of the tensor

The scatter of a smooth integrand falls as 1/√N, when its sum has converged long since.  Where two bands come close that are
both occupied, c_k ∝ 1/(ε_n − ε_m)² has no finite variance, and whichever k points lie next to such places carry the sum.  On
a mesh that symmetry reduces, the second moments Σ c cᵀ of the k points that are evaluated are symmetrised: those of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scatter:
    """Scatter of the contributions of k points, at one place of a scan.

    Attributes
    ----------
    place : tuple of int
        Indices on the axes of the scan.
    scatter : float array
        Of every component of the result, in its unit.
    effective : float
        Number of k points that carry the sum.
    number : int
        Of k points of the whole mesh.
    """

    place: tuple[int, ...]
    scatter: np.ndarray
    effective: float
    number: int


def moments(contributions: np.ndarray, weight: float) -> np.ndarray:
    """Sums over some k points: Σ c cᵀ (c, c), and in a further column of its first row Σ |c|; (c, c + 1).

    Parameters
    ----------
    contributions : float array (k, c)
    weight : float
        Of each k point.
    """
    components = contributions.shape[1]
    result = np.zeros((components, components + 1))
    result[:, :components] = weight * (contributions.T @ contributions)
    result[0, components] = weight * np.sqrt(np.einsum("kc,kc->k", contributions, contributions)).sum()
    return result


def scatter_of(sums: np.ndarray, images: np.ndarray, factor: float, place: tuple[int, ...], number: int) -> Scatter:
    """Scatter from the sums of `moments` over all k points.

    Parameters
    ----------
    sums : float array (c, c + 1)
        With weights of the k points that add up to 1.
    images : float array (operation, c, c)
        Images of the unit vectors (second axis) under the symmetry operations.
    factor : float
        From contributions to the unit of the result.
    place : tuple of int
    number : int
        Of k points of the whole mesh.
    """
    second, absolute = sums[:, :-1], sums[0, -1]
    variance = np.einsum("gac,ab,gbc->c", images, second, images, optimize=True) / len(images)
    total = float(np.trace(second))
    effective = number * absolute**2 / total if total > 0 else float(number)
    return Scatter(place, abs(factor) * np.sqrt(np.maximum(variance, 0.0) / number), float(effective), number)
