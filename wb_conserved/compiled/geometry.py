"""Band geometry of the static conductivities, `LANES` k points at once.

The functions of `wb_conserved.geometry` with the same names give the same numbers and have the equations; here pairs of
bands are visited once, with n > m, and what stands for row n goes to row m with the opposite or the same sign:

    v^l_nm J^{is}_mn R²                           odd (imaginary part)     conventional current, Kubo sea
    A^i_nm s_mn                                   even (real part)         dipole

R_nm = 1/(ε_n − ε_m) between multiplets and 0 inside, A = −i R v.  Products of matrices are products of rows, as v, s and
A are Hermitian: (v s)_nm = Σ_p v_np s*_mp.

Arguments: velocity (g, n, 3, m, 2, LANES), operator (g, n, s, m, 2, LANES), s of length 1 or 3 (see `rotation`); energies
(k, n), eV; labels of the multiplets (k, n).  Results (k, n, ...): per band, as in `wb_conserved.geometry`.
"""

from __future__ import annotations

import numpy as np

from ..geometry.multiplets import Multiplets
from .lanes import LANES, any_true, kernel, lane_function, load, multiply_add, row, select, splat
from .lanes import store as put
from .rotation import COLUMNS, ROWS, block, fill, products


def operator_berry_curvature(velocity, operator, energies, labels):
    """Ω^{lis}_n = −2 Im Σ_{m∉M} v^l_nm J^{is}_mn / (ε_n − ε_m)², J = ½ {v, s}; shape (k, n, i, l, s)."""
    result = np.empty((*energies.shape, 3, 3, _one_or_three(operator)))
    _operator_berry_curvature(_rows(velocity), _rows(operator), energies, labels, _per_band(result))
    return result


def berry_curvature_times_operator(velocity, operator, energies, labels, position=None, curl=None):
    """Ωs^{li}_n = Re Σ_{n'∈M} Ω^{li}_nn' s_n'n, Ω^c = i [A^a, A^b] − i [r^a, r^b] + (∂_a r^b − ∂_b r^a), abc cyclic.

    Parameters
    ----------
    velocity, operator, energies, labels
        See the module.
    position, curl : float array (g, n, 3, m, 2, LANES), optional
        r and ∂_a r^b − ∂_b r^a.

    Returns
    -------
    float array (k, n, i, l, s)
    """
    result = np.empty((*energies.shape, 3, 3, operator.shape[2]))
    outside = position is not None
    position, curl = (position, curl) if outside else (velocity[:0], velocity[:0])
    _berry_curvature_times_operator(
        _rows(velocity), _rows(operator), energies, labels, outside, _rows(position), _rows(curl), _per_band(result)
    )
    return result


def operator_dipole(velocity, operator, energies, labels):
    """d^{is}_n = Re Σ_{m∉M} A^i_nm s_mn; shape (k, n, i, s)."""
    result = np.empty((*energies.shape, 3, operator.shape[2]))
    _operator_dipole(_rows(velocity), _rows(operator), energies, labels, _per_band(result))
    return result


def dipole_velocity(velocity, operator, energies, labels, mean_velocity):
    """d^{is}_n v̄^l_n, v̄ the mean velocity (k, n, l) of multiplets; shape (k, n, i, l, s)."""
    result = np.empty((*energies.shape, 3, 3, operator.shape[2]))
    _dipole_velocity(_rows(velocity), _rows(operator), energies, labels, mean_velocity, False, _per_band(result))
    return result


def kubo_conserved_sea(velocity, operator, energies, labels, mean_energies, mean_velocity):
    """Fermi-sea part of the conserved Kubo conductivity,

    K^{ils}_n = −Im Σ_m { R̄² (u^i_n + u^i_m) s_nm V^l_mn + 2 R̄ (δs^i_nm V^l_mn + s_nm δV^{il}_mn) }.

    Parameters
    ----------
    velocity, operator, energies, labels
        See the module; individual energies, which enter A.
    mean_energies : float array (k, n)
        Of multiplets, which enter R̄, eV.
    mean_velocity : float array (k, n, i)
        u, eV Å.

    Returns
    -------
    float array (k, n, i, l, s)
    """
    result = np.empty((*energies.shape, 3, 3, _one_or_three(operator)))
    _kubo_conserved_sea(
        _rows(velocity), _rows(operator), energies, labels, mean_energies, _per_band(mean_velocity), _per_band(result)
    )
    return result


