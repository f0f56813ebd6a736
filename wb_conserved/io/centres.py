"""Centres of Wannier functions against what else knows them: overlaps, other files, nearest copies, hoppings.

A centre that is off by a lattice vector leaves bands on the k mesh as they are and changes everything between: nearest
copies of all elements, phases, positions. Tellurium with four of 24 centres moved: σ^s -164.9 in place of -182.0.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import numpy as np

from ..errors import InputError
from .chk import Checkpoint

logger = logging.getLogger("wb_conserved.io")

PHASE_CERTAIN = 1.0
"""Largest |arg Σ_k M_nn(k, b) exp(i b·r_n)|. Good data: 3e-12 (Pt), 3e-4 (Te), 0.009 (Fe), 0.035 at most (3 x 3 x 3 and
2 x 2 x 2 points). Wrong by a lattice vector on meshes of up to 6 points: 1.05 at least."""
OVERLAP_CERTAIN = 0.3
"""Refuse where the overlaps place a function farther than this from its centre, Å. Good data: 0.021 at most; wrong by a
lattice vector: 1.0 at least, but where the phases say π."""
OVERLAP_LIKELY = 0.06
"""Warn from here on, Å."""
FILES_TOLERANCE = 0.01
"""Largest difference between centres of two files, Å. Good data: 5e-7."""
COPIES_CERTAIN = 0.3
"""Refuse where a _wsvec.dat file has a copy farther than the nearest by more than this, Å. Good data: 1e-5, the tolerance
of Wannier90; centres wrong by a lattice vector or half of one: 1.4 at least."""
COPIES_LIKELY = 0.02
"""Warn from here on, Å: centres wrong by about 0.003 Å."""
PROJECTION_DISTANCE = 1.5
"""Warn of a centre farther than this from that of its projection, modulo lattice vectors, Å. Good data: 0.05 (Te), 0.59
(Fe), 0.79 (maximally localised Pt); wrong by half a lattice vector: 2.9 (Te)."""
SPREAD_RATIO = 1.05
"""Warn where the hoppings of a function have a mean square distance this many times smaller, or more, with its centre at
another lattice vector. Good data: 1.76 at least (Fe), 1.96 to 2.3 (Pt, Te); centres wrong by a lattice vector: 0.96 at most
for some function, by half of one 1.00 to 1.23."""


def check_centres_of_overlaps(
    checkpoint: Checkpoint, overlaps_path: Path, overlaps: np.ndarray, neighbours: np.ndarray, steps: np.ndarray
):
    """Check that the centres of a .chk are those of its functions: Σ_k M_nn(k, b) ~ exp(-i b·r_n), in its gauge.

    Parameters
    ----------
    checkpoint : Checkpoint
    overlaps_path : Path
        The .mmn file, for errors.
    overlaps : ndarray of complex, shape (NK, NNB, num_bands, num_bands)
    neighbours : ndarray of int, shape (NK, NNB)
    steps : ndarray of int, shape (NK, NNB, 3)
        b in steps of the mesh.

    Raises
    ------
    InputError
        A phase is above `PHASE_CERTAIN`, or a centre is off by more than `OVERLAP_CERTAIN` in the sense of least squares.
    """
    gauge = checkpoint.gauge
    reference, index = np.unique(steps.reshape(-1, 3), axis=0, return_inverse=True)
    diagonal = np.zeros((*neighbours.shape, checkpoint.num_wann), dtype=complex)
    for ib in range(neighbours.shape[1]):
        diagonal[:, ib] = (gauge.conj() * (overlaps[:, ib] @ gauge[neighbours[:, ib]])).sum(axis=1)
    sums = np.zeros((len(reference), checkpoint.num_wann), dtype=complex)
    np.add.at(sums, index.ravel(), diagonal.reshape(-1, checkpoint.num_wann))
    reciprocal = 2 * np.pi * np.linalg.inv(checkpoint.real_lattice).T
    vectors = (reference / checkpoint.mp_grid) @ reciprocal
    phases = np.angle(sums * np.exp(1j * vectors @ checkpoint.centers.T))
    distances = np.linalg.norm(np.linalg.lstsq(vectors, -phases, rcond=None)[0], axis=0)
    largest = np.abs(phases).max(axis=0)
    badness = np.maximum(largest / PHASE_CERTAIN, distances / OVERLAP_CERTAIN)
    worst = int(badness.argmax())
    expected = (
        f"the centres of the functions that {overlaps_path.name} and the gauge make, arg Σ_k M_nn exp(i b·r_n) = 0"
    )
    found = (
        f"{largest[worst]:.3f} for function {worst + 1} at {np.round(checkpoint.centers[worst], 4).tolist()} Å, "
        f"{distances[worst]:.3f} Å away from there"
    )
    if badness[worst] > 1:
        raise InputError(
            checkpoint.path,
            expected,
            f"{found} (centres moved to the home cell, or of another run: take the .chk as Wannier90 wrote it)",
        )
    if distances[worst] > OVERLAP_LIKELY:
        logger.warning("%s: expected %s; found %s: positions are wrong by as much", checkpoint.path, expected, found)


def check_centres_file(
    source: Path, centers: np.ndarray, path: Path, others: np.ndarray, lattice: np.ndarray, translated: bool | None
):
    """Check r(R = 0) of a _tb.dat against a _centres.xyz file.

    Parameters
    ----------
    source : Path
        The _tb.dat file.
    centers : ndarray, shape (num_wann, 3)
        Its own, Å.
    path : Path
        The _centres.xyz file, with centres `others`.
    lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    translated : bool or None
        translate_home_cell of the .win file; None without one.

    Raises
    ------
    InputError
        They differ by more than `FILES_TOLERANCE`, by other than lattice vectors or without translate_home_cell.
    """
    difference = centers - others
    distances = np.linalg.norm(difference, axis=1)
    if distances.max() <= FILES_TOLERANCE:
        return
    steps = difference @ np.linalg.inv(lattice)
    apart = np.linalg.norm((steps - np.round(steps)) @ lattice, axis=1)
    if apart.max() <= FILES_TOLERANCE and translated is not False:
        if translated is None:
            logger.warning(
                "%s: centres differ by lattice vectors from r(R = 0) of %s, which are used: harmless where Wannier90 had "
                "translate_home_cell = true, which a .win file beside would tell",
                path,
                source.name,
            )
        return
    worst = int((apart if apart.max() > FILES_TOLERANCE else distances).argmax())
    raise InputError(
        source,
        f"r(R = 0) at the centres of {path.name} to {FILES_TOLERANCE:g} Å",
        f"function {worst + 1} at {np.round(centers[worst], 4).tolist()} and {np.round(others[worst], 4).tolist()} Å "
        "(files of different calculations?)",
    )


def check_copies(
    source: Path, path: Path, excess: np.ndarray, which: np.ndarray, m: np.ndarray, n: np.ndarray, vectors
):
    """Check that a _wsvec.dat file has nearest copies: those of other centres are farther.

    Parameters
    ----------
    source, path : Path
        The file that elements are of, and the _wsvec.dat file.
    excess : ndarray, shape (n_copies,)
        Of `wb_conserved.io.minimal_distance.far_copies`, Å.
    which, m, n : ndarray of int, shape (n_copies,)
        R vector and functions of each copy.
    vectors : ndarray of int, shape (nR, 3)

    Raises
    ------
    InputError
        One is farther than the nearest by more than `COPIES_CERTAIN`.
    """
    worst = int(excess.argmax())
    if excess[worst] <= COPIES_LIKELY:
        return
    expected = f"the nearest copies for the centres used with {source.name}"
    found = (
        f"one of R = {tuple(vectors[which[worst]].tolist())}, functions {m[worst] + 1} and {n[worst] + 1} that is "
        f"{excess[worst]:.3f} Å farther"
    )
    if excess[worst] > COPIES_CERTAIN:
        raise InputError(
            path,
            expected,
            f"{found} (centres of another run, or moved to the home cell: give those of the .wout file)",
        )
    logger.warning("%s: expected %s; found %s: the centres are wrong by about a quarter of that", path, expected, found)


def warn_of_far_hoppings(
    source: Path, lattice: np.ndarray, vectors: np.ndarray, hamiltonian: np.ndarray, centers: np.ndarray
):
    """Warn where a function is nearer to those that it hops to in another cell: Σ_Rm |H_mn(R)|² |R + r_n - r_m|².

    Parameters
    ----------
    source : Path
        For the message.
    lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    vectors : ndarray of int, shape (nR, 3)
        After elements went to their nearest copies.
    hamiltonian : ndarray of complex, shape (nR, num_wann, num_wann)
    centers : ndarray, shape (num_wann, 3)
        Å, Cartesian.
    """
    squares = np.abs(hamiltonian) ** 2
    squares *= 1 - np.eye(len(centers))  # a function and its own copies move together
    distances = (vectors @ lattice)[:, None, None, :] + centers[None, None, :, :] - centers[None, :, None, :]
    moments = [squares.sum(axis=(0, 1)), np.einsum("rmn,rmnx->nx", squares, distances)]
    here = np.einsum("rmn,rmnx,rmnx->n", squares, distances, distances)
    steps = np.array([step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)])
    others = steps @ lattice
    there = here + 2 * others @ moments[1].T + (others**2).sum(axis=1)[:, None] * moments[0]
    ratio = np.divide(there.min(axis=0), here, out=np.full(len(here), np.inf), where=here > 1e-12 * here.max())
    worst = int(ratio.argmin())
    if ratio[worst] < SPREAD_RATIO:
        logger.warning(
            "%s: centres may be those of another cell: hoppings of function %d have a mean square distance %.2f times as "
            "large with its centre at the lattice vector %s (1.8 and more for good data); were they moved to the home cell? "
            "take those of the .wout file, or load the .chk",
            source,
            worst + 1,
            ratio[worst],
            tuple(steps[there[:, worst].argmin()].tolist()),
        )


def warn_of_far_projections(
    source: Path, lattice: np.ndarray, centers: np.ndarray, projections_path: Path, projections: np.ndarray
):
    """Warn of a centre that is far from where its projection is, modulo lattice vectors.

    Parameters
    ----------
    source : Path
        For the message.
    lattice : ndarray, shape (3, 3)
        Rows are lattice vectors, Å.
    centers : ndarray, shape (num_wann, 3)
        Å, Cartesian.
    projections_path : Path
        The .nnkp file.
    projections : ndarray, shape (n, 3)
        Reduced coordinates; not looked at where these are other than num_wann.
    """
    if len(projections) != len(centers):
        return
    steps = centers @ np.linalg.inv(lattice) - projections
    near = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    distances = np.linalg.norm((steps - np.round(steps))[:, None, :] @ lattice + near @ lattice, axis=2).min(axis=1)
    worst = int(distances.argmax())
    if distances[worst] > PROJECTION_DISTANCE:
        logger.warning(
            "%s: the centre of function %d is %.2f Å from its projection in %s (modulo lattice vectors; below 1 Å for most): "
            "if the functions were not localised elsewhere, centres and projections are of different calculations",
            source,
            worst + 1,
            distances[worst],
            projections_path,
        )
