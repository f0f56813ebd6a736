"""Matrices of a system as the k mesh of the ab initio calculation determines them, and where their elements are put.

A mesh of N_1 x N_2 x N_3 k points determines only the sums Σ_T X_mn(R + T), T the vectors of its supercell: one for each of
the N_1 N_2 N_3 classes of lattice vectors modulo the mesh.  At which vectors of its class such a sum is put, with which
weights, does not change anything at the points of the mesh; between them, it is the interpolation.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.system import System_R

from .minimal_distance import nearest_copies
from .private import has_matrices, matrices, set_matrices

_NAME = "ab_initio_mesh"


def set_ab_initio_mesh(system, mesh) -> None:
    """Note the k mesh of the ab initio calculation at a system; None where it is not known."""
    setattr(system, _NAME, None if mesh is None else tuple(int(n) for n in mesh))


def ab_initio_mesh(system) -> tuple[int, int, int] | None:
    """The k mesh of the ab initio calculation that a system is from; None where it is not known."""
    return getattr(system, _NAME, None) if has_matrices(system) else None


def class_vectors(mesh) -> np.ndarray:
    """One vector of each class, (class, 3), reduced coordinates, in the order of `class_numbers`; around R = 0."""
    mesh = np.asarray(mesh)
    vectors = np.stack(np.unravel_index(np.arange(np.prod(mesh)), mesh), axis=1)
    return np.where(vectors > mesh // 2, vectors - mesh, vectors)


def class_numbers(vectors: np.ndarray, mesh) -> np.ndarray:
    """Number of the class of each R vector."""
    return np.ravel_multi_index((vectors % np.asarray(mesh)).T, tuple(mesh))


def sums_over_copies(system: System_R, mesh, names=None) -> Mapping[str, np.ndarray]:
    """Σ_T X(R + T) of the matrices of a system by name, (class, num_wann, num_wann, ...)."""
    numbers, found = class_numbers(np.asarray(system.rvec.iRvec), mesh), {}
    for name in matrices(system) if names is None else names:
        matrix = np.asarray(system.get_R_mat(name))
        found[name] = np.zeros((int(np.prod(mesh)), *matrix.shape[1:]), dtype=complex)
        for number, of_vector in zip(numbers, matrix, strict=True):
            found[name][number] += of_vector
    return found


def placed(system: System_R, mesh, vectors: np.ndarray, weights: np.ndarray) -> System_R:
    """Copy of a system whose elements lie elsewhere in their classes.

    Parameters
    ----------
    system : System_R
    mesh : tuple of int
        The ab initio mesh.
    vectors : ndarray of int, shape (nR, 3)
        Reduced coordinates.
    weights : ndarray, shape (nR, num_wann, num_wann) or (nR, 1, 1)
        Parts of the sums of their classes that lie there; those of a class add up to 1.
    """
    result, numbers = copy.copy(system), class_numbers(vectors, mesh)
    changed = {
        name: sums[numbers] * weights.reshape(*weights.shape, *(1,) * (sums.ndim - 3))
        for name, sums in sums_over_copies(system, mesh).items()
    }
    result.rvec = Rvectors(system.real_lattice, shifts_left_red=system.wannier_centers_red, iRvec=vectors)
    set_matrices(result, changed)
    return result


def at_copies(system: System_R, mesh, tolerance: float, centers: np.ndarray | None = None) -> System_R:
    """Copy of a system with elements at their nearest copies, in equal parts where distances differ by less than a tolerance.

    Parameters
    ----------
    system : System_R
    mesh : tuple of int
        The ab initio mesh.
    tolerance : float
        Å.
    centers : ndarray, shape (num_wann, 3) or (1, 3), optional
        From which distances count, Å, Cartesian; those of the functions by default.  One for all: the Wigner-Seitz cell
        of the R vectors, as Wannier90 does without use_ws_distance.
    """
    centers = np.asarray(system.wannier_centers_cart) if centers is None else centers
    representatives = class_vectors(mesh)
    copies = nearest_copies(system.real_lattice, representatives, centers, mesh, tolerance)
    vectors, where = np.unique(representatives[copies.which] + copies.shifts, axis=0, return_inverse=True)
    weights = np.zeros((len(vectors), len(centers), len(centers)))
    weights[where.ravel(), copies.m, copies.n] = copies.weights
    return placed(system, mesh, vectors, weights)
