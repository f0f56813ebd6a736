"""Levels without a k mesh, for statistics: energies, and perhaps those at the corners of cells."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wb_conserved.geometry import Multiplets, find_multiplets


@dataclass
class Levels:
    """What a statistics sees of a batch of k points: energies (k, n), corners (k, 8, n), grouped by a threshold."""

    energies: np.ndarray
    corners: np.ndarray | None = None
    threshold: float | None = None

    @cached_property
    def multiplets(self):
        if self.threshold is not None:
            return find_multiplets(self.energies, self.threshold)
        k, n = self.energies.shape
        same = np.broadcast_to(np.eye(n, dtype=bool), (k, n, n))
        return Multiplets(np.broadcast_to(np.arange(n), (k, n)), same, np.ones((k, n)), self.energies)

    def corner_energies(self):
        return self.corners

    def remember(self, key, compute):
        return compute()


def spectra(statistics, weight, levels, values):
    """Spectra of the moments of a weight from per-band values (k, n, ...)."""
    statistics.check(weight)
    placement = statistics.place(levels)
    found = [np.zeros((statistics.n_nodes, *values.shape[2:])) for _ in statistics.moments(weight)]
    for moment, spectrum in zip(statistics.moments(weight), found, strict=True):
        placement.add(moment, values, spectrum)
    return found


def weighed(statistics, weight, levels, values):
    """Σ w X over all levels, (*scan, ...)."""
    return statistics.weigh(weight, spectra(statistics, weight, levels, values))
