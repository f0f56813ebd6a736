"""Tabulators of band quantities, for WannierBerri's ``TabulatorAll`` on a ``Grid`` or a ``Path``.

Every band shows the mean over its multiplet, tr_M X / |M|, which does not depend on the basis inside.  The table of
quantities is that of the theory (C. Xiao and Q. Niu, Phys. Rev. B 104, L241411 (2021)); each class names its equation and
axes, and the last axis is the component of s.  Units in terms of [s], that of the observable.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from wannierberri.result import KBandResult

from ..errors import InputError
from ..geometry import axial_vector
from ..interpolation import states_of
from .band_geometry import BandGeometry
from .base import DIPOLE, FIELD, FLOW, GeometryCalculator
from .contract import JOIN, Accumulating, Merge
from .full_mesh import FullMeshBandResult

_ROWS = "rows"


class BandTabulator(GeometryCalculator, Accumulating):
    """Base of the tabulators.

    Parameters
    ----------
    ibands : sequence of int, optional
        Bands to tabulate; all by default.
    degen_thresh, degen_Kramers, operator, kwargs_formula, save_mode, print_comment
        See `GeometryCalculator`.
    """

    unit: ClassVar[str]
    sources = ("xiao2021",)

    def __init__(self, *, ibands=None, **kwargs):
        self.ibands = None if ibands is None else np.asarray(ibands)
        super().__init__(**kwargs)

    @property
    def allow_path(self):
        """Tabulators work on paths as well as on grids."""
        return True

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of the result."""
        return ("k", "band", *self.cartesian_axes)

    @abstractmethod
    def values(self, band_geometry: BandGeometry):
        """Per-band quantity (k, n, ..., s)."""

    merges: ClassVar[Mapping[str, Merge]] = MappingProxyType({_ROWS: JOIN})

    def accumulate(self, states, weight=1.0, out=None):
        """Rows (k, band, ...); weights of k points do not enter."""
        parts = []
        for band_geometry in self.band_geometries(states):
            values = self.values(band_geometry)
            k, n = values.shape[:2]
            means = band_geometry.multiplets.mean(values.reshape(k, n, -1)).reshape(values.shape)
            parts.append(means if self.operator.rank else means[..., 0])
        rows = np.concatenate(parts)
        if self.ibands is not None:
            rows = rows[:, self.ibands]
        return {_ROWS: rows if out is None else JOIN(out[_ROWS], rows)}

    def finalize(self, values: Mapping[str, np.ndarray], system) -> KBandResult:
        """Result from the rows of all k points."""
        result_class = KBandResult if self.operator.symmetric else FullMeshBandResult
        return result_class(
            values[_ROWS], transformTR=self.transform_time_reversal, transformInv=self.transform_inversion
        )

    def __call__(self, data_K) -> KBandResult:
        return self.finalize(self.accumulate(states_of(data_K)), data_K.system)


class Expectation(BandTabulator):
    """Expectation value s_M, axes [s], unit [s]."""

    symbol, long_name, unit = "s", "expectation value", "[s]"
    axes = MappingProxyType({})
    like_current = False

    def values(self, band_geometry):
        return band_geometry.expectation


class ConventionalCurrent(BandTabulator):
    """Conventional current tr_M J^{is}, J^{is} = ½ {v^i, s}, axes [i, s], unit eV Å [s] (divide by ħ)."""

    symbol, long_name, unit = "J", "conventional current", "eV Å [s]"
    axes = MappingProxyType({"i": FLOW})
    odd_under_inversion = True

    def values(self, band_geometry):
        return band_geometry.diagonal_current


class TorqueDipole(BandTabulator):
    """Torque dipole d^{iτ} = Re Σ A^i_nm τ_mn, axes [i, s], unit eV Å [s]."""

    symbol, long_name, unit = "d^τ", "torque dipole", "eV Å [s]"
    axes = MappingProxyType({"i": DIPOLE})
    odd_under_inversion = True

    def values(self, band_geometry):
        return band_geometry.torque_dipole


class TorqueBerryCurvature(BandTabulator):
    """Torque Berry curvature Ω^{iτ} = ∂_{k_i} s_M, axes [i, s], unit Å [s]."""

    symbol, long_name, unit = "Ω^τ", "torque Berry curvature", "Å [s]"
    axes = MappingProxyType({"i": "direction of the gradient"})
    odd_under_inversion = True

    def values(self, band_geometry):
        return band_geometry.torque_berry_curvature


