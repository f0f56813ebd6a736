r"""Bonds from one of each shell, by the operations (W, w) of the crystal's space group:

.. math:: (i, j, R) \to (Wi, Wj, R'),\quad J \to \mathcal R J\mathcal R^T,

with the Cartesian rotation :math:`\mathcal R`; spins are axial vectors, pairs of them even under inversion and time
reversal.  A bond that an operation takes to itself, or to its reverse, restricts J.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..errors import InputError, how_to_install
from .conventions import Convention

_SAME = 1e-4  # distance of sites in units of lattice vectors
_ALLOWED = 1e-6  # of the largest element: what symmetry forbids


def completed(
    cell, positions, spins, shells, anisotropy, crystal
) -> tuple[Callable[[Convention], list], dict | np.ndarray]:
    """Bonds and anisotropies of all sites.

    Parameters
    ----------
    cell, positions, spins, shells, crystal
        See `SpinModel.from_shells`.
    anisotropy : array, mapping of site to (3, 3), or None

    Returns
    -------
    bonds : callable
        The bonds (i, j, R, J) for a convention: each pair once, or in both orders.
    anisotropy : mapping or array
    """
    cell, positions = np.asarray(cell, dtype=float), np.asarray(positions, dtype=float)
    operations = _operations(cell, positions, spins, crystal)
    images: dict[tuple, np.ndarray] = {}
    for place, (i, j, R, J) in enumerate(shells):
        J = np.asarray(J, dtype=float)
        start = (int(i), int(j), tuple(np.asarray(R).tolist()))
        orbit = _orbit(operations, start, J * np.eye(3) if J.ndim == 0 else J, f"shells[{place}]")
        if images.keys() & orbit.keys():
            raise InputError(
                f"shells[{place}]", "one bond of each shell", f"{start}, which is of the shell of an earlier one"
            )
        images |= orbit

    def bonds(convention):
        if convention.pairs == "twice":
            return [(*bond, J) for bond, J in images.items()]
        kept = {}
        for (i, j, R), J in images.items():
            if (j, i, tuple(-x for x in R)) not in kept:
                kept[i, j, R] = J
        return [(*bond, J) for bond, J in kept.items()]

    if isinstance(anisotropy, Mapping):
        anisotropy = _of_sites(operations, anisotropy)
    return bonds, anisotropy


def _operations(cell, positions, spins, crystal):
    """Site (i,), shift (i, 3) in whole cells, W and Cartesian rotation of each operation."""
    try:
        import spglib
    except ImportError as error:
        raise ImportError(f"shells need spglib: {how_to_install('symmetry')}") from error
    if crystal is None:
        kinds = np.unique(np.broadcast_to(np.asarray(spins, dtype=float), len(positions)), return_inverse=True)[1]
        crystal = (cell, positions, kinds + 1)
    lattice = np.asarray(crystal[0], dtype=float)
    if lattice.shape != (3, 3) or np.abs(lattice - cell).max() > 1e-6:
        raise InputError("crystal", "the lattice vectors of the model", f"{lattice.tolist()}")
    found = spglib.get_symmetry((lattice, np.asarray(crystal[1], dtype=float), np.asarray(crystal[2], dtype=int)), 1e-4)
    if found is None:
        raise InputError("crystal", "a crystal whose symmetry spglib finds", "none (two atoms at one place?)")
    operations = []
    for W, w in zip(found["rotations"], found["translations"], strict=True):
        moved = positions @ W.T + w
        shifts = moved[:, None] - positions
        whole = np.round(shifts)
        same = np.abs(shifts - whole).max(axis=2) < _SAME
        if not np.all(same.sum(axis=1) == 1):
            site = int(np.argmax(same.sum(axis=1) != 1))
            raise InputError(
                "crystal", "a crystal that has the magnetic sites, so that its symmetry maps them onto each other",
                f"an operation that maps site {site} onto none",
            )  # fmt: skip
        to = same.argmax(axis=1)
        rotation = cell.T @ W @ np.linalg.inv(cell.T)
        operations.append((to, whole[range(len(to)), to].astype(int), W, rotation))
    return operations


def _orbit(operations, start, J, where):
    """All images of a bond, in both orders, with their matrices."""
    i, j, R = start
    found: dict[tuple, list] = {}
    for to, shift, W, rotation in operations:
        vector = shift[j] + W @ np.asarray(R) - shift[i]
        image = rotation @ J @ rotation.T
        found.setdefault((int(to[i]), int(to[j]), tuple(vector.tolist())), []).append(image)
        found.setdefault((int(to[j]), int(to[i]), tuple((-vector).tolist())), []).append(image.T)
    allowed = np.mean(found[start], axis=0)
    _check_allowed(where, J, allowed, f"the symmetry of the bond {start}")
    return {bond: np.mean(matrices, axis=0) for bond, matrices in found.items()}


def _of_sites(operations, anisotropy):
    result: dict[int, np.ndarray] = {}
    for site, A in anisotropy.items():
        A, images = np.asarray(A, dtype=float), {}
        for to, _, _, rotation in operations:
            images.setdefault(int(to[site]), []).append(rotation @ A @ rotation.T)
        if result.keys() & images.keys():
            raise InputError(f"anisotropy[{site}]", "one site of each kind", f"{site}, of the kind of an earlier one")
        _check_allowed(f"anisotropy[{site}]", A, np.mean(images[site], axis=0), f"the symmetry of site {site}")
        result |= {other: np.mean(matrices, axis=0) for other, matrices in images.items()}
    return result


def _check_allowed(where, given, allowed, symmetry):
    difference = np.abs(given - allowed).max()
    if difference > _ALLOWED * max(np.abs(given).max(), 1e-300):
        text = " / ".join(" ".join(f"{x:.6g}" for x in row) for row in np.round(allowed, 12) + 0.0)
        raise InputError(
            where,
            f"a matrix that {symmetry} allows (its part {text}; atoms around, crystal=, may lower the symmetry)",
            f"one that differs from it by up to {difference:.3g} eV",
        )  # fmt: skip