def kubo_conserved_surface(velocity, operator, energies, labels, mean_energies, mean_velocity):
    """Fermi-surface part S^{ils}_n = −u^i_n Im Σ_m R̄ s_nm V^l_mn of the same: u^i_n times a dipole with R̄ in place of R.

    Arguments as for `kubo_conserved_sea`; the individual energies do not enter.
    """
    result = np.empty((*mean_energies.shape, 3, 3, operator.shape[2]))
    _dipole_velocity(_rows(velocity), _rows(operator), mean_energies, labels, mean_velocity, True, _per_band(result))
    return result


def find_multiplets(energies, threshold, kramers=False):
    """Grouping of bands (k, n) by the chain rule, a `wb_conserved.geometry.Multiplets`."""
    if kramers and energies.shape[1] % 2:
        raise ValueError(f"kramers: expected an even number of bands, found {energies.shape[1]}")
    labels, size, means = np.empty(energies.shape, dtype=np.int64), np.empty(energies.shape), np.empty(energies.shape)
    same = np.zeros((*energies.shape, energies.shape[1]), dtype=bool)
    _find_multiplets(energies, threshold, kramers, labels, same, size, means)
    return Multiplets(labels=labels, same=same, size=size, energies=means)


def _one_or_three(operator):
    """Number of components of an operator, whose rows `products` takes one or three at a time."""
    if operator.shape[2] not in (1, ROWS):
        raise ValueError(f"operator: expected one or three components, found {operator.shape[2]}")
    return operator.shape[2]


def _rows(matrix):
    """(g, n, components, m, 2, LANES) -> (g, elements)."""
    return matrix.reshape(len(matrix), matrix[0].size if len(matrix) else 0)


def _per_band(values):
    """(k, n, ...) -> (k, n, components), the same memory."""
    return values.reshape(*values.shape[:2], -1)


@lane_function
def _inverse_gap(levels, groups, n, m):
    """R_nm of vectors of energies and labels."""
    same = load(groups, n) == load(groups, m)
    difference = load(levels, n) - load(levels, m)
    return select(same, splat(0.0), splat(1.0) / select(same, splat(1.0), difference))


@lane_function
def _is_zero(vector):
    return not any_true((vector < splat(0.0)) | (vector > splat(0.0)))


@lane_function
def _add_to_pair(sums, n, m, components, component, to_n, to_m):
    """Add to one component of the per-band sums of two bands."""
    put(sums, n * components + component, load(sums, n * components + component) + to_n)
    put(sums, m * components + component, load(sums, m * components + component) + to_m)


@lane_function
def _row_products(table, x, first, x_step, y, first_row, rows, n):
    """Products of three rows of X with some rows of Y, real and imaginary parts at 2 (3 number of the row of Y + row of X)."""
    for j in range(0, rows, COLUMNS):
        y_step = 2 * n if j + 1 < rows else 0
        re, im = products(x, first, x_step, y, 2 * n * (first_row + j), y_step, n)
        for c in range(COLUMNS):
            for r in range(ROWS):
                put(table, 2 * (ROWS * (j + c) + r), re[ROWS * c + r])
                put(table, 2 * (ROWS * (j + c) + r) + 1, im[ROWS * c + r])


@lane_function
def _write(values, result, first):
    """Per-band vectors to the array (k, n, components) of the results."""
    number, n, components = result.shape
    for lane in range(min(LANES, number - first)):
        for band in range(n):
            for component in range(components):
                result[first + lane, band, component] = values[(band * components + component) * LANES + lane]


@kernel
def _operator_berry_curvature(velocity, operator, energies, labels, result):
    number, n = energies.shape
    size = result.shape[2] // 9
    s_step = 2 * n if size == ROWS else 0
    levels, groups, sums = row(n), row(n), row(n * 9 * size)
    together = min(n, block(3 + size, n))
    left, right = row(2 * ROWS * (together * size + 1)), row(2 * ROWS * (together * 3 + 1))
    for group in range(len(velocity)):
        v, s = velocity[group], operator[group]
        fill(levels, energies, group * LANES)
        fill(groups, labels, group * LANES)
        sums[:] = 0.0
        for first in range(0, n, together):
            for band in range(first + 1, n):
                bands = min(together, band - first)
                _row_products(left, v, 2 * 3 * n * band, 2 * n, s, first * size, bands * size, n)  # v^i_n s_m
                _row_products(right, s, 2 * size * n * band, s_step, v, first * 3, bands * 3, n)  # s_n v^i_m
                for m in range(bands):
                    gap = _inverse_gap(levels, groups, band, first + m)
                    if _is_zero(gap):
                        continue
                    square = gap * gap
                    for l in range(3):
                        place = 2 * ((3 * band + l) * n + first + m)
                        re, im = square * load(v, place), square * load(v, place + 1)
                        for i in range(3):
                            for c in range(size):
                                one, other = 2 * (3 * (size * m + c) + i), 2 * (3 * (3 * m + i) + c)
                                j_re = load(left, one) + load(right, other)
                                j_im = load(left, one + 1) + load(right, other + 1)
                                term = multiply_add(re, j_im, -(im * j_re))
                                _add_to_pair(sums, band, first + m, 9 * size, (3 * i + l) * size + c, term, -term)
        _write(sums, result, group * LANES)


