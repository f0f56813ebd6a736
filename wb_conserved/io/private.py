"""What WannierBerri keeps private and this package cannot do without, in one place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def has_matrices(system) -> bool:
    """Whether a system is made of R-space matrices."""
    return hasattr(system, "_XX_R")


def matrices(system) -> Mapping[str, np.ndarray]:
    """All R-space matrices of a system by name."""
    return system._XX_R


def set_matrices(system, by_name: Mapping[str, np.ndarray]) -> None:
    """Replace all R-space matrices of a system."""
    system._XX_R = dict(by_name)


def set_criteria(Kpoint, criteria: np.ndarray) -> None:
    """Tell a K point its criteria of refinement, as if it had been evaluated."""
    Kpoint._max = criteria
    Kpoint.was_evaluated_flag = True
