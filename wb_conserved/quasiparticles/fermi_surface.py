"""The gap on the bands of the normal state, and so on its Fermi surface."""

from __future__ import annotations

import numpy as np

from ..interpolation import WannierInterpolator
from .bogoliubov import BogoliubovSystem, orbitals_of

_BATCH = 512


def gap_on_bands(system: BogoliubovSystem, kpoints, kBT: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Size of the gap on each band of the normal state, ‖Δ(k)†u_η(k)‖.

    It is |Δ_η(k)| where Δ does not pair different bands, and on the Fermi surface then half of the energy that it takes to
    break a pair.

    Parameters
    ----------
    system : BogoliubovSystem
    kpoints : float array (k, 3)
        Reduced coordinates.
    kBT : float, optional
        Temperature of Δ, eV; by default the lowest.

    Returns
    -------
    energies, gap : float arrays (k, n)
        ξ_η(k), from the Fermi level, and the size of the gap, eV.
    """
    normal = system.normal
    kept = orbitals_of(normal) if system.basis == "singlet" else np.arange(normal.num_wann)
    delta, vectors = system.frozen(kBT).gap.delta, system.gap.iRvec
    interpolator, energies, gap = WannierInterpolator(normal), [], []
    for first in range(0, len(kpoints), _BATCH):
        part = np.asarray(kpoints[first : first + _BATCH])
        H = interpolator(interpolator.phases(part), "Ham")[:, kept[:, None], kept]
        xi, states = np.linalg.eigh(H)
        of_k = np.tensordot(np.exp(2j * np.pi * (part @ vectors.T)), delta, axes=1)
        energies.append(xi - system.Efermi)
        gap.append(np.linalg.norm(of_k.conj().swapaxes(1, 2) @ states, axis=1))
    return np.concatenate(energies), np.concatenate(gap)


def fermisurfer(mesh, reciprocal_lattice, energies, values) -> str:
    """Text of a file for the program FermiSurfer: energies and a value of every band on a mesh.

    Parameters
    ----------
    mesh : three ints
    reciprocal_lattice : float array (3, 3)
        Rows, 1/Å.
    energies, values : float arrays (k, n)
        Last index of the mesh fastest.
    """
    lines = [" ".join(map(str, mesh)), "1", str(energies.shape[1])]
    lines += [" ".join(f"{x:.8f}" for x in vector) for vector in np.asarray(reciprocal_lattice)]
    lines += [f"{number:.7g}" for numbers in (energies, values) for number in numbers.T.ravel()]
    return "\n".join(lines) + "\n"
