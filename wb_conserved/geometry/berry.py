"""Berry-type quantities of a local observable s (C. Xiao and Q. Niu, Phys. Rev. B 104, L241411 (2021), "XN"):

    J^{is}    = ½ {v^i, s}                                          conventional current of s
    Ω^{lis}_M = −2 Im Σ_{n∈M, m∉M} v^l_nm J^{is}_mn / (ε_n − ε_m)²    s-Berry curvature
    d^{is}_M  = Re Σ_{n∈M, m∉M} A^i_nm s_mn                           s-dipole Re<(r − r_c)^i s>
    Ωs^{li}_M = Re tr_M(Ω^{li}_M s_M),  Ω^{li} = i (A^l A^i − A^i A^l)  Berry curvature times s
    P^{ils}_M = 2 Im tr_M(A^i s_in A^l)                              curvature with s of the other multiplets
    Ω^{ilbs}_M = −2 Im Σ_{n∈M, m∉M} J^{lb}_nm J^{is}_mn / (ε_n − ε_m)²  curvature of two currents

M is a multiplet, A the interband connection, s_in the blocks of s inside multiplets.  Results are per band (see the package
docstring).
Units: s carries its own, called [s]; J in eV Å [s], Ω and P in Å² [s], d in Å [s].
"""

from __future__ import annotations

from .algebra import contract, hermitian_product, inside, namespace, product, scaled


def operator_current(velocity, operator, *, metric=None):
    """Conventional current J^{is} = ½ {v^i, s} from the full matrices, in and out.

    Parameters
    ----------
    velocity : complex array (k, n, i, m)
        eV Å.
    operator : complex array (k, n, s, m)
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    complex array (k, n, i, s, m), Hermitian in n, m
    """
    return hermitian_product(velocity, 0.5 * operator, metric=metric)


def operator_berry_curvature(velocity, current, gap, *, metric=None):
    """s-Berry curvature Ω^{lis}_n = −2 Im Σ_{m∉M} v^l_nm J^{is}_mn / (ε_n − ε_m)².

    Parameters
    ----------
    velocity : complex array (k, n, l, m)
    current : complex array (k, n, i, s, m)
        `operator_current`.
    gap : array (k, n, m)
        1/(ε_n − ε_m) of individual energies between multiplets, 0 inside.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), Å² [s]
    """
    xp = namespace(velocity)
    curvature = contract(scaled(velocity, gap * gap, 2j), current, metric=metric)  # k n l i s
    return xp.permute_dims(curvature, (0, 1, 3, 2, 4))


def curvature_of_currents(current, gap, *, metric=None):
    """Curvature of the currents of two components, Ω^{ilbs}_n = −2 Im Σ_{m∉M} J^{lb}_nm J^{is}_mn / (ε_n − ε_m)².

    Parameters
    ----------
    current : complex array (k, n, i, s, m)
        `operator_current`.
    gap : array (k, n, m)
        1/(ε_n − ε_m) of individual energies between multiplets, 0 inside.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, b, s), Å² [s]²
    """
    xp = namespace(current)
    curvature = contract(scaled(current, gap * gap, 2j), current, metric=metric)  # k n l b i s
    return xp.permute_dims(curvature, (0, 1, 4, 2, 3, 5))


def operator_dipole(connection, operator, *, metric=None):
    """s-dipole d^{is}_n = Re Σ_{m∉M} A^i_nm s_mn.

    Parameters
    ----------
    connection : complex array (k, n, i, m)
        Interband connection.
    operator : complex array (k, n, s, m)
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, s), Å [s]
    """
    return contract(connection, operator, metric=metric)


def cyclic_products(vector):
    """Products X^a X^b, abc cyclic; the Hermitian part of 2i X^a X^b is the commutator i [X^a, X^b].

    Of the interband connection that is the Berry curvature of multiplets.

    Parameters
    ----------
    vector : complex array (k, n, a, m)
        X, Hermitian.

    Returns
    -------
    complex array (k, n, c, m)
    """
    xp = namespace(vector)
    pairs = ((1, 2), (2, 0), (0, 1))
    return xp.stack([xp.matmul(vector[:, :, a, :], vector[:, :, b, :]) for a, b in pairs], axis=2)


def berry_curvature_times_operator(connection, operator, same, subspace=None, *, metric=None):
    """Berry curvature times s: Ωs^{li}_n = Re Σ_{n'∈M} Ω^{li}_nn' s_n'n.

    Bloch states of a Wannier model do not span the whole space: the part of the curvature that comes from outside,
    F^c = ∂_a r^b − ∂_b r^a − i [r^a, r^b] (abc cyclic) of the position matrix r, is added where it is given.

    With a Hermitian matrix inside multiplets, a matrix and its Hermitian part have the same traces, up to the imaginary
    part: products serve instead of commutators.

    Parameters
    ----------
    connection : complex array (k, n, a, m)
        Interband connection, Å.
    operator : complex array (k, n, s, m)
    same : bool array (k, n, m)
        True inside multiplets.
    subspace : complex array (k, n, 3, m), optional
        Y^c, Å², F^c being the Hermitian part of 2i Y^c.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), Å² [s]
        Antisymmetric in i and l; the value is Ωs^{li}.
    """
    xp = namespace(connection)
    curvature = cyclic_products(connection)
    if subspace is not None:
        curvature += subspace
    axial = contract(curvature, inside(operator, same, -2j), metric=metric)  # k n c s
    return xp.stack([xp.stack(row, axis=2) for row in _levi_civita(axial, xp)], axis=2)


def proper_curvature(connection, operator, same, *, metric=None):
    """Curvature with s of the other multiplets, P^{ils}_n = 2 Im (A^i s_in A^l)_nn, s_in the blocks inside multiplets.

    H. Ma et al., npj Spintronics 2 (2024), arXiv 2405.04581; J. H. Cullen et al., arXiv 2509.20436, eq. 7.  In Ωs^{li} s_in
    stands outside, 2 Im (s_in A^i A^l)_nn; ½ (Ωs^{li} + P^{ils}) is Ω^{lis} of s_in where the bands of multiplets are
    exactly degenerate, so that s_in commutes with H.

    The other multiplets are those of the Wannier functions.  What `berry_curvature_times_operator` adds for states outside
    of their space has no counterpart here: it would take s of these states, which the position matrix does not tell.

    Parameters
    ----------
    connection : complex array (k, n, a, m)
        Interband connection, Å.
    operator : complex array (k, n, s, m)
    same : bool array (k, n, m)
        True inside multiplets.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), Å² [s]
        Its sums over multiplets are antisymmetric in i and l.
    """
    half = product(connection, inside(operator, same, -2j))  # −2i A^i s_in, k n i s m
    return namespace(connection).permute_dims(contract(half, connection, metric=metric), (0, 1, 2, 4, 3))


def _levi_civita(axial, xp):
    """Rows i of ε_{lic} X_c: the antisymmetric tensor [i][l] of an axial vector X[k, n, c, s]."""
    x, y, z = axial[:, :, 0, :], axial[:, :, 1, :], axial[:, :, 2, :]
    zero = xp.zeros_like(x)
    return [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