@lane_function
def _connection(target, velocity, levels, groups, n):
    """A = −i R v, rows like those of v."""
    for band in range(n):
        for m in range(n):
            gap = _inverse_gap(levels, groups, band, m)
            for i in range(3):
                place = 2 * ((3 * band + i) * n + m)
                put(target, place, gap * load(velocity, place + 1))
                put(target, place + 1, -(gap * load(velocity, place)))


@lane_function
def _product(x, i, y, j, n):
    """Σ_p X_p conj Y_p of one row with another."""
    re, im = splat(0.0), splat(0.0)
    for p in range(0, 2 * n, 2):
        x_re, x_im, y_re, y_im = load(x, i + p), load(x, i + p + 1), load(y, j + p), load(y, j + p + 1)
        re = multiply_add(x_im, y_im, multiply_add(x_re, y_re, re))
        im = multiply_add(-x_re, y_im, multiply_add(x_im, y_re, im))
    return re, im


@kernel
def _berry_curvature_times_operator(velocity, operator, energies, labels, outside, position, curl, result):
    number, n = energies.shape
    size = result.shape[2] // 9
    levels, groups, sums, connection = row(n), row(n), row(n * 9 * size), row(2 * 3 * n * n)
    minus_two, zero = splat(-2.0), splat(0.0)
    for group in range(len(velocity)):
        s = operator[group]
        fill(levels, energies, group * LANES)
        fill(groups, labels, group * LANES)
        _connection(connection, velocity[group], levels, groups, n)
        sums[:] = 0.0
        for band in range(n):
            for m in range(n):
                same = load(groups, band) == load(groups, m)
                if not any_true(same):
                    continue
                for c in range(3):
                    l, i = (c + 1) % 3, (c + 2) % 3
                    a, b = 2 * n * (3 * band + l), 2 * n * (3 * m + i)
                    re, im = _product(connection, a, connection, b, n)
                    curl_re, curl_im = zero, zero
                    if outside:
                        r_re, r_im = _product(position[group], a, position[group], b, n)
                        re, im = re - r_re, im - r_im
                        place = 2 * ((3 * band + c) * n + m)
                        curl_re, curl_im = load(curl[group], place), load(curl[group], place + 1)
                    # Re (2i X + curl) s*
                    re, im = multiply_add(minus_two, im, curl_re), multiply_add(minus_two, -re, curl_im)
                    for component in range(size):
                        place = 2 * ((size * band + component) * n + m)
                        term = multiply_add(im, load(s, place + 1), re * load(s, place))
                        term = select(same, term, zero)
                        one, other = (9 * band + 3 * i + l) * size + component, (9 * band + 3 * l + i) * size + component
                        put(sums, one, load(sums, one) + term)
                        put(sums, other, load(sums, other) - term)
        _write(sums, result, group * LANES)


@lane_function
def _dipoles(sums, v, s, levels, groups, n, size):
    """Sums for the dipole of every band."""
    sums[:] = 0.0
    for band in range(1, n):
        for m in range(band):
            gap = _inverse_gap(levels, groups, band, m)
            for i in range(3):
                place = 2 * ((3 * band + i) * n + m)
                re, im = gap * load(v, place + 1), -(gap * load(v, place))
                for component in range(size):
                    place = 2 * ((size * band + component) * n + m)
                    term = multiply_add(im, load(s, place + 1), re * load(s, place))
                    _add_to_pair(sums, band, m, 3 * size, i * size + component, term, term)


@kernel
def _operator_dipole(velocity, operator, energies, labels, result):
    number, n = energies.shape
    size = result.shape[2] // 3
    levels, groups, sums = row(n), row(n), row(n * 3 * size)
    for group in range(len(velocity)):
        fill(levels, energies, group * LANES)
        fill(groups, labels, group * LANES)
        _dipoles(sums, velocity[group], operator[group], levels, groups, n, size)
        _write(sums, result, group * LANES)