class OperatorBerryCurvature(BandTabulator):
    """s-Berry curvature Ω^{lis} = −2 Im Σ v^l_nm J^{is}_mn/(ε_n − ε_m)², axes [i, l, s], unit Å² [s]."""

    symbol, long_name, unit = "Ω^s", "s-Berry curvature", "Å² [s]"
    axes = MappingProxyType({"i": FLOW, "l": FIELD})

    def values(self, band_geometry):
        return band_geometry.operator_berry_curvature


class OperatorDipole(BandTabulator):
    """s-dipole d^{is} = Re Σ A^i_nm s_mn, axes [i, s], unit Å [s]."""

    symbol, long_name, unit = "d^s", "s-dipole", "Å [s]"
    axes = MappingProxyType({"i": DIPOLE})
    odd_under_inversion = True
    like_current = False

    def values(self, band_geometry):
        return band_geometry.operator_dipole


class CurrentDipole(BandTabulator):
    """Dipole of the conventional current d^{lis} = Re Σ A^l_nm J^{is}_mn, axes [l, i, s], unit eV Å² [s]."""

    symbol, long_name, unit = "d^{lis}", "current dipole", "eV Å² [s]"
    axes = MappingProxyType({"l": DIPOLE, "i": FLOW})

    def values(self, band_geometry):
        return band_geometry.current_dipole


class TorqueQuadrupole(BandTabulator):
    """Torque quadrupole q^{ilτ} = Re<½ (r − r_c)^i (r − r_c)^l τ>, axes [i, l, s], unit eV Å² [s]."""

    symbol, long_name, unit = "q^τ", "torque quadrupole", "eV Å² [s]"
    axes = MappingProxyType({"i": "first direction of the quadrupole", "l": "second direction of the quadrupole"})

    def values(self, band_geometry):
        return band_geometry.torque_quadrupole


class BerryCurvatureTimesOperator(BandTabulator):
    """Berry curvature times s, Ωs^{li} = Re tr_M(Ω^{li}_M s_M), axes [i, l, s], unit Å² [s]."""

    symbol, long_name, unit = "Ωs", "Berry curvature times s", "Å² [s]"
    axes = MappingProxyType({"i": FLOW, "l": FIELD})

    def values(self, band_geometry):
        return band_geometry.berry_curvature_times_operator


class TorqueDipolePolarizability(BandTabulator):
    """Polarizability χ^{ilτ} = ∂_{k_l} d^{is} + Ωs^{li} − Ω^{lis} of the torque dipole, axes [i, l, s], unit Å² [s]."""

    symbol, long_name, unit = "χ^τ", "torque-dipole polarizability", "Å² [s]"
    axes = MappingProxyType({"i": FLOW, "l": FIELD})

    def values(self, band_geometry):
        return band_geometry.torque_dipole_polarizability


class OrbitalMoment(BandTabulator):
    """Orbital moment of s, m^s = ½ Re Σ A × J^s + ½ Re tr_M(d^s_M × v_M), axes [a, s], unit eV Å² [s]."""

    symbol, long_name, unit = "m^s", "orbital moment of s", "eV Å² [s]"
    axes = MappingProxyType({"a": "component of the moment"})

    def values(self, band_geometry):
        return band_geometry.orbital_moment


class InterbandMoment(BandTabulator):
    """Interband part of the orbital moment of s, m₁ = ½ Re Σ A × J^s, axes [a, s], unit eV Å² [s]."""

    symbol, long_name, unit = "m₁", "interband part of the orbital moment", "eV Å² [s]"
    axes = MappingProxyType({"a": "component of the moment"})

    def values(self, band_geometry):
        return band_geometry.interband_moment


class CircuitMoment(BandTabulator):
    """Part of the orbital moment of s from local circuits, m₂ = ½ Re tr_M(d^s_M × v_M), axes [a, s], unit eV Å² [s]."""

    symbol, long_name, unit = "m₂", "local-circuit part of the orbital moment", "eV Å² [s]"
    axes = MappingProxyType({"a": "component of the moment"})

    def values(self, band_geometry):
        return band_geometry.circuit_moment


class BerryCurvature(BandTabulator):
    """Berry curvature Ω_a = ½ ε_abc Ω^{bc} of the bands, of no observable, axes [a], unit Å²."""

    symbol, long_name, unit = "Ω", "Berry curvature", "Å²"
    axes = MappingProxyType({"a": "component of the curvature"})
    of_observable = False

    def __init__(self, **kwargs):
        if "operator" in kwargs:
            raise InputError("operator", "none, as BerryCurvature is of no observable", repr(kwargs["operator"]))
        super().__init__(operator="identity", **kwargs)

    def values(self, band_geometry):
        curvature = np.swapaxes(band_geometry.berry_curvature_times_operator, 2, 3)  # [l, i]
        return 0.5 * axial_vector(curvature)
