"""Energies (.eig), overlaps (.mmn) and spin matrices (.spn) of the Bloch states, checked against the .chk."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ..errors import InputError
from .chk import Checkpoint
from .fortran import RecordFile
from .seed_files import SeedFile
from .text import STREAM_ERRORS, TextFile, damaged_stream, numbers, open_stream

logger = logging.getLogger("wb_conserved.io")

OVERLAP_NORM_TOLERANCE = 1e-3
"""How far the norm of a row or column of an overlap matrix may exceed 1."""
OVERLAP_TOLERANCE = 1e-4
"""Largest difference between the overlaps of the .mmn, in the gauge of the .chk, and those the .chk has."""
SPIN_HERMITICITY_TOLERANCE = 1e-6
"""Largest imaginary part of a diagonal element of a .spn matrix."""
SPIN_NORM_TOLERANCE = 1e-4
"""How far |eigenvalues| of raw spin matrices may exceed 1 (ultrasoft augmentation gives some 1e-5)."""


def read_eig(path: Path, checkpoint: Checkpoint) -> np.ndarray:
    """Read a .eig file.

    Returns
    -------
    ndarray, shape (NK, num_bands)
        Energies, eV.

    Raises
    ------
    InputError
        Unreadable lines, bands or k points that are missing, out of order or another number than in the .chk.
    """
    num_bands, num_kpoints = checkpoint.num_bands, checkpoint.num_kpoints
    with TextFile(path) as file:
        lines = file.rest()
    while lines and not lines[-1].strip():
        lines.pop()
    table = numbers(path, lines, 1, 3, "band, k point and energy in eV")
    if not len(table):
        raise InputError(path, "lines with band, k point and energy", "an empty file")
    for name, column, wanted in (("bands", 0, num_bands), ("k points", 1, num_kpoints)):
        found = table[:, column].max()
        if found != wanted:
            hint = " (truncated?)" if column == 1 and found < wanted else ""
            raise InputError(
                path,
                f"{wanted} {name}, as in {checkpoint.path.name}",
                f"{found:g}{hint}",
                int(table[:, column].argmax()) + 1,
            )
    order = np.empty((num_kpoints, num_bands, 2))
    order[..., 0] = 1 + np.arange(num_bands)
    order[..., 1] = 1 + np.arange(num_kpoints)[:, None]
    order = order.reshape(-1, 2)
    shared = min(len(order), len(table))
    wrong = np.flatnonzero((table[:shared, :2] != order[:shared]).any(axis=1))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            path, f"band {order[row, 0]:g} of k point {order[row, 1]:g}", repr(lines[row].strip()), row + 1
        )
    if len(table) != len(order):
        raise InputError(path, f"{len(order)} lines", f"{len(table)} (truncated?)", len(table))
    return table[:, 2].reshape(num_kpoints, num_bands)


def check_energies(path: Path, energies: np.ndarray, checkpoint: Checkpoint, win: SeedFile | None):
    """Check that energies belong with a .chk, as far as its windows tell.

    The bands that the .chk has in its outer window must be those of an energy interval (of the .win file's, if
    it has one), and bands inside the frozen window of the .win file must lie in the space of the Wannier functions.

    Parameters
    ----------
    path : Path
        The .eig file, for errors.
    energies : ndarray, shape (NK, num_bands)
        eV.
    checkpoint : Checkpoint
    win : SeedFile or None

    Raises
    ------
    InputError
        They do not belong together.
    """
    inside = checkpoint.in_window
    if inside.all():
        low, high = -np.inf, np.inf
    else:
        low, high = energies[inside].min(), energies[inside].max()
    margin = 1e-3
    name = checkpoint.path.name
    intruder = ~inside & (energies > low + margin) & (energies < high - margin)
    if intruder.any():
        ik, band = np.argwhere(intruder)[0]
        raise InputError(
            path,
            f"no band outside the outer window of {name} between those inside it ({low:.4f} to {high:.4f} eV)",
            f"band {band + 1} of k point {ik + 1} at {energies[ik, band]:.4f} eV (files of different calculations?)",
            ik * checkpoint.num_bands + band + 1,
        )
    if win is None or "dis_froz_max" not in win.values or checkpoint.num_bands == checkpoint.num_wann:
        return
    low = win.values.get("dis_froz_min", win.values.get("dis_win_min", -np.inf))
    frozen = inside & (energies >= low + margin) & (energies <= win.values["dis_froz_max"] - margin)
    weight = (np.abs(checkpoint.gauge) ** 2).sum(axis=2)
    outside = frozen & (weight < 1 - 1e-4)
    if outside.any():
        ik, band = np.argwhere(outside)[0]
        raise InputError(
            path,
            f"bands in the frozen window of {win.path.name} wholly in the Wannier functions of {name}",
            f"band {band + 1} of k point {ik + 1} at {energies[ik, band]:.4f} eV with {weight[ik, band]:.4f} in them "
            "(files of different calculations?)",
            ik * checkpoint.num_bands + band + 1,
        )


def largest_norm(overlaps: np.ndarray) -> float:
    """Largest norm of a row or column of overlap matrices (..., m, n)."""
    weight = np.abs(overlaps) ** 2
    return float(np.sqrt(max(weight.sum(axis=-2).max(), weight.sum(axis=-1).max())))


def check_overlap_norms(path: Path, overlaps: np.ndarray, line: int):
    """Raise InputError if a row or column of an overlap matrix has a norm above 1."""
    norm = largest_norm(overlaps)
    if norm > 1 + OVERLAP_NORM_TOLERANCE:
        expected = f"rows and columns of norm 1 at most in overlaps (tolerance {OVERLAP_NORM_TOLERANCE:g})"
        raise InputError(path, expected, f"norm {norm:.6f}", line)


def read_mmn(path: Path, checkpoint: Checkpoint) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read a .mmn file, one matrix at a time.

    Returns
    -------
    overlaps : ndarray of complex, shape (NK, NNB, num_bands, num_bands)
        <u_{m,k}|u_{n,k+b}>.
    neighbours : ndarray of int, shape (NK, NNB)
        Index of k+b, from 0.
    shifts : ndarray of int, shape (NK, NNB, 3)
        Reciprocal lattice vector from that point to k+b.
    lines : ndarray of int, shape (NK, NNB)
        Line of the header of each matrix.

    Raises
    ------
    InputError
        Counts other than those of the .chk, headers out of order, unreadable or missing numbers, or a matrix
        with a row or column of norm above 1 (tolerance 1e-3).
    """
    num_bands, num_kpoints, count = checkpoint.num_bands, checkpoint.num_kpoints, checkpoint.num_neighbours
    with TextFile(path) as file:
        file.line("a comment")
        header = file.integers(3, "the numbers of bands, k points and neighbours")
        count = header[2] if count is None else count
        names = ("bands", "k points", "neighbours of a k point")
        for name, found, wanted in zip(names, header, (num_bands, num_kpoints, count), strict=True):
            if found != wanted:
                raise file.error(f"{wanted} {name}, as in {checkpoint.path.name}", f"{found}")
        overlaps = np.empty((num_kpoints, count, num_bands, num_bands), dtype=complex)
        neighbours = np.empty((num_kpoints, count), dtype=int)
        shifts = np.empty((num_kpoints, count, 3), dtype=int)
        lines = np.empty((num_kpoints, count), dtype=int)
        expected = "k point, neighbour and reciprocal lattice vector"
        for ik, ib in np.ndindex(num_kpoints, count):
            point, neighbour, *shift = file.integers(5, f"{expected} of matrix {ib + 1} of k point {ik + 1}")
            if point != ik + 1:
                raise file.error(f"k point {ik + 1}", f"{point}")
            if not 1 <= neighbour <= num_kpoints:
                raise file.error(f"a neighbour between 1 and {num_kpoints}", f"{neighbour}")
            neighbours[ik, ib], shifts[ik, ib], lines[ik, ib] = neighbour - 1, shift, file.number
            block = file.table(num_bands**2, 2, f"overlaps of k points {point} and {neighbour}")
            matrix = block.view(complex).reshape(num_bands, num_bands).T
            check_overlap_norms(path, matrix, int(lines[ik, ib]))
            overlaps[ik, ib] = matrix
        file.finish(f"{num_kpoints} x {count} overlap matrices")
    return overlaps, neighbours, shifts, lines


