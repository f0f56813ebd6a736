"""Dressed states of some bands, for `wb_conserved.disorder.shells`: one k point after the other, in the cache."""

from __future__ import annotations

import numpy as np

from .lanes import kernel


@kernel
def dressed(first, number, energies, labels, velocity, operator, position, adjoint, offsets):
    """(D_aU)† and (δ_JU)†, see `wb_conserved.disorder.shells.Rows.dressed`.

    Parameters
    ----------
    first, number : int array (k,)
        The first band of each k point, and how many there are.
    energies, labels : arrays (k, n)
    velocity : complex array (k, n, a, n)
    operator : complex array (k, n, s, n)
    position : complex array (k, n, a, n), or (0, n, a, n) without external terms
    adjoint : complex array (k, n, i)
        U†.
    offsets : float array (i, a)

    Returns
    -------
    complex array (r, a + a s, i)
    """
    _, n, a, _ = velocity.shape
    components, i = operator.shape[2], adjoint.shape[2]
    together = a + a * components
    result = np.empty((number.sum() * together, i), dtype=np.complex128)
    rows_of_v, rows_of_s = velocity.reshape(-1, n), operator.reshape(-1, n)
    right_v, right_s = velocity.reshape(-1, a * n), operator.reshape(-1, components * n)
    rows_of_r, columns = position.reshape(-1, n), adjoint.reshape(-1, i)
    external, row = len(position) > 0, 0
    for k in range(len(number)):
        if number[k] == 0:
            continue
        start, stop, base = k * n + first[k], k * n + first[k] + number[k], k * n
        v, s = rows_of_v[start * a : stop * a], rows_of_s[start * components : stop * components]
        v_s = np.dot(v, right_s[base : base + n])
        s_v = np.dot(s, right_v[base : base + n])
        others = np.empty((number[k] * together, n), dtype=np.complex128)
        for band in range(number[k]):
            own, place = first[k] + band, band * together
            for m in range(n):
                gap = 0.0 if labels[k, m] == labels[k, own] else 1.0 / (energies[k, own] - energies[k, m])
                for x in range(a):
                    others[place + x, m] = gap * v[band * a + x, m]
                    if external:
                        others[place + x, m] -= 1j * rows_of_r[(start + band) * a + x, m]
                    for y in range(components):
                        twice = v_s[band * a + x, y * n + m] + s_v[band * components + y, x * n + m]
                        others[place + a + x * components + y, m] = 0.5 * gap * twice
        result[row : row + len(others)] = np.dot(others, columns[base : base + n])
        for band in range(number[k]):
            for x in range(a):
                for j in range(i):
                    result[row + band * together + x, j] -= 1j * offsets[j, x] * columns[start + band, j]
        row += len(others)
    return result.reshape(-1, together, i)
