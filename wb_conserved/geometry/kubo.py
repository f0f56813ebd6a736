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

from .algebra import adjoint, contract, namespace, product, scaled


def kubo_conserved_sea(velocity, operator, connection, mean_gap, mean_velocity):
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

    Returns
    -------
    array (k, n, i, l, s), Å² [s]
    """
    xp = namespace(velocity)
    half = product(connection, -1j * velocity)  # k n i l m
    factor = half - adjoint(half)  # −i (AV + VA) = −2 δV, anti-Hermitian
    u = xp.permute_dims(mean_velocity, (0, 2, 1))  # k i n
    u_sum = mean_velocity[:, :, :, None] + u[:, None, :, :]  # k n i m
    factor += (mean_gap[:, :, None, :] * u_sum)[:, :, :, None, :] * velocity[:, :, None, :, :]
    # V_mn = conj V_nm and δV_mn = −conj δV_nm: Σ_m R s_nm [R (u_n + u_m) V_mn + 2 δV_mn]
    sea = xp.permute_dims(contract(scaled(operator, mean_gap, 1j), factor), (0, 1, 3, 4, 2))
    half = product(operator, -1j * connection)  # k n s i m
    delta_operator = half - adjoint(half)  # −i (sA + As) = 2 δs
    return sea + xp.permute_dims(contract(delta_operator, scaled(velocity, mean_gap, -1j)), (0, 1, 3, 4, 2))


def kubo_conserved_surface(velocity, operator, mean_gap, mean_velocity):
    """Fermi-surface part S_n^{ils} = −u^i_n Im Σ_m R_nm s_nm V^l_mn, to be weighted with −∂f/∂ε.

    Parameters and errors as for `kubo_conserved_sea`.

    Returns
    -------
    array (k, n, i, l, s), eV Å² [s]
    """
    xp = namespace(velocity)
    dipole = contract(scaled(operator, mean_gap, 1j), velocity)  # k n s l
    dipole = xp.permute_dims(dipole, (0, 1, 3, 2))
    return mean_velocity[:, :, :, None, None] * dipole[:, :, None, :, :]
