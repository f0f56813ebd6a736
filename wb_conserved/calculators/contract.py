"""What the driver asks of a calculator: arrays of some k points, and how those of two sets of k points become one.

A merge is associative, and the driver applies it along a fixed tree, in order, so that results do not depend on how k
points are shared between processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


class Merge(ABC):
    """A way to merge two arrays.

    Attributes
    ----------
    grows : bool
        Whether the result is as long as both together.
    adds : bool
        Whether it is their sum.
    """

    grows = False
    adds = False

    @abstractmethod
    def __call__(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The array of both, `left` coming first; the memory of `left` may be used."""


@dataclass(frozen=True)
class Sum(Merge):
    """The sum."""

    adds = True

    def __call__(self, left, right):
        left += right
        return left


@dataclass(frozen=True)
class Join(Merge):
    """Rows of both, in the order of the k points."""

    grows = True

    def __call__(self, left, right):
        return np.concatenate([left, right])


@dataclass(frozen=True)
class Largest(Merge):
    """The rows whose first number has the largest absolute values, largest first; of equal ones the first.

    Attributes
    ----------
    number : int
        Rows to keep.
    """

    number: int

    def __call__(self, left, right):
        return self.of(np.concatenate([left, right]))

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The same of one array of rows."""
        return rows[np.argsort(-np.abs(rows[:, 0]), kind="stable")[: self.number]]


SUM, JOIN = Sum(), Join()


class Accumulating(ABC):
    """A calculator whose result is made from arrays that are accumulated over k points.

    Attributes
    ----------
    merges : mapping of str to Merge
        How each of its arrays is merged, by name.
    may_be_undefined : bool
        Whether NaN in its result stands for what is not defined, such as a mean over no states.
    needs_impurities : bool
        Whether it is of a crystal with impurities, which need not have its symmetry.
    """

    merges: Mapping[str, Merge]
    may_be_undefined: ClassVar[bool] = False
    needs_impurities: ClassVar[bool] = False

    @abstractmethod
    def accumulate(self, states, weight: float = 1.0, out: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Arrays of some k points, merged with earlier ones.

        Parameters
        ----------
        states : wb_conserved.interpolation.BlochStates
        weight : float
            Weight of each k point.
        out : dict of arrays, optional
            What an earlier call returned; may be used and changed.
        """

    @abstractmethod
    def finalize(self, values: Mapping[str, np.ndarray], system) -> Any:
        """The result, from the arrays of all k points."""

    def requirements(self, system) -> Mapping[str, Any]:
        """Calculators whose results this one needs first, by names of its own; they are evaluated in an earlier pass over
        the same mesh, equal ones of several calculators once."""
        return {}

    def with_results(self, results: Mapping[str, Any], provisional: bool = False) -> Accumulating:
        """The calculator that knows the results of its `requirements`, by the same names.

        Parameters
        ----------
        results : mapping of str to result
        provisional : bool
            They are those of one k point, from which only the sizes of arrays are learnt; not to be refused.
        """
        return self

    def scatter(self, values: Mapping[str, np.ndarray], system, pointgroup, number: int) -> Any:
        """How the contributions of k points scatter, see `wb_conserved.calculators.scatter.Scatter`; None: not known.

        Parameters
        ----------
        values : mapping of str to array
            Of all k points, as for `finalize`.
        system : wannierberri.system.System
        pointgroup : wannierberri.symmetry.point_symmetry.PointGroup or None
            With which the result is symmetrised.
        number : int
            K points of the whole mesh.
        """
        return None

    def findings(self) -> Mapping[str, Any]:
        """What became known besides the result, for the attributes of a data set, by names that are alike for all."""
        return {}

    def doubts(self) -> list[str]:
        """What is to be said of the result, one line each."""
        return []

    def arrange(self, result: Any, grid) -> Any:
        """The symmetrised result in the order of the grid or path."""
        return result