@kernel
def _dipole_velocity(velocity, operator, energies, labels, mean_velocity, velocity_first, result):
    number, n = energies.shape
    size = result.shape[2] // 9
    levels, groups, sums = row(n), row(n), row(n * 3 * size)
    for group in range(len(velocity)):
        first = group * LANES
        fill(levels, energies, first)
        fill(groups, labels, first)
        _dipoles(sums, velocity[group], operator[group], levels, groups, n, size)
        for lane in range(min(LANES, number - first)):
            for band in range(n):
                target, factors = result[first + lane, band], mean_velocity[first + lane, band]
                for a in range(3):
                    for c in range(size):
                        dipole = sums[((3 * band + a) * size + c) * LANES + lane]
                        for b in range(3):
                            i, l = (b, a) if velocity_first else (a, b)
                            target[(3 * i + l) * size + c] = dipole * factors[b]


@kernel
def _kubo_conserved_sea(velocity, operator, energies, labels, mean_energies, mean_velocity, result):
    number, n = energies.shape
    size = result.shape[2] // 9
    s_step = 2 * n if size == ROWS else 0
    levels, groups, means, sums = row(n), row(n), row(n), row(n * 9 * size)
    velocities, connection = row(3 * n), row(2 * 3 * n * n)
    together = min(n, block(6 + size, n))
    size_of_table = 2 * ROWS * (together * 3 + 1)
    a_v, v_a, s_a, a_s = row(size_of_table), row(size_of_table), row(size_of_table), row(size_of_table)
    flat = mean_velocity.reshape(number, 3 * n)
    for group in range(len(velocity)):
        v, s = velocity[group], operator[group]
        fill(levels, energies, group * LANES)
        fill(groups, labels, group * LANES)
        fill(means, mean_energies, group * LANES)
        fill(velocities, flat, group * LANES)
        _connection(connection, v, levels, groups, n)
        sums[:] = 0.0
        for first in range(0, n, together):
            for band in range(first + 1, n):
                bands, of_band, of_s = min(together, band - first), 2 * 3 * n * band, 2 * size * n * band
                _row_products(a_v, connection, of_band, 2 * n, v, first * 3, bands * 3, n)  # A^i_n V^l_m
                _row_products(v_a, v, of_band, 2 * n, connection, first * 3, bands * 3, n)  # V^l_n A^i_m
                _row_products(s_a, s, of_s, s_step, connection, first * 3, bands * 3, n)  # s_n A^i_m
                _row_products(a_s, connection, of_band, 2 * n, s, first * size, bands * size, n)  # A^i_n s_m
                for m in range(bands):
                    gap = _inverse_gap(means, groups, band, first + m)
                    if _is_zero(gap):
                        continue
                    for l in range(3):
                        place = 2 * ((3 * band + l) * n + first + m)
                        v_re, v_im = gap * load(v, place), gap * load(v, place + 1)
                        for i in range(3):
                            # i R̄ (u_n + u_m) V + A V + V A, the factor of R̄ s
                            u = load(velocities, 3 * band + i) + load(velocities, 3 * (first + m) + i)
                            one, other = 2 * (3 * (3 * m + l) + i), 2 * (3 * (3 * m + i) + l)
                            re = gap * multiply_add(-u, v_im, load(a_v, one) + load(v_a, other))
                            im = gap * multiply_add(u, v_re, load(a_v, one + 1) + load(v_a, other + 1))
                            for c in range(size):
                                place = 2 * ((size * band + c) * n + first + m)
                                one, other = 2 * (3 * (3 * m + i) + c), 2 * (3 * (size * m + c) + i)
                                c_re = load(s_a, one) + load(a_s, other)  # s A + A s
                                c_im = load(s_a, one + 1) + load(a_s, other + 1)
                                term = multiply_add(v_im, c_im, v_re * c_re)
                                term = term - multiply_add(im, load(s, place + 1), re * load(s, place))
                                _add_to_pair(sums, band, first + m, 9 * size, (3 * i + l) * size + c, term, -term)
        _write(sums, result, group * LANES)


@kernel
def _find_multiplets(energies, threshold, kramers, labels, same, size, means):
    number, n = energies.shape
    for k in range(number):
        label = first = 0
        for band in range(n):
            last = band + 1 == n or (
                energies[k, band + 1] - energies[k, band] > threshold and not (kramers and band % 2 == 0)
            )
            if not last:
                continue
            for i in range(first, band + 1):
                distance = 0.0  # from the band itself, so that exact degeneracy stays exact
                for j in range(first, band + 1):
                    distance += energies[k, j] - energies[k, i]
                    same[k, i, j] = True
                labels[k, i], size[k, i] = label, band + 1 - first
                means[k, i] = energies[k, i] + distance / size[k, i]
            label, first = label + 1, band + 1
