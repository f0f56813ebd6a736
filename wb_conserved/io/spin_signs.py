"""Signs of down functions relative to their up functions, found from H and mended.

A Wannier function has no sign of its own. Where the down function of a pair is minus the orbital of the up function, S_z
is right and S_x and S_y of the pair have the wrong sign; on the real file of a ferromagnet that made -26 of -71. For the
right sign, hoppings of both spins are alike, H_ij↑↑ = H_ij↓↓ but for exchange, and spin-orbit coupling has
H_ij↑↓ = -(H_ij↓↑)*; a sign of function i or j turns both.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

logger = logging.getLogger("wb_conserved.io")

SIGN_CORRELATION = 0.3
"""Least correlation of a function's hoppings of both spins, all others' signs being right, for signs to be mended.
Good data: 0.97 (Te), 0.92 (Pt), 0.57 (Fe), 0.54 (maximally localised GaAs); wrong pairs with signs to mend: 0.06 at most."""


def relative_signs(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signs of the down functions, and how certain they are.

    Parameters
    ----------
    blocks : ndarray of complex, shape (nR, n, n, 2, 2)
        H(R), spin indices last.

    Returns
    -------
    signs : ndarray, shape (n,)
        1 or -1; as few -1 as can be, and 1 for the first function where halves are equal, as all of them together are a
        turn of the spin by π about its axis.
    correlations : ndarray, shape (n,)
        Σ_j s_i s_j C_ij / Σ_j |H_ij|², 1 for equal hoppings; inf for a function without hoppings to others.
    """
    up, down, flip, flop = blocks[..., 0, 0], blocks[..., 1, 1], blocks[..., 0, 1], blocks[..., 1, 0]
    others = 1 - np.eye(blocks.shape[1])
    alike = others * ((up.conj() * down).sum(axis=0).real - (flip * flop).sum(axis=0).real)
    size = others * sum(
        np.sqrt((np.abs(a) ** 2).sum(axis=0) * (np.abs(b) ** 2).sum(axis=0)) for a, b in ((up, down), (flip, flop))
    )
    alike, size = 0.5 * (alike + alike.T), 0.5 * (size + size.T)
    signs = np.where(np.linalg.eigh(alike)[1][:, -1] < 0, -1.0, 1.0)
    gain = signs * (alike @ signs)
    while gain.min() < 0:  # each turn of a sign makes Σ s_i s_j C_ij larger
        signs[gain.argmin()] *= -1
        gain = signs * (alike @ signs)
    negative = np.count_nonzero(signs < 0)
    if 2 * negative > len(signs) or (2 * negative == len(signs) and signs[0] < 0):
        signs = -signs
    total = size.sum(axis=1)
    return signs, np.divide(gain, total, out=np.full(len(signs), np.inf), where=total > 0)


def mended_signs(blocks: np.ndarray) -> np.ndarray:
    """Signs of the down functions, all 1 where they are not certain (`SIGN_CORRELATION`), shape (n,)."""
    signs, correlations = relative_signs(blocks)
    return signs if correlations.min() >= SIGN_CORRELATION else np.ones(len(signs))


def warn_of_doubtful_signs(source: str | Path, pairs: np.ndarray, blocks: np.ndarray):
    """Log a warning where H suggests other signs, but not certainly, and nothing was mended."""
    signs, correlations = relative_signs(blocks)
    worst = int(correlations.argmin())
    if (signs < 0).any() and correlations[worst] < SIGN_CORRELATION:
        logger.warning(
            "%s: down functions %s may have the sign opposite to that of their up functions, in which case S_x and S_y are "
            "wrong; not mended, as hoppings of both spins are little alike (correlation %.2f for functions %d and %d; %g and "
            "more would do): functions of pure spin (num_iter = 0), or the .chk and .spn files, leave no doubt",
            source,
            ", ".join(map(str, pairs[signs < 0, 1] + 1)),
            correlations[worst],
            *(pairs[worst] + 1),
            SIGN_CORRELATION,
        )


def with_signs(blocks: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """H(R) with the down functions multiplied by their signs."""
    factors = np.stack([np.ones_like(signs), signs], axis=1)
    return blocks * factors[:, None, :, None] * factors[None, :, None, :]


def say_mended(source: str | Path, pairs: np.ndarray, signs: np.ndarray, before: float, after: float):
    """Log which signs were mended."""
    mended = pairs[signs < 0, 1] + 1
    if len(mended):
        logger.warning(
            "%s: down functions %s have the sign opposite to that of their up functions, which S_x and S_y now take into "
            "account (spin-dependent part of H %.3f, %.3f before)",
            source,
            ", ".join(map(str, mended)),
            after,
            before,
        )
