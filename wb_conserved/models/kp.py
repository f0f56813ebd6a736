"""k·p models: Hamiltonians given as functions of k in a box of momentum space.

WannierBerri's ``SystemKP`` knows no spin and calls a function per k point; here all k points go in at once and any
constant operator matrix can be added.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from wannierberri.data_K.data_K import Data_K
from wannierberri.system.system import System_k

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""Pauli matrices [axis, row, column]."""


class KPSystem(System_k):
    """A k·p Hamiltonian in the box |k_a| < half_width around k = 0.

    Parameters
    ----------
    hamiltonian : callable
        (k, 3) Cartesian wave vectors in 1/Å -> (k, n, n) in eV.
    derivative : callable
        The same -> (k, n, n, 3), ∂H/∂k_a in eV Å.
    half_width : float
        1/Å.
    matrices : mapping of str to complex array (n, n) or (n, n, 3)
        Constant operator matrices by WannierBerri's names; "SS" are the Pauli matrices of the basis.
    periodic : three bool
        Directions in which k is integrated; two: results per sheet.

    Notes
    -----
    `wb_conserved.run` finds the class of its ``Data_K`` by itself; for ``wannierberri.run`` pass
    ``data_k_class=system.data_k_class``.  The box has no periodic boundary: choose Fermi levels whose states lie inside.
    """

    def __init__(
        self,
        hamiltonian: Callable[[np.ndarray], np.ndarray],
        derivative: Callable[[np.ndarray], np.ndarray],
        half_width: float,
        matrices: Mapping[str, np.ndarray] | None = None,
        periodic: Sequence[bool] = (True, True, False),
        name: str = "kp",
    ) -> None:
        super().__init__(force_internal_terms_only=True, periodic=periodic, name=name)
        self.real_lattice = np.eye(3) * np.pi / half_width
        self.hamiltonian, self.derivative = hamiltonian, derivative
        self.matrices = {key: np.asarray(value, dtype=complex) for key, value in (matrices or {}).items()}
        self.num_wann = hamiltonian(np.zeros((1, 3))).shape[-1]
        self.data_k_class = Data_K_kp
        self.set_pointgroup()

    @property
    def NKFFT_recommended(self):
        """Smallest useful FFT grid; there is no Fourier sum."""
        return np.ones(3, dtype=int)

    def __repr__(self) -> str:
        directions = "|, |".join(axis for axis, periodic in zip("xyz", self.periodic, strict=True) if periodic)
        box = f"|{directions}| < {np.pi / self.real_lattice[0, 0]:g} Å⁻¹"
        matrices = ", ".join(self.matrices) or "none"
        return f"<{type(self).__name__}: {self.name}, bands: {self.num_wann}, k: {box}, matrices: {matrices}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>"

    def has_R_mat(self, key: str) -> bool:
        """Whether a matrix of that name is there."""
        return key == "Ham" or key in self.matrices


class Data_K_kp(Data_K):  # noqa: N801  (WannierBerri's naming)
    """Matrices of a `KPSystem` at a set of k points."""

    @cached_property
    def _k_cartesian(self):
        reduced = (np.asarray(self.kpoints_all) + 0.5) % 1 - 0.5
        return reduced @ self.system.recip_lattice

    @property
    def HH_K(self):
        """Hamiltonian (k, n, n)."""
        return self.system.hamiltonian(self._k_cartesian)

    def Xbar(self, name, der=0):
        """Matrix in the Hamiltonian gauge (k, n, m, ...), as in WannierBerri."""
        key = (name, der)
        if key not in self._bar_quantities:
            if key == ("Ham", 1):
                matrix = self.system.derivative(self._k_cartesian)
            elif der == 0 and name in self.system.matrices:
                constant = self.system.matrices[name]
                matrix = np.broadcast_to(constant, (self.nk, *constant.shape))
            else:
                raise ValueError(
                    f"matrix: expected ∂Ham or one of {sorted(self.system.matrices)}, found {name}, der={der}"
                )
            self._bar_quantities[key] = (
                self._rotate(matrix) if matrix.ndim > 3 else self._rotate(matrix[..., None])[..., 0]
            )
        return self._bar_quantities[key]


def rashba_gas(mass: float = 1.0, alpha: float = 0.5, zeeman: float = 0.0, half_width: float = 4.0) -> KPSystem:
    r"""Two-dimensional electron gas with Rashba coupling,

    .. math:: H = k^2/2m + \alpha(k_y\sigma_x - k_x\sigma_y) + Z\sigma_z.

    Exact (s = σ/2, T = 0, e the charge of the carriers; theory of XN and of J. Shi et al.): for Z = 0 and μ > 0, both
    bands occupied, the s_z-dipole is φ̂/(4k) in both bands, σ_in^{xy,z} = −e/8π, σ_conv^{xy,z} = e/8π, σ_B = 0 and
    σ_K^{xy,z} = −e/8π.  For −mα²/2 < μ < 0, the lower band only, σ_in = 0, and with x = √(1 + 2μ/(mα²))
    σ_K^{xy,z} = −2x e/8π and σ_conv^{xy,z} = x e/8π.

    Parameters
    ----------
    mass : float
        In ħ²/(eV Å²).
    alpha : float
        eV Å.
    zeeman : float
        Z, eV.
    half_width : float
        Of the box in momentum space, 1/Å.

    Returns
    -------
    KPSystem

    Examples
    --------
    >>> from wb_conserved import models
    >>> models.rashba_gas(half_width=3.0).num_wann
    2
    """

    def hamiltonian(k):
        scalar = (k[:, 0] ** 2 + k[:, 1] ** 2) / (2 * mass)
        vector = np.stack([alpha * k[:, 1], -alpha * k[:, 0], np.full(len(k), zeeman)], axis=1)
        return scalar[:, None, None] * np.eye(2) + np.einsum("ka,aij->kij", vector, PAULI)

    def derivative(k):
        result = np.zeros((len(k), 2, 2, 3), dtype=complex)
        result[..., 0] = k[:, 0, None, None] / mass * np.eye(2) - alpha * PAULI[1]
        result[..., 1] = k[:, 1, None, None] / mass * np.eye(2) + alpha * PAULI[0]
        return result

    return KPSystem(hamiltonian, derivative, half_width, {"SS": np.moveaxis(PAULI, 0, -1)}, name="rashba_gas")
