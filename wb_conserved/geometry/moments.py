"""Traces, current dipole and orbital moment of an observable s

    s_M = tr_M s,   J^{is}_M = tr_M J^{is}
    d^{lis}_M = Re Σ_{n∈M, m∉M} A^l_nm J^{is}_mn                                    dipole of the conventional current
    m^s_M = ½ Re Σ_{n∈M, m∉M} A_nm × J^s_mn + ½ Re tr_M(d^s_M × v_M)               orbital moment of s
    (d^{is}_M)_nn' = Hermitian part of Σ_{m∉M} A^i_nm s_mn'

Results are per band (see the package docstring).  Units: J in eV Å [s], d^{lis} and m^s in eV Å² [s].
"""

from __future__ import annotations

from .algebra import adjoint, contract, namespace, product


def diagonal(matrix):
    """Real diagonal of a Hermitian matrix (k, n, a.., m) per band, (k, n, a..): s_M, J_M as sums over multiplets."""
    xp = namespace(matrix)
    n = matrix.shape[1]
    unit = xp.reshape(xp.eye(n), (1, n, *(1,) * (matrix.ndim - 3), n))
    return xp.sum(xp.real(matrix) * unit, axis=-1)


def block_product_trace(left, inside):
    """Real trace Re Σ_{m∈M} X_nm Y_mn per band, Y Hermitian with its blocks inside multiplets only, (k, n, a, s)."""
    return namespace(left).real(contract(left, inside))


def current_dipole(connection, current):
    """Dipole of the conventional current d^{lis}_n = Re Σ_{m∉M} A^l_nm J^{is}_mn.

    Parameters
    ----------
    connection : complex array (k, n, l, m)
    current : complex array (k, n, i, s, m)

    Returns
    -------
    array (k, n, l, i, s), eV Å² [s]
    """
    return namespace(connection).real(contract(connection, current))


def dipole_times_velocity(connection, operator, velocity, same):
    """Trace tr_M(d^{is}_M v^l_M) of the s-dipole matrix and the velocity block, per band.

    Parameters
    ----------
    connection : complex array (k, n, i, m)
    operator : complex array (k, n, s, m)
    velocity : complex array (k, n, l, m)
    same : bool array (k, n, m)
        True inside multiplets.

    Returns
    -------
    array (k, n, i, l, s), eV Å² [s]
    """
    xp = namespace(connection)
    half = 0.5 * product(connection, operator)  # k n i s m
    dipole = (half + adjoint(half)) * same[:, :, None, None, :]
    return xp.permute_dims(xp.real(contract(dipole, velocity)), (0, 1, 2, 4, 3))


def orbital_moment(connection, current, operator, velocity, same):
    """Orbital moment of s, m^s = ½ Re Σ_{m∉M} A × J^s + ½ Re tr_M(d^s_M × v_M).

    Parameters
    ----------
    connection : complex array (k, n, a, m)
    current : complex array (k, n, i, s, m)
    operator : complex array (k, n, s, m)
    velocity : complex array (k, n, a, m)
    same : bool array (k, n, m)
        True inside multiplets.

    Returns
    -------
    array (k, n, a, s), eV Å² [s]
    """
    inside = dipole_times_velocity(connection, operator, velocity, same)
    return 0.5 * axial_vector(current_dipole(connection, current) + inside)


def axial_vector(tensor):
    """X_a = ε_abc T_bc of a tensor (k, n, b, c, s), shape (k, n, a, s)."""
    xp = namespace(tensor)
    cyclic = ((1, 2), (2, 0), (0, 1))
    return xp.stack([tensor[:, :, b, c, :] - tensor[:, :, c, b, :] for b, c in cyclic], axis=2)
