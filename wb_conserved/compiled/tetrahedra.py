"""Linear tetrahedra for `wb_conserved.occupations.tetrahedra`, which has the equations: polynomials of a cell, and their
values."""

from __future__ import annotations

import numpy as np

from .lanes import kernel, lane_function

_COINCIDENT = 1e-90  # eV; a distance of energies whose inverse cube is still a number


@kernel
def cell_polynomials(energies, vertices):
    """Occupied fraction of a cell as a polynomial between neighbouring energies.

    Parameters
    ----------
    energies : float array (9, b)
        Of the k point and the corners, eV.
    vertices : int array (12, 4)
        Places of the energies of each tetrahedron.

    Returns
    -------
    knots : float array (b, 9)
    coefficients : float array (4, b, 9)
    """
    number = energies.shape[1]
    knots, coefficients = np.empty((number, 9)), np.zeros((4, number, 9))
    rank, e, r = np.empty(9, dtype=np.int64), np.empty(4), np.empty(4, dtype=np.int64)
    for band in range(number):
        for i in range(9):  # by insertion; rank[i] is the place of energy i in ascending order
            value, place = energies[i, band], i
            while place > 0 and knots[band, place - 1] > value:
                knots[band, place] = knots[band, place - 1]
                place -= 1
            knots[band, place] = value
            for j in range(i):
                if rank[j] >= place:
                    rank[j] += 1
            rank[i] = place
        c = coefficients[:, band]
        for tetrahedron in range(12):
            for i in range(4):
                place = rank[vertices[tetrahedron, i]]
                j = i
                while j > 0 and r[j - 1] > place:
                    r[j] = r[j - 1]
                    j -= 1
                r[j] = place
            for i in range(4):
                e[i] = knots[band, r[i]]
            e21 = e[1] - e[0]
            i31, i32, i41, i42 = _inverse(e[2] - e[0]), _inverse(e[2] - e[1]), _inverse(e[3] - e[0]), _inverse(e[3] - e[1])
            slope = 3 * i31 * i41
            for q in range(r[0], r[1]):
                _add_shifted(c, q, knots[band, q] - e[0], 0.0, 0.0, 0.0, _inverse(e21) * i31 * i41)
            for q in range(r[1], r[2]):
                highest = -(i31 + i42) * i32 * i41
                _add_shifted(c, q, knots[band, q] - e[1], (e21 * i31) * (e21 * i41), e21 * slope, slope, highest)
            for q in range(r[2], r[3]):
                _add_shifted(c, q, knots[band, q] - e[3], 1.0, 0.0, 0.0, _inverse(e[3] - e[2]) * i41 * i42)
            for q in range(r[3], 8):
                c[0, q] += 1.0
        for j in range(4):
            for q in range(8):
                c[j, q] /= 12
        c[0, 8] = 1.0
    return knots, coefficients


@lane_function
def _inverse(difference):
    """Its inverse, 0 where it vanishes."""
    return 1.0 / difference if difference > _COINCIDENT else 0.0


@lane_function
def _add_shifted(c, q, x, p0, p1, p2, p3):
    """Add the polynomial Σ p_j (y + x)^j in y to the coefficients of interval q."""
    c[0, q] += p0 + x * (p1 + x * (p2 + x * p3))
    c[1, q] += p1 + x * (2 * p2 + x * (3 * p3))
    c[2, q] += p2 + 3 * x * p3
    c[3, q] += p3


@kernel
def entries(levels, first, knots, coefficients, last, steps):
    """Values of piecewise polynomials at the levels between the first and the last knot, and at the node after these.

    Parameters
    ----------
    levels : float array
        Ascending, eV.
    first : int array (b, 9)
        First level at or above each knot.
    knots : float array (b, 9)
    coefficients : float array (j, b, 9)
    last : float array (b,)
        Value at the node after the last knot.
    steps : bool
        Give differences from one node to the next instead.

    Returns
    -------
    starts : int array (b + 1,)
        Where the entries of each band begin.
    nodes, values : arrays (entries,)
    """
    number, degree = len(first), len(coefficients) - 1
    starts = np.zeros(number + 1, dtype=np.int32)
    for band in range(number):
        starts[band + 1] = starts[band] + first[band, 8] - first[band, 0] + 1
    nodes, values = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1])
    for band in range(number):
        begin, offset = starts[band], starts[band] - first[band, 0]
        for q in range(8):
            for level in range(first[band, q], first[band, q + 1]):
                distance, value = levels[level] - knots[band, q], coefficients[degree, band, q]
                for j in range(degree - 1, -1, -1):
                    value = value * distance + coefficients[j, band, q]
                values[offset + level] = value
        end = starts[band + 1]
        values[end - 1] = last[band]
        for entry in range(begin, end):
            nodes[entry] = entry - offset
        if steps:
            for entry in range(end - 1, begin, -1):
                values[entry] -= values[entry - 1]
    return starts, nodes, values
