"""What the bands of a system are: electrons, or quasiparticles that a system names in the attribute ``particles``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ..errors import InputError
from ..operators import Operator


class Particles:
    """Electrons; other particles are subclasses, or have other attributes.

    Attributes
    ----------
    name : str
    counting : float
        Weight of each band in sums over occupied states.
    level : float or None
        Level up to which bands are filled, eV, where it cannot be chosen.
    has_level : bool
        Whether there is a level up to which bands are filled; if not, `statistics` says how they are occupied.
    kBT : float or None
        Temperature of the system, eV, where it cannot be chosen.
    assumptions : str
        What a reader of results should know.
    refused : mapping of str to str
        Forces that do not act on these particles, and why.
    """

    name = "electrons"
    counting = 1.0
    level: float | None = None
    has_level = True
    kBT: float | None = None
    assumptions = ""
    refused: Mapping[str, str] = MappingProxyType({})

    def observable(self, operator: Operator) -> Operator:
        """An observable of electrons as an operator between the functions of the system.

        Raises
        ------
        InputError
            These particles do not have it.
        """
        return operator

    def statistics(self, kBT):
        """Occupation at several temperatures (eV) of particles without a level."""
        raise NotImplementedError(f"{self.name}: filled up to a level")

    def check(self, levels, kBT: np.ndarray, any_level: bool = False) -> None:
        """Refuse levels and temperatures that these particles do not have, or no level where they have any.

        Parameters
        ----------
        levels : float array, something else that sets them, or None
            eV.
        kBT : float array
            eV.
        any_level : bool
            Levels are energies that bands are looked at.

        Raises
        ------
        InputError
        """
        if self.kBT is not None and not np.allclose(kBT, self.kBT, rtol=1e-9, atol=0):
            expected = f"{self.kBT:g} eV, the temperature of the system; for several, a system with all of them"
            raise InputError("kBT", expected, f"{', '.join(f'{value:g}' for value in kBT)} eV")
        if self.level is None and levels is None:
            raise InputError("Efermi", f"Fermi levels (eV) for {self.name}", "none")
        if self.level is None or any_level or levels is None:
            return
        found = levels.tolist() if isinstance(levels, np.ndarray) else levels
        if not isinstance(levels, np.ndarray) or np.any(levels != self.level):
            raise InputError("Efermi", f"{self.level:g} or none for {self.name}, filled up to there", str(found))

    def check_force(self, force: str, what: str) -> None:
        """Refuse the response to a force that does not act on these particles.

        Parameters
        ----------
        force : str
            Such as "electric field"; empty: none.
        what : str
            What the response is, for the error.

        Raises
        ------
        InputError
            With the reason.
        """
        if force in self.refused:
            raise InputError("system", f"electrons for {what}", f"{self.name}: {self.refused[force]}")


ELECTRONS = Particles()
"""The default."""


def particles_of(system) -> Particles:
    """The particles that a system names, electrons by default."""
    return getattr(system, "particles", ELECTRONS)
