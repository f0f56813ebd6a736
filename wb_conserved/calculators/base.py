"""What the calculators of this package share: arguments, occupations over a Fermi scan, units, and the result object.

A calculator states which per-band quantities it sums and how each is occupied (`OccupationCalculator.terms`); the k
loop adds them to an energy axis (`accumulate`), and Fermi levels, temperature and units enter once at the end
(`finalize`).  Calling the calculator does both, as WannierBerri expects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from wannierberri.calculators import Calculator
from wannierberri.result import EnergyResult
from wannierberri.symmetry.point_symmetry import transform_ident, transform_odd

from ..interpolation import bloch_batches
from ..interpolation.corners import corner_energies
from ..occupations import Occupation, TetrahedronOccupation
from ..operators import Operator, get_operator
from ..units import conductivity_factor, conductivity_unit, periodic_measure
from .band_geometry import BandGeometry
from .full_mesh import FullMeshEnergyResult

Occupied = Literal["sea", "surface", "grand_potential", "entropy", "entropy_surface"]


@dataclass(frozen=True)
class Term:
    """A per-band quantity and its occupation.

    Attributes
    ----------
    occupation : str
        Name of a method of `Occupation`: "sea" (weight f), "surface" (−∂f/∂ε), "grand_potential" (g), "entropy", ...
    values : float array (k, n, ...)
    """

    occupation: Occupied
    values: np.ndarray


class GeometryCalculator(Calculator, ABC):
    """Base of everything that reads band geometry: the observable, its multiplets, and the matrices they need.

    Parameters
    ----------
    degen_thresh : float
        Bands closer than this (eV, chain rule) form a multiplet; a physical choice, the broadening of the levels.
    degen_Kramers : bool
        Bands 2j and 2j+1 belong to one multiplet whatever their distance.
    operator : str or Operator
        Observable: "spin", "identity" or its other name "charge", or one from `wb_conserved.operators`.
    kwargs_formula : dict, optional
        ``external_terms=False`` leaves the position matrix out everywhere.
    save_mode, print_comment
        See `wannierberri.calculators.Calculator`.
    """

    symbol: ClassVar[str]
    long_name: ClassVar[str]
    axes: ClassVar[tuple[str, ...]]
    odd_under_inversion: ClassVar[bool] = False

    def __init__(
        self,
        *,
        degen_thresh: float = 1e-4,
        degen_Kramers: bool = False,
        operator: str | Operator = "spin",
        kwargs_formula: dict | None = None,
        save_mode: str = "bin+txt",
        print_comment: bool = False,
    ):
        if not degen_thresh >= 0:
            raise ValueError(f"degen_thresh: expected a number >= 0 (eV), found {degen_thresh!r}")
        self.operator = get_operator(operator)
        self.external_terms = _external_terms(kwargs_formula)
        self.degen_thresh, self.degen_Kramers = degen_thresh, degen_Kramers
        self.comment = self._describe()
        super().__init__(
            degen_thresh=degen_thresh, degen_Kramers=degen_Kramers, save_mode=save_mode, print_comment=print_comment
        )

    @property
    def odd_under_time_reversal(self) -> bool:
        """Behaviour of the result under time reversal; that of a current of s unless a subclass says otherwise."""
        return not self.operator.odd_under_time_reversal

    @property
    def transform_time_reversal(self):
        """The same as WannierBerri's transformation."""
        return transform_odd if self.odd_under_time_reversal else transform_ident

    @property
    def transform_inversion(self):
        """Behaviour under inversion, with that of s, as WannierBerri's transformation."""
        odd = self.odd_under_inversion != self.operator.odd_under_inversion
        return transform_odd if odd else transform_ident

    def _describe(self) -> str:
        return "\n".join(
            [
                f"{self.long_name} of {self.operator.name}, {self.symbol}",
                f"multiplet threshold {self.degen_thresh} eV" + (", Kramers pairs" if self.degen_Kramers else ""),
                f"external terms {self.external_terms}",
            ]
        )

    def band_geometries(self, data_K) -> Iterator[BandGeometry]:
        """Band geometry of the k points of a ``Data_K``, batch by batch.

        Raises
        ------
        ValueError
            The system lacks a matrix that is needed.
        """
        self._check_matrices(data_K)
        external_terms = self.external_terms_of(data_K)
        for batch in bloch_batches(data_K):
            yield BandGeometry(batch, self.operator, self.degen_thresh, bool(self.degen_Kramers), external_terms)

    def external_terms_of(self, data_K) -> bool:
        """Whether the position matrix enters; a system may exclude it altogether."""
        return self.external_terms and not data_K.force_internal_terms_only

    def _check_matrices(self, data_K):
        system = data_K.system
        self.operator.check_system(system)
        if not hasattr(system, "has_R_mat"):
            return
        if self.external_terms_of(data_K) and not system.has_R_mat("AA"):
            raise ValueError(
                "system: expected the position matrix 'AA', found none: load it, or leave it out everywhere with "
                "kwargs_formula=dict(external_terms=False)"
            )


