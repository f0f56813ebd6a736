"""Spin matrices (.spn) against the overlaps (.mmn): are they between the same Bloch states?

Spin is local: with all bands, S(k+b) = M†S(k)M, M_mn = <u_mk|u_n,k+b>, and S_x S_y = i S_z. Bands that are left out
change both, by no more than what they hold of each state allows. So each check has a rigorous bound, and what goes
beyond it is wrong. Phases of states, an order of bands or k points, and a conjugation are found by the first check; a
sign, a mirrored or exchanged axis by the second; factors by a mean of the second; rotated axes, which neither sees, by
the spins that the .nnkp file says the Wannier functions started from.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ..errors import InputError
from .chk import Checkpoint
from .spin_axis import StatedSpins

logger = logging.getLogger("wb_conserved.io")

EXCESS_LIKELY = 0.05
"""Warn when an element of S differs from what the overlaps say by this much more than the bands left out allow.
Good data: -0.02 (Pt), -0.03 (Te), -0.04 (Fe), -0.17 to -0.31 (iron on 3 x 3 x 3, GaAs on 2 x 2 x 2 points)."""
EXCESS_CERTAIN = 0.3
"""Refuse then. Wrong data: above 1 for phases of all states, their order or the order of k points; 0.49 at least for
two bands exchanged, 0.59 for one sign of one band at one k point. Between the two lie spins without the augmentation
of PAW, and the diagonal elements alone on a coarse mesh (0.13)."""
ALGEBRA_TOLERANCE = 0.1
"""Largest excess of |S_x S_y - i S_z| over its bound. Good data: 1e-9 at most; a wrong sign or an exchange of axes: 2."""
ALGEBRA_MEAN = 0.75
"""Warn when the mean of S_x S_y / i S_z is below. Good data: 0.988 to 0.999; in units of ħ: 0.5; a component zero: 0."""
HALF_TOLERANCE = 1e-3
"""Largest |eigenvalues| of 0.5 to this at all k points and axes mean spins in units of ħ. Good data: 1 to 1e-4."""
SPIN_POLARISED = 0.5
"""Mean spin of the Wannier functions, each with the sign of its projection, from which on it has a direction that is
compared with that of the projections. Pt 0.999 (0.998 maximally localised), Te 0.997, Fe 0.87."""
SAME_DIRECTION = 0.5
"""Least cosine between the two directions. Good data: 0.9998 at least; axes exchanged: 0; opposite: -1."""
_CHUNK = 32


def check_spins(
    path: Path,
    spins: np.ndarray,
    overlaps_path: Path,
    overlaps: np.ndarray,
    neighbours: np.ndarray,
    steps: np.ndarray,
):
    """Check that spin matrices are of the Bloch states that the overlaps are of, and that they are Pauli matrices.

    |S(k+b) - M†S(k)M|_mn <= (1 + q_m)(1 + q_n) - 1 with q_n² = 1 - Σ_m |M_mn|², the part of state n that the bands at
    k do not hold; |S_x S_y - i S_z|_mn <= t_m t_n with t_n² = 1 - Σ_m |S_mn|² for S_x and S_y.

    Parameters
    ----------
    path : Path
        The .spn file, for errors.
    spins : ndarray of complex, shape (NK, num_bands, num_bands, 3)
        Pauli matrices.
    overlaps_path : Path
        The .mmn file, for errors.
    overlaps : ndarray of complex, shape (NK, NNB, num_bands, num_bands)
    neighbours : ndarray of int, shape (NK, NNB)
        Index of k+b.
    steps : ndarray of int, shape (NK, NNB, 3)
        b in steps of the mesh.

    Raises
    ------
    InputError
        The spin matrices are of other states (`EXCESS_CERTAIN`), are no Pauli matrices (`ALGEBRA_TOLERANCE`), or are
        halves of them.
    """
    excess, (ik, ib, axis, m, n) = _largest_excess(spins.transpose(3, 0, 1, 2), overlaps, neighbours, steps)
    if excess > EXCESS_LIKELY:
        expected = (
            f"spin matrices of the Bloch states of {overlaps_path.name}: S(k+b) = M†S(k)M as far as the bands reach"
        )
        found = (
            f"a difference that exceeds what they allow by {excess:.2f}, σ_{'xyz'[axis]} of bands {m + 1} and {n + 1} "
            f"between k points {ik + 1} and {neighbours[ik, ib] + 1}"
        )
        if excess > EXCESS_CERTAIN:
            advice = "spins of another run, of other bands or in another order: make .mmn and .spn in one run"
            raise InputError(path, expected, f"{found} ({advice})")
        logger.warning(
            "%s: expected %s; found %s: spin currents may be wrong by as much; make .mmn and .spn in one run, with the "
            "augmentation of ultrasoft or PAW potentials",
            path,
            expected,
            found,
        )
    _check_algebra(path, spins.transpose(3, 0, 1, 2))


def _largest_excess(spins, overlaps, neighbours, steps):
    """Largest |S(k+b) - M†S(k)M| beyond its bound, and (k, b, axis, m, n) of it; one of b and -b is enough."""
    forward = steps @ (1 << 40, 1 << 20, 1) > 0
    points, directions = np.nonzero(forward)
    best, where = -np.inf, (0, 0, 0, 0, 0)
    for part in np.array_split(np.arange(len(points)), max(1, len(points) // _CHUNK)):
        k, target = points[part], neighbours[points[part], directions[part]]
        matrices = overlaps[k, directions[part]]
        missing = 1 + np.sqrt(np.clip(1 - (np.abs(matrices) ** 2).sum(axis=1), 0, None))
        bound = missing[:, :, None] * missing[:, None, :] - 1
        for axis in range(3):
            transported = matrices.conj().swapaxes(1, 2) @ (spins[axis, k] @ matrices)
            excess = np.abs(transported - spins[axis, target]) - bound
            largest = float(excess.max())
            if largest > best:
                pair, m, n = np.unravel_index(excess.argmax(), excess.shape)
                best, where = largest, (int(k[pair]), int(directions[part][pair]), axis, int(m), int(n))
    return best, where


def _check_algebra(path, spins):
    """Check S_x S_y = i S_z and its cyclic permutations, shape (3, NK, n, n)."""
    missing = np.sqrt(np.clip(1 - (np.abs(spins) ** 2).sum(axis=2), 0, None))
    mean, size = 0.0, 0.0
    for x, y, z in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        product, expected = spins[x] @ spins[y], 1j * spins[z]
        excess = np.abs(product - expected) - missing[x][:, :, None] * missing[y][:, None, :]
        if excess.max() > ALGEBRA_TOLERANCE:
            ik = int(np.unravel_index(excess.argmax(), excess.shape)[0])
            raise InputError(
                path,
                f"Pauli matrices: σ_{'xyz'[x]} σ_{'xyz'[y]} = i σ_{'xyz'[z]} as far as the bands reach",
                f"a difference that exceeds what they allow by {excess.max():.2f} at k point {ik + 1} (a component of "
                "opposite sign, or two exchanged: all in a right-handed Cartesian frame)",
            )
        mean += float(np.vdot(expected, product).real)
        size += float(np.vdot(expected, expected).real)
    if size > 0 and mean >= ALGEBRA_MEAN * size:
        return
    mean = mean / size if size > 0 else 0.0
    largest = np.abs(np.linalg.eigvalsh(spins)).max(axis=2)
    if np.abs(largest - 0.5).max() < HALF_TOLERANCE:
        raise InputError(
            path, "Pauli matrices, with eigenvalues up to 1", "0.5 at most everywhere: spins in units of ħ"
        )
    logger.warning(
        "%s: σ_x σ_y / i σ_z is %.2f on average (1 for Pauli matrices): spins too small (largest |eigenvalues| of σ_x, σ_y "
        "and σ_z %.2f, %.2f and %.2f), a component that is missing, or bands that spin leaves; results scale with them, so "
        "look at how the file was made",
        path,
        mean,
        *largest.max(axis=1),
    )


def check_spin_directions(path: Path, spins: np.ndarray, checkpoint: Checkpoint, stated: StatedSpins | None):
    """Check the mean spins of the Wannier functions against the spins that they started from.

    T = Σ_n s_n <σ>_n / num_wann, s_n the sign of function n in the .nnkp file, is along the axis given there for
    functions that kept their spins; rotated spin axes turn it. Nothing is said of |T| < `SPIN_POLARISED`.

    Parameters
    ----------
    path : Path
        The .spn file, for errors.
    spins : ndarray of complex, shape (NK, num_bands, num_bands, 3)
    checkpoint : Checkpoint
    stated : StatedSpins or None
        Of the .nnkp file. Nothing is checked for None, for several axes, or for more projections than functions.

    Raises
    ------
    InputError
        Their directions differ.
    """
    if stated is None or len(stated.axes) != checkpoint.num_wann or not np.allclose(stated.axes, stated.axes[0]):
        return
    gauge = checkpoint.gauge
    turned = spins.transpose(3, 0, 1, 2) @ gauge
    means = (gauge.conj() * turned).sum(axis=2).mean(axis=1).real
    direction = means @ stated.signs / checkpoint.num_wann
    size = float(np.linalg.norm(direction))
    if size < SPIN_POLARISED or direction @ stated.axes[0] >= SAME_DIRECTION * size:
        return
    raise InputError(
        path,
        f"spins of the Wannier functions along {np.round(stated.axes[0], 4).tolist()}, the axis of the projections in "
        f"{stated.path.name}",
        f"along {np.round(direction, 2).tolist()} on average (rotated spin axes, or spins of another run)",
    )
