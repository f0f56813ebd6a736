"""Sums of per-band quantities over occupied states.

A calculator states which per-band quantities it sums and how each is weighted (`OccupationCalculator.terms`); the k
loop adds them to an energy axis (`accumulate`), and Fermi levels, temperature and units enter once at the end
(`finalize`).  Calling the calculator does both, as WannierBerri expects.  How levels are occupied is known to the statistics
alone, see `wb_conserved.occupations`.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from wannierberri.result import EnergyResult

from ..errors import InputError
from ..interpolation import WannierInterpolator, particles_of, states_of
from ..occupations import (
    Electrons,
    ElectronSpectrum,
    FermiDirac,
    Scan,
    Statistics,
    Tetrahedra,
    counting_statistics,
    fermi_statistics,
)
from ..units import conductivity_factor, conductivity_unit, periodic_measure
from .band_geometry import BandGeometry
from .base import FIELD, FLOW, GeometryCalculator
from .components import components_of, with_selected
from .contract import SUM, Accumulating, Merge
from .full_mesh import FullMeshEnergyResult
from .scatter import Scatter, moments, scatter_of
from .surface import listed, surface_width

_SPECTRA, _SCATTER = "spectra", "scatter"
_SAMPLE = 200  # k points
_ELECTRONS, _NEUTRAL = "electrons", "neutral"


@dataclass(frozen=True)
class Term:
    """A per-band quantity and its weight.

    Attributes
    ----------
    weight : str
        Name of a weight of the statistics: "sea" (f), "surface" (−∂f/∂ε), "grand_potential" (g), "entropy", ...
    values : float array (k, n, ...)
    """

    weight: str
    values: np.ndarray


class OccupationCalculator(GeometryCalculator, Accumulating):
    """Base of the calculators: sums of per-band quantities over occupied states, on a scan of levels and temperatures.

    Parameters
    ----------
    Efermi : float, sequence of float or Electrons, optional
        Fermi levels in eV, any order and spacing; or the number of electrons, which fixes the level at each temperature
        (in `wb_conserved.run` only).  None for quasiparticles that have a level of their own, as those of a superconductor:
        the result then has the axis of temperatures only.
    kBT : float or sequence of float
        Temperature in eV; 0: step function.  A sequence, even of one, gives the result an axis of temperatures.
    fermi_surface_width : float, optional
        At kBT = 0, half-width in eV of the box that replaces −∂f/∂ε in Fermi-surface terms.  Default: the spacing of a
        uniform scan.
    smoother : wannierberri.smoother.AbstractSmoother, optional
        Smoothing of the finished scan, as in WannierBerri; refused together with kBT > 0.
    tetra : bool
        Linear tetrahedra in the cell of each k point, see `wb_conserved.occupations.tetrahedra`; for kBT = 0, on a
        regular grid, and without a width of the Fermi surface.
    compute_components : sequence of str, optional
        Components to compute, such as ["xyz"], with those that the point group links to them; the others are NaN (in
        `wb_conserved.run` only).  All by default.
    degen_thresh, degen_Kramers, operator, kwargs_formula, save_mode, print_comment
        See `GeometryCalculator`.

    Attributes
    ----------
    occupations : tuple of str
        Weights of the terms.
    statistics : Statistics or None
        None as long as a number of electrons has to be counted first.
    shown : str
        Component that stands for the tensor in a table, one letter for each axis.
    remark : str
        What a reader of a table should know, such as the convention of the sign.
    needs_impurities : bool
        Whether it is of a crystal with impurities, see `wb_conserved.calculators.impurities`.
    family : str
        What it is a part of, with others of that name; empty: of nothing.
    pictured : bool
        Whether pictures show it.
    companion : str
        Symbol of a quantity of its kind in which pairs of occupied bands cancel, where there is one.
    counted : bool
        Whether the number of k points that carry it is to be printed with it.
    any_level : bool
        Whether levels are energies that bands are looked at, which no kind of particles fixes.
    noted_level : float or None
        Fermi level at which the scatter of k points is found, eV; None: the middle one of the scan.

    Raises
    ------
    InputError
        An argument out of range, or a Fermi-surface term without a width.
    """

    occupations: tuple[str, ...] = ("sea",)
    axes: ClassVar[Mapping[str, str]] = MappingProxyType({"i": FLOW, "l": FIELD})
    dissipative: ClassVar[bool] = False
    shown: ClassVar[str] = "xyz"
    remark: ClassVar[str] = ""
    needs_impurities: ClassVar[bool] = False
    family: ClassVar[str] = ""
    pictured: ClassVar[bool] = True
    any_level: ClassVar[bool] = False
    counted: ClassVar[bool] = False
    companion: ClassVar[str] = ""
    noted_level: float | None = None

    def __init__(
        self,
        Efermi=None,
        *,
        kBT=0.0,
        fermi_surface_width: float | None = None,
        smoother=None,
        tetra: bool = False,
        compute_components: Sequence[str] | None = None,
        **kwargs,
    ):
        self.electrons = Efermi if isinstance(Efermi, Electrons) else None
        self.level_given = Efermi is not None
        known = self.level_given and not self.electrons
        self.Efermi = np.atleast_1d(np.asarray(Efermi, dtype=float)) if known else np.zeros(0)
        self.kBT, self.tetra, self.smoother = kBT, bool(tetra), smoother
        self._width, self.fermi_surface_width, self.width_source = fermi_surface_width, None, ""
        scan = self._provisional_scan()
        self.kBT = tuple(scan.temperatures.tolist()) if np.ndim(kBT) else float(kBT)
        statistics = self.make_statistics(scan)
        self.statistics = None if self.electrons else statistics
        super().__init__(**kwargs)
        self.compute_components = components_of(compute_components, list(self.cartesian_axes), self.symbol)

    def __new__(cls, *positions, compute_components=None, **arguments):
        """One of a subclass where only some components are to be computed."""
        return super().__new__(cls if compute_components is None else with_selected(cls), *positions, **arguments)

    def _provisional_scan(self) -> Scan:
        """The scan, with levels of 0 where they are not known yet, and where the particles have no other."""
        if self.electrons or not self.level_given:
            return Scan(np.zeros(np.size(self.kBT)), self.kBT, paired=True, named=self.level_given)
        return Scan(self.Efermi, self.kBT)

    def make_statistics(self, scan: Scan) -> Statistics:
        """Statistics of a scan, which a subclass may choose; here Fermi-Dirac's, with the width of the Fermi surface.

        Raises
        ------
        InputError
            Arguments that do not go together.
        """
        hot = scan.temperatures[0] > 0
        if self.smoother is not None and (hot or self.electrons):
            raise InputError("smoother", f"none with kBT = {self.kBT} eV, which already smooths", str(self.smoother))
        if self.tetra:
            if hot or self.electrons:
                expected = "False, or kBT = 0 and Fermi levels, as tetrahedra integrate a step at a level"
                found = f"electrons: {self.electrons}" if self.electrons else f"kBT = {listed(scan.temperatures)} eV"
                raise InputError("tetra", expected, f"True with {found}")
            if self._width is not None:
                raise InputError(
                    "fermi_surface_width", "none, as tetrahedra integrate over the Fermi surface", repr(self._width)
                )
            return Tetrahedra(scan)
        self.fermi_surface_width, self.width_source = surface_width(
            scan, self._width, "surface" in self.occupations, type(self).__name__, self.electrons
        )
        return fermi_statistics(scan, self.fermi_surface_width)

    @abstractmethod
    def terms(self, band_geometry: BandGeometry) -> list[Term]:
        """Per-band quantities of a batch and their weights."""

    @property
    def odd_under_time_reversal(self) -> bool:
        """As of all, and opposite for a dissipative response."""
        return super().odd_under_time_reversal != self.dissipative

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of the result."""
        return (*self._scan_axes, *self.cartesian_axes)

    def arrange_terms(self, data: np.ndarray) -> np.ndarray:
        """The result (*scan, *further, components) from the weighted sums over bands."""
        return data

    @property
    def _scan_axes(self):
        return self.scan_axes if self.statistics else self._provisional_scan().axes | self.further_axes

    @property
    def scan_axes(self) -> dict[str, np.ndarray]:
        """Axes of the result besides Cartesian ones, with their values."""
        return self._known_statistics().scan | self.further_axes

    @property
    def further_axes(self) -> dict[str, np.ndarray]:
        """Those of them that are not of the statistics, which come after its own."""
        return {}

    def factor(self, system) -> float:
        """Factor from the average over k points of the weighted sum over bands, each counted once, to the result."""
        return conductivity_factor(system)

    def _factor_of_bands(self, system):
        """The same with the weight of a band."""
        return self.factor(system) * particles_of(system).counting

    def unit(self, dimension: int) -> str:
        """Unit of the result for a system periodic in `dimension` directions."""
        return conductivity_unit(dimension, self.operator.unit)

    def parameters(self) -> dict[str, str | float | bool]:
        """What was chosen, for the header of a file: names with units, plain values of their own types."""
        values: dict[str, str | float | bool] = {
            "operator": self.operator.name,
            "multiplet_threshold_eV": float(self.degen_thresh),
            "kramers_pairs": bool(self.degen_Kramers),
            "external_terms": self.external_terms,
        }
        if np.ndim(self.kBT) == 0:
            values["kBT_eV"] = self.kBT
        if self.electrons:
            values["electrons"] = str(self.electrons)
        if self.tetra:
            values["tetrahedra"] = True
        if self.fermi_surface_width is not None:
            values["fermi_surface_width_eV"] = self.fermi_surface_width
            values["fermi_surface_width_source"] = self.width_source
        return values

    def _describe(self):
        lines = [super()._describe(), f"kBT {self.kBT} eV" + (", linear tetrahedra" if self.tetra else "")]
        if self.fermi_surface_width is not None:
            lines.append(f"Fermi-surface width {self.fermi_surface_width} eV ({self.width_source})")
        return "\n".join(lines)

    def requirements(self, system):
        """The spectrum of all bands, where a number of electrons sets the level."""
        if not self.electrons:
            return {}
        needed = {_ELECTRONS: ElectronCounter(system, float(np.min(self.kBT)))}
        if self.electrons.level is not None:
            needed[_NEUTRAL] = NumberOfElectrons(self.electrons.level)
        return needed

    def with_results(self, results, provisional=False):
        """The same with the levels that hold the number of electrons."""
        if not self.electrons:
            return self
        known = copy.copy(self)
        neutral = float(results[_NEUTRAL].data[0]) if _NEUTRAL in results else None
        levels = results[_ELECTRONS].levels(self.electrons, neutral, np.atleast_1d(self.kBT), provisional)
        known.statistics = known.make_statistics(Scan(levels, self.kBT, paired=True))
        return known

    @property
    def _watched(self) -> tuple[str, ...]:
        """Weights of the terms whose contributions are watched, k point by k point."""
        known = self.statistics.of_bands if self.statistics else ()
        return tuple(weight for weight in self.occupations if weight in known)

    @property
    def merges(self) -> Mapping[str, Merge]:
        return {_SPECTRA: SUM, _SCATTER: SUM} if self._watched else {_SPECTRA: SUM}

    @property
    def _spectra(self) -> list[tuple[str, str]]:
        """Weight and moment of each spectrum."""
        return [(weight, moment) for weight in self.occupations for moment in self.statistics.moments(weight)]

    def accumulate(self, states, weight=1.0, out=None):
        """Spectra on the energy axis (n_spectra, n_nodes, ...): one for each moment of each of `occupations`; and moments of
        the contributions of k points, see `wb_conserved.calculators.scatter`.

        Raises
        ------
        FloatingPointError
            NaN or infinity at a k point, which is named.
        """
        self.check_levels(states.system)
        statistics, watched, first_k = self._known_statistics(), self._watched, 0
        spectra = None if out is None else out[_SPECTRA]
        scatter = None if out is None else out.get(_SCATTER)
        for band_geometry in self.band_geometries(states):
            placement, contributions = band_geometry.place(statistics), 0.0
            for term in self.terms(band_geometry):
                values = checked = term.values
                if term.weight in watched:
                    checked = self._contributions(band_geometry, term)  # fewer numbers, none of them finite where one is not
                    contributions = contributions + checked
                _check_finite(checked, states.kpoints[first_k:], self.symbol)
                if spectra is None:
                    spectra = np.zeros((len(self._spectra), statistics.n_nodes, *values.shape[2:]))
                for row, (name, moment) in enumerate(self._spectra):
                    if name == term.weight:
                        placement.add(moment, values, spectra[row], weight)
            if watched:
                found = moments(contributions, weight)
                scatter = found if scatter is None else scatter + found
            first_k += len(band_geometry.energies)
        return {_SPECTRA: spectra} | ({_SCATTER: scatter} if watched else {})

    def _contributions(self, band_geometry, term):
        """Contributions (k, c) of the k points of a batch to a sum, at the level that is noted."""
        place, statistics = self._noted, self.statistics
        key = ("occupied", statistics.key, term.weight, place, *band_geometry.grouping)
        occupied = band_geometry.remember(
            key, lambda: statistics.band_weights(term.weight, band_geometry.multiplets.energies, place)
        )
        values = term.values.reshape(*occupied.shape, -1)  # k n c
        return np.matmul(occupied[:, None, :], values)[:, 0]

    @property
    def _noted(self) -> tuple[int, ...]:
        """Place of the scan at which contributions are watched."""
        return self.statistics.place_of(self.noted_level)

    def scatter(self, values, system, pointgroup, number) -> Scatter | None:
        """See `Accumulating.scatter`."""
        if not self._watched:
            return None
        found = scatter_of(values[_SCATTER], self.images(pointgroup), self._factor_of_bands(system), self._noted, number)
        return replace(found, scatter=found.scatter.reshape(self.tensor_shape))

    def images(self, pointgroup) -> np.ndarray:
        """Images (operation, c, c) of the unit tensors (second axis) under the operations of a point group; None: identity."""
        size = int(np.prod(self.tensor_shape))
        units = self._result([np.arange(size)], np.eye(size).reshape(size, *self.tensor_shape))
        operations = [units] if pointgroup is None else map(units.transform, pointgroup.symmetries)
        return np.array([image.data.reshape(size, size) for image in operations])

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """Shape of the tensor of components."""
        return (3,) * len(self.cartesian_axes)

    def for_system(self, system) -> OccupationCalculator:
        """The same with the statistics of the particles of a system, where these have one of their own.

        Raises
        ------
        InputError
            What these particles do not have: levels, zero temperature, tetrahedra, a weight.
        """
        particles = particles_of(system)
        if particles.has_level or self.any_level:
            return self
        own = particles.statistics(np.atleast_1d(self.kBT))
        if self.level_given:
            given = str(self.electrons) if self.electrons else f"{self.Efermi.tolist()}"
            raise InputError("Efermi", f"none for {particles.name}, which have no level", given)
        missing = [weight for weight in self.occupations if weight not in own.weights]
        if missing or not isinstance(self.statistics, FermiDirac):
            found = f"the weights {', '.join(missing)}" if missing else self.statistics.name
            raise InputError(type(self).__name__, f"a sum or method for {particles.name}, of {own.name}", found)
        known = copy.copy(self)
        known.statistics = own
        return known

    def at_temperature(self, kBT: float) -> OccupationCalculator:
        """The same at one of its temperatures, eV, with an axis of temperatures where it has one."""
        alone = copy.copy(self)
        alone.kBT = (kBT,) if np.ndim(self.kBT) else kBT
        alone.statistics = None if self.electrons else alone.make_statistics(alone._provisional_scan())
        alone.comment = alone._describe()
        return alone

    def check_levels(self, system) -> None:
        """Refuse levels and temperatures that the particles of a system do not have, or no level where they have any.

        Raises
        ------
        InputError
        """
        particles = particles_of(system)
        if not particles.has_level:
            if not self.any_level and type(self.statistics) is not type(particles.statistics(np.atleast_1d(self.kBT))):
                expected = f"calculator.for_system(system) for {particles.name}"
                raise InputError("calculator", expected, getattr(self.statistics, "name", "no statistics"))
            return
        levels = self.electrons or (self.Efermi if self.level_given else None)
        particles.check(levels, np.atleast_1d(self.kBT), self.any_level)

    def _known_statistics(self) -> Statistics:
        if self.statistics is None:
            expected = "Fermi levels outside wb_conserved.run, which counts electrons first"
            raise InputError("Efermi", expected, str(self.electrons))
        return self.statistics

    def finalize(self, values: Mapping[str, np.ndarray], system) -> EnergyResult:
        """Result from accumulated spectra that were divided by the number of k points.

        Parameters
        ----------
        values : dict of float arrays
            See `accumulate`.
        system : wannierberri.system.System

        Returns
        -------
        wannierberri.result.EnergyResult
            Tensor with the axes `dims`; a scalar operator has no axis of its own.  Of an operator that symmetry operations
            may exchange, a `FullMeshEnergyResult`, which refuses to be symmetrised.
        """
        return self._energy_result(self.weighed(values, system), system)

    def weighed(self, values: Mapping[str, np.ndarray], system) -> np.ndarray:
        """Data of the result, from accumulated spectra, see `finalize`."""
        spectra = dict(zip(self._spectra, values[_SPECTRA], strict=True))
        total = 0.0
        for weight in self.occupations:
            moments = [spectra[weight, moment] for moment in self.statistics.moments(weight)]
            total = total + self.statistics.weigh(weight, moments)
        data = self.arrange_terms(total * self._factor_of_bands(system))
        return data[..., 0] if self.operator.rank == 0 else data

    def _energy_result(self, data, system):
        """Result object over the scan."""
        scan = self.scan_axes
        return self._result(
            list(scan.values()),
            data,
            smoothers=[self.smoother, *[None] * (len(scan) - 1)][: len(scan)],
            E_titles=list(scan),
            comment=f"{self.comment}\nunit {self.unit(periodic_measure(system)[0])}",
            save_mode=self.save_mode,
        )

    def _result(self, scan, data, **arguments) -> EnergyResult:
        """Result object that behaves under symmetry operations as the quantity does."""
        result_class = EnergyResult if self.operator.symmetric else FullMeshEnergyResult
        return result_class(
            scan, data, transformTR=self.transform_time_reversal, transformInv=self.transform_inversion, **arguments
        )

    def __call__(self, data_K) -> EnergyResult:
        known = self.for_system(data_K.system)
        values = known.accumulate(states_of(data_K))
        return known.finalize({name: array / data_K.nk for name, array in values.items()}, data_K.system)


