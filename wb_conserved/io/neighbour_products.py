"""Matrices between Bloch states of neighbouring k points that need all bands, and what is made of them.

    .uHu, .uIu    <u_m,k+b| H_k |u_n,k+b'>,  <u_m,k+b|u_n,k+b'>      pw2wannier90, write_uHu and write_uIu
    .sHu, .sIu    <u_m,k| σ H_k |u_n,k+b>,  <u_m,k| σ |u_n,k+b>      σ H and σ next to the derivative of the other state

In the Wannier gauge, with weights w_b and functions i about their centres r_i, |∂_a u_j> is Σ_b w_b b_a e^{ib·r_j} |u_j,k+b>.
With P = Σ_i |u_i><u_i| at k and Q = 1 − P, which take part before the sums over b,

    HQ^a = i <u_i|HQ|∂_a u_j>,  QHQ^c = i ε_cab <∂_a u_i|QHQ|∂_b u_j>,  QQ^c = i ε_cab <∂_a u_i|Q|∂_b u_j>
    SA^as = i <u_i|σ_s|∂_a u_j>,  SHA^as = i <u_i|σ_s H|∂_a u_j>

Without these files sums over the bands of the ab initio calculation take their place.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wannierberri.system import System_R

from ..errors import InputError
from .bloch_files import is_unformatted
from .chk import Checkpoint
from .fortran import RecordFile
from .text import TextFile, locate

logger = logging.getLogger("wb_conserved.io")

SYMMETRY_TOLERANCE = 1e-5
"""Largest |X(b, b') − X(b', b)†|, times 1 eV for H."""
NORM_TOLERANCE = 1e-3
"""Largest |<u_m,k+b|u_n,k+b> − δ_mn| of a .uIu file: small for norm-conserving potentials, 0.1 for others."""
REST = {"uHu": 200.0, "uIu": 1.0, "sHu": 100.0, "sIu": 1.0}
"""Sums over the bands of k differ from the matrices by at most this (eV for H) times the part of a state that the bands do not
hold, or its root with σ,"""
ROUNDING = 0.01
"""and this."""
MOSTLY_HELD = 0.9
"""Smallest part of a state that is compared so."""


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of the k points, in the order of the .mmn file.

    Attributes
    ----------
    points : ndarray of int, shape (NK, NNB)
        Number of the k point that k+b is equivalent to.
    vectors : ndarray, shape (NK, NNB, 3)
        b, 1/Å.
    weights : ndarray, shape (NK, NNB)
        w_b, Å².
    overlaps : ndarray of complex, shape (NK, NNB, num_bands, num_bands)
        <u_m,k|u_n,k+b>.
    """

    points: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray
    overlaps: np.ndarray

    @property
    def derivative(self) -> np.ndarray:
        """w_b b, (NK, NNB, 3)."""
        return self.weights[..., None] * self.vectors


def read_products(path: Path, checkpoint: Checkpoint, count: int) -> Iterator[np.ndarray]:
    """Matrices of one k point after the other from a .uHu, .uIu, .sHu or .sIu file, formatted or unformatted.

    Parameters
    ----------
    path : Path
    checkpoint : Checkpoint
    count : int
        Neighbours of a k point.

    Yields
    ------
    ndarray of complex, shape (NNB, NNB, num_bands, num_bands) or, for σ, (NNB, 3, num_bands, num_bands)

    Raises
    ------
    InputError
        Counts other than those of the other files, or unreadable or missing numbers.
    """
    bands, second = checkpoint.num_bands, count if "u" == _kind(path)[0] else 3
    unformatted = is_unformatted(path)
    with RecordFile(path) if unformatted else TextFile(path) as file:
        if unformatted:
            file.record("the header")
            found = file.array("the numbers of bands, k points and neighbours", "i4", (3,)).tolist()
        else:
            file.line("a comment")
            found = file.integers(3, "the numbers of bands, k points and neighbours")
        names = ("bands", "k points", "neighbours of a k point")
        for name, number, wanted in zip(names, found, (bands, checkpoint.num_kpoints, count), strict=True):
            if number != wanted:
                expected = f"{wanted} {name}, as in {checkpoint.path.name}"
                raise InputError(path, expected, f"{number}", None if unformatted else 2)
        for ik in range(checkpoint.num_kpoints):
            matrices = np.empty((count, second, bands, bands), dtype=complex)
            for outer, inner in np.ndindex(count, second):
                expected = f"matrix {inner + 1} of neighbour {outer + 1} of k point {ik + 1}"
                if unformatted:
                    matrices[outer, inner] = file.array(expected, "c16", (bands, bands)).T  # the second index is slow
                else:
                    matrices[outer, inner] = file.table(bands**2, 2, expected).view(complex).reshape(bands, bands)
            yield matrices if second == 3 and _kind(path)[0] == "s" else matrices.swapaxes(0, 1)
        file.finish(f"matrices of {checkpoint.num_kpoints} k points")


