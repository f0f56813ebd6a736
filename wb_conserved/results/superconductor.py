"""Pictures of superconductors, as wide as a column of a journal: density of states, and the gap on the Fermi surface."""

from __future__ import annotations

import numpy as np

from .style import SMALL, STYLES, picture


def plot_density_of_states(file, energies, superconducting, normal, title: str = "") -> None:
    """Write a PNG of the density of states of quasiparticles.

    Parameters
    ----------
    file : path or file object
    energies : float array (e,)
        eV.
    superconducting, normal : float arrays (e,)
        With the gap and without, 1/(eV cell).
    title : str
    """
    scale, unit = _scale(np.abs(energies).max())
    with picture(file, 2.3, title) as panel:
        panel.plot(energies / scale, normal, label="normal state", **STYLES[2])
        panel.plot(energies / scale, superconducting, label="superconductor", **STYLES[0])
        panel.set_xlim(energies[0] / scale, energies[-1] / scale)
        panel.set_ylim(bottom=0)
        panel.set_xlabel(rf"$E$   [{unit}]")
        panel.set_ylabel(r"density of states   [1/(eV cell)]")
        panel.legend(frameon=False, fontsize=SMALL)


def plot_gap_distribution(file, gap, weights, title: str = "") -> None:
    """Write a PNG of the distribution of the gap over the Fermi surface.

    Parameters
    ----------
    file : path or file object
    gap : float array (n,)
        Size of the gap, eV.
    weights : float array (n,)
        Of each, by which it is on the Fermi surface.
    title : str
    """
    largest = float(gap[weights > 0].max(initial=0.0))
    scale, unit = _scale(largest)
    ends = (0.0, 1.08 * largest / scale if largest > 0 else 1.0)
    heights, edges = np.histogram(gap / scale, bins=60, range=ends, weights=weights)
    with picture(file, 2.1, title) as panel:
        panel.stairs(100 * heights / max(heights.sum(), 1e-300), edges, fill=True, color=STYLES[0]["color"])
        panel.set_xlim(edges[0], edges[-1])
        panel.set_xlabel(rf"$|\Delta|$ on the Fermi surface   [{unit}]")
        panel.set_ylabel(r"part of the states   [%]")


def _scale(largest):
    """Unit for energies up to some size, eV."""
    return (1e-3, "meV") if largest < 0.1 else (1.0, "eV")
