"""The theory's own conservation laws as a diagnostic of a system and a mesh."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from ..calculators.equilibrium import EquilibriumSpinCurrent, SpinCurrentDipole, TorqueDipole, TorqueQuadrupole
from ..driver.run import run

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..annotations import AnySystem, Communicator, Grid
    from ..occupations import Electrons

_EXPLANATION = """\
Both sums vanish where the Wannier functions span a closed space in which s does not depend on k and commutes with
position, where multiplets are exactly degenerate or single bands, and where the k mesh is converged.  What remains after
that is the effect of the truncated basis: the part of the current that the package cannot account for.  Compare it with
the larger of the two terms that cancel."""


@dataclass(frozen=True)
class Residual:
    """A sum that vanishes in the exact theory.

    Attributes
    ----------
    law : str
    unit : str
    first, second : float array (*scan, ...)
        The two terms that cancel.
    residual : float array (*scan, ...)
        What remains.
    """

    law: str
    unit: str
    first: np.ndarray
    second: np.ndarray
    residual: np.ndarray

    @property
    def absolute(self) -> float:
        """Largest component of the residual."""
        return float(np.abs(self.residual).max())

    @property
    def relative(self) -> float:
        """The same over the largest component of the two terms; NaN where both vanish."""
        scale = max(np.abs(self.first).max(), np.abs(self.second).max())
        return self.absolute / scale if scale > 0 else float("nan")

    def __str__(self):
        scale = max(np.abs(self.first).max(), np.abs(self.second).max())
        return (
            f"{self.law}: residual {self.absolute:.3e} {self.unit}, largest term {scale:.3e} {self.unit}, "
            f"relative {self.relative:.1e}"
        )


@dataclass(frozen=True)
class ConservationReport:
    """Residuals of the vanishing of the uniform current (XN 5) and of the symmetric part of D + Q.

    Attributes
    ----------
    uniform_current : Residual
        ∫ f J^{is} + D^{iτ}.
    dipole : Residual
        Symmetric part in i and l of D^{lis} + Q^{ilτ}.
    conditions : str
        Mesh, temperature, multiplet threshold.
    """

    uniform_current: Residual
    dipole: Residual
    conditions: str

    def __str__(self):
        return "\n".join(
            [f"Conservation laws, {self.conditions}", f"  {self.uniform_current}", f"  {self.dipole}", _EXPLANATION]
        )


def conservation_report(
    system: AnySystem,
    grid: Grid,
    Efermi: ArrayLike | Electrons,
    *,
    comm: Communicator = None,
    file: TextIO | None = None,
    use_irred_kpt: bool = True,
    symmetrize: bool = True,
    **arguments: Any,
) -> ConservationReport:
    """Evaluate and print the residuals of the two conservation laws of the equilibrium theory.

    Parameters
    ----------
    system : wannierberri.system.System
    grid : int, three ints or wannierberri.Grid
        See `wb_conserved.run`.
    Efermi : float, sequence of float or Electrons
        eV.
    comm : mpi4py.MPI.Comm, optional
    file : text file, optional
        Where rank 0 prints the report; standard output by default.
    use_irred_kpt, symmetrize : bool
        See `wb_conserved.run`.
    **arguments
        Of the calculators, with their defaults: ``kBT``, ``degen_thresh``, ``operator``, ``kwargs_formula``, ...  Sums over
        a mesh converge exponentially with kBT > 0.

    Returns
    -------
    ConservationReport

    Examples
    --------
    >>> from wb_conserved import conservation_report, models
    >>> report = conservation_report(models.rashba_lattice(), [20, 20, 1], 0.3, kBT=0.2)  # doctest: +ELLIPSIS
    Conservation laws, operator spin, mesh 20×20×1, kBT 0.2 eV, multiplet threshold 0.0001 eV
      uniform current ∫ f J + D^τ = 0 (XN 5): residual ...
    """
    calculators = {
        "J": EquilibriumSpinCurrent(Efermi, **arguments),
        "Dτ": TorqueDipole(Efermi, **arguments),
        "D": SpinCurrentDipole(Efermi, **arguments),
        "Q": TorqueQuadrupole(Efermi, **arguments),
    }
    result = run(system, grid, calculators, comm, use_irred_kpt=use_irred_kpt, symmetrize=symmetrize)
    data = {name: value.data for name, value in result.results.items()}
    dimension = int(np.sum(system.periodic))
    first, second = (_symmetric(data[name], calculators[name].dims) for name in "DQ")
    calculator = calculators["J"]
    report = ConservationReport(
        Residual(
            "uniform current ∫ f J + D^τ = 0 (XN 5)",
            calculators["J"].unit(dimension),
            data["J"],
            data["Dτ"],
            data["J"] + data["Dτ"],
        ),
        Residual("symmetric part of D + Q = 0", calculators["D"].unit(dimension), first, second, first + second),
        f"operator {calculator.operator.name}, mesh {'×'.join(map(str, result.mesh))}, "
        f"kBT {', '.join(f'{kBT:g}' for kBT in np.atleast_1d(calculator.kBT))} eV, "
        f"multiplet threshold {calculator.degen_thresh} eV",
    )
    if comm is None or comm.rank == 0:
        (file or sys.stdout).write(f"{report}\n")
    return report


def _symmetric(tensor, dims):
    """Symmetric part in the axes i and l."""
    return 0.5 * (tensor + tensor.swapaxes(dims.index("i"), dims.index("l")))
