"""What a reader is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Request:
    """What is asked of a reader.

    Attributes
    ----------
    path : Path
        The file, perhaps with .xz or .gz; or the folder; or the object of another package.
    seed : str
        The path without the ending.
    spin : bool
        Whether 'SS' is needed.
    spin_order, wannier_centers, real_lattice, ws_distance, mp_grid, spin_current, outside_states, check_overlaps,
    spin_orbit_strength
        Arguments of `load_system`; their defaults where the reader takes no such option.
    spin_axis : ndarray, shape (3,), or None
        Unit vector, from ``spin_axis`` or ``spin_angles``.
    """

    path: Any
    seed: str
    spin: bool
    spin_order: str | Sequence[Sequence[int]] | None = None
    wannier_centers: np.ndarray | None = None
    real_lattice: np.ndarray | None = None
    ws_distance: bool | str = "auto"
    mp_grid: Sequence[int] | None = None
    spin_current: tuple[str, ...] = ("projected",)
    outside_states: bool = False
    check_overlaps: bool = True
    spin_axis: np.ndarray | None = None
    spin_orbit_strength: float | None = None
