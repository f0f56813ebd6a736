"""Conserved current from the finite-q Kubo response (theory: J. Shi et al., Phys. Rev. Lett. 96, 076604 (2006);
P. Zhang et al., Phys. Rev. B 77, 075304 (2008))

    σ_K^{ils} = e ∫ Re i { Σ_nm Y_nm V_mn + Σ_nm Δ_nm R_nm [δs_nm V_mn + s_nm δV_mn] }
    Y_nm = [ −½ (f'_n u_n + f'_m u_m) R_nm + ½ Δ_nm R_nm² (u_n + u_m) ] s_nm
    δs = −½ i (s A + A s),   δV = ½ i (A V + V A)

with R = 1/(ε_n − ε_m) of multiplet mean energies between multiplets and 0 inside, Δ = f_n − f_m, V = v^l, A = A^i,
u = v̄^i the multiplet velocity and f' = ∂f/∂ε.  Exchanging n and m in the second half of every difference leaves
per-band numbers, one under f_n and one under −f'_n:

    sea     K_n^{ils} = −Im Σ_m { R² (u_n + u_m) s_nm V_mn + 2 R (δs_nm V_mn + s_nm δV_mn) }
    surface S_n^{ils} = −u^i_n Im Σ_m R_nm s_nm V^l_mn

    σ_K^{ils} = e ∫ Σ_n [ f_n K_n + (−f'_n) S_n ]
"""

from __future__ import annotations

from .algebra import contract, hermitian_product, namespace, scaled


def kubo_conserved_sea(velocity, operator, connection, mean_gap, mean_velocity, *, metric=None):
    """Fermi-sea part K_n^{ils} of the conserved Kubo conductivity.

    Parameters
    ----------
    velocity : complex array (k, n, l, m)
        eV Å.
    operator : complex array (k, n, s, m)
    connection : complex array (k, n, i, m)
        Interband connection from individual energies, Å.
    mean_gap : array (k, n, m)
        `inverse_gap` of multiplet mean energies, 1/eV.
    mean_velocity : array (k, n, i)
        `multiplet_velocity`, eV Å.
    metric : array (n,), optional
        η, see the package docstring.

    Returns
    -------
    array (k, n, i, l, s), Å² [s]
    """
    xp = namespace(velocity)
    ratio = scaled(velocity, mean_gap)  # R V
    u = 1j * xp.astype(mean_velocity, velocity.dtype)

    def of_mean_velocity(part):
        return u[part, :, :, None, None] * ratio[part, :, None, :, :]

    # AV + VA + i R (u_n + u_m) V = −2i δV + ...: Hermitian, as R is odd
    factor = hermitian_product(connection, velocity, of_mean_velocity, metric=metric)  # k n i l m
    sea = contract(scaled(operator, mean_gap, -1.0), factor, metric=metric)
    sea = xp.permute_dims(sea, (0, 1, 3, 4, 2))
    anticommutator = hermitian_product(operator, connection, metric=metric)  # sA + As = 2i δs, k n s i m
    return sea + xp.permute_dims(contract(anticommutator, ratio, metric=metric), (0, 1, 3, 4, 2))


def kubo_conserved_surface(velocity, operator, mean_gap, mean_velocity, *, metric=None):
    """Fermi-surface part S_n^{ils} = −u^i_n Im Σ_m R_nm s_nm V^l_mn, to be weighted with −∂f/∂ε.

    Parameters and errors as for `kubo_conserved_sea`.

    Returns
    -------
    array (k, n, i, l, s), eV Å² [s]
    """
    xp = namespace(velocity)
    dipole = contract(scaled(operator, mean_gap, 1j), velocity, metric=metric)  # k n s l
    dipole = xp.permute_dims(dipole, (0, 1, 3, 2))
    return mean_velocity[:, :, :, None, None] * dipole[:, :, None, :, :]
