"""Eigenvalues and eigenvectors of Hermitian matrices, `LANES` matrices at once.

    H = Q T Q†        Householder reflections make T real and tridiagonal, diagonal d, subdiagonal e
    T = Z diag(ε) Zᵀ   implicit QL sweeps with Wilkinson's shift, plane rotations Z
    U = Q Z

(G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed., sections 5.1 and 8.3.)  Only unitary transformations take
part: the residual and the loss of orthogonality are of the order of rounding, for degenerate levels too.

Lanes differ in the number of sweeps they need.  A lane that is done, or whose block does not reach so far, takes part in a
rotation with cosine 1 and sine 0, which changes nothing.

Workspace: rows of vectors (see `lanes`), real and imaginary parts in turn; H[r, c] is at 2 (r n + c), r ≥ c.
"""

from __future__ import annotations

import numpy as np

from .lanes import (
    LANES,
    absolute,
    any_true,
    kernel,
    lane_function,
    largest,
    load,
    multiply_add,
    row,
    select,
    splat,
    square_root,
)
from .lanes import store as put

_ROUNDING = 2.0**-53
_TINY = 1e-280  # squares below it count as zero: their roots would not be accurate
_SWEEPS = 60  # for one eigenvalue; three are usual


@kernel
def eigh(packed, with_vectors):
    """Eigenvalues, and eigenvectors, of packed Hermitian matrices.

    Parameters
    ----------
    packed : float array (k, i, j)
        Re H + Im H.
    with_vectors : bool

    Returns
    -------
    energies : float array (k, n)
        Ascending.
    vectors : complex array (k, i, n)
        In columns; of length 0 without vectors.
    converged : bool array (k,)
    """
    number, n, _ = packed.shape
    energies = np.empty((number, n))
    vectors = np.empty((number if with_vectors else 0, n, n), dtype=np.complex128)
    converged = np.empty(number, dtype=np.bool_)
    matrix, states, rotations = row(2 * n * n), row(2 * n * n), row(n * n)
    diagonal, subdiagonal, open_ = row(n), row(n), row(1)
    factors, vector, image = row(2 * n), row(2 * n), row(2 * n)
    order = np.empty(n, dtype=np.int64)
    for first in range(0, number, LANES):
        for lane in range(LANES):
            real = packed[min(first + lane, number - 1)]
            for r in range(n):
                for c in range(r + 1):
                    place = 2 * (r * n + c) * LANES + lane
                    matrix[place] = 0.5 * (real[r, c] + real[c, r])
                    matrix[place + LANES] = 0.5 * (real[r, c] - real[c, r])
        tridiagonalise(n, matrix, diagonal, subdiagonal, factors, vector, image)
        if with_vectors:
            rotations[:] = 0.0
            for r in range(n):
                put(rotations, r * n + r, splat(1.0))
        diagonalise(n, diagonal, subdiagonal, rotations, open_, with_vectors)
        if with_vectors:
            transform_back(n, matrix, factors, rotations, states, vector)
        for lane in range(min(LANES, number - first)):
            k = first + lane
            converged[k] = open_[lane] == 0.0
            order_of(n, diagonal, lane, order)
            for band in range(n):
                source = order[band]
                energies[k, band] = diagonal[source * LANES + lane]
                if with_vectors:
                    for r in range(n):
                        place = 2 * (source * n + r) * LANES + lane
                        vectors[k, r, band] = complex(states[place], states[place + LANES])
    return energies, vectors, converged


@lane_function
def order_of(n, diagonal, lane, order):
    """Order of ascending numbers, by insertion."""
    for i in range(n):
        value, j = diagonal[i * LANES + lane], i - 1
        while j >= 0 and diagonal[order[j] * LANES + lane] > value:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = i