class OccupationCalculator(GeometryCalculator):
    """Base of the calculators: sums of per-band quantities over occupied states, on a scan of Fermi levels.

    Parameters
    ----------
    Efermi : float or sequence of float
        Fermi levels in eV, any order and spacing.
    kBT : float
        Temperature in eV; 0: step function.
    fermi_surface_width : float, optional
        At kBT = 0, half-width in eV of the box that replaces −∂f/∂ε in Fermi-surface terms.  Default: the spacing of a
        uniform scan.
    smoother : wannierberri.smoother.AbstractSmoother, optional
        Smoothing of the finished scan, as in WannierBerri; refused together with kBT > 0.
    tetra : bool
        Linear tetrahedra in the cell of each k point, see `wb_conserved.occupations.tetrahedra`; for kBT = 0, on a
        regular grid, and without a width of the Fermi surface.
    degen_thresh, degen_Kramers, operator, kwargs_formula, save_mode, print_comment
        See `GeometryCalculator`.

    Raises
    ------
    ValueError
        An argument out of range, or a Fermi-surface term without a width.
    """

    occupations: tuple[Occupied, ...] = ("sea",)
    axes: ClassVar[tuple[str, ...]] = ("i", "l")
    dissipative: ClassVar[bool] = False

    def __init__(
        self,
        Efermi,
        *,
        kBT: float = 0.0,
        fermi_surface_width: float | None = None,
        smoother=None,
        tetra: bool = False,
        **kwargs,
    ):
        self.Efermi = np.atleast_1d(np.asarray(Efermi, dtype=float))
        self.kBT = float(kBT)
        self.smoother = smoother
        if smoother is not None and self.kBT > 0:
            raise ValueError(
                f"smoother: expected none with kBT = {self.kBT} eV, which already smooths; found {smoother}"
            )
        self.tetra = bool(tetra)
        if self.tetra:
            if self.kBT > 0 or fermi_surface_width is not None:
                raise ValueError(
                    f"tetra: expected kBT = 0 and no fermi_surface_width with tetrahedra, which integrate a step at the Fermi "
                    f"level; found kBT = {self.kBT} eV, fermi_surface_width = {fermi_surface_width}"
                )
            self.fermi_surface_width, self.width_source = None, ""
            self.occupation = TetrahedronOccupation(self.Efermi)
        else:
            self.fermi_surface_width, self.width_source = _surface_width(
                self.Efermi, self.kBT, fermi_surface_width, self.uses_surface, type(self).__name__
            )
            self.occupation = Occupation(self.Efermi, self.kBT, self.fermi_surface_width)
        super().__init__(**kwargs)

    @abstractmethod
    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        """Per-band quantities of a batch and their occupations."""

    @property
    def uses_surface(self) -> bool:
        """Whether a Fermi-surface term enters."""
        return "surface" in self.occupations

    @property
    def odd_under_time_reversal(self) -> bool:
        """That of a current of s, and opposite for a dissipative response."""
        return super().odd_under_time_reversal != self.dissipative

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of the result."""
        return ("Efermi", *self.axes) + ("s",) * self.operator.rank

    def factor(self, system) -> float:
        """Factor from the average over k points of the weighted sum over bands to the result."""
        return conductivity_factor(system)

    def unit(self, dimension: int) -> str:
        """Unit of the result for a system periodic in `dimension` directions."""
        return conductivity_unit(dimension, self.operator.unit)

    def parameters(self) -> dict[str, str | float]:
        """What was chosen, for the header of a file: names with units, plain values."""
        values: dict[str, str | float] = {
            "operator": self.operator.name,
            "multiplet_threshold_eV": float(self.degen_thresh),
            "kramers_pairs": str(bool(self.degen_Kramers)),
            "kBT_eV": self.kBT,
            "external_terms": str(self.external_terms),
        }
        if self.tetra:
            values["tetrahedra"] = "True"
        if self.fermi_surface_width is not None:
            values["fermi_surface_width_eV"] = self.fermi_surface_width
            values["fermi_surface_width_source"] = self.width_source
        return values

    def _describe(self):
        lines = [super()._describe(), f"kBT {self.kBT} eV" + (", linear tetrahedra" if self.tetra else "")]
        if self.fermi_surface_width is not None:
            lines.append(f"Fermi-surface width {self.fermi_surface_width} eV ({self.width_source})")
        return "\n".join(lines)

    def accumulate(self, data_K, weight: float = 1.0, out: np.ndarray | None = None) -> np.ndarray:
        """Add the sum over the k points of `data_K` to spectra on the energy axis.

        Parameters
        ----------
        data_K : wannierberri.data_K.Data_K
        weight : float
            Factor of the sum.
        out : float array, optional
            Spectra to add to, in place; zeros by default.

        Returns
        -------
        float array (n_spectra, n_nodes, ...)
            A spectrum for each of `occupations`, two for the grand potential; additive over k points.

        Raises
        ------
        FloatingPointError
            NaN or infinity at a k point, which is named.
        """
        kpoints, first_k = np.asarray(data_K.kpoints_all), 0
        for band_geometry in self.band_geometries(data_K):
            energies = band_geometry.multiplets.energies
            spread = None if self.tetra else band_geometry.spread(self.occupation)
            for term in self.terms(band_geometry):
                values, index = term.values, self._first_spectrum(term.occupation)
                _check_finite(values, kpoints[first_k:], self.symbol)
                if out is None:
                    out = np.zeros((self._first_spectrum(None), self.occupation.n_nodes, *values.shape[2:]))
                if self.tetra:
                    weights = self._tetrahedron_weights(data_K, band_geometry.batch, first_k)
                    self.occupation.accumulate(
                        term.occupation, weights, values, band_geometry.multiplets, out[index:], weight
                    )
                    continue
                spread.add(values, out[index], weight)
                if term.occupation == "grand_potential":
                    energies_of_values = energies.reshape(*energies.shape, *(1,) * (values.ndim - 2))
                    spread.add(energies_of_values * values, out[index + 1], weight)
            first_k += len(energies)
        return out

    def _tetrahedron_weights(self, data_K, batch, first_k):
        """Weights of a batch, shared by all calculators with the same Fermi levels."""

        def compute():
            part = slice(first_k, first_k + len(batch.energies))
            return self.occupation.weights(batch.energies, corner_energies(data_K, part))

        return batch.remember(("tetrahedra", self.Efermi.tobytes()), compute)

    def _first_spectrum(self, occupation):
        """Position of an occupation's first spectrum in what `accumulate` returns; None: the number of all."""
        before = self.occupations if occupation is None else self.occupations[: self.occupations.index(occupation)]
        return len(before) + before.count("grand_potential")

    def weigh(self, spectrum: np.ndarray) -> np.ndarray:
        """Weighted sums (n_fermi, ...) from what `accumulate` returns."""
        total = 0.0
        for name in self.occupations:
            first = self._first_spectrum(name)
            spectra = spectrum[first : first + (2 if name == "grand_potential" else 1)]
            total = total + getattr(self.occupation, name)(*spectra)
        return total

    def finalize(self, spectrum: np.ndarray, system) -> EnergyResult:
        """Result from an accumulated spectrum that was divided by the number of k points.

        Parameters
        ----------
        spectrum : float array
            See `accumulate`.
        system : wannierberri.system.System

        Returns
        -------
        wannierberri.result.EnergyResult
            Tensor with the axes `dims`; a scalar operator has no axis of its own.  Of an operator that symmetry operations
            may exchange, a `FullMeshEnergyResult`, which refuses to be symmetrised.
        """
        data = self.weigh(spectrum) * self.factor(system)
        if self.operator.rank == 0:
            data = data[..., 0]
        result_class = EnergyResult if self.operator.symmetric else FullMeshEnergyResult
        return result_class(
            self.Efermi,
            data,
            transformTR=self.transform_time_reversal,
            transformInv=self.transform_inversion,
            smoothers=[self.smoother],
            comment=f"{self.comment}\nunit {self.unit(periodic_measure(system)[0])}",
            save_mode=self.save_mode,
        )

    def __call__(self, data_K) -> EnergyResult:
        return self.finalize(self.accumulate(data_K) / data_K.nk, data_K.system)


