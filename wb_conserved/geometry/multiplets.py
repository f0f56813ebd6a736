"""Multiplets of (nearly) degenerate bands, and the interband Berry connection

    A^a_nm = i v^a_nm / (ε_m − ε_n)   between multiplets,   0 inside,

with v^a the full velocity matrix in eV Å (∂_a H, and the Wannier position term i (ε_n − ε_m) r^a_nm where it is used).
Energies are individual ones in every denominator; a multiplet's mean energy enters only occupations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .algebra import diagonal, namespace, scaled


@dataclass(frozen=True)
class Multiplets:
    """Grouping of the bands at every k point.

    Attributes
    ----------
    labels : int array (k, n)
        Number of the multiplet of each band, ascending from 0 at each k point.
    same : bool array (k, n, m)
        True where bands n and m belong to the same multiplet.
    size : float array (k, n)
        Number of bands of n's multiplet.
    energies : float array (k, n)
        Mean energy of n's multiplet, eV.
    """

    labels: Any
    same: Any
    size: Any
    energies: Any

    def mean(self, values):
        """Mean of per-band values (k, n) or (k, n, a) over each band's multiplet."""
        xp = namespace(values)
        if values.ndim == 2:
            return self.mean(values[:, :, None])[:, :, 0]
        return xp.matmul(xp.astype(self.same, values.dtype), values) / self.size[:, :, None]


def find_multiplets(energies, threshold: float, kramers: bool = False, *, metric=None) -> Multiplets:
    """Group bands by the chain rule: neighbours in energy closer than `threshold` belong together.

    Parameters
    ----------
    energies : array (k, n)
        Band energies in ascending order, eV.
    threshold : float
        Largest distance of neighbouring bands of a multiplet, eV.  A physical choice: the level broadening.
    kramers : bool
        Bands 2j and 2j+1 belong together whatever their distance (Kramers pairs).
    metric : array (n,), optional
        Signs η of the norms of the bands: neighbours of different norm belong to different multiplets.

    Returns
    -------
    Multiplets
    """
    xp = namespace(energies)
    n_bands = energies.shape[1]
    if kramers and n_bands % 2:
        raise ValueError(f"kramers: expected an even number of bands, found {n_bands}")
    new = energies[:, 1:] - energies[:, :-1] > threshold
    if kramers:
        new = new & (xp.arange(1, n_bands, device=energies.device) % 2 == 0)
    if metric is not None:
        new = new | (metric[1:] != metric[:-1])
    first = xp.zeros((energies.shape[0], 1), dtype=xp.int64, device=energies.device)
    labels = xp.concat([first, xp.cumulative_sum(xp.astype(new, xp.int64), axis=1)], axis=1)
    same = labels[:, :, None] == labels[:, None, :]
    weights = xp.astype(same, energies.dtype)
    size = xp.sum(weights, axis=2)
    # the mean is taken of differences from the band itself, so that exact degeneracy stays exact
    distance = xp.sum(weights * (energies[:, None, :] - energies[:, :, None]), axis=2)
    return Multiplets(labels=labels, same=same, size=size, energies=energies + distance / size)


def inverse_gap(energies, same):
    """R_nm = 1/(ε_n − ε_m) between multiplets and 0 inside.

    Parameters
    ----------
    energies : array (k, n)
        Individual energies, or multiplet means, eV.
    same : bool array (k, n, m)
        See `Multiplets`.

    Returns
    -------
    array (k, n, m), 1/eV
    """
    xp = namespace(energies)
    difference = energies[:, :, None] - energies[:, None, :]
    return 1.0 / xp.where(same, xp.asarray(xp.inf, dtype=difference.dtype, device=energies.device), difference)


def interband_connection(velocity, gap):
    """Interband Berry connection A^a_nm = i v^a_nm / (ε_m − ε_n) = −i v^a_nm R_nm.

    Parameters
    ----------
    velocity : complex array (k, n, a, m)
        eV Å.
    gap : array (k, n, m)
        R of `inverse_gap` with individual energies, 1/eV.

    Returns
    -------
    complex array (k, n, a, m), Å
    """
    return scaled(velocity, gap, -1j)


def multiplet_velocity(velocity, multiplets: Multiplets):
    """Mean velocity of n's multiplet, v̄^a_M = tr_M v^a / |M| (individual diagonal elements averaged).

    Parameters
    ----------
    velocity : complex array (k, n, a, m)
        eV Å.
    multiplets : Multiplets

    Returns
    -------
    array (k, n, a), eV Å
    """
    return multiplets.mean(diagonal(velocity))