@lane_function
def tridiagonalise(n, matrix, diagonal, subdiagonal, factors, v, y):
    """d and e of T = Q† H Q, Q = Π_i (1 − t_i v_i v_i†); v_i replaces column i of H below its first element, which is 1.

    With x the column, t = (β − x_0)/β and v = (x − β e_0)/(x_0 − β), β = ∓|x|; v = e_0 and t = 0 where x is real and
    has but one element.  What is left of H becomes H − v y† − y v†, y = t H v − ½ t (y'† v) v with y' = t H v.
    """
    zero, one, tiny = splat(0.0), splat(1.0), splat(_TINY)
    for i in range(n - 1):
        put(diagonal, i, load(matrix, 2 * (i * n + i)))
        others = zero  # Σ |x|² without (Re x_0)²
        for r in range(i + 2, n):
            re, im = load(matrix, 2 * (r * n + i)), load(matrix, 2 * (r * n + i) + 1)
            others = multiply_add(re, re, multiply_add(im, im, others))
        re, im = load(matrix, 2 * ((i + 1) * n + i)), load(matrix, 2 * ((i + 1) * n + i) + 1)
        others = multiply_add(im, im, others)
        done = others < tiny
        length = square_root(multiply_add(re, re, others))
        beta = select(done, one, select(re > zero, -length, length))
        t_re, t_im = select(done, zero, (beta - re) / beta), select(done, zero, -im / beta)
        put(subdiagonal, i, select(done, re, beta))
        put(factors, 2 * i, t_re)
        put(factors, 2 * i + 1, t_im)
        shifted = re - beta
        square = multiply_add(shifted, shifted, im * im)
        i_re, i_im = select(done, zero, shifted / square), select(done, zero, -im / square)  # 1/(x_0 − β)
        size = n - i - 1
        put(v, 0, one)
        put(v, 1, zero)
        for r in range(1, size):
            place = 2 * ((r + i + 1) * n + i)
            re, im = load(matrix, place), load(matrix, place + 1)
            v_re, v_im = re * i_re - im * i_im, re * i_im + im * i_re
            put(matrix, place, v_re)
            put(matrix, place + 1, v_im)
            put(v, 2 * r, v_re)
            put(v, 2 * r + 1, v_im)
        for r in range(size):  # y = H v, each element below the diagonal used twice
            row = 2 * ((r + i + 1) * n + i + 1)
            v_re, v_im = load(v, 2 * r), load(v, 2 * r + 1)
            y_re, y_im = load(matrix, row + 2 * r) * v_re, load(matrix, row + 2 * r) * v_im
            for c in range(r):
                re, im = load(matrix, row + 2 * c), load(matrix, row + 2 * c + 1)
                c_re, c_im = load(v, 2 * c), load(v, 2 * c + 1)
                y_re = multiply_add(-im, c_im, multiply_add(re, c_re, y_re))
                y_im = multiply_add(im, c_re, multiply_add(re, c_im, y_im))
                put(y, 2 * c, multiply_add(im, v_im, multiply_add(re, v_re, load(y, 2 * c))))
                put(y, 2 * c + 1, multiply_add(-im, v_re, multiply_add(re, v_im, load(y, 2 * c + 1))))
            put(y, 2 * r, y_re)
            put(y, 2 * r + 1, y_im)
        s_re, s_im = zero, zero
        for r in range(size):  # y' = t y, s = y'† v
            re, im = load(y, 2 * r), load(y, 2 * r + 1)
            y_re, y_im = t_re * re - t_im * im, t_re * im + t_im * re
            put(y, 2 * r, y_re)
            put(y, 2 * r + 1, y_im)
            v_re, v_im = load(v, 2 * r), load(v, 2 * r + 1)
            s_re = multiply_add(y_im, v_im, multiply_add(y_re, v_re, s_re))
            s_im = multiply_add(-y_im, v_re, multiply_add(y_re, v_im, s_im))
        half = splat(-0.5)
        c_re, c_im = half * (t_re * s_re - t_im * s_im), half * (t_re * s_im + t_im * s_re)
        for r in range(size):
            v_re, v_im = load(v, 2 * r), load(v, 2 * r + 1)
            put(y, 2 * r, multiply_add(-c_im, v_im, multiply_add(c_re, v_re, load(y, 2 * r))))
            put(y, 2 * r + 1, multiply_add(c_im, v_re, multiply_add(c_re, v_im, load(y, 2 * r + 1))))
        for r in range(size):
            row = 2 * ((r + i + 1) * n + i + 1)
            v_re, v_im, y_re, y_im = -load(v, 2 * r), -load(v, 2 * r + 1), -load(y, 2 * r), -load(y, 2 * r + 1)
            for c in range(r + 1):
                c_re, c_im, d_re, d_im = load(v, 2 * c), load(v, 2 * c + 1), load(y, 2 * c), load(y, 2 * c + 1)
                re = multiply_add(v_im, d_im, multiply_add(v_re, d_re, load(matrix, row + 2 * c)))
                im = multiply_add(-v_re, d_im, multiply_add(v_im, d_re, load(matrix, row + 2 * c + 1)))
                put(matrix, row + 2 * c, multiply_add(y_im, c_im, multiply_add(y_re, c_re, re)))
                put(matrix, row + 2 * c + 1, multiply_add(-y_re, c_im, multiply_add(y_im, c_re, im)))
    put(diagonal, n - 1, load(matrix, 2 * ((n - 1) * n + n - 1)))
    put(subdiagonal, n - 1, zero)