def _kind(path: Path) -> str:
    """uHu, uIu, sHu or sIu."""
    return next(kind for kind in REST if f".{kind}" in path.name)


def sums_over_bands(kind: str, overlaps: np.ndarray, energies: np.ndarray, spins: np.ndarray | None) -> np.ndarray:
    """The same matrices of a k point as truncated sums over its bands.

    Parameters
    ----------
    kind : {"uHu", "uIu", "sHu", "sIu"}
    overlaps : ndarray, shape (NNB, num_bands, num_bands)
    energies : ndarray, shape (num_bands,)
    spins : ndarray, shape (num_bands, num_bands, 3), or None
    """
    right = energies[:, None] * overlaps if "H" in kind else overlaps
    if kind[0] == "u":
        return np.einsum("alm,bln->abmn", overlaps.conj(), right, optimize=True)
    return np.einsum("mls,bln->bsmn", spins, right, optimize=True)


def check_products(path: Path, ik: int, found: np.ndarray, summed: np.ndarray, overlaps: np.ndarray) -> None:
    """Raise InputError where matrices of a k point cannot be those of this calculation.

    Of .uHu and .uIu: X(b, b') = X(b', b)†, and orthonormal states for .uIu.  Of all: diagonal elements (all elements with σ) of
    states that the bands of k hold are those of the sum over these.
    """
    kind, where = _kind(path), f"k point {ik + 1}"
    if not np.isfinite(found).all():
        raise InputError(path, "finite numbers", f"others at {where}")
    if kind[0] == "u":
        deviation = np.abs(found - found.conj().transpose(1, 0, 3, 2)).max()
        if deviation > SYMMETRY_TOLERANCE * max(1.0, np.abs(found).max() * ("H" in kind)):
            raise InputError(path, "X(b, b') = X(b', b)†", f"a difference of {deviation:.2e} at {where}")
    if kind == "uIu":
        own = np.array([found[b, b] for b in range(len(found))])
        deviation = np.abs(own - np.eye(own.shape[1])).max()
        if deviation > NORM_TOLERANCE:
            raise InputError(
                path,
                f"orthonormal states at k+b, to {NORM_TOLERANCE:g}",
                f"a difference of {deviation:.2e} at {where} (ultrasoft or PAW potentials, for which pw2wannier90 leaves out a "
                "part: take norm-conserving ones)",
            )
    rest = np.clip(1 - (np.abs(overlaps) ** 2).sum(axis=1), 0, 1)  # neighbour, band
    if kind[0] == "u":
        difference = np.array([np.abs((found[b, b] - summed[b, b]).diagonal()) for b in range(len(found))])
    else:
        difference, rest = np.abs(found - summed).max(axis=(1, 2)), np.sqrt(rest)
    allowed = REST[kind] * rest + ROUNDING
    excess = np.where(rest < 1 - MOSTLY_HELD, difference - allowed, -1.0)
    if excess.max() > 0:
        neighbour, band = np.unravel_index(excess.argmax(), excess.shape)
        unit = " eV" if "H" in kind else ""
        raise InputError(
            path,
            f"matrices of the states of the .mmn and .eig files: sums over bands to {allowed[neighbour, band]:.2g}{unit}",
            f"a difference of {difference[neighbour, band]:.3g}{unit} at {where}, neighbour {neighbour + 1}, band {band + 1} "
            "(files of different calculations?)",
        )


def matrices_of(
    kind: str, seed: str, checkpoint: Checkpoint, near: Neighbours, energies: np.ndarray, spins: np.ndarray | None
) -> Iterator[np.ndarray]:
    """Matrices of one k point after the other: of the file where there is one, checked, else sums over bands, which is said."""
    path = locate(f"{seed}.{kind}")
    if path is None:
        logger.warning(
            "%s: no .%s file: its matrices come from a sum over %d bands, which is truncated",
            checkpoint.path,
            kind,
            checkpoint.num_bands,
        )
    source = None if path is None else read_products(path, checkpoint, near.points.shape[1])
    for ik, overlaps in enumerate(near.overlaps):
        summed = sums_over_bands(kind, overlaps, energies[ik], None if spins is None else spins[ik])
        if source is None:
            yield summed
            continue
        found = next(source)
        check_products(path, ik, found, summed, overlaps)
        yield found
    if source is not None:
        next(source, None)  # checks the end of the file


