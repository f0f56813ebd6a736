"""Bosons without a chemical potential as particles of a system, Ψ = (b, b†), whose functions come twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..errors import InputError
from ..interpolation import PARAUNITARY, Particles
from ..interpolation.boson_data import Data_K_bosons
from ..occupations import Bose
from ..operators import CHARGE, Operator, RealSpaceMatrix


class Bosons(Particles):
    """Magnons or phonons.

    Parameters
    ----------
    name : str
    functions : int
        Bosons of the cell, half of the functions of the system.
    zero_point : bool
        Whether the zero-point motion counts in equilibrium densities, n + ½ in the place of n.
    assumptions : str
    refused : mapping of str to str
        Forces that do not act on them, besides an electric field, and why.
    """

    has_level = False

    def __init__(
        self, name: str, functions: int, zero_point: bool, assumptions: str, refused: Mapping[str, str] | None = None
    ):
        self.name, self.functions, self.zero_point, self.assumptions = name, functions, zero_point, assumptions
        self.refused = {
            "electric field": f"{name} carry no charge, and E and ∇μ do not act on them; ∇T does (nernst_…)",
            "number of electrons": "there are none; the specific heat counts modes",
        } | dict(refused or {})

    def statistics(self, kBT):
        return Bose(kBT, zero_point=self.zero_point)

    def observable(self, operator: Operator) -> Operator:
        """O ⊕ O* of a matrix O between the bosons of a cell, Σ b†_i O_ij b_j; the identity counts quasiparticles."""
        if operator == CHARGE:
            raise InputError("operator", f"an observable of {self.name}, 'identity' for their number", "'charge'")
        own = operator.matrix
        n = self.functions
        if isinstance(own, RealSpaceMatrix) and own.num_wann == n:
            both = np.zeros((len(own.iRvec), 2 * n, 2 * n, own.matrix.shape[3]), dtype=complex)
            both[:, :n, :n], both[:, n:, n:] = own.matrix, own.matrix.conj()
            return replace(operator, matrix=RealSpaceMatrix(own.iRvec, both))
        return operator


def make_bosonic(system, particles: Bosons) -> None:
    """Let a system name its particles, the eigensolver of bosons, and what WannierBerri sees of them."""
    system.particles, system.eigensolver, system.data_k_class = particles, PARAUNITARY, Data_K_bosons


def check_regulator(regulator) -> float:
    """A regulator, eV.

    Raises
    ------
    InputError
        Not a finite number >= 0.
    """
    if isinstance(regulator, bool) or not np.isscalar(regulator) or not 0 <= regulator < np.inf:
        raise InputError("regulator", "a number >= 0 (eV)", repr(regulator))
    return float(regulator)