@lane_function
def diagonalise(n, diagonal, subdiagonal, rotations, open_, with_rotations):
    """Eigenvalues of T in the place of its diagonal, columns of Z as rows; `open_` is 1 where they are not found."""
    zero, one, two, tiny, rounding = splat(0.0), splat(1.0), splat(2.0), splat(_TINY), splat(_ROUNDING)
    norm = zero
    for i in range(n):
        size = absolute(load(diagonal, i)) + absolute(load(subdiagonal, i))
        norm = select(size > norm, size, norm)
    negligible = splat(0.25 * _ROUNDING) * norm
    unfinished = zero
    for first in range(n):
        for sweep in range(_SWEEPS + 1):
            # the block that starts at `first` ends where an element of the subdiagonal is negligible
            end, d_end = splat(float(n - 1)), load(diagonal, n - 1)
            for i in range(n - 2, first - 1, -1):
                d = load(diagonal, i)
                bound = multiply_add(rounding, absolute(d) + absolute(load(diagonal, i + 1)), negligible)
                cut = absolute(load(subdiagonal, i)) <= bound
                end, d_end = select(cut, splat(float(i)), end), select(cut, d, d_end)
            block = end > splat(float(first))
            if not any_true(block):
                break
            if sweep == _SWEEPS:
                unfinished = select(block, one, unfinished)
                break
            active = block
            d, e = load(diagonal, first), select(block, load(subdiagonal, first), one)
            g = (load(diagonal, first + 1) - d) / (two * e)
            root = square_root(multiply_add(g, g, one))
            g = d_end - d + e / (g + select(g >= zero, root, -root))
            s, c, p = one, one, zero
            for i in range(int(largest(end)) - 1, first - 1, -1):
                reached = active & (end > splat(float(i)))
                f, b = s * load(subdiagonal, i), c * load(subdiagonal, i)
                square = multiply_add(f, f, g * g)
                going = reached & (square >= tiny)
                stopped = reached & (square < tiny)  # the matrix falls apart here: this sweep is over
                root = square_root(square)
                put(subdiagonal, i + 1, select(going, root, select(stopped, zero, load(subdiagonal, i + 1))))
                s, c = select(going, f / root, s), select(going, g / root, c)
                shifted = load(diagonal, i + 1) - p
                turned = multiply_add(load(diagonal, i) - shifted, s, two * c * b)
                p = select(going, s * turned, p)
                g = select(going, multiply_add(c, turned, -b), g)
                new = select(going, shifted + p, select(stopped, shifted, load(diagonal, i + 1)))
                put(diagonal, i + 1, new)
                active = going | (active & (end <= splat(float(i))))
                if with_rotations:
                    cosine, sine = select(going, c, one), select(going, s, zero)
                    lower, upper = i * n, (i + 1) * n
                    for r in range(n):
                        x, y = load(rotations, lower + r), load(rotations, upper + r)
                        put(rotations, upper + r, multiply_add(sine, x, cosine * y))
                        put(rotations, lower + r, multiply_add(-sine, y, cosine * x))
            put(diagonal, first, select(active, load(diagonal, first) - p, load(diagonal, first)))
            put(subdiagonal, first, select(active, g, load(subdiagonal, first)))
            for i in range(first + 1, n):
                put(subdiagonal, i, select(block & (end == splat(float(i))), zero, load(subdiagonal, i)))
    put(open_, 0, unfinished)


@lane_function
def transform_back(n, matrix, factors, rotations, states, v):
    """Columns of Q Z as rows, complex: the reflections in reverse order, z − t v (v† z)."""
    for place in range(n * n):
        put(states, 2 * place, load(rotations, place))
        put(states, 2 * place + 1, splat(0.0))
    for i in range(n - 2, -1, -1):
        size = n - i - 1
        for r in range(1, size):
            place = 2 * ((r + i + 1) * n + i)
            put(v, 2 * r, load(matrix, place))
            put(v, 2 * r + 1, load(matrix, place + 1))
        t_re, t_im = load(factors, 2 * i), load(factors, 2 * i + 1)
        for column in range(n):
            z = 2 * (column * n + i + 1)
            s_re, s_im = load(states, z), load(states, z + 1)
            for r in range(1, size):
                re, im = load(states, z + 2 * r), load(states, z + 2 * r + 1)
                v_re, v_im = load(v, 2 * r), load(v, 2 * r + 1)
                s_re = multiply_add(im, v_im, multiply_add(re, v_re, s_re))
                s_im = multiply_add(-re, v_im, multiply_add(im, v_re, s_im))
            c_re, c_im = t_im * s_im - t_re * s_re, -(t_re * s_im + t_im * s_re)
            put(states, z, load(states, z) + c_re)
            put(states, z + 1, load(states, z + 1) + c_im)
            for r in range(1, size):
                v_re, v_im = load(v, 2 * r), load(v, 2 * r + 1)
                re = multiply_add(-c_im, v_im, multiply_add(c_re, v_re, load(states, z + 2 * r)))
                im = multiply_add(c_im, v_re, multiply_add(c_re, v_im, load(states, z + 2 * r + 1)))
                put(states, z + 2 * r, re)
                put(states, z + 2 * r + 1, im)