class NoObservable(OccupationCalculator):
    """Base of what is of no observable: of states, or of energy."""

    of_observable = False

    def __init__(self, Efermi=None, **kwargs):
        if "operator" in kwargs:
            raise InputError("operator", f"none, as {type(self).__name__} is of no observable", repr(kwargs["operator"]))
        super().__init__(Efermi, operator="identity", **kwargs)

    def parameters(self):
        return {name: value for name, value in super().parameters().items() if name != "operator"}


class States(NoObservable):
    """Base of what counts states: each band by itself, at its own energy, whatever the multiplets."""

    axes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    shown = ""

    def __init__(self, Efermi=None, **kwargs):
        super().__init__(Efermi, **kwargs)
        self.threshold_given = True  # it does not matter

    @property
    def odd_under_time_reversal(self):
        """A number."""
        return False

    @property
    def _watched(self):
        """None: states are counted alike at all k points."""
        return ()

    def _check_matrices(self, system):
        """Energies are always there."""

    def band_geometries(self, states):
        self._check_matrices(states.system)
        for batch in states.batches:
            yield BandGeometry(batch, self.operator, 0.0, False, False)

    def parameters(self):
        unused = ("multiplet_threshold_eV", "kramers_pairs", "external_terms")
        return {name: value for name, value in super().parameters().items() if name not in unused}

    def terms(self, band_geometry):
        (weight,) = self.occupations
        return [Term(weight, np.ones((*band_geometry.energies.shape, 1)))]

    def factor(self, system):
        return 1.0


