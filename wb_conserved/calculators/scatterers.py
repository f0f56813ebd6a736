"""What quantities with impurities ask of what scatters: passes that solve an equation at every energy, and what they found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..occupations import Scan


@dataclass(frozen=True)
class ShellSolution:
    """The solved equation at every energy of an axis.

    Attributes
    ----------
    axis : wb_conserved.disorder.EnergyAxis
        With its integrals of −∂f/∂ε (`surface_weights`).
    currents : mapping of str to float array (node, l, i, s)
        By name of the part, "charge" without s.
    states, rate, speed : float array (node,)
        Σ w |M|, Σ w tr Γ and Σ w |M| |v̄| of the states of a shell.
    concentration : float
        Fraction of cells with an impurity, of all kinds together.
    residuals : mapping of str to float
        What vanishes in exact arithmetic.
    cutoff : str
        What is to be said of the real part of the Green function; empty where it is to be trusted.
    """

    axis: Any
    currents: Mapping[str, np.ndarray]
    states: np.ndarray
    rate: np.ndarray
    speed: np.ndarray
    concentration: float
    residuals: Mapping[str, float]
    cutoff: str = ""


class Scatterers(ABC):
    """What scatters, for quantities of this module.

    Attributes
    ----------
    concentrations : tuple of float, or None
        Those of the axis of results; None: no such axis.
    width : float or None
        Of the energy shells, eV; None: left to temperature or Fermi-surface width.
    limits : tuple of str
        What is not included.
    """

    concentrations: tuple[float, ...] | None
    width: float | None
    limits: tuple[str, ...]

    @abstractmethod
    def with_width(self, width: float) -> Scatterers:
        """The same with another width of the shells, eV."""

    @abstractmethod
    def solvers(
        self, system, scan: Scan, width: float, space: Mapping[str, Any], electrons=None, tetra: bool = False
    ) -> list:
        """Calculator of the last pass of the solution, for each concentration.

        Parameters
        ----------
        system : wannierberri.system.System
        scan : Scan
        width : float
            Of the shells, or between the nodes of the energy axis with tetrahedra, eV.
        space : mapping
            Operator, multiplets and external terms, as arguments of calculators.
        electrons : Electrons, optional
            What sets the levels, which those of the scan do not count for then.
        tetra : bool
            Linear tetrahedra in place of shells of a width.
        """

    @abstractmethod
    def solution(self, found: Any, number: int, scan: Scan, width: float) -> ShellSolution:
        """What the solver of one of the concentrations found for a scan."""

    @abstractmethod
    def parameters(self) -> dict[str, str | float | bool]:
        """What was chosen, see `OccupationCalculator.parameters`."""
