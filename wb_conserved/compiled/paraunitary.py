"""Paraunitary states of positive definite matrices, `LANES` matrices at once.

    H = L L†           Cholesky factors, row by row
    L†ηL = U ε̂ U†      eigenproblem, see `eigen`; η = 1 for the first half of the basis, −1 for the second
    T = ηLU η̂ |ε̂|^(−1/2),  η̂ = −1 for the first half of the bands, ascending, 1 for the second

A pivot that is not above a part of the largest diagonal element leaves its matrix undone.  Workspace as in `eigen`.
"""

from __future__ import annotations

import numpy as np

from .eigen import diagonalise, order_of, transform_back, tridiagonalise
from .lanes import LANES, kernel, lane_function, load, multiply_add, row, select, splat, square_root
from .lanes import store as put


@kernel
def paraunitary(packed, rounding, with_vectors):
    """Energies ε̂, and states, of packed positive definite matrices.

    Parameters
    ----------
    packed : float array (k, i, j)
        Re H + Im H.
    rounding : float
        Part of the largest diagonal element below which a pivot counts as zero.
    with_vectors : bool

    Returns
    -------
    energies : float array (k, n)
        Ascending.
    vectors : complex array (k, i, n)
        In columns; of length 0 without vectors.
    positive, converged : bool arrays (k,)
    """
    number, n, _ = packed.shape
    half = n // 2
    energies = np.empty((number, n))
    vectors = np.empty((number if with_vectors else 0, n, n), dtype=np.complex128)
    positive, converged = np.empty(number, dtype=np.bool_), np.empty(number, dtype=np.bool_)
    factor, matrix, states, rotations = row(2 * n * n), row(2 * n * n), row(2 * n * n), row(n * n)
    diagonal, subdiagonal, open_, done = row(n), row(n), row(1), row(1)
    factors, vector, image = row(2 * n), row(2 * n), row(2 * n)
    order, scale = np.empty(n, dtype=np.int64), np.empty(n)
    for first in range(0, number, LANES):
        for lane in range(LANES):
            real = packed[min(first + lane, number - 1)]
            for r in range(n):
                for c in range(r + 1):
                    place = 2 * (r * n + c) * LANES + lane
                    factor[place] = 0.5 * (real[r, c] + real[c, r])
                    factor[place + LANES] = 0.5 * (real[r, c] - real[c, r])
        _cholesky(n, factor, done, rounding)
        _squared(n, half, factor, matrix)
        tridiagonalise(n, matrix, diagonal, subdiagonal, factors, vector, image)
        if with_vectors:
            rotations[:] = 0.0
            for r in range(n):
                put(rotations, r * n + r, splat(1.0))
        diagonalise(n, diagonal, subdiagonal, rotations, open_, with_vectors)
        if with_vectors:
            transform_back(n, matrix, factors, rotations, states, vector)
            _times_factor(n, half, factor, states)
        for lane in range(min(LANES, number - first)):
            k = first + lane
            converged[k], positive[k] = open_[lane] == 0.0, done[lane] == 1.0
            order_of(n, diagonal, lane, order)
            for band in range(n):
                energies[k, band] = diagonal[order[band] * LANES + lane]
                size = abs(energies[k, band])
                scale[band] = (-1.0 if band < half else 1.0) / np.sqrt(size if size > 0.0 else 1.0)
            if with_vectors:
                for r in range(n):
                    for band in range(n):
                        place = 2 * (order[band] * n + r) * LANES + lane
                        vectors[k, r, band] = complex(scale[band] * states[place], scale[band] * states[place + LANES])
    return energies, vectors, positive, converged


@lane_function
def _cholesky(n, factor, done, rounding):
    """L in the place of H; `done` is 1 where every pivot is positive."""
    zero, one = splat(0.0), splat(1.0)
    bound, good = zero, one
    for r in range(n):
        own = load(factor, 2 * (r * n + r))
        bound = select(own > bound, own, bound)
    bound = splat(rounding) * bound
    for c in range(n):
        pivot = load(factor, 2 * (c * n + c))
        for p in range(c):
            re, im = load(factor, 2 * (c * n + p)), load(factor, 2 * (c * n + p) + 1)
            pivot = multiply_add(-re, re, multiply_add(-im, im, pivot))
        good = select(pivot > bound, good, zero)
        length = square_root(select(pivot > bound, pivot, one))
        put(factor, 2 * (c * n + c), length)
        put(factor, 2 * (c * n + c) + 1, zero)
        inverse = one / length
        for r in range(c + 1, n):
            re, im = load(factor, 2 * (r * n + c)), load(factor, 2 * (r * n + c) + 1)
            for p in range(c):  # − L_rp conj L_cp
                a, b = load(factor, 2 * (r * n + p)), load(factor, 2 * (r * n + p) + 1)
                x, y = load(factor, 2 * (c * n + p)), load(factor, 2 * (c * n + p) + 1)
                re = multiply_add(-b, y, multiply_add(-a, x, re))
                im = multiply_add(a, y, multiply_add(-b, x, im))
            put(factor, 2 * (r * n + c), re * inverse)
            put(factor, 2 * (r * n + c) + 1, im * inverse)
    put(done, 0, good)


@lane_function
def _squared(n, half, factor, matrix):
    """Lower triangle of L†ηL."""
    zero = splat(0.0)
    for r in range(n):
        for c in range(r + 1):
            re, im = zero, zero
            for i in range(r, n):  # conj L_ir η_i L_ic
                a, b = load(factor, 2 * (i * n + r)), load(factor, 2 * (i * n + r) + 1)
                x, y = load(factor, 2 * (i * n + c)), load(factor, 2 * (i * n + c) + 1)
                if i >= half:
                    a, b = -a, -b
                re = multiply_add(b, y, multiply_add(a, x, re))
                im = multiply_add(-b, x, multiply_add(a, y, im))
            put(matrix, 2 * (r * n + c), re)
            put(matrix, 2 * (r * n + c) + 1, im)


@lane_function
def _times_factor(n, half, factor, states):
    """ηLU in the place of U, columns as rows, from the last element on."""
    zero = splat(0.0)
    for column in range(n):
        for r in range(n - 1, -1, -1):
            re, im = zero, zero
            for c in range(r + 1):
                a, b = load(factor, 2 * (r * n + c)), load(factor, 2 * (r * n + c) + 1)
                x, y = load(states, 2 * (column * n + c)), load(states, 2 * (column * n + c) + 1)
                re = multiply_add(-b, y, multiply_add(a, x, re))
                im = multiply_add(b, x, multiply_add(a, y, im))
            if r >= half:
                re, im = -re, -im
            put(states, 2 * (column * n + r), re)
            put(states, 2 * (column * n + r) + 1, im)
