"""Components of a result that the point group allows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from wannierberri.result import EnergyResult

_VANISHES = 1e-8


def allowed_components(calculator: Any, pointgroup: Any) -> list[str]:
    """Components, such as "xyz", that do not vanish by symmetry.

    Found by the mean of random tensors over the operations, as results are symmetrised; of an observable that the operations
    do not take to itself all of them.

    Parameters
    ----------
    calculator : OccupationCalculator
    pointgroup : wannierberri.symmetry.point_symmetry.PointGroup or None
        None: all components.
    """
    rank = len(calculator.cartesian_axes)
    every = ["".join(letters) for letters in itertools.product("xyz", repeat=rank)] if rank else []
    if pointgroup is None or not calculator.operator.symmetric or not rank:
        return every
    result = EnergyResult(
        [np.zeros(1)],
        np.random.default_rng(0).normal(size=(1, *(3,) * rank)),
        transformTR=calculator.transform_time_reversal,
        transformInv=calculator.transform_inversion,
    )
    mean = np.asarray(pointgroup.symmetrize(result).data)[0].ravel()
    return [component for component, value in zip(every, mean, strict=True) if abs(value) > _VANISHES]
