"""Spin from the order of the Wannier functions, where there is no .spn file: the order is checked, never assumed."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from wannierberri.system import System_R
from wannierberri.utility import pauli_xyz

from ..errors import InputError
from .spin_signs import mended_signs, say_mended, warn_of_doubtful_signs, with_signs

logger = logging.getLogger("wb_conserved.io")

PAIR_TOLERANCE = 0.1
"""Default largest distance between the centres of an up and a down function that form a pair, Å."""
TIME_REVERSAL_TOLERANCE = 0.01
"""Default largest |H(R) - σ_y H(R)* σ_y|, eV, of a system with time-reversal symmetry."""
COMPLEX_PART = 0.3
"""Complex orbitals are named where the imaginary spin-independent part of H is this much of the time-reversal residual."""
KRAMERS_TOLERANCE = 1e-3
"""Bands that are degenerate in pairs to this at all k = -k mean time-reversal symmetry, eV."""
BETTER_ORDER = 3.0
"""An order is refused when another has a spin-dependent part of H this many times smaller."""
SPIN_PART_TOLERANCE = 1.0
"""Default largest spin-dependent part of H over the rest. Good data: 0.10 (Te), 0.14 (Pt), 0.31 (Fe), 0.64 (maximally
localised GaAs), 0.92 (a model with an exchange splitting of twice its bandwidth); wrong orders: 1.38 at least."""
CODES = {
    "qe": ("interlaced",),
    "vasp6": ("interlaced",),
    "vasp5": ("block", "interlaced"),
    "fplo": ("interlaced", "block"),
}
"""Orders that codes use; where there are two, the check decides, or refuses. Quantum ESPRESSO: pw2wannier90.x takes the
projections of the .nnkp file one by one, where Wannier90 2 and later has up and down of each orbital in turn. VASP 6: the
same, through its library. VASP 5 was linked to Wannier90 1.2, with all up first; linked to a later one, either. FPLO: not
documented."""


_CODE_NAMES = ", ".join(map(repr, CODES))


def spin_pairs(spin_order: str | Sequence[Sequence[int]], num_wann: int) -> np.ndarray:
    """Pairs of up and down functions.

    Parameters
    ----------
    spin_order : {"interlaced", "block", "qe", "vasp6"} or sequence of pairs
        "interlaced": up, down, up, down...; "block": all up, then all down; the order of a code in `CODES`, if that is
        certain; or (up, down) counted from 0.
    num_wann : int
        Number of Wannier functions.

    Returns
    -------
    ndarray of int, shape (num_wann / 2, 2)

    Raises
    ------
    InputError
        Another word, an odd number of functions, or pairs that do not hold each function once.
    """
    if num_wann % 2:
        raise InputError("spin_order", "an even number of Wannier functions", f"{num_wann}")
    half = np.arange(num_wann // 2)
    if isinstance(spin_order, str):
        orders = CODES.get(spin_order, (spin_order,))
        if len(orders) > 1:
            raise InputError("spin_order", f"{' or '.join(map(repr, orders))}, as {spin_order!r} may be either", "no choice")
        spin_order = orders[0]
        if spin_order == "interlaced":
            return np.stack([2 * half, 2 * half + 1], axis=1)
        if spin_order == "block":
            return np.stack([half, half + num_wann // 2], axis=1)
        raise InputError("spin_order", f"'interlaced', 'block', {_CODE_NAMES} or a list of pairs", repr(spin_order))
    try:
        pairs = np.array(spin_order)
    except ValueError:
        pairs = np.zeros(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise InputError("spin_order", "'interlaced', 'block' or a list of pairs of integers", repr(spin_order))
    if sorted(pairs.ravel().tolist()) != list(range(num_wann)):
        raise InputError("spin_order", f"pairs with each of the numbers 0 to {num_wann - 1} once", repr(pairs.tolist()))
    return pairs


def by_spin(matrices: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Matrices, shape (nR, num_wann, num_wann), as (nR, n, n, 2, 2) with the spin indices last."""
    order, count = pairs.T.ravel(), len(pairs)
    return matrices[:, order][:, :, order].reshape(-1, 2, count, 2, count).transpose(0, 2, 4, 1, 3)


def time_reversal_residual(hamiltonian: np.ndarray, pairs: np.ndarray) -> float:
    """Largest |H(R) - σ_y H(R)* σ_y|, eV, with σ_y acting in each pair (0: functions of real shape, no magnetism)."""
    return _residual(by_spin(hamiltonian, pairs))


