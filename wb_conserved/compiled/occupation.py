"""Bands on an energy axis: weights of nodes, and their sums, for `wb_conserved.occupations`."""

from __future__ import annotations

import numpy as np

from .lanes import kernel


@kernel
def steps(energies, levels):
    """Node of each energy on the axis between ascending levels, weight 1; as for `points`."""
    starts, nodes = np.empty(len(energies) + 1, dtype=np.int32), np.empty(len(energies), dtype=np.int32)
    filled = 0
    for band in range(len(energies)):
        starts[band] = filled
        if energies[band] <= levels[-1]:
            nodes[filled] = np.searchsorted(levels, energies[band])
            filled += 1
    starts[-1] = filled
    return starts, nodes[:filled], np.ones(filled)


@kernel
def points(energies, bounds, origins, spacings, firsts, counts, stencil):
    """Weights of Lagrange interpolation at each energy from equidistant nodes around it.

    Parameters
    ----------
    energies : float array (bands,)
        eV.
    bounds : float array (pieces + 1,)
        Between which energies lies each piece of the axis, eV.  Below the first: node 0; above the last: no weight.
    origins, spacings : float array (pieces,)
        First node of each piece and distance of its nodes, eV.
    firsts, counts : int array (pieces,)
        Place of that node on the axis, and number of nodes.
    stencil : int
        Number of nodes that share an energy.

    Returns
    -------
    starts : int array (bands + 1,)
        Where the entries of each band begin.
    nodes, weights : arrays (entries,)
    """
    number, last = len(energies), len(bounds) - 1
    starts, nodes = np.empty(number + 1, dtype=np.int32), np.empty(number * stencil, dtype=np.int32)
    weights = np.empty(number * stencil)
    denominators = np.ones(stencil)
    for i in range(stencil):
        for j in range(stencil):
            if i != j:
                denominators[i] *= i - j
    filled = 0
    for band in range(number):
        starts[band] = filled
        energy = energies[band]
        if energy > bounds[last]:
            continue
        if energy < bounds[0]:
            nodes[filled], weights[filled] = 0, 1.0
            filled += 1
            continue
        piece = 0
        while piece + 1 < last and energy >= bounds[piece + 1]:
            piece += 1
        position = (energy - origins[piece]) / spacings[piece]
        first = max(0, min(int(np.floor(position)) - (stencil // 2 - 1), counts[piece] - stencil))
        product = 1.0  # of the distances from the nodes before
        for i in range(stencil):
            nodes[filled + i], weights[filled + i] = firsts[piece] + first + i, product / denominators[i]
            product *= position - first - i
        product = 1.0  # and after
        for i in range(stencil - 1, -1, -1):
            weights[filled + i] *= product
            product *= position - first - i
        filled += stencil
    starts[-1] = filled
    return starts, nodes[:filled], weights[:filled]


@kernel
def add(starts, nodes, weights, bands, values, factor, spectrum):
    """Add weights of bands on nodes times values (band, component) and a factor to a spectrum (node, component).

    Column i of the weights belongs to row bands[i] of the values.
    """
    for column in range(len(starts) - 1):
        row = values[bands[column]]
        for entry in range(starts[column], starts[column + 1]):
            target, weight = spectrum[nodes[entry]], factor * weights[entry]
            for component in range(len(row)):
                target[component] += weight * row[component]
