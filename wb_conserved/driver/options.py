"""Settings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .refinement import refinement_mesh


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
            raise ValueError(f"adpt_num_iter: expected an integer, found {self.adpt_num_iter!r}")

    @property
    def refined(self) -> bool:
        """Whether the mesh is refined."""
        return self.adpt_num_iter != 0 and bool(np.any(self.adpt_mesh > 1))

    def iterations(self, grid) -> int:
        """Iterations of refinement on a grid."""
        if not self.refined:
            return 0
        if self.adpt_num_iter > 0:
            return int(self.adpt_num_iter)
        return round(-self.adpt_num_iter * np.prod(grid.div) / np.prod(self.adpt_mesh) / self.adpt_fac / 3)
