"""A lattice of two kinds of atoms on springs, with known circular modes."""

from __future__ import annotations

import numpy as np

from ..errors import InputError

Springs = tuple[np.ndarray, np.ndarray, dict[tuple[int, int, int], np.ndarray]]


def honeycomb_springs(
    longitudinal: float = 1.0,
    transverse: float = 0.25,
    out_of_plane: float = 0.1,
    masses: tuple[float, float] = (1.0, 1.5),
    lattice_constant: float = 1.0,
) -> Springs:
    r"""Honeycomb layer of atoms of two masses, nearest neighbours joined by springs k_L along the bond, k_T across it in the
    plane and k_z out of the plane; what `phonon_system` takes.

    Exact, with a = ³⁄₂(k_L + k_T) and c = ³⁄₂(k_L − k_T): at K two modes are circular vibrations of one kind of atoms alone,
    ω² = a/m_A and a/m_B with angular momenta of opposite sign ±ħ; the other two in the plane have
    ω² = ½(a/m_A + a/m_B) ± √(¼(a/m_A − a/m_B)² + c²/m_A m_B), and turn oppositely on the two kinds.  Frequencies out of the
    plane at K are 3k_z/m.  Opposite at −K.  (L. Zhang and Q. Niu, Phys. Rev. Lett. 115, 115502 (2015).)  For k_L = k_T the
    angular momentum along z is conserved, l_z = ±1.

    Parameters
    ----------
    longitudinal, transverse, out_of_plane : float
        k, eV² times the unit of mass.
    masses : two floats
    lattice_constant : float
        Å.

    Returns
    -------
    lattice, positions, matrices
        Å, reduced, and D(R) in eV².
    """
    masses = np.asarray(masses, dtype=float)
    if masses.shape != (2,) or not np.all(masses > 0):
        raise InputError("masses", "two numbers > 0", repr(masses.tolist()))
    lattice = lattice_constant * np.array([[1.0, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 5.0]])
    positions = np.array([[0.0, 0.0, 0.0], [1 / 3, 1 / 3, 0.0]])
    z = np.diag([0.0, 0.0, 1.0])
    own, matrices = np.zeros((3, 3)), {}
    for R in ((0, 0, 0), (-1, 0, 0), (0, -1, 0)):
        bond = (positions[1] + R) @ lattice
        along = np.outer(bond, bond) / (bond @ bond)
        spring = longitudinal * along + transverse * (np.eye(3) - z - along) + out_of_plane * z
        matrix = np.zeros((6, 6))
        matrix[:3, 3:] = -spring / np.sqrt(masses[0] * masses[1])
        matrices[R] = matrix
        own += spring
    matrices[0, 0, 0][3:, :3] = matrices[0, 0, 0][:3, 3:].T
    matrices[0, 0, 0][:3, :3], matrices[0, 0, 0][3:, 3:] = own / masses[0], own / masses[1]
    return lattice, positions, matrices
