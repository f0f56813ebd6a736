"""Nearest copies of the elements of _tb.dat and _hr.dat, as Wannier90's use_ws_distance has them in a _wsvec.dat file.

An element H_mn(R) is known for R in a Wigner-Seitz cell of the lattice of the k mesh only, around R = 0. It belongs at
the R + T, T a vector of that lattice, for which |R + T + r_n - r_m| is smallest (r the centres), in equal parts where
there are several. Left where it is, bands between the points of the k mesh are wrong where the centres differ: by 0.6 eV
in tellurium, and its σ^s_xyz becomes 70.7 in place of 112.5 (ħ/|e|) S/cm (8 x 8 x 8 points, 0.05 eV).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

DISTANCE_TOLERANCE = 1e-5
"""Copies are equally near to this, Å, unless said otherwise: Wannier90's ws_distance_tol, of which this is the default."""
WEIGHT_TOLERANCE = 1e-6
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Copies:
    """Where elements go.

    Attributes
    ----------
    which, m, n : ndarray of int, shape (n_copies,)
        R vector (by number) and functions of the element, ascending.
    shifts : ndarray of int, shape (n_copies, 3)
        T, reduced coordinates.
    weights : ndarray, shape (n_copies,)
        1 over the number of copies of the element.
    """

    which: np.ndarray
    m: np.ndarray
    n: np.ndarray
    shifts: np.ndarray
    weights: np.ndarray


def moved(model, copies: Copies):
    """A `RealSpace` with its elements at their copies: X_mn(R) becomes X_mn(R)/N at N vectors R + T."""
    vectors, target = np.unique(model.vectors[copies.which] + copies.shifts, axis=0, return_inverse=True)
    target = target.ravel()

    def move(matrices):
        result = np.zeros((len(vectors), *matrices.shape[1:]), dtype=complex)
        weights = copies.weights.reshape(-1, *(1,) * (matrices.ndim - 3))
        np.add.at(result, (target, copies.m, copies.n), matrices[copies.which, copies.m, copies.n] * weights)
        return result

    return replace(
        model,
        vectors=vectors,
        degeneracies=np.ones(len(vectors), dtype=int),
        hamiltonian=move(model.hamiltonian),
        position=None if model.position is None else move(model.position),
    )


def possible_meshes(vectors: np.ndarray, degeneracies: np.ndarray) -> list[tuple[int, int, int]]:
    """K meshes whose Wigner-Seitz cell the R vectors fill: 1/degeneracy sums to 1 in each class R modulo the mesh.

    Parameters
    ----------
    vectors : ndarray of int, shape (nR, 3)
    degeneracies : ndarray of int, shape (nR,)

    Returns
    -------
    list of tuple
        Empty for R vectors of a model, cut off, or at nearest copies already.
    """
    weights = 1 / degeneracies
    total = round(float(weights.sum()))
    if abs(weights.sum() - total) > WEIGHT_TOLERANCE * total:
        return []
    widths = vectors.max(axis=0) - vectors.min(axis=0) + 1
    divisors = [n for n in range(1, total + 1) if total % n == 0]
    found = []
    for mesh in itertools.product(divisors, repeat=3):
        if np.prod(mesh) == total and (np.array(mesh) <= widths).all():
            classes = np.ravel_multi_index((vectors % mesh).T, mesh)
            if np.abs(np.bincount(classes, weights, minlength=total) - 1).max() < WEIGHT_TOLERANCE:
                found.append(mesh)
    return found


def search_sizes(lattice: np.ndarray, mesh, length: float) -> np.ndarray:
    """How many meshes vectors T of up to a length, Å, reach along each direction, (3,): no search needs to go farther."""
    reciprocal = np.linalg.norm(np.linalg.inv(lattice), axis=0)  # T_i = T·b_i
    return np.floor(length * reciprocal / np.asarray(mesh) + 1e-9).astype(int)


def _squares(lattice, vectors, centers, mesh, tolerance):
    """For parts of the R vectors: their numbers, the T, and |R + T + r_n - r_m|² of shape (part, num_wann, num_wann, T)."""
    between = centers[None, :, :] - centers[:, None, :]
    reach = np.linalg.norm(vectors @ lattice, axis=1).max() + np.linalg.norm(between, axis=-1).max()
    longest = 2 * reach + tolerance  # T = 0 is nearer than others
    sizes = search_sizes(lattice, mesh, longest)
    steps = np.array(list(itertools.product(*(range(-size, size + 1) for size in sizes)))) * mesh
    steps = steps[np.linalg.norm(steps @ lattice, axis=1) <= longest]
    translations = steps @ lattice
    size = max(1, _CHUNK // (between[..., 0].size * len(steps)))
    for part in np.array_split(np.arange(len(vectors)), max(1, -(-len(vectors) // size))):
        start = (vectors[part] @ lattice)[:, None, None, :] + between
        squares = start @ (2 * translations.T)
        squares += (translations**2).sum(axis=1)
        squares += (start**2).sum(axis=-1)[..., None]
        yield part, steps, squares


def nearest_copies(
    lattice: np.ndarray,
    vectors: np.ndarray,
    centers: np.ndarray,
    mesh: tuple[int, int, int],
    tolerance: float = DISTANCE_TOLERANCE,
) -> Copies:
    """Nearest copies of all elements.

    Parameters
    ----------
    lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    vectors : ndarray of int, shape (nR, 3)
    centers : ndarray, shape (num_wann, 3)
        Å, Cartesian; those that H(R) belongs to, not translated.
    mesh : tuple of int
    tolerance : float
        Copies are equally near to this, Å: Wannier90's ws_distance_tol.

    Returns
    -------
    Copies
        Equal to those of Wannier90 but where distances differ by about the tolerance; its ws_search_size does not enter,
        as all vectors T that may be nearest are looked at.
    """
    parts = []
    for part, steps, squares in _squares(lattice, vectors, centers, mesh, tolerance):
        smallest = np.sqrt(np.clip(squares.min(axis=-1, keepdims=True), 0, None))
        near = squares < (smallest + tolerance) ** 2
        which, m, n, step = np.nonzero(near)
        parts.append((part[which], m, n, steps[step], 1 / near.sum(axis=-1)[which, m, n]))
    return Copies(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def far_copies(
    lattice: np.ndarray, vectors: np.ndarray, centers: np.ndarray, mesh: tuple[int, int, int], copies: Copies
) -> np.ndarray:
    """How much farther than the nearest each copy is, Å, shape (n_copies,): zeros if centres and copies agree."""
    excess = np.empty(len(copies.which))
    between = centers[copies.n] - centers[copies.m]
    length = np.linalg.norm((vectors[copies.which] + copies.shifts) @ lattice + between, axis=1)
    for part, _, squares in _squares(lattice, vectors, centers, mesh, DISTANCE_TOLERANCE):
        first, last = np.searchsorted(copies.which, (part[0], part[-1] + 1))
        inside = slice(first, last)
        smallest = np.sqrt(np.clip(squares.min(axis=-1), 0, None))
        excess[inside] = length[inside] - smallest[copies.which[inside] - part[0], copies.m[inside], copies.n[inside]]
    return excess
