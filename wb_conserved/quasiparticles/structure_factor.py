r"""Dynamical structure factor of spin waves, for comparison with neutron scattering,

.. math:: S^{ab}(q,\omega) = \frac{1}{2\pi N}\int dt\,e^{i\omega t}\langle S^a_q(t)\,S^b_{-q}(0)\rangle
    = \sum_n\eta_n\,[1 + n(\hat\varepsilon_n)]\,(w^aT)_n\,(w^bT)_n^*\,\delta(\omega - \hat\varepsilon_n),

    S^a_q = Σ_{iR} e^{−iq·(R + r_i)} S^a_{iR} = √N w^a·Ψ_q,   w^a = √(S_i/2) e^{−iq·r_i} (ū_i^a, u_i^a)

per cell, of one magnon: ω > 0 where the neutron loses energy; bands of negative norm are the magnons that it takes up,
−[1 + n(−ε)] = n(ε).  The spin along the moments (elastic, and two magnons) is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..interpolation import WannierInterpolator
from ..interpolation.batches import interpolated_batch
from .reference_state import frame


@dataclass(frozen=True)
class StructureFactor:
    """Peaks of S(q, ω).

    Attributes
    ----------
    wave_vectors : float array (q, 3)
        Cartesian, 1/Å.
    energies : float array (q, n)
        Of the peaks, eV, ascending; negative: energy gain of the neutron, of strength 0 at zero temperature.
    weights : complex array (q, n, a, b)
        Of the peaks, per cell, ħ = 1.
    """

    wave_vectors: np.ndarray
    energies: np.ndarray
    weights: np.ndarray

    @property
    def unpolarised(self) -> np.ndarray:
        """Σ_ab (δ_ab − q_a q_b/q²) S^{ab} of each peak (q, n), seen by unpolarised neutrons; at q = 0 a mean of directions."""
        squares = np.einsum("qa,qa->q", self.wave_vectors, self.wave_vectors)
        along = np.einsum("qa,qb->qab", self.wave_vectors, self.wave_vectors)
        zero = squares < 1e-12
        along[zero], squares[zero] = np.eye(3) / 3, 1.0
        return np.einsum("qab,qnab->qn", np.eye(3) - along / squares[:, None, None], self.weights).real

    def spectrum(self, energies, width: float) -> np.ndarray:
        """What unpolarised neutrons see, with a Gaussian resolution.

        Parameters
        ----------
        energies : float array (e,)
            eV.
        width : float
            Full width at half maximum, eV.

        Returns
        -------
        float array (q, e)
            1/eV per cell, without form factor and k'/k.
        """
        energies = np.asarray(energies, dtype=float)
        if not width > 0:
            raise InputError("width", "a number > 0 (eV)", repr(width))
        sigma = width / np.sqrt(8 * np.log(2))
        distance = (energies - self.energies[:, :, None]) / sigma
        shape = np.exp(-0.5 * distance**2) / (sigma * np.sqrt(2 * np.pi))
        return np.einsum("qn,qne->qe", self.unpolarised, shape)


def structure_factor(system, wave_vectors, kBT: float = 0.0, *, cell=None) -> StructureFactor:
    """S(q, ω) of a system of magnons.

    Parameters
    ----------
    system : System_R
        Of `magnon_system`.
    wave_vectors : float array (q, 3)
        In reciprocal lattice vectors, in any zone.
    kBT : float
        Temperature of the magnons, eV.
    cell : float array (3, 3), optional
        Lattice vectors (Å) whose reciprocal ones those are, such as of the crystal where the system has a larger cell.

    Returns
    -------
    StructureFactor

    Raises
    ------
    InputError
        Another system, or a mode without energy at a temperature.
    """
    model = getattr(system, "model", None)
    if model is None or model.directions is None:
        raise InputError("system", "magnons, as SpinModel.to_system() makes them", type(system).__name__)
    q = np.atleast_2d(np.asarray(wave_vectors, dtype=float))
    if q.ndim != 2 or q.shape[1] != 3 or not np.isfinite(q).all():
        raise InputError("wave_vectors", "finite numbers of shape (q, 3)", f"shape {q.shape}")
    if not 0 <= kBT < np.inf:
        raise InputError("kBT", "a number >= 0 (eV)", repr(kBT))
    own = np.asarray(model.cell)
    if cell is not None:
        q = q @ np.linalg.inv(np.asarray(cell, dtype=float)).T @ own.T
    batch = interpolated_batch(WannierInterpolator(system), q)
    energies, vectors, metric = batch.energies, batch.eigenvectors, batch.metric
    frames = np.stack([frame(direction) for direction in model.directions])
    u = frames[:, 0] + 1j * frames[:, 1]  # i a
    phases = np.exp(-2j * np.pi * q @ model.positions.T) * np.sqrt(model.spins / 2)  # q i
    w = np.concatenate([phases[:, :, None] * u.conj(), phases[:, :, None] * u], axis=1)  # q 2i a
    amplitudes = np.einsum("qia,qin->qna", w, vectors)
    if kBT > 0:
        occupied = -1 / np.expm1(-energies / kBT)  # 1 + n(ε̂)
    else:
        occupied = (energies > 0).astype(float)
    weights = (metric * occupied)[:, :, None, None] * amplitudes[..., :, None] * amplitudes[..., None, :].conj()
    return StructureFactor(q @ np.linalg.inv(own).T * 2 * np.pi, energies, weights)