def _phases(checkpoint: Checkpoint, vectors: np.ndarray) -> np.ndarray:
    """e^{ib·r_j} (NNB, j)."""
    return np.exp(1j * vectors @ checkpoint.centers.T)


def add_outside_states(
    system: System_R, seed: str, checkpoint: Checkpoint, near: Neighbours, energies: np.ndarray
) -> None:
    """Add 'HQ' (eV Å), 'QHQ' (eV Å²) and 'QQ' (Å²).

    Raises
    ------
    InputError
        One of the two files alone, or one that does not belong with the others.
    """
    present = [kind for kind in ("uHu", "uIu") if locate(f"{seed}.{kind}") is not None]
    if len(present) == 1:
        (other,) = {"uHu", "uIu"} - set(present)
        raise InputError(f"{seed}.{other}", f"this file too, where there is a .{present[0]} file, or neither", "no such file")
    gauge, shape = checkpoint.gauge, (checkpoint.num_kpoints, checkpoint.num_wann, checkpoint.num_wann, 3)
    coupling, *products = (np.zeros(shape, dtype=complex) for _ in range(3))
    sources = [matrices_of(kind, seed, checkpoint, near, energies, None) for kind in ("uHu", "uIu")]
    for ik, (with_hamiltonian, without) in enumerate(zip(*sources, strict=True)):
        states = gauge[near.points[ik]] * _phases(checkpoint, near.vectors[ik])[:, None, :]  # NNB, bands, functions
        own = gauge[ik].conj().T
        overlap = own @ near.overlaps[ik] @ states  # <u_i|u_j,k+b>
        hamiltonian = (own * energies[ik]) @ gauge[ik]
        missing = (own * energies[ik]) @ near.overlaps[ik] @ states - hamiltonian @ overlap  # <u_i|HQ|u_j,k+b>
        coupling[ik] = 1j * np.einsum("bij,ba->ija", missing, near.derivative[ik])
        adjoint = overlap.conj().swapaxes(1, 2)
        for product, matrices, between in ((products[0], with_hamiltonian, hamiltonian), (products[1], without, None)):
            outside = np.einsum("bmi,bcmn,cnj->bcij", states.conj(), matrices, states, optimize=True)
            outside -= adjoint[:, None] @ (overlap if between is None else between @ overlap)[None]
            if between is not None:
                part = adjoint[:, None] @ missing[None]  # <u_i,k+b|PHQ|u_j,k+b'>
                outside -= part + part.conj().transpose(1, 0, 3, 2)
            product[ik] = _curl(outside, near.derivative[ik])
    system.set_R_mat("HQ", system.rvec.q_to_R(coupling))
    for name, product in zip(("QHQ", "QQ"), products, strict=True):
        system.set_R_mat(name, system.rvec.q_to_R(product), Hermitian=True)


def _curl(between: np.ndarray, derivative: np.ndarray) -> np.ndarray:
    """i ε_cab Σ w_b b_a w_b' b'_b X(b, b') (i, j, c) of matrices X (NNB, NNB, i, j)."""
    tensor = np.einsum("ba,bcij,cd->ijad", derivative, between, derivative, optimize=True)
    return 1j * np.stack([tensor[..., a, b] - tensor[..., b, a] for a, b in ((1, 2), (2, 0), (0, 1))], axis=-1)


def add_ryoo(
    system: System_R, seed: str, checkpoint: Checkpoint, near: Neighbours, energies: np.ndarray, spins: np.ndarray
) -> None:
    """Add 'SA' and 'SHA' (Å and eV Å), from .sIu and .sHu files where there are any."""
    gauge = checkpoint.gauge
    for name, kind in (("SA", "sIu"), ("SHA", "sHu")):
        values = np.zeros((checkpoint.num_kpoints, checkpoint.num_wann, checkpoint.num_wann, 3, 3), dtype=complex)
        for ik, matrices in enumerate(matrices_of(kind, seed, checkpoint, near, energies, spins)):
            states = gauge[near.points[ik]] * _phases(checkpoint, near.vectors[ik])[:, None, :]
            values[ik] = 1j * np.einsum(
                "mi,bsmn,bnj,ba->ijas", gauge[ik].conj(), matrices, states, near.derivative[ik], optimize=True
            )
        system.set_R_mat(name, system.rvec.q_to_R(values))