def _check_finite(values, kpoints, symbol):
    """Refuse values (k, ...) that are not numbers; `kpoints` may be more than `values` has."""
    if np.isfinite(values.sum()):
        return
    finite = np.isfinite(values)
    if not finite.all():
        k = kpoints[int(np.argmin(finite.reshape(len(values), -1).all(axis=1)))]
        raise FloatingPointError(f"{symbol} is NaN or infinite at the k point {np.round(k, 8).tolist()}")


def _external_terms(kwargs_formula):
    options = dict(kwargs_formula or {})
    external_terms = options.pop("external_terms", True)
    if options:
        raise ValueError(f"kwargs_formula: expected only 'external_terms', found {sorted(options)}")
    if not isinstance(external_terms, bool):
        raise ValueError(f"kwargs_formula['external_terms']: expected True or False, found {external_terms!r}")
    return external_terms


def _surface_width(Efermi, kBT, width, uses_surface, name):
    """Half-width of the box for −∂f/∂ε at kBT = 0, and where it comes from; None where it has no use."""
    if width is not None and (kBT > 0 or not uses_surface):
        reason = f"kBT = {kBT} eV sets the width" if uses_surface else f"{name} has no Fermi-surface term"
        raise ValueError(f"fermi_surface_width: expected none, as {reason}; found {width!r}")
    if kBT > 0 or not uses_surface:
        return None, ""
    if width is not None:
        if not width > 0:
            raise ValueError(f"fermi_surface_width: expected a number > 0 (eV), found {width!r}")
        return float(width), "given"
    spacing = np.diff(Efermi)
    if len(spacing) == 0 or not spacing[0] > 0 or np.ptp(spacing) > 1e-6 * spacing[0]:
        raise ValueError(
            f"fermi_surface_width: {name} has a Fermi-surface term, which needs a width at kBT = 0: expected "
            f"fermi_surface_width in eV, or kBT > 0, or a uniform ascending Efermi whose spacing serves; found "
            f"{len(Efermi)} Fermi level(s) without uniform spacing"
        )
    return float(spacing.mean()), "spacing of the scan"
