r"""Torques: the rate at which a Hamiltonian, or a part of it, changes spin, as observables (ħ = 1, unit eV).

.. math:: \tau = i[H, s],\qquad T = i[H_{xc}, s],\quad H_{xc} = \tfrac12(H - \Theta H\Theta^{-1})

H_xc, odd under time reversal Θ = iσ_y K, is the exchange of a magnet: for H_xc = Δ·s, T = Δ × s, the precession of spins
in the exchange field.  The torque on moments that make the field is the opposite.  Spin-orbit coupling gives the rest of τ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .base import SPIN, BandMatrix, Operator, RealSpaceMatrix, enter

PURE_SPIN = 0.1
"""Largest difference of the spin matrix in the home cell from that of pairs of functions of opposite spin."""


@dataclass(frozen=True)
class _Torque(BandMatrix):
    """i[H, s] with the whole Hamiltonian."""

    needs_spin = True

    def compute(self, g):
        difference = g.energies[:, :, None] - g.energies[:, None, :]
        return 1j * difference[:, :, None, :] * g.matrix_of(SPIN)

    def of_system(self, system):
        SPIN.check_system(system)
        return self


@dataclass(frozen=True)
class _ExchangeTorque(BandMatrix):
    """i[H_xc, s]; the exchange is found when the system is known."""

    exchange: Operator | None = None
    needs_spin = True

    def compute(self, g):
        exchange, spin = g.matrix_of(self.exchange)[:, :, 0], g.matrix_of(SPIN)
        product = np.matmul(exchange[:, None], np.moveaxis(spin, 2, 1))  # k s n m
        return np.moveaxis(1j * (product - product.conj().swapaxes(2, 3)), 1, 2)

    def of_system(self, system):
        return self if self.exchange is not None else _ExchangeTorque(exchange_hamiltonian(system))


TORQUE = Operator("torque", rank=1, odd_under_time_reversal=False, matrix=_Torque(), scale=1.0, unit="eV")
"""τ = i[H, s]."""

EXCHANGE_TORQUE = Operator(
    "exchange torque", rank=1, odd_under_time_reversal=False, matrix=_ExchangeTorque(), scale=1.0, unit="eV"
)
"""T = i[H_xc, s]."""

enter("torque", TORQUE)
enter("exchange_torque", EXCHANGE_TORQUE)


def exchange_hamiltonian(system) -> Operator:
    """Part of the Hamiltonian that time reversal turns round, H_xc(R) = ½ [H(R) − U H(R)* U†], Θ = U K.

    Parameters
    ----------
    system : wannierberri.system.System_R
        With 'SS', whose part in the home cell tells the pairs of functions.

    Returns
    -------
    Operator
        A scalar, eV.

    Raises
    ------
    InputError
        A system without R vectors or spin, or functions that are not pairs of opposite spin.

    Examples
    --------
    >>> from wb_conserved.models import kane_mele
    >>> from wb_conserved.operators import exchange_hamiltonian
    >>> bool(abs(exchange_hamiltonian(kane_mele()).matrix.matrix).max() < 1e-12)  # no magnet
    True
    """
    SPIN.check_system(system)
    if getattr(system, "rvec", None) is None:
        raise InputError("operator", "a system of R-space matrices for the exchange torque", type(system).__name__)
    U, H = time_reversal(system), system.get_R_mat("Ham")
    odd = 0.5 * (H - U @ H.conj() @ U.conj().T)
    matrix = RealSpaceMatrix(system.rvec.iRvec, odd[..., None])
    return Operator("exchange", rank=0, odd_under_time_reversal=True, matrix=matrix, scale=1.0, unit="eV")


def time_reversal(system) -> np.ndarray:
    """Unitary matrix U (n, n) of time reversal Θ = U K between Wannier functions, iσ_y of the spin matrix in the home cell.

    Raises
    ------
    InputError
        Functions that are not pairs of opposite spin.
    """
    return 1j * pure_spin(system)[1]


def pure_spin(system) -> np.ndarray:
    """Pauli matrices (a, n, n) between Wannier functions of pure spin: the nearest unitary ones to those of the home cell.

    Raises
    ------
    InputError
        Functions that are not pairs of opposite spin.
    """
    sigma = np.moveaxis(system.get_R_mat("SS")[system.rvec.iR0], 2, 0)
    left, values, right = np.linalg.svd(sigma)
    if np.abs(values - 1).max() > PURE_SPIN:
        raise InputError(
            "system",
            f"Wannier functions of pure spin, in pairs, for time reversal (Pauli matrices in the home cell with eigenvalues "
            f"±1 to {PURE_SPIN:g})",
            f"an eigenvalue of {values.min():.3f}",
        )
    return left @ right
