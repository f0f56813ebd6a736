"""Spin models with known numbers."""

from __future__ import annotations

import numpy as np

from .spin_model import SpinModel

_SHEET = (True, True, False)
_TRIANGULAR = np.array([[1.0, 0.0, 0.0], [0.5, np.sqrt(0.75), 0.0], [0.0, 0.0, 3.0]])


def exchange_matrix(isotropic: float = 0.0, antisymmetric=(0.0, 0.0, 0.0)) -> np.ndarray:
    """J (3, 3) of S_i·J·S_j = J S_i·S_j + D·(S_i × S_j)."""
    x, y, z = antisymmetric
    return isotropic * np.eye(3) + np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])


def honeycomb_magnet(
    exchange: float = -1.0,
    antisymmetric: float = 0.1,
    anisotropy: float = 0.05,
    spin: float = 1.0,
    lattice_constant: float = 1.0,
) -> SpinModel:
    r"""Honeycomb ferromagnet (exchange < 0) or antiferromagnet with Dzyaloshinskii-Moriya coupling of second neighbours,

    .. math:: E = J\sum_{\langle ij\rangle}S_i\cdot S_j
        + D\sum_{\langle\langle ij\rangle\rangle}\nu_{ij}\hat z\cdot(S_i\times S_j) - K\sum_iS_{iz}^2,

    spins along z; ν = +1 for bonds (1, 0), (−1, 1), (0, −1) of sublattice A.  s_z is conserved.

    Exact for J = −1, D = 0.1, K = 0.05, S = 1 (energies in one unit, ħ = k_B = 1): bands 0.1 to 3.1 − 0.3√3 and 3.1 + 0.3√3 to
    6.1, Chern number of the lower +1; κ^{xy} = −0.0285759 and −0.134757, α^{xy,z} = 0.0113607 and 0.0478174 at T = 0.5 and 1
    (S. A. Owerre, J. Phys. Condens. Matter 28, 386001 (2016)).  J = +1: κ = 0 and α^{xy,z} = −0.000551966, −0.00240959
    (R. Cheng, S. Okamoto and D. Xiao, Phys. Rev. Lett. 117, 217202 (2016)).

    Parameters
    ----------
    exchange, antisymmetric, anisotropy : float
        J, D, K, eV.
    spin : float
    lattice_constant : float
        Å.
    """
    bonds = [(0, 1, R, exchange) for R in ((0, 0, 0), (-1, 0, 0), (0, -1, 0))]
    coupling = exchange_matrix(antisymmetric=(0, 0, antisymmetric))
    for R in ((1, 0, 0), (-1, 1, 0), (0, -1, 0)):
        bonds += [(0, 0, R, coupling), (1, 1, R, -coupling)]
    return SpinModel(
        lattice_constant * _TRIANGULAR,
        [[0, 0, 0], [1 / 3, 1 / 3, 0]],
        spin,
        bonds,
        convention="bonds",
        directions=[[0, 0, 1], [0, 0, -np.sign(exchange)]],
        anisotropy=np.diag([0.0, 0.0, -anisotropy]),
        periodic=_SHEET,
        name="honeycomb",
    )


def jarosite(
    first: float = 3.18e-3,
    second: float = 0.11e-3,
    in_plane: float = 0.062,
    out_of_plane: float = -0.062,
    spin: float = 2.5,
    lattice_constant: float = 7.3,
) -> SpinModel:
    r"""Kagome layer of potassium iron jarosite, KFe₃(OH)₆(SO₄)₂, all-in-all-out and canted,

    .. math:: E = \sum_{\langle ij\rangle}[J_1S_i\cdot S_j + D_{ij}\cdot(S_i\times S_j)]
        + J_2\sum_{\langle\langle ij\rangle\rangle}S_i\cdot S_j,\quad D = D_p\hat n_{out} + D_z\hat z

    with S_1 → S_2 → S_3 anticlockwise in triangles that point up, and those that point down by inversion.  Parameters of
    neutron scattering (K. Matan et al., Phys. Rev. Lett. 96, 247201 (2006); T. Yildirim and A. B. Harris, Phys. Rev. B 73,
    214446 (2006)).

    Known: spins canted out of the plane by 1.913°; bands from 1.71 meV on; Chern numbers, low to high, (3, −1, −2) with spins
    canted to +z, (−3, 1, 2) to −z; the gap between the two lower bands is 0.016 meV.

    Parameters
    ----------
    first, second : float
        J_1, J_2, eV.
    in_plane, out_of_plane : float
        D_p and D_z in units of J_1.
    spin : float
    lattice_constant : float
        Å.

    Returns
    -------
    SpinModel
        In its state of lowest energy, canted to +z.
    """
    cell = lattice_constant * _TRIANGULAR
    positions = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
    cartesian, bonds = positions @ cell, []
    for i, j in ((0, 1), (1, 2), (2, 0)):
        outwards = 0.5 * (cartesian[i] + cartesian[j]) - cartesian.mean(axis=0)
        outwards = outwards / np.linalg.norm(outwards)
        coupling = exchange_matrix(first, first * (in_plane * outwards + [0, 0, out_of_plane]))
        R = np.round(2 * (positions[i] - positions[j])).astype(int)  # of the bond inverted at site i
        bonds += [(i, j, (0, 0, 0), coupling), (i, j, tuple(R.tolist()), coupling)]
    for i, j, R in ((0, 1, (-1, 1)), (0, 1, (0, -1)), (1, 2, (1, 0)), (1, 2, (0, -1)), (2, 0, (1, 0)), (2, 0, (-1, 1))):
        bonds.append((i, j, (*R, 0), second))
    model = SpinModel(cell, positions, spin, bonds, convention="bonds", periodic=_SHEET, name="jarosite").minimised()
    return model.with_directions(model.directions * np.sign(model.directions[0, 2])) if in_plane else model


def triangular_antiferromagnet(exchange: float = 1.0, easy_plane: float = 0.0, spin: float = 1.0) -> SpinModel:
    """Triangular Heisenberg antiferromagnet in the 120° state in the plane, a cell of three sites.

    Exact: energy per site −3/2 J S²; the exchange conserves the total spin, but the harmonic s_x and s_y do not commute with
    the harmonic Hamiltonian: the largest element of [ηH, ηs] is 9/4 JS for the spin along one of the moments.  K adds K S_z².

    Parameters
    ----------
    exchange, easy_plane : float
        J and K, eV.
    spin : float
    """
    bonds = [(0, 0, R, exchange) for R in ((1, 0, 0), (-1, 1, 0), (0, -1, 0))]
    primitive = SpinModel(
        _TRIANGULAR,
        [[0, 0, 0]],
        spin,
        bonds,
        convention="bonds",
        directions=[[1, 0, 0]],
        anisotropy=np.diag([0.0, 0.0, easy_plane]),
        periodic=_SHEET,
        name="triangular",
    )
    return primitive.supercell([[2, -1, 0], [1, 1, 0], [0, 0, 1]], wave_vector=(1 / 3, -1 / 3, 0))
