"""Derivatives along k, covariant with respect to rotations inside multiplets

    D_l X = ∂_l X + i [A^l, X]                                     of a matrix element X_nm between or inside multiplets
    (D_l A^i)_nm (ε_m − ε_n) = i (D_l v^i)_nm − Σ_{m'∈M_m} A^i_nm' v^l_m'm + Σ_{n'∈M_n} v^l_nn' A^i_n'm
    ∂_{k_l} d^{is}_M = Re Σ_{n∈M, m∉M} [ (D_l A^i)_nm s_mn + A^i_nm (D_l s)_mn ]

∂_l X is the derivative of the operator: w^{li} = ∂_l v^i for the velocity, 0 for s.  The second line is the derivative of
A^i_nm (ε_m − ε_n) = i v^i_nm, in which the energies of a multiplet vary as its whole velocity block.  It holds for split
multiplets too.  From these follows the polarizability of the torque dipole (XN: C. Xiao and Q. Niu, Phys. Rev. B 104,
L241411 (2021))

    χ^{ilτ}_M = ∂_{k_l} d^{is} + Ωs^{li} − Ω^{lis}

Units: ∂d in Å² [s], χ in Å² [s].
"""

from __future__ import annotations

from .algebra import contract, hermitian_product, inside, namespace, product, scaled


def covariant_derivative(connection, matrix, operator_derivative=None, *, metric=None):
    """D_l X = ∂_l X + i [A^l, X] of a Hermitian matrix.

    Parameters
    ----------
    connection : complex array (k, n, l, m)
        Interband connection.
    matrix : complex array (k, n, a.., m)
    operator_derivative : complex array (k, n, l, a.., m), optional
        ∂_l X; 0 by default.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    complex array (k, n, l, a.., m)
    """
    result = hermitian_product(1j * connection, matrix, metric=metric)  # the adjoint of i A X is −i X A
    return result if operator_derivative is None else result + operator_derivative


def connection_derivative(connection, velocity, velocity_derivative, gap, same, *, metric=None):
    """Covariant derivative (D_l A^i)_nm of the interband connection.

    Parameters
    ----------
    connection, velocity : complex array (k, n, a, m)
    velocity_derivative : complex array (k, n, l, i, m)
        w^{li} = ∂_l v^i, the derivative of the operator, eV Å².
    gap : array (k, n, m)
        1/(ε_n − ε_m) of individual energies, 0 inside.
    same : bool array (k, n, m)
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    complex array (k, n, l, i, m), Å²
    """
    xp = namespace(connection)
    blocks = inside(velocity, same)
    change = 1j * covariant_derivative(connection, velocity, velocity_derivative, metric=metric)
    change = change + product(blocks, connection)
    change = change - xp.permute_dims(product(connection, blocks), (0, 1, 3, 2, 4))
    return scaled(change, gap, -1.0)  # 1/(ε_m − ε_n) = −R_nm


def dipole_derivative(connection, connection_gradient, operator, *, metric=None):
    """Derivative ∂_{k_l} d^{is} of the s-dipole of a multiplet.

    Parameters
    ----------
    connection : complex array (k, n, i, m)
    connection_gradient : complex array (k, n, l, i, m)
        `connection_derivative`.
    operator : complex array (k, n, s, m)
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, l, i, s), Å² [s]
    """
    xp = namespace(connection)
    first = contract(connection_gradient, operator, metric=metric)  # k n l i s
    change = covariant_derivative(connection, operator, metric=metric)
    second = contract(connection, change, metric=metric)  # k n i l s
    return first + xp.permute_dims(second, (0, 1, 3, 2, 4))


def torque_dipole_polarizability(dipole_gradient, berry_times_operator, operator_berry_curvature):
    """Torque-dipole polarizability by the identity χ^{ilτ} = ∂_{k_l} d^{is} + Ωs^{li} − Ω^{lis}.

    Parameters
    ----------
    dipole_gradient : array (k, n, l, i, s)
        `dipole_derivative`.
    berry_times_operator, operator_berry_curvature : array (k, n, i, l, s)

    Returns
    -------
    array (k, n, i, l, s), Å² [s]
    """
    xp = namespace(dipole_gradient)
    return xp.permute_dims(dipole_gradient, (0, 1, 3, 2, 4)) + berry_times_operator - operator_berry_curvature
