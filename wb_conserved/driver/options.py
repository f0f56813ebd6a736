"""Settings of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError
from .refinement import refinement_mesh

MOST_PARTS = 10**7
"""New K points of a refinement: what is certainly not meant."""


@dataclass(frozen=True)
class Options:
    """What `wb_conserved.run` and `wb_conserved.estimate` take besides system, grid and calculators; see there.

    Attributes
    ----------
    use_irred_kpt, symmetrize, check_symmetry : bool
    parameters_K : mapping
    data_k_class : type or None
    memory_per_rank : float or None
        Bytes.
    adpt_num_iter, adpt_fac : int
    adpt_mesh : three ints
    """

    use_irred_kpt: bool = True
    symmetrize: bool = True
    check_symmetry: bool = True
    parameters_K: Mapping[str, Any] = field(default_factory=dict)
    data_k_class: type | None = None
    memory_per_rank: float | None = None
    adpt_num_iter: int = 0
    adpt_mesh: Any = 2
    adpt_fac: int = 1

    def __post_init__(self):
        object.__setattr__(self, "parameters_K", dict(self.parameters_K or {}))
        object.__setattr__(self, "adpt_mesh", refinement_mesh(self.adpt_mesh))
        if not isinstance(self.adpt_num_iter, (int, np.integer)):
            raise InputError("adpt_num_iter", "an integer", repr(self.adpt_num_iter))

    @property
    def refined(self) -> bool:
        """Whether the mesh is refined."""
        return self.adpt_num_iter != 0 and bool(np.any(self.adpt_mesh > 1))

    def iterations(self, grid, periodic) -> int:
        """Iterations of refinement on a grid of a system that is periodic along some directions."""
        if not self.refined:
            return 0
        number = int(self.adpt_num_iter)
        if number < 0:
            number = round(-number * math.prod(grid.div.tolist()) / math.prod(self.adpt_mesh.tolist()) / self.adpt_fac / 3)
        parts = math.prod(n for n, own in zip(self.adpt_mesh.tolist(), periodic, strict=True) if own)
        if number * (parts - 1) > MOST_PARTS:
            key = "adpt_mesh" if parts > MOST_PARTS else "adpt_num_iter"
            value = self.adpt_mesh.tolist() if key == "adpt_mesh" else number
            raise InputError(
                key,
                f"a refinement with at most {MOST_PARTS:.0e} new K points, iterations × (parts of a divided K point − 1), each "
                "of which takes about a kilobyte and a millisecond",
                f"{value}, {number * (parts - 1):.2g} new K points",
            )
        return number