def _residual(blocks):
    sigma_y = pauli_xyz[:, :, 1]
    return float(np.abs(blocks - sigma_y @ blocks.conj() @ sigma_y).max())


def spin_dependent_part(hamiltonian: np.ndarray, vectors: np.ndarray, pairs: np.ndarray) -> float:
    """Norm of the part of H with Pauli matrices over that of the part without (less the mean energy).

    Spin-orbit coupling and exchange are small against the bands' widths, so that this is well below 1
    (0.14 in Pt, 0.31 in Fe) in the right order, and above 1 (2.4 and 2.0) in a wrong one.
    """
    return _spin_part(by_spin(hamiltonian, pairs), vectors)


def _spin_part(blocks, vectors):
    count = blocks.shape[1]
    scalar = 0.5 * np.trace(blocks, axis1=3, axis2=4)
    vector = blocks - scalar[..., None, None] * np.eye(2)
    zero = np.flatnonzero((vectors == 0).all(axis=1))
    scalar = scalar.copy()
    scalar[zero] -= np.eye(count) * np.trace(scalar[zero], axis1=1, axis2=2)[:, None, None] / count
    size = np.linalg.norm(scalar)
    return float(np.linalg.norm(vector) / size) if size > 0 else np.inf


def kramers_splitting(hamiltonian: np.ndarray, vectors: np.ndarray) -> float:
    """Largest splitting of bands 2n-1 and 2n over the eight k = -k, eV: zero with time-reversal symmetry."""
    kpoints = np.array(list(itertools.product((0, 0.5), repeat=3)))
    energies = np.linalg.eigvalsh(np.tensordot(np.exp(2j * np.pi * kpoints @ vectors.T), hamiltonian, axes=1))
    return float((energies[:, 1::2] - energies[:, ::2]).max())


