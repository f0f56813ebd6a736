"""Density of a conductivity over k points and bands, for ``TabulatorAll`` on a ``Path`` or a ``Grid``."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .band_geometry import BandGeometry
from .base import FIELD, FLOW
from .static import Conductivity, KuboConservedSpinConductivity
from .tabulate import BandTabulator


class ConductivityDensity(BandTabulator):
    """What each band at each k point contributes to a conductivity, with its occupation, axes [i, l, s], unit Å² [s].

    Its mean over k points, summed over bands, times −(e²/ħ) over the volume of the cell is the conductivity.

    Parameters
    ----------
    quantity : type
        Class of a static conductivity, such as those of `wb_conserved.calculators.static` or ``SUMS["kubo"].calculator``.
    Efermi : float
        Fermi level, eV.
    kBT : float
        Temperature, eV; > 0 where there is a Fermi-surface term, unless `fermi_surface_width` is among the options.
    options : dict, optional
        Further arguments of the calculator of that quantity.
    ibands, degen_thresh, degen_Kramers, operator, kwargs_formula, save_mode, print_comment
        See `BandTabulator`.

    Raises
    ------
    InputError
        Another quantity, more than one level or temperature, or arguments that the calculator refuses.
    """

    symbol, long_name, unit = "σ(k)", "density of a conductivity", "Å² [s]"
    axes, force = Conductivity.axes, Conductivity.force

    def __init__(
        self, *, quantity: type[Conductivity] = KuboConservedSpinConductivity, Efermi: float = 0.0,
        kBT: float = 0.025, options=None, **kwargs,
    ):  # fmt: skip
        if not _is_static_conductivity(quantity):
            raise InputError("quantity", "the class of a static conductivity", getattr(quantity, "__name__", repr(quantity)))
        if np.size(Efermi) != 1 or np.ndim(kBT):
            raise InputError("Efermi", "one Fermi level and one temperature", f"{Efermi!r}, kBT = {kBT!r}")
        super().__init__(**kwargs)
        shared = {
            "degen_thresh": self.degen_thresh, "degen_Kramers": self.degen_Kramers, "operator": self.operator,
            "kwargs_formula": {"external_terms": self.external_terms},
        }  # fmt: skip
        self.conductivity = quantity(np.ravel(Efermi), kBT=kBT, **shared, **(options or {}))
        self.sources = self.conductivity.sources
        self.long_name = f"density of {self.conductivity.long_name}"
        statistics = self.conductivity.statistics
        self._weights = {
            weight: [nodes[0] for nodes in statistics.node_weights(weight)] for weight in self.conductivity.occupations
        }

    @property
    def odd_under_time_reversal(self):
        """As the conductivity."""
        return self.conductivity.odd_under_time_reversal

    def values(self, band_geometry: BandGeometry):
        statistics, total = self.conductivity.statistics, 0.0
        placement = band_geometry.place(statistics)
        for term in self.conductivity.terms(band_geometry):
            moments = zip(statistics.moments(term.weight), self._weights[term.weight], strict=True)
            occupied = sum(placement.of_bands(moment, nodes) for moment, nodes in moments)
            total = total + occupied.reshape(*occupied.shape, *(1,) * (term.values.ndim - 2)) * term.values
        return total

    def _check_matrices(self, system):
        super()._check_matrices(system)
        self.conductivity._check_matrices(system)


def _is_static_conductivity(kind):
    if not (isinstance(kind, type) and issubclass(kind, Conductivity) and kind.axes == {"i": FLOW, "l": FIELD}):
        return False
    return not kind([0.0], kBT=1.0).further_axes
