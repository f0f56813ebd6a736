"""Results against the strength of the spin-orbit coupling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray

from ..driver.run import run
from ..errors import InputError
from ..operators.spin_orbit import with_spin_orbit_strength

STRENGTH = "spin_orbit_strength"


def spin_orbit_scan(
    system, grid, calculators: Mapping[str, Any], strengths: Sequence[float] = tuple(np.linspace(0, 1, 6)), comm=None,
    **options: Any,
) -> xarray.Dataset | None:  # fmt: skip
    """Evaluate calculators with λ times the spin-orbit coupling, for several λ.

    What results are due to shows in how they grow: a spin Hall conductivity from virtual transitions ∝ λ², one of resonant
    crossings at once.  The Fermi level of each λ is that of the calculators: with `wb_conserved.calculators.Electrons` it
    holds the same number of electrons.

    Parameters
    ----------
    system, grid, calculators, comm
        See `wb_conserved.run`; of the coupling see `wb_conserved.operators.spin_orbit`.
    strengths : sequence of float
        λ, 0 without and 1 with all of the coupling.
    **options
        Of `wb_conserved.run`.

    Returns
    -------
    xarray.Dataset or None
        As `RunResult.to_dataset`, with a first axis ``spin_orbit_strength``; on rank 0.

    Raises
    ------
    InputError
        No strengths, or one twice; a system whose coupling cannot be told.
    """
    values = [float(strength) for strength in np.ravel(np.asarray(strengths, dtype=float))]
    if not values or len(set(values)) < len(values):
        raise InputError("strengths", "different numbers, 0 to 1", repr(strengths))
    parts = []
    for strength in values:
        result = run(with_spin_orbit_strength(system, strength), grid, calculators, comm, **options)
        parts.append(result.to_dataset())
    axis = xarray.DataArray(
        values, dims=STRENGTH, attrs={"units": "1", "long_name": "strength of the spin-orbit coupling"}, name=STRENGTH
    )
    return xarray.concat(parts, axis, combine_attrs="override", join="override")