def centre_distances(centers: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Distances of the centres of each pair, Å."""
    return np.linalg.norm(centers[pairs[:, 0]] - centers[pairs[:, 1]], axis=1)


def check_spin_order(
    source: str | Path,
    system: System_R,
    spin_order: str | Sequence[Sequence[int]],
    *,
    tolerance: float = PAIR_TOLERANCE,
    part_tolerance: float = SPIN_PART_TOLERANCE,
    time_reversal: bool | None = None,
    time_reversal_tolerance: float = TIME_REVERSAL_TOLERANCE,
) -> tuple[np.ndarray, np.ndarray]:
    """Check a spin order against the centres and the Hamiltonian, and find the signs of the down functions.

    Four checks, in this order:

    1. the centres of each pair are at most `tolerance` apart (in the cell they are given in);
    2. no other of "interlaced" and "block" passes check 1 with a spin-dependent part of H three times smaller;
    3. the spin-dependent part of H is at most `part_tolerance` times the rest;
    4. where there is time-reversal symmetry, |H(R) - σ_y H(R)* σ_y| is at most `time_reversal_tolerance`.
       This finds functions that are not of pure spin and real shape too, as after `num_iter` > 0.

    Checks 2 to 4 are of H with the signs of `wb_conserved.io.spin_signs`. No check tells up from down.

    Parameters
    ----------
    source : str or Path
        Where the system is from, for errors.
    system : System_R
    spin_order : str or sequence of pairs
        As in `spin_pairs`; or a code of `CODES` with two orders: the one that passes, with a part three times smaller.
    tolerance : float
        Å.
    part_tolerance : float
        Dimensionless; see `spin_dependent_part`.
    time_reversal : bool, optional
        Whether check 4 applies. None: if the bands are degenerate in pairs at all k = -k to 1 meV. Say False for
        an antiferromagnet whose bands are degenerate without time reversal.
    time_reversal_tolerance : float
        eV.

    Returns
    -------
    pairs : ndarray of int, shape (num_wann / 2, 2)
    signs : ndarray, shape (num_wann / 2,)
        1 or -1 for each down function.

    Raises
    ------
    InputError
        A check fails; the message has the figure, and the other order's where that is better.
    """
    num_wann, vectors = int(system.num_wann), np.asarray(system.rvec.iRvec)
    centers, hamiltonian = np.asarray(system.wannier_centers_cart), system.get_R_mat("Ham")
    if isinstance(spin_order, str) and len(CODES.get(spin_order, ())) > 1:
        spin_order = _decided(source, system, spin_order, tolerance)
    pairs = spin_pairs(spin_order, num_wann)
    label = f"spin_order={spin_order!r}" if isinstance(spin_order, str) else "the pairs of spin_order"
    others = {name: spin_pairs(name, num_wann) for name in ("interlaced", "block")}
    others = {name: other for name, other in others.items() if not np.array_equal(other, pairs)}

    distances = centre_distances(centers, pairs)
    worst = int(distances.argmax())
    if not distances[worst] <= tolerance:
        farthest = {name: centre_distances(centers, other).max() for name, other in others.items()}
        hints = [f"; '{name}' has {far:.4f} Å at most" for name, far in farthest.items() if far <= tolerance]
        up, down = pairs[worst]
        raise InputError(
            source,
            f"the centres of each pair within {tolerance:g} Å in {label}",
            f"functions {up + 1} and {down + 1} at {distances[worst]:.4f} Å" + "".join(hints),
        )
    blocks = by_spin(hamiltonian, pairs)
    signs = mended_signs(blocks)
    before, blocks = _spin_part(blocks, vectors), with_signs(blocks, signs)
    part = _spin_part(blocks, vectors)
    alternatives = {
        name: _mended_part(hamiltonian, vectors, other)
        for name, other in others.items()
        if centre_distances(centers, other).max() <= tolerance
    }
    for name, alternative in alternatives.items():
        if BETTER_ORDER * alternative < part:
            raise InputError(
                source,
                f"spin-independent hoppings to dominate H in {label}",
                f"a spin-dependent part {part:.3f} times as large; '{name}' has {alternative:.3f}: "
                "the order is probably that one",
            )
    if not part <= part_tolerance:
        hints = "".join(f"; '{name}' has {alternative:.3f}" for name, alternative in alternatives.items())
        raise InputError(
            source,
            f"a spin-dependent part of H of {part_tolerance:g} at most, times the rest, in {label}",
            f"{part:.3f}{hints} (another order, or functions that are not of pure spin; spin_part_tolerance allows it for "
            "magnets whose exchange exceeds their bandwidth)",
        )
    if time_reversal is None:
        time_reversal = kramers_splitting(hamiltonian, vectors) < KRAMERS_TOLERANCE
    if time_reversal:
        _check_time_reversal(source, blocks, label, time_reversal_tolerance)
    else:
        warn_of_doubtful_signs(source, pairs, blocks)
    say_mended(source, pairs, signs, before, part)
    return pairs, signs


def _mended_part(hamiltonian, vectors, pairs):
    blocks = by_spin(hamiltonian, pairs)
    return _spin_part(with_signs(blocks, mended_signs(blocks)), vectors)


def _decided(source, system, code, tolerance):
    """Which of the orders of a code the system has."""
    centers, vectors = np.asarray(system.wannier_centers_cart), np.asarray(system.rvec.iRvec)
    parts = {}
    for name in CODES[code]:
        pairs = spin_pairs(name, int(system.num_wann))
        if centre_distances(centers, pairs).max() <= tolerance:
            parts[name] = _mended_part(system.get_R_mat("Ham"), vectors, pairs)
    best = min(parts, key=parts.get, default=None)
    if best is None or any(name != best and BETTER_ORDER * parts[best] >= part for name, part in parts.items()):
        found = ", ".join(f"{part:.3f} with '{name}'" for name, part in parts.items()) or "no pairs of one centre"
        raise InputError(
            "spin_order",
            f"one order that the Hamiltonian of {source} clearly has, as {code!r} does not say which "
            f"({' or '.join(map(repr, CODES[code]))}); give it",
            f"a spin-dependent part of H of {found}" if parts else found,
        )
    logger.warning("%s: spin_order = %r taken as %r, as centres and Hamiltonian say", source, code, best)
    return best


def _check_time_reversal(source, blocks, label, tolerance):
    residual = _residual(blocks)
    if residual <= tolerance:
        return
    imaginary = 0.5 * float(np.abs(np.trace(blocks, axis1=3, axis2=4).imag).max())
    cause = "another order, functions that are not of pure spin, or magnetism"
    if imaginary > COMPLEX_PART * residual:
        cause = (
            f"the spin-independent part of H has imaginary parts up to {imaginary:.4g} eV: complex orbitals, such as "
            "spherical harmonics, of which spin is right all the same, or magnetism"
        )
    raise InputError(
        source,
        f"H(R) = σ_y H(R)* σ_y (time reversal) to {tolerance:g} eV in {label}",
        f"a difference of {residual:.4g} eV ({cause}: then say time_reversal=False)",
    )
