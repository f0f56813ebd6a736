"""The response of a crystal with impurities: every part of the conserved and of the conventional current, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..calculators import CATALOGUE, IMPURITIES, WITH_IMPURITIES
from ..driver.run import run
from ..errors import InputError
from ..results.dataset import RunResult
from .impurities import Impurity
from .settings import Disorder

PARTS = tuple(name for name, entry in IMPURITIES.items() if getattr(entry.calculator, "part", ""))
"""Names of the parts of the current."""

ADDED = ("drift", "side_jump", "anomalous_distribution", "gaussian_skew")
"""Parts that are added to those of the clean crystal; the skew scattering beyond Born order is in the drift."""


class ImpurityResult(RunResult):
    """Result of `impurity_response`, a `RunResult`.

    Attributes
    ----------
    residuals : dict of str to float
        "particles": particles that collisions make over those that they move; "optical_theorem": its largest violation over T.
    limits : tuple of str
        What is not included.
    """

    @property
    def residuals(self) -> dict[str, float]:
        """See above; of several concentrations the largest."""
        found = self.calculators["impurity_drift"].findings()
        return {name.removeprefix("residual_"): value for name, value in found.items() if name.startswith("residual_")}

    @property
    def limits(self) -> tuple[str, ...]:
        """See above."""
        return self.calculators["impurity_drift"].disorder.limits

    def hall_angle(self) -> np.ndarray:
        """Result "hall_angle" over the scan, (..., i, l[, s]), see `wb_conserved.calculators.impurities.HallAngle`."""
        return self.results["hall_angle"].data


def impurity_calculators(
    impurities: Impurity | Sequence[Impurity] | Disorder,
    Efermi,
    *,
    kBT=0.0,
    names: Sequence[str] = WITH_IMPURITIES,
    scattering: str = "t-matrix",
    width: float | None = None,
    tetra: bool = False,
    extra_rate: float = 0.0,
    first_order: bool = True,
    large: bool = False,
    **space: Any,
) -> dict[str, Any]:
    """Calculators of a crystal with impurities, for `wb_conserved.run`, `estimate` and `convergence`.

    On the full mesh: with ``use_irred_kpt=False, symmetrize=False`` where the system has a point group.

    Parameters
    ----------
    names : sequence of str
        In the catalogue; by default all that impurities make, and the clean response that it adds to.
    impurities, Efermi, kBT, scattering, width, tetra, extra_rate, first_order, large, **space
        See `impurity_response`.

    Returns
    -------
    dict of str to calculator
    """
    disorder = impurities
    if not isinstance(impurities, Disorder):
        disorder = Disorder(impurities, scattering, width, extra_rate, first_order, large)
    cold = np.ndim(kBT) == 0 and kBT == 0
    if cold and disorder.width is None:
        raise InputError("width", "a number > 0 (eV), the width of the energy shells, at kBT = 0", "none")
    found = {}
    for name in names:
        entry = CATALOGUE[name]
        own = {"disorder": disorder} if entry.needs_impurities else {}
        if cold and not tetra and "surface" in entry.calculator.occupations:
            own["fermi_surface_width"] = disorder.width
        found[name] = entry.calculator(Efermi, kBT=kBT, tetra=tetra, **own, **space)
    return found


def impurity_response(
    system,
    grid,
    impurities: Impurity | Sequence[Impurity] | Disorder,
    Efermi,
    *,
    kBT=0.0,
    degen_thresh: float | None = None,
    degen_Kramers: bool = False,
    operator="spin",
    scattering: str = "t-matrix",
    width: float | None = None,
    tetra: bool = False,
    extra_rate: float = 0.0,
    first_order: bool = True,
    kwargs_formula: dict | None = None,
    large: bool = False,
    comm=None,
    checkpoint=None,
    memory_per_rank: float | None = None,
    progress: bool = False,
) -> ImpurityResult:
    r"""Current of an observable in a field, in a crystal with impurities: all parts of XN 13 to 15, in the dilute limit.

    .. math:: \sigma_{total} = \sigma_{in} + \sigma_{dp} + \sigma_{c} + \sigma_{sj} + \sigma_{ad} + \sigma_{gs}

    The Boltzmann equation of local impurities is solved exactly at every energy, with matrix distributions inside multiplets,
    by passes over the full k mesh, as an impurity need not have the symmetry of the crystal; see `wb_conserved.disorder` for
    the equation, docs/disorder.md for what is not included.

    Parameters
    ----------
    system : wannierberri.system.System
    grid : int, three ints or wannierberri.Grid
        The k mesh.  A shell needs many states: some hundred k points per level within `width`.
    impurities : Impurity, sequence of Impurity or Disorder
        Several kinds: rates add.  One of them may have several concentrations: results then have an axis of them, and all are
        solved in the same passes over the mesh; where everything is exactly proportional to a power of the concentration (one
        kind, no extra rate, `degen_thresh` up to 1e-6 eV), only the first of them is solved.
    Efermi : float, sequence of float or Electrons
        Fermi levels, eV, or the number of electrons.
    kBT : float or sequence of float
        Temperatures, eV.
    degen_thresh : float, optional
        Bands closer than this (eV) form a multiplet, in which the distribution is a matrix.
    degen_Kramers : bool
        Bands 2j and 2j+1 belong to one multiplet whatever their distance.
    operator : str or Operator
        Observable s.
    scattering : {"t-matrix", "third", "born"}
        Orders of the potential in the distribution, see `wb_conserved.disorder.scattering`.
    width : float, optional
        Width of the energy shells, and distance of the nodes of the energy axis, eV.  Default: half of the lowest kBT; at
        kBT = 0 it has to be given.
    tetra : bool
        Linear tetrahedra in place of shells of a width, also for the clean crystal; for kBT = 0.
    extra_rate : float
        An isotropic rate besides the impurities (phonons), eV: ħ over its time.
    first_order : bool
        Whether the shift cW of the levels counts; False where it is taken to be part of H.
    kwargs_formula : dict, optional
        ``external_terms=False`` leaves the position matrix out everywhere.
    large : bool
        Allow tensors of more than 2 GiB.
    comm, checkpoint, memory_per_rank, progress
        See `wb_conserved.run`.

    Returns
    -------
    ImpurityResult
        With the names of the catalogue, and the axes (Efermi[, kBT][, concentration], i, l[, s]): "conserved", "berry",
        "dipole" and "conventional" of the clean crystal; "impurity_total" and its parts, "impurity_drift" (of which
        "impurity_skew" is part), "impurity_side_jump", "impurity_anomalous_distribution" and "impurity_gaussian_skew"; the
        same of the conventional current, "impurity_conventional_..."; (ħ/|e|) S/cm for spin in three dimensions.
        "hall_angle"; "impurity_charge", S/cm; "impurity_lifetime", fs; "impurity_mean_free_path", nm; "impurity_resistivity",
        μΩ cm per percent of cells; "impurity_origin", what the side jump changes by per Å that an impurity's origin is moved.
        NaN stands for means over no states.

    Raises
    ------
    InputError
        Impurities that do not fit the system, states that nothing scatters (give `extra_rate`), tensors that are too large.
    """
    calculators = impurity_calculators(
        impurities, Efermi, kBT=kBT, scattering=scattering, width=width, tetra=tetra, extra_rate=extra_rate,
        first_order=first_order, large=large, degen_thresh=degen_thresh, degen_Kramers=degen_Kramers, operator=operator,
        kwargs_formula=kwargs_formula,
    )  # fmt: skip
    found = run(
        system, grid, calculators, comm, checkpoint=checkpoint, use_irred_kpt=False, symmetrize=False,
        memory_per_rank=memory_per_rank, progress=progress,
    )  # fmt: skip
    result = ImpurityResult.__new__(ImpurityResult)
    vars(result).update(vars(found))
    return result