class DensityOfStates(States):
    r"""Density of states, :math:`D(\mu) = \int(-\partial f/\partial\varepsilon)`, per eV and cell."""

    symbol = "DOS"
    long_name = "density of states"
    any_level = True
    occupations = ("surface",)

    def unit(self, dimension):
        return "1/(eV cell)"


class NumberOfElectrons(States):
    r"""Number of electrons, :math:`N(\mu) = \int f`, per cell; one in every occupied Bloch state."""

    symbol = "N"
    long_name = "number of electrons"

    def _check_matrices(self, system):
        """Energies are always there; what they count are electrons."""
        particles_of(system).check_force("number of electrons", self.long_name)
        particles_of(system).observable(self.operator)

    def unit(self, dimension):
        return "1/cell"


class ElectronCounter(NumberOfElectrons):
    """The spectrum of all bands, for temperatures from `kBT` (eV) on."""

    def __init__(self, system, kBT: float):
        super().__init__(0.0, kBT=kBT)
        self.statistics = counting_statistics(*_energy_range(system), kBT)

    def finalize(self, values, system):
        return ElectronSpectrum(self.statistics, values[_SPECTRA][0, :, 0], *periodic_measure(system))


def _energy_range(system) -> tuple[float, float]:
    """Lowest and highest energy of the bands, about, with a margin, eV."""
    if not hasattr(system, "rvec"):
        raise InputError("Efermi", "Fermi levels for a system without R-space matrices", "a number of electrons")
    kpoints = np.random.default_rng(0).random((_SAMPLE, 3)) * np.asarray(system.periodic, dtype=float)
    energies = WannierInterpolator(system).band_energies(np.concatenate([np.zeros((1, 3)), kpoints]))
    margin = 0.5 * np.ptp(energies) / len(energies) ** (1 / 3) + 0.5
    return float(energies.min() - margin), float(energies.max() + margin)


def _check_finite(values, kpoints, symbol):
    """Refuse values (k, ...) that are not numbers; `kpoints` may be more than `values` has."""
    if np.isfinite(values.sum()):
        return
    finite = np.isfinite(values)
    if not finite.all():
        k = kpoints[int(np.argmin(finite.reshape(len(values), -1).all(axis=1)))]
        raise FloatingPointError(f"{symbol} is NaN or infinite at the k point {np.round(k, 8).tolist()}")


def is_positive(value) -> bool:
    """Whether a value is a finite number above zero."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < value < np.inf
