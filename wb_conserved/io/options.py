"""Arguments of `load_system`, checked against each other and against what a reader has a use for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError
from ..geometry.spin_current import needs_matrices, spin_currents
from .formats import Reader
from .request import Request
from .spin_axis import axis_of_angles, unit_axis

ALL_PERIODIC = (True, True, True)

_WITH_SPIN_ORDER = ("spin_tolerance", "spin_part_tolerance", "time_reversal", "time_reversal_tolerance")
_OF_SPINS = ("spin_order", *_WITH_SPIN_ORDER, "symmetrize", "spin_orbit_strength", "spin_current", "outside_states")


@dataclass(frozen=True)
class Options:
    """Arguments of `load_system`, where they are described."""

    path: Any = None
    up: Any = None
    down: Any = None
    spin: bool = True
    spin_order: str | Sequence[Sequence[int]] | None = None
    spin_axis: Sequence[float] | None = None
    spin_angles: Sequence[float] | None = None
    spin_orbit_strength: float | None = None
    spin_tolerance: float | None = None
    spin_part_tolerance: float | None = None
    time_reversal: bool | None = None
    time_reversal_tolerance: float | None = None
    wannier_centers: np.ndarray | None = None
    real_lattice: np.ndarray | None = None
    ws_distance: bool | str = "auto"
    mp_grid: Sequence[int] | None = None
    periodic: tuple[bool, bool, bool] = ALL_PERIODIC
    symmetrize: bool = False
    symmetry_tolerance: float | None = None
    magnetic_moments: np.ndarray | None = None
    spin_current: str | Sequence[str] = "projected"
    outside_states: bool = False
    check_overlaps: bool = True

    @property
    def collinear(self) -> bool:
        """Whether the two spins have files of their own."""
        return self.up is not None

    @cached_property
    def axis(self) -> np.ndarray | None:
        """The user's axis of spin, a unit vector."""
        if self.spin_angles is not None:
            return axis_of_angles(self.spin_angles)
        return None if self.spin_axis is None else unit_axis(self.spin_axis)

    def given(self, name: str) -> bool:
        """Whether an argument has another value than its default."""
        value = getattr(self, name)
        if name == "periodic":
            return tuple(value) != ALL_PERIODIC
        default = type(self).__dataclass_fields__[name].default
        return value is not default and not (isinstance(value, str | bool) and value == default)

    def of_one_spin(self, path) -> Options:
        """The same for the functions of one spin."""
        kept = {name: type(self).__dataclass_fields__[name].default for name in ("up", "down", "spin_axis", "spin_angles")}
        return dataclasses.replace(self, path=path, spin=False, **kept)

    def check(self) -> None:
        """Raise InputError where arguments do not go together."""
        if (self.path is None) == (self.up is None):
            raise InputError("path", "either path, or up and down", "both" if self.up is not None else "neither")
        if self.down is not None and self.up is None:
            raise InputError("down", "to be given with up only", repr(self.down))
        if self.spin_axis is not None and self.spin_angles is not None:
            raise InputError("spin_angles", "either spin_axis or spin_angles", "both")
        if self.collinear:
            for name in _OF_SPINS:
                if self.given(name):
                    raise InputError(name, "not to be given with up and down", repr(getattr(self, name)))
        if self.spin_order is None:
            for name in _WITH_SPIN_ORDER:
                if getattr(self, name) is not None:
                    raise InputError(name, "to be given with spin_order only", repr(getattr(self, name)))
        elif not self.spin:
            raise InputError("spin_order", "not to be given with spin=False", repr(self.spin_order))
        if not (isinstance(self.ws_distance, bool) or (isinstance(self.ws_distance, str) and self.ws_distance == "auto")):
            raise InputError("ws_distance", "'auto', True or False", repr(self.ws_distance))
        for name in ("symmetrize", "check_overlaps", "outside_states"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(name, "True or False", repr(getattr(self, name)))
        for name in ("symmetry_tolerance", "magnetic_moments"):
            if getattr(self, name) is not None and not self.symmetrize:
                raise InputError(name, "to be given with symmetrize=True only", repr(getattr(self, name)))
        if self.symmetrize and self.outside_states:
            raise InputError("outside_states", "False with symmetrize=True, which does not know these matrices", "True")
        spin_currents(self.spin_current)
        strength = self.spin_orbit_strength
        if strength is not None and (
            isinstance(strength, bool) or not isinstance(strength, int | float | np.number) or not np.isfinite(strength)
        ):
            raise InputError("spin_orbit_strength", "a number", repr(strength)[:80])
        _ = self.axis

    def check_for(self, reader: Reader, source: str) -> None:
        """Raise InputError where an argument is given that a reader has no use for."""
        if needs_matrices(self.spin_current) and (
            "spin_current" not in reader.options or not self.spin or self.spin_order is not None
        ):
            raise InputError("spin_current", "'projected' where there are no .chk and .spn files", repr(self.spin_current))
        for name in ("spin_axis", "spin_angles"):
            if self.given(name) and self.spin_order is None and "spin_axis" not in reader.options:
                expected = "to be given with spin_order only, with up and down, or for a SystemSOC"
                raise InputError(name, expected, repr(getattr(self, name)))
        if self.outside_states and "outside_states" not in reader.options:
            raise InputError("outside_states", "False where there is no .chk file", "True")
        for name in ("wannier_centers", "real_lattice", "ws_distance", "mp_grid", "periodic", "check_overlaps"):
            if self.given(name) and name not in reader.options:
                raise InputError(name, f"not to be given for {source}, which has its own", f"{name} given")
        if self.given("spin_orbit_strength") and "spin_orbit_strength" not in reader.options:
            found = f"{self.spin_orbit_strength:g}"
            raise InputError("spin_orbit_strength", f"not to be given for {source}, which is no SystemSOC", found)

    def request(self, subject, seed: str, read_spin: bool) -> Request:
        """What a reader is asked for."""
        names = {field.name for field in dataclasses.fields(Request)} - {"path", "seed", "spin", "spin_axis"}
        options = {name: getattr(self, name) for name in names} | {"spin_current": spin_currents(self.spin_current)}
        return Request(subject, seed, read_spin, spin_axis=self.axis, **options)
