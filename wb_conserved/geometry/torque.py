"""Torque τ = i [H, s], the rate at which s is generated, and its moments (XN: C. Xiao and Q. Niu, Phys. Rev. B 104,
L241411 (2021))

    τ_nm = i (ε_n − ε_m) s_nm,   ∂_a τ = i [v^a, s]           (s itself does not depend on k)
    d^{iτ}_M  = Re Σ_{n∈M, m∉M} A^i_nm τ_mn                    torque dipole
    Ω^{iτ}_M  = −2 Im Σ_{n∈M, m∉M} v^i_nm τ_mn / (ε_n − ε_m)²   torque Berry curvature, ∂_{k_i} s_M
    q^{ilτ}_M = Σ_{n∈M} { ½ Re<D_i n|τ|D_l n> + ¼ Re[<D_l n|∂_iτ|n> + <D_i n|∂_lτ|n>] }   torque quadrupole

with |D_a n> = −i Σ_{m∉M} |m> A^a_mn.  Results are per band (see the package docstring).
Units: with [s] that of s, τ in eV [s], d^τ in eV Å [s], Ω^τ in Å [s], q in eV Å² [s].
"""

from __future__ import annotations

from .algebra import contract, hermitian_product, namespace, product, scaled
from .berry import operator_dipole


def torque(energies, operator):
    """Torque τ_nm = i (ε_n − ε_m) s_nm.

    Parameters
    ----------
    energies : array (k, n)
        eV.
    operator : complex array (k, n, s, m)

    Returns
    -------
    complex array (k, n, s, m), Hermitian, eV [s]
    """
    difference = energies[:, :, None] - energies[:, None, :]
    return scaled(operator, difference, 1j)


def torque_derivative(velocity, operator, *, metric=None):
    """Derivative of the torque operator, ∂_a τ = i [v^a, s].

    Parameters
    ----------
    velocity : complex array (k, n, a, m)
    operator : complex array (k, n, s, m)
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    complex array (k, n, a, s, m), Hermitian, eV Å [s]
    """
    return hermitian_product(velocity, 1j * operator, metric=metric)


def torque_dipole(connection, torque_matrix, *, metric=None):
    """Torque dipole d^{iτ}_n = Re Σ_{m∉M} A^i_nm τ_mn, shape (k, n, i, s), eV Å [s].

    Its trace over a multiplet is −tr_M J^{is} + tr_M(v^i_M s_M).
    """
    return operator_dipole(connection, torque_matrix, metric=metric)


def torque_berry_curvature(velocity, torque_matrix, gap, *, metric=None):
    """Torque Berry curvature Ω^{iτ}_n = −2 Im Σ_{m∉M} v^i_nm τ_mn / (ε_n − ε_m)², shape (k, n, i, s), Å [s].

    Its trace over a multiplet is ∂_{k_i} s_M.
    """
    return contract(scaled(velocity, gap * gap, 2j), torque_matrix, metric=metric)


def torque_quadrupole(connection, torque_matrix, derivative, *, metric=None):
    """Torque quadrupole q^{ilτ}_n = ½ Re(A^i τ A^l)_nn + ¼ Re i [(A^l ∂_iτ)_nn + (A^i ∂_lτ)_nn], symmetric in i and l.

    Parameters
    ----------
    connection : complex array (k, n, a, m)
        Interband connection.
    torque_matrix : complex array (k, n, s, m)
    derivative : complex array (k, n, a, s, m)
        `torque_derivative`.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), eV Å² [s]
    """
    xp = namespace(connection)
    inner = contract(product(connection, torque_matrix), connection, metric=metric)  # k n i s l: (A^i τ)_nm A^l_mn
    inner = xp.permute_dims(inner, (0, 1, 2, 4, 3))
    outer = contract(1j * connection, derivative, metric=metric)  # k n l i s: Re i A^l_nm (∂_iτ)_mn
    return 0.25 * (inner + xp.permute_dims(inner, (0, 1, 3, 2, 4)) + outer + xp.permute_dims(outer, (0, 1, 3, 2, 4)))