def check_overlaps(path: Path, overlaps: np.ndarray, neighbours: np.ndarray, lines: np.ndarray, checkpoint: Checkpoint):
    """Check that the overlaps, in the gauge of the .chk, are those that Wannier90 wrote into it (tolerance 1e-4).

    Parameters are those that `read_mmn` returns.  An older Wannier90 did not collect the overlaps of its processes before it
    wrote the .chk: those that are zero there are left out, with a warning.

    Raises
    ------
    InputError
        The two files are of different calculations.
    """
    missing = ~checkpoint.overlaps.any(axis=(0, 1))  # neighbour, k point
    if missing.any():
        logger.warning(
            "%s: overlaps are zero for %d of %d k points: an older Wannier90, run in parallel, wrote the .chk without "
            "collecting them; nothing is lost, as those of %s are used, which %s; check_overlaps=False leaves the comparison "
            "out",
            checkpoint.path,
            np.count_nonzero(missing.any(axis=0)),
            checkpoint.num_kpoints,
            path.name,
            "cannot be compared" if missing.all() else "are compared with the others only",
        )
    for ik in range(checkpoint.num_kpoints):
        kept = checkpoint.overlaps[..., ik].transpose(2, 0, 1)
        for ib, neighbour in enumerate(neighbours[ik]):
            if missing[ib, ik]:
                continue
            rotated = checkpoint.gauge[ik].conj().T @ overlaps[ik, ib] @ checkpoint.gauge[neighbour]
            difference = np.abs(rotated - kept[ib]).max()
            if difference > OVERLAP_TOLERANCE:  # the two files may list the neighbours in another order
                difference = np.abs(rotated - kept).max(axis=(1, 2)).min()
            if difference > OVERLAP_TOLERANCE:
                raise InputError(
                    path,
                    f"the overlaps that {checkpoint.path.name} has in its gauge, to {OVERLAP_TOLERANCE:g}, or "
                    "check_overlaps=False where an older Wannier90, run in parallel, wrote it with others",
                    f"a difference of {difference:.2e} at k point {ik + 1}, neighbour {ib + 1} "
                    "(files of different calculations?)",
                    int(lines[ik, ib]),
                )


