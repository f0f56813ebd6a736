"""Physical units of results."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from scipy.constants import Boltzmann, angstrom, electron_mass, elementary_charge, hbar, physical_constants

CONDUCTANCE = elementary_charge**2 / hbar
"""e²/ħ in S, 2.434135e-4."""


E_PER_NM = CONDUCTANCE * 1e7
"""A conductivity of spin of 1 e/nm, in (ħ/|e|) S/cm: 2434."""

HBAR_EV_FS = hbar / elementary_charge * 1e15
"""ħ in eV fs, 0.6582."""

BOLTZMANN_EV = Boltzmann / elementary_charge
"""Boltzmann constant in eV/K."""

BOHR_MAGNETON = physical_constants["Bohr magneton in eV/T"][0]
"""μ_B in eV/T."""

BOHR_MAGNETON_AREA = hbar**2 / (2 * electron_mass) / elementary_charge / angstrom**2
"""ħ²/2m in eV Å², 3.80998: −|e|/ħ times this is one Bohr magneton."""


def periodic_measure(system) -> tuple[int, float]:
    """Number of periodic directions D of a system and the D-dimensional volume of its cell in Å^D."""
    periodic = np.asarray(system.periodic, dtype=bool)
    vectors = np.asarray(system.real_lattice)[periodic]
    return len(vectors), float(np.sqrt(np.linalg.det(vectors @ vectors.T)))


def conductivity_factor(system) -> float:
    """Factor from Σ_k f Ω / N_k (Å² [s]) to a conductivity of electrons, −(e²/ħ) / cell, in S cm^(2−D).

    D = 3: S/cm; a sheet (D = 2): S; a wire (D = 1): S cm.
    """
    dimension, measure = periodic_measure(system)
    return -CONDUCTANCE / measure * 1e-8 ** (2 - dimension)


_CONDUCTIVITY = {3: "S/cm", 2: "S", 1: "S cm"}
_NERNST_CONDUCTIVITY = {3: "A/(cm K)", 2: "A/K", 1: "A cm/K"}


def _of_current(operator_unit: str) -> str:
    """What a unit of electric current is multiplied with for a current of s."""
    return f"({operator_unit or '1'}/|e|)"


def polarization_unit(operator_unit: str) -> str:
    """Unit of s per cell in an electric field of 1 V/Å, s per cell."""
    return f"{operator_unit or '1'} Å/V"


def conductivity_unit(dimension: int, operator_unit: str) -> str:
    """Unit of a conductivity of s, with s in units of ħ or a pure number."""
    return f"{_of_current(operator_unit)} {_CONDUCTIVITY[dimension]}"


def nernst_unit(dimension: int, operator_unit: str) -> str:
    """Unit of a current of s over a temperature gradient."""
    return f"{_of_current(operator_unit)} {_NERNST_CONDUCTIVITY[dimension]}"


def energy_unit(power: int, operator_unit: str) -> str:
    """Unit eV Å^power [s]/ħ of a quantity with one velocity; that ħ cancels the one of an angular momentum."""
    length = "" if power == 0 else f" Å^{power}"
    own = {"ħ": "", "": "/ħ"}.get(operator_unit, f" {operator_unit}/ħ")
    return f"eV{length}{own}"


@dataclass(frozen=True)
class FlowUnit:
    """Unit of a conductivity of s, or of a current of s over a temperature gradient, in its parts.

    Attributes
    ----------
    observable : str
        Unit of s: "ħ", "ħ/2", "1", ...
    flow : str
        Of the current that is left when s is a charge: "S/cm", "A/(cm K)", ...
    rest : str
        What follows, such as " / fs".
    """

    observable: str
    flow: str
    rest: str = ""

    def __str__(self):
        return f"({self.observable}/|e|) {self.flow}{self.rest}".replace("(ħ/2/|e|)", "(ħ/2|e|)")

    @property
    def angular(self) -> bool:
        """Whether s is an angular momentum."""
        return self.observable.startswith("ħ")


_FLOWS = (*_CONDUCTIVITY.values(), *_NERNST_CONDUCTIVITY.values(), "S/m", "A/(m K)", "e²/h")


def read_flow_unit(text: str) -> FlowUnit | None:
    """Parts of a unit that `conductivity_unit` or `nernst_unit` made; None for others."""
    flows = "|".join(re.escape(flow) for flow in sorted(_FLOWS, key=len, reverse=True))
    found = re.fullmatch(rf"\((.+?)/?(2?)\|e\|\) ({flows})(.*)", text)
    if found is None:
        return None
    return FlowUnit(found[1] + (f"/{found[2]}" if found[2] else ""), found[3], found[4])


_FROM = {
    ("S/cm", "S/m"): 1e2, ("A/(cm K)", "A/(m K)"): 1e2, ("S", "e²/h"): 2 * np.pi / CONDUCTANCE,
}  # fmt: skip
"""Factor from a unit of flow to another."""
_CHAIN = {**{(b, a): 1 / factor for (a, b), factor in _FROM.items()}, **_FROM}


def flow_factor(given: str, wanted: str) -> float | None:
    """Factor from a unit of flow to another of the same kind; None where there is none."""
    return 1.0 if given == wanted else _CHAIN.get((given, wanted))
