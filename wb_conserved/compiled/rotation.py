"""Matrices in the Hamiltonian gauge, in the layout of the compiled kernels

    X[g, n, a.., m, 0 or 1, lane] = Re or Im X^{a..}_nm of the k point g LANES + lane

The k points of the last vector that are too many repeat the last one.  From a packed matrix P (see
`wb_conserved.interpolation.eigen`) and eigenvectors U, both stored by rows, come X = Uᵀ* Y with Y_im = Σ_j X_ij U_jm.
"""

from __future__ import annotations

import numpy as np

from .lanes import LANES, aligned, kernel, lane_function, load, multiply_add, row, splat
from .lanes import store as put

_CACHE = 2**19  # bytes, a part of the second-level cache

ROWS, COLUMNS = 3, 2
"""Rows of the left and of the right matrix whose products `products` makes together."""


def groups(number: int) -> int:
    """Vectors that hold so many k points."""
    return -(-number // LANES)


def rotated(real: np.ndarray, vectors: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Hermitian matrix X in the basis of eigenvectors, times a factor.

    Parameters
    ----------
    real : float array (k, i, a.., j)
        Packed matrix.
    vectors : complex array (k, i, n)
    scale : float

    Returns
    -------
    float array (g, n, a.., m, 2, LANES)
    """
    k, n, *axes, _ = real.shape
    result = aligned((groups(k), n, *axes, n, 2, LANES))
    _rotate(
        np.ascontiguousarray(real).reshape(k, n, -1, n), np.ascontiguousarray(vectors), scale,
        result.reshape(groups(k), n, -1, n, 2 * LANES),
    )  # fmt: skip
    return result


def velocity(gradient: np.ndarray, position: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Velocity v^a_nm = (∂_a H)_nm + i (ε_n − ε_m) r^a_nm, in the place of the gradient.

    Parameters
    ----------
    gradient, position : float array (g, n, a, m, 2, LANES)
    energies : float array (k, n)

    Returns
    -------
    float array (g, n, a, m, 2, LANES)
    """
    g, n, a, m = gradient.shape[:4]
    shape = g, n, a, m, 2 * LANES
    _add_position(gradient.reshape(shape), position.reshape(shape), energies)
    return gradient


def identity(number: int, n: int) -> np.ndarray:
    """Unit matrix (g, n, 1, m, 2, LANES) of so many k points."""
    result = aligned((groups(number), n, 1, n, 2, LANES))
    result[...] = 0.0
    bands = np.arange(n)
    result[:, bands, 0, bands, 0] = 1.0
    return result


def matrix(vectors: np.ndarray, number: int) -> np.ndarray:
    """The same as a complex matrix (k, n, a.., m) of so many k points."""
    g, n, *axes, m, _, _ = vectors.shape
    result = np.empty((number, n, *axes, m), dtype=complex)
    _unpack(vectors.reshape(g, -1), result.reshape(number, -1))
    return result


def as_vectors(matrix: np.ndarray) -> np.ndarray:
    """A complex matrix (k, n, a.., m) as vectors (g, n, a.., m, 2, LANES); the inverse of `matrix`."""
    number = len(matrix)
    result = aligned((groups(number), *matrix.shape[1:], 2, LANES))
    padded = matrix[np.minimum(np.arange(groups(number) * LANES), number - 1)]
    lanes = np.moveaxis(padded.reshape(groups(number), LANES, *matrix.shape[1:]), 1, -1)
    result[..., 0, :], result[..., 1, :] = lanes.real, lanes.imag
    return result


def diagonal(vectors: np.ndarray, number: int) -> np.ndarray:
    """Diagonal (k, n, a) of a matrix (g, n, a, m, 2, LANES) of so many k points."""
    bands = np.arange(vectors.shape[1])
    return vectors[:, bands, :, bands, 0].transpose(1, 3, 0, 2).reshape(-1, len(bands), vectors.shape[2])[:number]


@lane_function
def block(rows_of_each, n):
    """How many of them to treat together, each being some rows of n numbers, so that they stay in the cache."""
    size = _CACHE // (rows_of_each * 2 * n * 8 * LANES)
    return max(ROWS * COLUMNS, size // (ROWS * COLUMNS) * (ROWS * COLUMNS))


@lane_function
def fill(target, values, first):
    """Put per-band values (k, n) of the k points from `first` on into vectors."""
    number, n = values.shape
    for lane in range(LANES):
        k = min(first + lane, number - 1)
        for i in range(n):
            target[i * LANES + lane] = values[k, i]


@lane_function
def products(x, i, x_step, y, j, y_step, n):
    """Σ_p X_p conj Y_p of three rows of X (vectors i, i + x_step, ...) with two of Y: real and imaginary parts of

    X0 Y0, X1 Y0, X2 Y0, X0 Y1, X1 Y1, X2 Y1.
    """
    zero = splat(0.0)
    a_re = a_im = b_re = b_im = c_re = c_im = d_re = d_im = e_re = e_im = f_re = f_im = zero
    for p in range(0, 2 * n, 2):
        x0_re, x0_im = load(x, i + p), load(x, i + p + 1)
        x1_re, x1_im = load(x, i + x_step + p), load(x, i + x_step + p + 1)
        x2_re, x2_im = load(x, i + 2 * x_step + p), load(x, i + 2 * x_step + p + 1)
        y_re, y_im = load(y, j + p), load(y, j + p + 1)
        a_re = multiply_add(x0_im, y_im, multiply_add(x0_re, y_re, a_re))
        a_im = multiply_add(-x0_re, y_im, multiply_add(x0_im, y_re, a_im))
        b_re = multiply_add(x1_im, y_im, multiply_add(x1_re, y_re, b_re))
        b_im = multiply_add(-x1_re, y_im, multiply_add(x1_im, y_re, b_im))
        c_re = multiply_add(x2_im, y_im, multiply_add(x2_re, y_re, c_re))
        c_im = multiply_add(-x2_re, y_im, multiply_add(x2_im, y_re, c_im))
        y_re, y_im = load(y, j + y_step + p), load(y, j + y_step + p + 1)
        d_re = multiply_add(x0_im, y_im, multiply_add(x0_re, y_re, d_re))
        d_im = multiply_add(-x0_re, y_im, multiply_add(x0_im, y_re, d_im))
        e_re = multiply_add(x1_im, y_im, multiply_add(x1_re, y_re, e_re))
        e_im = multiply_add(-x1_re, y_im, multiply_add(x1_im, y_re, e_im))
        f_re = multiply_add(x2_im, y_im, multiply_add(x2_re, y_re, f_re))
        f_im = multiply_add(-x2_re, y_im, multiply_add(x2_im, y_re, f_im))
    return (a_re, b_re, c_re, d_re, e_re, f_re), (a_im, b_im, c_im, d_im, e_im, f_im)


@kernel
def _rotate(real, vectors, scale, result):
    number, n, components, _ = real.shape
    rows = -(-n // 6) * 6  # of workspaces, a multiple of both sides of `products`
    states, matrix, half, packed = row(2 * rows * n), row(2 * rows * n), row(2 * rows * rows), row(n * n)
    factor, together = splat(0.5 * scale), block(1, n)
    flat, starts = real.reshape(-1), np.empty(LANES, dtype=np.int64)
    for group in range(result.shape[0]):
        first = group * LANES
        for lane in range(LANES):
            starts[lane] = min(first + lane, number - 1) * n * components * n
            u = vectors[min(first + lane, number - 1)]
            for i in range(n):
                for band in range(n):
                    place = 2 * (band * n + i) * LANES + lane
                    states[place], states[place + LANES] = u[i, band].real, u[i, band].imag
        out = result[group].reshape(-1)
        for component in range(components):
            for i in range(n):
                for j in range(n):
                    place = (i * components + component) * n + j
                    for lane in range(LANES):
                        packed[(i * n + j) * LANES + lane] = flat[starts[lane] + place]
            for i in range(n):
                for j in range(i + 1):  # the complex conjugate of X
                    x, y = load(packed, i * n + j), load(packed, j * n + i)
                    re, im = factor * (x + y), factor * (y - x)
                    put(matrix, 2 * (i * n + j), re)
                    put(matrix, 2 * (i * n + j) + 1, im)
                    put(matrix, 2 * (j * n + i), re)
                    put(matrix, 2 * (j * n + i) + 1, -im)
            for first_i in range(0, n, together):
                for band in range(0, n, ROWS):
                    for i in range(first_i, min(first_i + together, n), COLUMNS):
                        re, im = products(states, 2 * band * n, 2 * n, matrix, 2 * i * n, 2 * n, n)
                        for c in range(COLUMNS):
                            for r in range(ROWS):
                                place = 2 * ((band + r) * rows + i + c)
                                put(half, place, re[ROWS * c + r])
                                put(half, place + 1, im[ROWS * c + r])
            for first_band in range(0, n, together):
                for m in range(0, min(first_band + together, n), ROWS):
                    for band in range(max(first_band, m - m % COLUMNS), min(first_band + together, n), COLUMNS):
                        re, im = products(half, 2 * m * rows, 2 * rows, states, 2 * band * n, 2 * n, n)
                        for c in range(COLUMNS):
                            for r in range(ROWS):
                                upper, lower = m + r, band + c
                                if upper <= lower < n:
                                    place = 2 * ((lower * components + component) * n + upper)
                                    put(out, place, re[ROWS * c + r])
                                    put(out, place + 1, im[ROWS * c + r])
                                    place = 2 * ((upper * components + component) * n + lower)
                                    put(out, place, re[ROWS * c + r])
                                    put(out, place + 1, -im[ROWS * c + r] if upper < lower else splat(0.0))


@kernel
def _add_position(gradient, position, energies):
    groups, n, components, _, _ = gradient.shape
    levels = np.empty(n * LANES)
    for group in range(groups):
        v, r = gradient[group].reshape(-1), position[group].reshape(-1)
        fill(levels, energies, group * LANES)
        for band in range(n):
            for component in range(components):
                for m in range(n):
                    place = 2 * ((band * components + component) * n + m)
                    difference = load(levels, band) - load(levels, m)
                    put(v, place, multiply_add(-difference, load(r, place + 1), load(v, place)))
                    put(v, place + 1, multiply_add(difference, load(r, place), load(v, place + 1)))


@kernel
def _unpack(vectors, result):
    number, size = result.shape
    for k in range(number):
        group, lane = k // LANES, k % LANES
        for i in range(size):
            place = 2 * i * LANES + lane
            result[k, i] = complex(vectors[group, place], vectors[group, place + LANES])