def is_unformatted(path: Path) -> bool:
    """Whether a .spn file is unformatted: the length in front of its first record has NUL bytes, text has none."""
    with open_stream(path) as stream:
        try:
            return b"\x00" in stream.read(4)
        except STREAM_ERRORS as error:
            raise damaged_stream(path, error) from error


def check_spin_matrices(path: Path, matrices: np.ndarray, ik: int, start: int | None = None):
    """Raise InputError where Pauli matrices (3, m, n) of a k point are not Hermitian or exceed 1.

    `start` is the line of the first element in a text file.
    """
    deviation = np.abs(matrices - matrices.conj().swapaxes(1, 2))
    if deviation.max() > 2 * SPIN_HERMITICITY_TOLERANCE:
        axis, band, other = np.unravel_index(deviation.argmax(), deviation.shape)
        found = f"imaginary part {deviation.max() / 2:.2e} of σ_{'xyz'[axis]} of band {band + 1}"
        if band != other:
            found = f"a difference of {deviation.max():.2e} for σ_{'xyz'[axis]} of bands {band + 1} and {other + 1}"
        raise InputError(
            path,
            f"a Hermitian spin matrix at k point {ik + 1} (tolerance {SPIN_HERMITICITY_TOLERANCE:g})",
            found,
            None if start is None else start + 3 * ((band + 1) * (band + 2) // 2 - 1) + int(axis),
        )
    largest = np.abs(np.linalg.eigvalsh(matrices)).max()
    if largest > 1 + SPIN_NORM_TOLERANCE:
        raise InputError(
            path,
            f"|eigenvalues| of the spin matrices of 1 at most (tolerance {SPIN_NORM_TOLERANCE:g})",
            f"{largest:.6f} at k point {ik + 1}",
            start,
        )


def read_spn(path: Path, checkpoint: Checkpoint) -> np.ndarray:
    """Read a .spn file, formatted or unformatted (told apart by looking).

    Returns
    -------
    ndarray of complex, shape (NK, num_bands, num_bands, 3)
        Pauli matrices between Bloch states.

    Raises
    ------
    InputError
        Counts other than those of the .chk, unreadable or missing numbers, a matrix that is not Hermitian (imaginary
        part on the diagonal above 1e-6) or has |eigenvalues| above 1 (tolerance 1e-4).
    """
    num_bands, num_kpoints = checkpoint.num_bands, checkpoint.num_kpoints
    size = num_bands * (num_bands + 1) // 2
    row, column = np.tril_indices(num_bands)
    spins = np.empty((num_kpoints, num_bands, num_bands, 3), dtype=complex)
    unformatted = is_unformatted(path)
    with RecordFile(path) if unformatted else TextFile(path) as file:
        if unformatted:
            file.record("the header of a .spn file")
            counts = file.array("the numbers of bands and k points", "i4", (2,)).tolist()
        else:
            file.line("a comment")
            counts = file.integers(2, "the numbers of bands and k points")
        for name, found, wanted in zip(("bands", "k points"), counts, (num_bands, num_kpoints), strict=True):
            if found != wanted:
                raise InputError(
                    path, f"{wanted} {name}, as in {checkpoint.path.name}", f"{found}", None if unformatted else 2
                )
        for ik in range(num_kpoints):
            start = None if unformatted else file.number + 1
            expected = f"spin matrices of k point {ik + 1}"
            if unformatted:
                half = file.array(expected, "c16", (3, size))
            else:
                half = file.table(3 * size, 2, expected).view(complex).reshape(size, 3).T
            matrices = np.zeros((3, num_bands, num_bands), dtype=complex)
            matrices[:, column, row] = half
            matrices[:, row, column] = np.where(row == column, half, half.conj())
            check_spin_matrices(path, matrices, ik, start)
            spins[ik] = matrices.transpose(1, 2, 0)
        file.finish(f"{num_kpoints} spin matrices")
    return spins
