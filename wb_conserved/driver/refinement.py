"""Adaptive refinement of the mesh, with WannierBerri's rule.

After each iteration the K points with the largest criteria (largest value, norm and norm of the slope of every result,
times the factor of the K point) are divided.  The change of the result is then

    D_i = Σ_K (change of the factor of K) × (result of K)

over the new K points, whose factor was zero, and the divided ones, whose factor becomes zero.  The error of what is left
is estimated from these changes.  If a K point changes, when it is divided, by an amount of random sign in proportion to
its contribution m_K (the norm times the factor), then

    error² = (Σ_i D_i²) (Σ_{K in the final list} m_K²) / (Σ_{K divided} m_K²),

component by component.  This is an estimate: it knows nothing of features that no K point has seen yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.grid import Grid, exclude_equiv_points

from ..errors import InputError
from ..io.private import set_criteria

_CHANGED = 1e-12  # a factor


@dataclass(frozen=True)
class Refinement:
    """What refinement did.

    Attributes
    ----------
    divided : list of int
        Number of K points divided before each iteration; none before the first.
    changes : dict of str to array (iteration, Efermi, ...)
        D_i of every result over Fermi levels, in its unit.
    error : dict of str to array (Efermi, ...)
        Estimate, one standard deviation.
    """

    divided: list[int]
    changes: dict[Any, np.ndarray]
    error: dict[Any, np.ndarray]


def refinement_mesh(adpt_mesh) -> np.ndarray:
    """Three numbers of parts in which a K point is divided; all 1: no refinement.

    Raises
    ------
    ValueError
        Not positive integers.
    """
    mesh = np.asarray(1 if adpt_mesh is None else adpt_mesh)
    if mesh.shape not in ((), (3,)) or not np.issubdtype(mesh.dtype, np.integer) or np.any(mesh < 1):
        raise InputError("adpt_mesh", "a positive integer, or three of them", repr(adpt_mesh))
    return np.broadcast_to(mesh, (3,)).copy()


class KPointList:
    """WannierBerri's K points, their factors and criteria, through the iterations.

    Parameters
    ----------
    grid : wannierberri.Grid
    Kpoints : list of wannierberri K points
    periodic : three bool
    adpt_mesh : three ints
    adpt_fac : int
        K points divided per criterion.
    use_symmetry : bool
        Whether equivalent K points are merged.
    """

    def __init__(self, grid, Kpoints, periodic, adpt_mesh, adpt_fac: int, use_symmetry: bool):
        if not isinstance(adpt_fac, (int, np.integer)) or adpt_fac < 1:
            raise InputError("adpt_fac", "a positive integer", repr(adpt_fac))
        self._grid, self._periodic = grid, np.asarray(periodic, bool)
        self._adpt_mesh, self._adpt_fac = adpt_mesh, int(adpt_fac)
        self._use_symmetry = use_symmetry
        self._Kpoints = list(Kpoints)
        self._factors = np.zeros(0)  # those of the last iteration
        self._changed: list[int] = []
        self._divided_norms = 0.0  # Σ m² of the divided, per result

    @property
    def settings(self) -> list:
        """What the iterations depend on."""
        return [self._adpt_mesh.tolist(), self._adpt_fac, self._use_symmetry]

    def changes(self) -> list[tuple[Any, float]]:
        """K points whose factor is new, with the change of it."""
        now = np.array([Kpoint.factor for Kpoint in self._Kpoints])
        before = np.concatenate([self._factors, np.zeros(len(now) - len(self._factors))])
        self._changed = np.flatnonzero(np.abs(now - before) > _CHANGED).tolist()
        self._factors = now
        return [(self._Kpoints[i], float(now[i] - before[i])) for i in self._changed]

    def set_criteria(self, criteria: np.ndarray) -> None:
        """Take in the criteria (K point, 3 × results) of the K points of the last `changes`."""
        for i, row in zip(self._changed, criteria, strict=True):
            set_criteria(self._Kpoints[i], row)

    def divide(self) -> int:
        """Divide the K points with the largest criteria.

        Returns
        -------
        int
            Number of K points divided.
        """
        largest = np.array([Kpoint.max for Kpoint in self._Kpoints]).T
        selected = sorted(set().union(*(np.argsort(values)[-self._adpt_fac :].tolist() for values in largest)))
        self._divided_norms = self._divided_norms + sum(self._Kpoints[i].max[1::3] ** 2 for i in selected)
        before = len(self._Kpoints)
        for i in selected:
            self._Kpoints += self._Kpoints[i].divide(
                ndiv=self._adpt_mesh.copy(), periodic=self._periodic, use_symmetry=self._use_symmetry
            )
        if self._use_symmetry and isinstance(self._grid, Grid):
            exclude_equiv_points(self._Kpoints, new_points=len(self._Kpoints) - before)
        return len(selected)

    def error(self, changes: dict[Any, np.ndarray]) -> dict[Any, np.ndarray]:
        """Estimate of the error, see the top of the module.

        Parameters
        ----------
        changes : dict of str to array (iteration, Efermi, ...)
            In the order of the results.
        """
        left = sum(Kpoint.max[1::3] ** 2 for Kpoint in self._Kpoints)
        ratio = np.sqrt(left / np.where(self._divided_norms > 0, self._divided_norms, np.inf))
        return {name: ratio[i] * np.sqrt(np.sum(change**2, axis=0)) for i, (name, change) in enumerate(changes.items())}
