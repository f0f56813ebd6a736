"""The equations of the theory written out band by band, for one k point: slow, plain, independent of the package.

Matrices here are [a][n, m] with the Cartesian axis first.  `groups` lists the bands of every multiplet.
"""

import numpy as np


def groups_of(energies, threshold):
    """Multiplets by the chain rule, as lists of bands."""
    groups = [[0]]
    for n in range(1, len(energies)):
        if energies[n] - energies[n - 1] > threshold:
            groups.append([])
        groups[-1].append(n)
    return groups


def connection(energies, velocity, groups):
    """A^a_nm = i v^a_nm / (ε_m − ε_n) between multiplets."""
    A = np.zeros_like(velocity)
    for M in groups:
        for n in M:
            for m in range(len(energies)):
                if m not in M:
                    A[:, n, m] = 1j * velocity[:, n, m] / (energies[m] - energies[n])
    return A


def quantities(energies, velocity, spin, groups):
    """Ω^{lis}, Ωs^{li} as [i, l, s], d^{is}, m^s_a and v̄^a of every multiplet."""
    A = connection(energies, velocity, groups)
    J = np.array([[0.5 * (v @ s + s @ v) for s in spin] for v in velocity])  # i s n m
    result = []
    for M in groups:
        out = [m for m in range(len(energies)) if m not in M]
        curvature = np.zeros((3, 3, len(spin)))
        berry = np.zeros((3, 3, len(spin)))
        dipole = np.zeros((3, len(spin)))
        for i in range(3):
            for s in range(len(spin)):
                dipole[i, s] = sum((A[i, n, m] * spin[s, m, n]).real for n in M for m in out)
                for l in range(3):
                    curvature[i, l, s] = -2 * sum(
                        (velocity[l, n, m] * J[i, s, m, n] / (energies[n] - energies[m]) ** 2).imag
                        for n in M
                        for m in out
                    )
                    omega = 1j * (
                        A[l] @ A[i] - A[i] @ A[l]
                    )  # A vanishes inside multiplets: intermediate states are out
                    berry[i, l, s] = sum((omega[n, p] * spin[s, p, n]).real for n in M for p in M)
        moment = np.zeros((3, len(spin)))
        for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            for s in range(len(spin)):
                for one, two, sign in ((b, c, 1), (c, b, -1)):
                    moment[a, s] += 0.5 * sign * sum((A[one, n, m] * J[two, s, m, n]).real for n in M for m in out)
                    block = np.array([[sum(A[one, n, m] * spin[s, m, p] for m in out) for p in M] for n in M])
                    block = 0.5 * (block + block.conj().T)  # Hermitian part of Σ_m A_nm s_mp
                    moment[a, s] += 0.5 * sign * np.trace(block @ velocity[two][np.ix_(M, M)]).real
        mean_velocity = np.mean([velocity[:, n, n].real for n in M], axis=0)
        result.append(
            {"curvature": curvature, "berry": berry, "dipole": dipole, "velocity": mean_velocity, "moment": moment}
        )
    return result


def proper_curvature(energies, velocity, spin, groups):
    """P^{ils} = 2 Im Σ_{n∈M} Σ_{m∉M} Σ_{p in the multiplet of m} A^i_nm s_mp A^l_pn of every multiplet, [i, l, s]."""
    A = connection(energies, velocity, groups)
    of = {n: M for M in groups for n in M}
    result = []
    for M in groups:
        total = np.zeros((3, 3, len(spin)))
        for n in M:
            for m in set(range(len(energies))) - set(M):
                for p in of[m]:
                    total += 2 * np.einsum("i,s,l->ils", A[:, n, m], spin[:, m, p], A[:, p, n]).imag
        result.append(total)
    return result


def finite_q_response(states, k, q, i_flow, l_field, spin, occupation, groups, metric=None):
    """X(q) of one k point: Σ (f_n − f_m)/(ε_n − ε_m) <n,−|s|m,+><m,+|v_l|n,−>, −/+ being k ∓ q/2 along `i_flow`.

    states(k) gives energies, eigenvectors and Wannier-gauge ∂_a H (a, n, m) at a Cartesian k; occupation(ε, n) is the
    occupation of the multiplet that band n belongs to.  ε and f are multiplet means.  With a metric, <n| stands for η_n T_n†.
    """
    shift = np.zeros(3)
    shift[i_flow] = q / 2
    e_minus, u_minus, dh_minus = states(k - shift)
    e_plus, u_plus, dh_plus = states(k + shift)
    label = {n: index for index, M in enumerate(groups) for n in M}
    mean_minus = [np.mean([e_minus[n] for n in M]) for M in groups]
    mean_plus = [np.mean([e_plus[n] for n in M]) for M in groups]
    v = 0.5 * (dh_minus[l_field] + dh_plus[l_field])
    signs = np.ones(len(e_minus)) if metric is None else metric
    total = 0
    for n in range(len(e_minus)):
        for m in range(len(e_plus)):
            a, b = label[n], label[m]
            if a == b:
                continue
            f = occupation(mean_minus[a], a) - occupation(mean_plus[b], b)
            s_nm = signs[n] * u_minus[:, n].conj() @ spin @ u_plus[:, m]
            v_mn = signs[m] * u_plus[:, m].conj() @ v @ u_minus[:, n]
            total += f / (mean_minus[a] - mean_plus[b]) * s_nm * v_mn
    return total
