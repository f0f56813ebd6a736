"""Attraction between electrons, V_ij(R) in eV between function i of the home cell and j of the cell R; V < 0 attracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .bogoliubov import orbitals_of
from .pairing import pairing
from .spin import spin_pairs

_SYMMETRIC = 1e-9


@dataclass(frozen=True, eq=False)
class Interaction:
    """V_ij(R).

    Attributes
    ----------
    iRvec : int array (R, 3)
    values : float array (R, n, n)
        eV, V_ij(R) = V_ji(−R).
    """

    iRvec: np.ndarray
    values: np.ndarray

    @property
    def pairs(self) -> np.ndarray:
        """Index of R, i and j of every pair that interacts, (p, 3)."""
        return np.argwhere(self.values != 0)

    @property
    def exchanged(self) -> np.ndarray:
        """For each of `pairs` the place of (−R, j, i)."""
        place = {(*self.iRvec[R].tolist(), i, j): p for p, (R, i, j) in enumerate(self.pairs.tolist())}
        return np.array([place[(*(-self.iRvec[R]).tolist(), j, i)] for R, i, j in self.pairs.tolist()])


@dataclass(frozen=True)
class Attraction:
    """Attraction of equal strength on shells of neighbours; `attraction` makes it.

    Attributes
    ----------
    strength : float
    orbitals : tuple of int or None
    shell : tuple of int
    """

    strength: float
    orbitals: tuple[int, ...] | None
    shell: tuple[int, ...]

    def on(self, system, basis: str) -> Interaction:
        """The interaction between the functions of a system in a basis."""
        spinful = basis == "nambu" and system.has_R_mat("SS")
        pairs = spin_pairs(system) if spinful else None
        kept = pairs.up if spinful else orbitals_of(system) if basis == "singlet" else np.arange(system.num_wann)
        parts = []
        for shell in self.shell:
            name, size = ("s", 1.0) if shell == 0 else ("extended s", 2.0)
            vectors, mask = pairing(name, size, orbitals=self.orbitals, shell=shell).between_orbitals(system, kept)
            values = -self.strength * mask.real
            if basis == "nambu" and shell == 0 and not spinful:
                raise InputError("shell", "1 or more for functions without spin, of which two are not at one place", "0")
            if spinful:
                spins = np.array([[0, 1], [1, 0]]) if shell == 0 else np.ones((2, 2))
                full = np.zeros((len(vectors), system.num_wann, system.num_wann))
                of_spin = (pairs.up, pairs.down)
                for s, t in np.argwhere(spins):
                    full[:, of_spin[s][:, None], of_spin[t]] = values
                values = full
            parts.append((vectors, values))
        every = np.unique(np.concatenate([vectors for vectors, _ in parts]), axis=0)
        total = np.zeros((len(every), *parts[0][1].shape[1:]))
        place = {vector: i for i, vector in enumerate(map(tuple, every.tolist()))}
        for vectors, values in parts:
            total[[place[vector] for vector in map(tuple, vectors.tolist())]] += values
        return Interaction(every, total)


def attraction(strength: float, *, orbitals=None, shell=0) -> Attraction:
    """Attraction U between electrons in the same orbital of places at some distances, V = −U.

    Parameters
    ----------
    strength : float
        U > 0, eV.
    orbitals, shell
        See `pairing`; at one place (shell 0) electrons of opposite spin attract, at others all.

    Raises
    ------
    InputError
    """
    if isinstance(strength, bool) or not np.isscalar(strength) or not 0 < strength < np.inf:
        raise InputError("strength", "a number > 0 (eV): an attraction", repr(strength))
    shells = tuple(int(s) for s in np.atleast_1d(shell))
    orbitals = None if orbitals is None else tuple(int(i) for i in np.atleast_1d(orbitals))
    return Attraction(float(strength), orbitals, shells)


def as_interaction(source, system, basis: str, size: int) -> Interaction:
    """An interaction from what users write: `attraction`, a mapping of R to V(R), or (iRvec, V).

    Raises
    ------
    InputError
        Shapes that do not fit, V_ij(R) ≠ V_ji(−R), or no attraction anywhere.
    """
    if hasattr(source, "on"):
        return source.on(system, basis)
    if isinstance(source, Mapping):
        source = list(source), list(source.values())
    if not isinstance(source, Sequence) or len(source) != 2:
        raise InputError("interaction", "attraction(...), a mapping of R to V(R), or (iRvec, V)", type(source).__name__)
    vectors, values = np.asarray(source[0], dtype=int), np.asarray(source[1])
    if values.shape != (len(vectors), size, size) or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        found = f"{values.dtype} of shape {values.shape}"
        raise InputError("interaction", f"real numbers of shape ({len(vectors)}, {size}, {size}) (eV)", found)
    every = np.unique(np.concatenate([vectors, -vectors]), axis=0)
    place = {vector: i for i, vector in enumerate(map(tuple, every.tolist()))}
    full = np.zeros((len(every), size, size))
    full[[place[vector] for vector in map(tuple, vectors.tolist())]] = values
    largest = np.abs(full - full[::-1].swapaxes(1, 2)).max()
    if largest > _SYMMETRIC * np.abs(full).max():
        raise InputError("interaction", "V_ij(R) = V_ji(−R)", f"a difference of {largest:.3g} eV")
    if not full.min() < 0:
        raise InputError("interaction", "V < 0 somewhere: an attraction (eV)", f"{full.min():g} and more")
    return Interaction(every, full)
