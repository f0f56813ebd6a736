"""Which functions of a system are spin up and spin down of the same orbital, from its spin matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

_PURE = 0.5  # least |<σ_z>| of a function, and least |<up|σ_x|down>| of a pair


@dataclass(frozen=True)
class SpinPairs:
    """Functions of pure spin along z in pairs.

    Attributes
    ----------
    up, down : int arrays (n,)
    phases : complex array (n,)
        <up|σ_x|down>, of modulus 1: phases of the down functions, times which they are the flipped up functions.
    """

    up: np.ndarray
    down: np.ndarray
    phases: np.ndarray

    @property
    def flipped(self) -> np.ndarray:
        """U of time reversal UK, iσ_y in each pair of real orbitals, (2n, 2n).

        c†_i U_ij c†_j of a pair is a singlet.
        """
        result = np.zeros((2 * len(self.up),) * 2, dtype=complex)
        result[self.up, self.down] = self.phases.conj()
        result[self.down, self.up] = -self.phases.conj()
        return result

    def matrix(self, spin: np.ndarray, of_orbitals: np.ndarray) -> np.ndarray:
        """Δ_ij(R) (..., 2n, 2n) from a spin matrix (2, 2) of c†_s c†_s' and a matrix between orbitals (..., n, n)."""
        result = np.zeros((*of_orbitals.shape[:-2], 2 * len(self.up), 2 * len(self.up)), dtype=complex)
        functions, factors = (self.up, self.down), (np.ones(len(self.up)), self.phases.conj())
        for s, t in np.ndindex(2, 2):
            value = spin[s, t] * of_orbitals * factors[s][:, None] * factors[t]
            result[..., functions[s][:, None], functions[t]] = value
        return result


def spin_pairs(system) -> SpinPairs:
    """Pairs of a system with spin matrices 'SS'.

    Raises
    ------
    InputError
        There are none, or functions are not of pure spin along z.
    """
    hint = "; give the gap as matrices Δ_ij(R) instead"
    if not system.has_R_mat("SS"):
        raise InputError("system", f"spin matrices 'SS', which tell up from down{hint}", "none")
    sigma = np.asarray(system.get_R_mat("SS"))[system.rvec.iR0]
    along = np.diagonal(sigma[..., 2]).real
    up, down = np.flatnonzero(along > _PURE), np.flatnonzero(along < -_PURE)
    if len(up) + len(down) != system.num_wann or len(up) != len(down):
        found = f"{len(up)} up and {len(down)} down of {system.num_wann}, least |<σ_z>| {np.abs(along).min():.2g}"
        raise InputError("system", f"functions of pure spin along z, half of them up{hint}", found)
    flips = sigma[up[:, None], down, 0]  # up, down
    best = np.abs(flips).argmax(axis=1)
    sizes = np.abs(flips[np.arange(len(up)), best])
    if len(set(best.tolist())) != len(up) or sizes.min() < _PURE:
        raise InputError("system", f"for each function of spin up one of spin down of the same orbital{hint}", "others")
    phases = flips[np.arange(len(up)), best] / sizes
    return SpinPairs(up, down[best], phases)
