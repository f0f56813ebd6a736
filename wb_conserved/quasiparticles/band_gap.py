r"""Gaps in the band basis, Δ_η(k) between a state and its time-reversed partner, as matrices in real space:

.. math:: \Delta(k) = \sum_\eta U_\eta(k)\,\Delta_\eta(k)\,U_\eta(k)^\dagger\;[\,i\sigma_y\ \text{for functions with spin}\,],
    \quad \Delta(\boldsymbol R) = \frac1N\sum_k e^{-i\boldsymbol k\cdot\boldsymbol R}\Delta(k),

U_η(k) the eigenvectors of a normal state with time-reversal symmetry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..driver.grid import regular_grid
from ..errors import InputError
from ..interpolation import WannierInterpolator
from .bogoliubov import orbitals_of
from .gap import Gap
from .spin import spin_pairs

logger = logging.getLogger(__name__)

_REVERSAL = 1e-3  # eV: largest element of H that is odd under time reversal
_POOR = 0.01
_BATCH = 512
_TEST = 64  # k points at which the residual is found


@dataclass(frozen=True)
class BandGap:
    """A function Δ_η(k), a gap once a system is known; `band_gap` makes it.

    Attributes
    ----------
    function : callable
    mesh : int or three ints
    """

    function: Callable[[np.ndarray, np.ndarray], np.ndarray]
    mesh: int | tuple[int, int, int]

    def on(self, system, basis: str) -> Gap:
        """The gap of a system, in a basis; its attribute ``residual`` says what the Fourier sum leaves, eV."""
        kept = orbitals_of(system) if basis == "singlet" else np.arange(system.num_wann)
        if basis == "nambu" and not system.has_R_mat("SS"):
            raise InputError("basis", "'singlet' for a gap between time-reversed states without spin", "'nambu'")
        flipped = spin_pairs(system).flipped if basis == "nambu" else np.eye(len(kept))
        interpolator = WannierInterpolator(system)
        _check_reversal(interpolator, system, kept, flipped)

        def matrices(kpoints):
            H = interpolator(interpolator.phases(kpoints), "Ham")[:, kept[:, None], kept]
            energies, vectors = np.linalg.eigh(H)
            values = np.asarray(self.function(kpoints, energies))
            if values.shape != energies.shape or not np.isfinite(values).all():
                raise InputError("function", f"finite numbers of shape {energies.shape}, one for each band", f"{values.shape}")
            return (vectors * values[:, None, :]) @ vectors.conj().swapaxes(1, 2) @ flipped

        grid = regular_grid(system, self.mesh)
        mesh = np.asarray(grid.dense)
        gap = _fourier(matrices, mesh, len(kept))
        kpoints = np.random.default_rng(0).random((_TEST, 3)) * np.asarray(system.periodic, dtype=float)
        exact = matrices(kpoints)
        phases = np.exp(2j * np.pi * (kpoints @ gap.iRvec.T))
        residual = float(np.abs(np.tensordot(phases, gap.delta, axes=1) - exact).max())
        text = f"Δ_η(k) on {' × '.join(map(str, mesh.tolist()))} k points: the Fourier sum differs by up to {residual:.2g} eV"
        if residual > _POOR * np.abs(exact).max(initial=0.0):
            logger.warning("%s of %.2g eV between them; take a denser mesh, or a smoother function", text, np.abs(exact).max())
        else:
            logger.info("%s between them", text)
        return replace(gap, residual=residual)


def band_gap(function, mesh) -> BandGap:
    """Gap from a function of k and band.

    Parameters
    ----------
    function : callable
        Of reduced k points (k, 3) and the energies (k, n) of the normal state, eV; returns Δ_η(k), eV, (k, n).  Equal for
        degenerate bands; with spin, a singlet is even in k.
    mesh : int or three ints
        Of the Fourier sum.

    Returns
    -------
    BandGap
        To be handed to `bogoliubov_system`.
    """
    if not callable(function):
        raise InputError("function", "a function of k points and energies", type(function).__name__)
    return BandGap(function, mesh)


def _fourier(matrices, mesh, size):
    """Gap with the matrices of a mesh, its R vectors around 0, those on the boundary halved."""
    number = int(np.prod(mesh))
    kpoints = np.stack(np.unravel_index(np.arange(number), mesh), axis=1) / mesh
    values = np.concatenate([matrices(kpoints[first : first + _BATCH]) for first in range(0, number, _BATCH)])
    of_classes = np.fft.fftn(values.reshape(*mesh, size, size), axes=(0, 1, 2)) / number
    along = [np.arange(-(n // 2), n // 2 + 1) for n in mesh.tolist()]
    vectors = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)
    boundary = (2 * np.abs(vectors) == mesh) & (mesh > 1)
    delta = of_classes[tuple((vectors % mesh).T)] * (0.5 ** boundary.sum(axis=1))[:, None, None]
    return Gap(delta, vectors)


def _check_reversal(interpolator, system, kept, flipped):
    """Refuse a normal state without time-reversal symmetry."""
    kpoints = np.random.default_rng(1).random((8, 3)) * np.asarray(system.periodic, dtype=float)
    H, reversed_H = (interpolator(interpolator.phases(k), "Ham")[:, kept[:, None], kept] for k in (kpoints, -kpoints))
    odd = np.abs(flipped @ reversed_H.conj() @ flipped.conj().T - H).max()
    if odd > _REVERSAL:
        expected = f"H(k) = UH(−k)*U† to {_REVERSAL:g} eV (time reversal) of the normal state, for a gap in the band basis"
        raise InputError("system", expected, f"a difference of {odd:.3g} eV")
