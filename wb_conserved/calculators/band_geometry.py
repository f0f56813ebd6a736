"""Band geometry of one batch of k points, as the calculators use it.

Every quantity is computed once, when first needed.  Several multiplet thresholds in one run cost little: a threshold
takes the per-band quantities of the first one that the batch saw, and computes anew only the k points at which the bands
are grouped differently.
"""

from __future__ import annotations

import numpy as np

from .. import geometry
from ..geometry import Multiplets
from ..interpolation import BlochBatch
from ..occupations import Placement, Statistics
from ..operators import BandMatrix, Operator
from .band_quantities import QUANTITIES, Quantity

_LARGEST_SHARE = 0.5  # of k points with another grouping, above which everything is computed anew


class BandGeometry:
    """Geometry of one batch for one choice of multiplets, operator and velocity.

    Arrays have the axes that `wb_conserved.calculators.band_quantities` names, k point and bands first: matrices
    (k, n, ..., m), per-band quantities (k, n, ...).  Every quantity of that table is an attribute.

    Parameters
    ----------
    batch : BlochBatch
    observable : Operator
    threshold : float
        Multiplet threshold, eV.
    kramers : bool
        Group Kramers pairs.
    external_terms : bool
        Whether the position matrix enters.

    Attributes
    ----------
    batch, observable, external_terms
    grouping : tuple
        Threshold and `kramers`.
    """

    def __init__(self, batch: BlochBatch, observable: Operator, threshold: float, kramers: bool, external_terms: bool):
        self.batch, self.observable, self.external_terms = batch, observable, external_terms
        self.grouping = (threshold, kramers)
        made = isinstance(observable.matrix, BandMatrix)  # multiplets may enter
        space = (observable, external_terms, *(self.grouping if made else ()))
        # a grouping rather than a band geometry, which would keep the batch that keeps it
        self._first_grouping = batch.remember(("first", *space), lambda: self.grouping)
        # quantities by name, shared with all band geometries of this space, and of this space and grouping
        self._of_space = batch.remember(("space", *space), dict)
        self._of_grouping = batch.remember(("grouping", *space, *self.grouping), dict)

    def __getattr__(self, name):
        if name not in QUANTITIES:
            raise AttributeError(f"{type(self).__name__} has no quantity {name!r}")
        return self.quantity(QUANTITIES[name])

    def quantity(self, quantity: Quantity, key: str | None = None) -> np.ndarray:
        """A quantity, computed when it is first needed: by the kernel of its name that the batch offers, or its own function.

        Parameters
        ----------
        quantity : Quantity
        key : str, optional
            What tells it from others, its name by default.
        """
        kept, key = self._of_grouping if quantity.grouping else self._of_space, key or quantity.name
        if key not in kept:
            compute = self.batch.kernels.get(quantity.name, quantity.compute)
            kept[key] = self._with_rows_of_first(quantity, key, compute) if quantity.per_band else compute(self)
        return kept[key]

    def _with_rows_of_first(self, quantity, key, compute):
        """Per-band quantity of this grouping: rows of the first one of the batch, but where the bands are grouped otherwise."""
        if self.grouping == self._first_grouping:
            return compute(self)
        first = BandGeometry(self.batch, self.observable, *self._first_grouping, self.external_terms)
        changed = np.any(self.multiplets.labels != first.multiplets.labels, axis=1)
        if not changed.any():
            return first.quantity(quantity, key)
        changed, other = self._changed_part(changed)
        if changed.mean() > _LARGEST_SHARE:
            return compute(self)
        values = first.quantity(quantity, key).copy()
        values[changed] = compute(other)
        return values

    def _changed_part(self, changed):
        """K points that hold all that are grouped otherwise, and their band geometry."""
        if "changed part" not in self._of_grouping:
            selected, batch = self.batch.selected(changed)
            other = BandGeometry(batch, self.observable, *self.grouping, self.external_terms)
            self._of_grouping["changed part"] = selected, other
        return self._of_grouping["changed part"]

    def part(self, kpoints: np.ndarray) -> BandGeometry:
        """That of some k points (k,), bool, alone; this one has to outlive it."""
        return BandGeometry(self.batch.part(kpoints), self.observable, *self.grouping, self.external_terms)

    @property
    def energies(self):
        """Band energies (k, n), eV."""
        return self.batch.energies

    @property
    def metric(self):
        """Signs of the norms of the bands (n,); None: all are 1."""
        return self.batch.metric

    @property
    def multiplets(self) -> Multiplets:
        """Grouping of the bands."""
        find = self.batch.kernels.get("multiplets", _find_multiplets)
        return self.remember(("multiplets", *self.grouping), lambda: find(self))

    @property
    def operator(self):
        """s (k, n, s, m)."""
        return self.matrix_of(self.observable)

    def matrix_of(self, observable: Operator):
        """Matrix (k, n, s, m) of any observable in the same states."""
        matrix = observable.matrix
        if not isinstance(matrix, BandMatrix):
            return self.batch.operator(observable)
        key = ("made", observable, self.external_terms, *self.grouping)
        return self.remember(key, lambda: matrix.compute(self))

    def vectors_of_operator(self):
        """s in the layout of the compiled kernels, where the batch has them."""
        if not isinstance(self.observable.matrix, BandMatrix):
            return self.batch.vectors_of_operator(self.observable)
        key = ("vectors", self.observable, self.external_terms, *self.grouping)
        return self.remember(key, lambda: self.batch.vectors_of(self.operator))

    @property
    def velocity(self):
        """v^a (k, n, a, m)."""
        return self.batch.velocity(self.external_terms)

    def place(self, statistics: Statistics) -> Placement:
        """Multiplets on the energy axis of a statistics, the same for all quantities of this grouping."""
        return self.remember(("placement", statistics.key, *self.grouping), lambda: statistics.place(self))

    def corner_energies(self):
        """Band energies (k, 8, n) at the corners of the cell of each k point, eV."""
        return self.batch.corner_energies()

    def remember(self, key, compute):
        """Result of `compute`, evaluated once per batch and key."""
        return self.batch.remember(key, compute)


def _find_multiplets(g):
    return geometry.find_multiplets(g.energies, *g.grouping, metric=g.metric)
