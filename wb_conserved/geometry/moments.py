"""Traces, current dipole and orbital moment of an observable s

    s_M = tr_M s,   J^{is}_M = tr_M J^{is}
    d^{lis}_M = Re Σ_{n∈M, m∉M} A^l_nm J^{is}_mn                                    dipole of the conventional current
    m'_M = part of the orbital moment of charge from states outside the Wannier space (`outside_moment`)
    m^s_M = ½ Re Σ_{n∈M, m∉M} A_nm × J^s_mn + ½ Re tr_M(d^s_M × v_M)               orbital moment of s
    a^{ils}_M = tr_M(d^{is}_M v^l_M) − tr_M(s_M m^{il}_M)                            accumulation in a field's gradient
    (d^{is}_M)_nn' = Hermitian part of Σ_{m∉M} A^i_nm s_mn',   (m^{il}_M)_nn' of Σ_{m∉M} A^i_nm v^l_mn'

Results are per band (see the package docstring).  Units: J in eV Å [s], d^{lis}, m^s and a in eV Å² [s].
"""

from __future__ import annotations

from .algebra import adjoint, contract, diagonal, hermitian_product, inside, namespace


def block_product_trace(left, block, *, metric=None):
    """Real trace Re Σ_{m∈M} X_nm Y_mn per band, Y Hermitian with its blocks inside multiplets only, (k, n, a, s)."""
    return contract(left, block, metric=metric)


def current_dipole(connection, current, *, metric=None):
    """Dipole of the conventional current d^{lis}_n = Re Σ_{m∉M} A^l_nm J^{is}_mn.

    Parameters
    ----------
    connection : complex array (k, n, l, m)
    current : complex array (k, n, i, s, m)
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, l, i, s), eV Å² [s]
    """
    return contract(connection, current, metric=metric)


def dipole_times_velocity(connection, operator, velocity, same, *, metric=None):
    """Trace tr_M(d^{is}_M v^l_M) of the s-dipole matrix and the velocity block, per band.

    Parameters
    ----------
    connection : complex array (k, n, i, m)
    operator : complex array (k, n, s, m)
    velocity : complex array (k, n, l, m)
    same : bool array (k, n, m)
        True inside multiplets.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), eV Å² [s]
    """
    xp = namespace(connection)
    dipole = hermitian_product(connection, 0.5 * operator, metric=metric)  # k n i s m
    return xp.permute_dims(contract(inside(dipole, same), velocity, metric=metric), (0, 1, 2, 4, 3))


def accumulation_in_gradient(connection, operator, velocity, same, *, metric=None):
    """Accumulation of s in the gradient along i of a field along l, a^{ils} = tr_M(d^{is}_M v^l_M) − tr_M(s_M m^{il}_M).

    It is i times the q-linear part, along i, of tr_M over both ends, <n, k−q/2|s|m, k+q/2><m, k+q/2|v^l|n, k−q/2>.  For single
    bands it is d^{is} v^l − s ε^{ilk} m_k with ε^{ilk} m_k = Im Σ_m v^i_nm v^l_mn/(ε_n − ε_m) (A. Shitade and E. Minamitani,
    npj Spintronics 3, 29 (2025)).

    Parameters
    ----------
    connection : complex array (k, n, i, m)
    operator : complex array (k, n, s, m)
    velocity : complex array (k, n, l, m)
    same : bool array (k, n, m)
        True inside multiplets.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), eV Å² [s]
    """
    moment = hermitian_product(connection, 0.5 * velocity, metric=metric)  # k n i l m
    of_moment = contract(inside(moment, same), operator, metric=metric)  # k n i l s
    return dipole_times_velocity(connection, operator, velocity, same, metric=metric) - of_moment


def orbital_moment(connection, current, operator, velocity, same, *, metric=None):
    """Orbital moment of s, m^s = ½ Re Σ_{m∉M} A × J^s + ½ Re tr_M(d^s_M × v_M).

    Parameters
    ----------
    connection : complex array (k, n, a, m)
    current : complex array (k, n, i, s, m)
    operator : complex array (k, n, s, m)
    velocity : complex array (k, n, a, m)
    same : bool array (k, n, m)
        True inside multiplets.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, a, s), eV Å² [s]
    """
    of_blocks = dipole_times_velocity(connection, operator, velocity, same, metric=metric)
    return 0.5 * axial_vector(current_dipole(connection, current, metric=metric) + of_blocks)


def outside_moment(energies, connection, coupling, hamiltonian, overlap):
    """Part of the orbital moment of s = 1 that states outside the space of Wannier functions have.

    With the projection Q on these states and the Wannier functions u in the basis of bands, Y^a = i<u|HQ|∂_a u>,
    X^c = i ε_cab <∂_a u|QHQ|∂_b u> and O^c = i ε_cab <∂_a u|Q|∂_b u>,

        m'_c = ½ (X^c − ε_n O^c)_nn + Re Σ_{m∉M} i ε_cab A^a_nm Y^b_mn

    Together with `orbital_moment` it is −½ ε_cab Im <∂_a n|H − ε_n|∂_b n> (for Wannier functions: M. G. Lopez et al.,
    Phys. Rev. B 85, 014435, whose formulas are equal in the limit of a dense k mesh).  Y vanishes for bands that the
    functions hold exactly.

    Parameters
    ----------
    energies : array (k, n)
        eV.
    connection : complex array (k, n, a, m)
        Interband connection, Å.
    coupling : complex array (k, n, a, m)
        Y, eV Å; not Hermitian.
    hamiltonian : complex array (k, n, c, m)
        X, eV Å².
    overlap : complex array (k, n, c, m)
        O, Å².

    Returns
    -------
    array (k, n, c, 1), eV Å²
    """
    moment = 0.5 * (diagonal(hamiltonian) - energies[:, :, None] * diagonal(overlap))
    return axial_vector(contract(1j * connection, adjoint(coupling))[..., None]) + moment[..., None]


def axial_vector(tensor):
    """X_a = ε_abc T_bc of a tensor (k, n, b, c, s), shape (k, n, a, s)."""
    xp = namespace(tensor)
    cyclic = ((1, 2), (2, 0), (0, 1))
    return xp.stack([tensor[:, :, b, c, :] - tensor[:, :, c, b, :] for b, c in cyclic], axis=2)
