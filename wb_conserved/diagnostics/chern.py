r"""Chern numbers of bands on a plaquette grid, integers on any mesh that resolves the gaps:

.. math:: C = -\frac{1}{2\pi}\sum_{\square}\arg\det(U_1(k)\,U_2(k+\hat1)\,U_1(k+\hat2)^{-1}\,U_2(k)^{-1}),\quad
    U_\mu(k)_{nm} = \eta_n\langle n,k|\eta|m,k+\hat\mu\rangle

(T. Fukui, Y. Hatsugai and H. Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005)), with the sign of C = (1/2π) ∫ Ω_z d²k along the third
lattice vector (for planes across another one, along that); η are the norms of bosonic bands, 1 for electrons.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import InputError
from ..interpolation import WannierInterpolator
from ..interpolation.batches import interpolated_batch

_TOGETHER = 4096  # k points
_TOUCHING = 1e-6  # of the width of the spectrum: bands as close are not told apart
_SMALL_FLUX = 0.95 * np.pi


@dataclass(frozen=True)
class ChernNumbers:
    """Chern numbers of groups of bands.

    Attributes
    ----------
    bands : tuple of tuple of int
        Bands of each group, counted from 0 among those of positive norm; those that touch are in one.
    numbers : tuple of int
    gaps : float array (groups - 1,)
        Smallest distance of each group to the next on the mesh, eV.
    largest_flux : float
        Largest flux through a plaquette over π; near 1 the mesh is too coarse.
    """

    bands: tuple[tuple[int, ...], ...]
    numbers: tuple[int, ...]
    gaps: np.ndarray
    largest_flux: float

    def __str__(self):
        groups = ["+".join(map(str, group)) for group in self.bands]
        texts = [
            f"band{'s' if '+' in group else ''} {group}: {C:+d}" for group, C in zip(groups, self.numbers, strict=True)
        ]
        gaps = ", ".join(f"{gap:.3g}" for gap in self.gaps)
        return f"Chern numbers {'; '.join(texts)}" + (f" (gaps {gaps} eV)" if gaps else "")


def chern_numbers(system, mesh: int | tuple[int, int], *, plane: tuple[int, float] = (2, 0.0)) -> ChernNumbers:
    """Chern numbers of all bands, on a plane of k.

    Parameters
    ----------
    system : wannierberri.system.System_R
        Electrons, or quasiparticles with a metric, of which bands of positive norm are looked at.
    mesh : int or two ints
        Plaquettes along each of the two other reciprocal lattice vectors, in cyclic order.
    plane : (int, float)
        Reciprocal lattice vector along which k is fixed, and its reduced coordinate.

    Returns
    -------
    ChernNumbers

    Raises
    ------
    InputError
        A mesh too coarse for the gaps, or a plane that there is not.
    """
    axis, value = plane
    if axis not in (0, 1, 2) or not np.isfinite(value):
        raise InputError("plane", "(0, 1 or 2, a reduced coordinate)", repr(plane))
    others = [(axis + 1) % 3, (axis + 2) % 3]
    if not np.all(np.asarray(system.periodic, dtype=bool)[others]):
        raise InputError("plane", f"one across periodic directions ({list(system.periodic)})", repr(plane))
    sizes = tuple(np.broadcast_to(np.asarray(mesh), 2).tolist())
    if any(not isinstance(size, int) or size < 2 for size in sizes):
        raise InputError("mesh", "one or two integers > 1", repr(mesh))
    energies, vectors, signs = _states(system, sizes, others, axis, value)
    groups, gaps = _groups(energies)
    handed = np.sign(np.linalg.det(np.asarray(system.real_lattice)))
    numbers, largest = [], 0.0
    for group in groups:
        flux = _flux(vectors[..., list(group)], signs)
        largest = max(largest, float(np.abs(flux).max()))
        numbers.append(round(-handed * flux.sum() / (2 * np.pi)))
    if largest > _SMALL_FLUX:
        raise InputError(
            "mesh", f"one that resolves the gaps, of bands that do not touch ({', '.join(f'{gap:.3g}' for gap in gaps)} eV)",
            f"{sizes[0]} × {sizes[1]}, with a flux of {largest / np.pi:.2f} π through a plaquette",
        )  # fmt: skip
    return ChernNumbers(tuple(groups), tuple(numbers), gaps, largest / np.pi)


def _states(system, sizes, others, axis, value):
    """Energies (k1, k2, n) and states (k1, k2, i, n) of positive norm, and the signs of the basis (i,)."""
    interpolator = WannierInterpolator(system)
    kpoints = np.full((*sizes, 3), float(value))
    kpoints[..., others[0]], kpoints[..., others[1]] = np.meshgrid(
        (np.arange(sizes[0]) + 0.5) / sizes[0], (np.arange(sizes[1]) + 0.5) / sizes[1], indexing="ij"
    )
    flat, energies, vectors = kpoints.reshape(-1, 3), [], []
    for first in range(0, len(flat), _TOGETHER):
        batch = interpolated_batch(interpolator, flat[first : first + _TOGETHER])
        energies.append(batch.energies)
        vectors.append(batch.eigenvectors)
    energies, vectors = np.concatenate(energies), np.concatenate(vectors)
    metric = interpolator.metric
    signs = np.ones(interpolator.num_wann) if metric is None else -metric  # of the basis: particles first
    positive = slice(None) if metric is None else np.flatnonzero(metric > 0)
    return energies[:, positive].reshape(*sizes, -1), vectors[:, :, positive].reshape(*sizes, len(signs), -1), signs


def _groups(energies):
    """Groups of bands that do not touch, and the gaps between them."""
    distances = np.diff(energies, axis=-1).min(axis=(0, 1))
    apart = distances > _TOUCHING * max(np.ptp(energies), 1e-300)
    starts = [0, *(np.flatnonzero(apart) + 1).tolist(), energies.shape[-1]]
    return [tuple(range(a, b)) for a, b in pairwise(starts)], distances[apart]


def _flux(vectors, signs):
    """Flux through each plaquette, of the determinant of a group of bands of positive norm."""
    adjoint = vectors.conj().swapaxes(2, 3) * signs

    def links(axis):
        phases = np.linalg.det(adjoint @ np.roll(vectors, -1, axis=axis))
        return phases / np.abs(phases)

    one, two = links(0), links(1)
    return np.angle(one * np.roll(two, -1, axis=0) * np.roll(one, -1, axis=1).conj() * two.conj())
