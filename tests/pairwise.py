"""The kinetic equation of theory and `wb_conserved.disorder` written as a dense matrix between all pairs of states of a shell,
with every sum over intermediate states written out: slow, plain, independent of the package.

e = ħ = 1.  States are those at the energy of the shell; a multiplet M has U (n, m), weight w, and so on.
"""

from types import SimpleNamespace

import numpy as np


def im(Z):
    """(Z − Z†)/2i."""
    return (Z - Z.conj().T) / 2j


def dagger(Z):
    return Z.conj().T


def multiplets_at(level, H, dH, observables, points, weights, threshold):
    """Multiplets whose mean energy is the level, of all points."""
    found = []
    for k, weight in zip(points, weights, strict=True):
        energies, vectors = np.linalg.eigh(H(k[None])[0])
        velocities = [vectors.conj().T @ v[0] @ vectors for v in dH(k[None])]
        spins = [vectors.conj().T @ s @ vectors for s in observables]
        groups = [[0]]
        for n in range(1, len(energies)):
            if energies[n] - energies[n - 1] > threshold:
                groups.append([])
            groups[-1].append(n)
        mean_of = {n: energies[group].mean() for group in groups for n in group}
        for group in groups:
            mean = energies[group].mean()
            if abs(mean - level) > 1e-6:
                continue
            others = [m for m in range(len(energies)) if m not in group]
            block = np.ix_(group, group)

            def dressed(O, group=group, others=others, energies=energies, vectors=vectors):
                """Σ |m> O_mn/(ε_n − ε_m)."""
                columns = [
                    sum(vectors[:, m] * O[m, n] / (energies[n] - energies[m]) for m in others) for n in group
                ]  # fmt: skip
                return np.array(columns).T

            found.append(SimpleNamespace(
                w=weight, m=len(group), U=vectors[:, group], deviations=energies[group] - mean,
                d=[[dipole(v, s, vectors, group, dressed) for s in observables] for v in velocities],
                v=[v[block] for v in velocities], s=[s[block] for s in spins],
                J=[[(0.5 * (v @ s + s @ v))[block] for s in spins] for v in velocities],
                D=[dressed(v) for v in velocities],
                dJ=[[dressed(0.5 * (v @ s + s @ v)) for s in spins] for v in velocities],
                R=sum(np.outer(vectors[:, m], vectors[:, m].conj()) / (mean - mean_of[m]) for m in others),
            ))  # fmt: skip
    return found


def dipole(v, s, vectors, group, dressed):
    """Hermitian part of (D U)† s U, with i: Σ_{m∉M} A_nm s_mp of a pair of bands of a multiplet."""
    matrix = 1j * dressed(v).conj().T @ s @ vectors[:, group] * -1
    return 0.5 * (matrix + matrix.conj().T)


class Dense:
    """The equation for all states together; `kinds` pairs of W (n, n) and concentration, `real` the real part of G."""

    def __init__(self, states, kinds, order="t-matrix", extra_rate=0.0, real=0.0, symmetric=False):
        self.states, self.kinds, self.extra_rate = states, kinds, extra_rate
        self.A = sum(M.w * M.U @ dagger(M.U) for M in states)
        G = real - 1j * np.pi * self.A
        self.first = np.concatenate([[0], np.cumsum([M.m**2 for M in states])])
        matrix = np.zeros((self.first[-1],) * 2, dtype=complex)
        for a, M in enumerate(states):
            rows, one = slice(*self.first[a : a + 2]), np.eye(M.m)
            K = np.diag(1j * M.deviations + 0.5 * extra_rate)
            for W, c in kinds:
                out, T, _ = rates(W, self.A, G, order)
                K = K + dagger(M.U) @ (np.pi * c * out + 0.5j * c * (T + dagger(T))) @ M.U
            matrix[rows, rows] += np.kron(K, one) + np.kron(one, K.conj())
            for b, N in enumerate(states):
                columns = slice(*self.first[b : b + 2])
                for W, c in kinds:
                    for L, right in rates(W, self.A, G, order)[2]:
                        # ½(LFR + R†FL†) is what a pair has with its order of scattering reversed
                        both = [(L, right), (dagger(L), dagger(right))] if symmetric else [(L, right)]
                        for left, after in both:
                            forth, back = dagger(M.U) @ left @ N.U, dagger(N.U) @ after @ M.U
                            matrix[rows, columns] -= 2 * np.pi * c / len(both) * N.w * np.kron(forth, back.T)
        self.matrix = matrix

    def solve(self, sources):
        """g of every multiplet from a right side of every multiplet."""
        right = np.concatenate([source.ravel() for source in sources])
        matrix = self.matrix
        if self.extra_rate == 0:
            count = np.concatenate([M.w * np.eye(M.m).ravel() for M in self.states])
            scale = np.abs(matrix).max() / np.abs(count).max()
            matrix, right = np.vstack([matrix, scale * count]), np.append(right, 0)
        g = np.linalg.lstsq(matrix, right, rcond=1e-13)[0]
        self.misfit = np.abs(matrix @ g - right).max()
        return [g[slice(*self.first[a : a + 2])].reshape(M.m, M.m) for a, M in enumerate(self.states)]

    def apply(self, g):
        """C[g]."""
        result = self.matrix @ np.concatenate([one.ravel() for one in g])
        return [result[slice(*self.first[a : a + 2])].reshape(M.m, M.m) for a, M in enumerate(self.states)]

    def field_distribution(self, l):
        return self.solve([np.eye(M.m) * np.trace(M.v[l]).real / M.m for M in self.states])

    def anomalous_distribution(self, l):
        X, sources = sum(M.w * M.U @ dagger(M.D[l]) for M in self.states), []
        for M in self.states:
            terms = [
                2 * np.pi * c * im(dagger(M.U) @ W @ (X @ W @ M.U + self.A @ W @ M.D[l])) for W, c in self.kinds
            ]  # fmt: skip
            sources.append(sum(terms))
        return self.solve(sources)

    def skew_distribution(self, g):
        F = sum(M.w * M.U @ one @ dagger(M.U) for M, one in zip(self.states, g, strict=True))
        rate = sum(2 * np.pi * c * W @ self.A @ W for W, c in self.kinds)
        into = sum(2 * np.pi * c * W @ F @ W for W, c in self.kinds)
        first, sources = 0.0, []
        for M, one in zip(self.states, g, strict=True):
            first = first + M.w * (M.U @ dagger(M.R @ into @ M.U) + M.R @ rate @ M.U @ one @ dagger(M.U))
        for M, one in zip(self.states, g, strict=True):
            dressed = M.R @ rate @ M.U
            level = -0.25 * dagger(M.U) @ rate @ dressed
            level = 0.5 * (level + dagger(level))
            source = im(dagger(dressed) @ into @ M.U) - 1j * (level @ one - one @ level)
            for W, c in self.kinds:
                source = source + 2 * np.pi * c * dagger(M.U) @ W @ im(first) @ W @ M.U
            sources.append(source)
        return self.solve(sources)

    def drift(self, g, i, s, conventional=False):
        return sum(
            M.w * np.trace(one @ (M.J[i][s] if conventional else 0.5 * (M.v[i] @ M.s[s] + M.s[s] @ M.v[i]))).real
            for M, one in zip(self.states, g, strict=True)
        )

    def charge(self, g, i):
        return sum(M.w * np.trace(one @ M.v[i]).real for M, one in zip(self.states, g, strict=True))

    def side_jump(self, g, i, s, conventional=False):
        """Pair by pair."""
        total = 0.0
        for M, one in zip(self.states, g, strict=True):
            D = M.dJ[i][s] if conventional else M.D[i]
            spin = np.eye(M.m) if conventional else M.s[s]
            for N, other in zip(self.states, g, strict=True):
                for W, c in self.kinds:
                    forth = dagger(N.U) @ W @ M.U  # N ← M
                    first = np.trace(forth @ spin @ dagger(D) @ W @ N.U @ other)
                    second = np.trace(forth.conj().T @ dagger(N.U) @ W @ D @ (0.5 * (spin @ one + one @ spin)))
                    total -= 2 * np.pi * c * M.w * N.w * (first + second).imag
        return total


def rates(W, A, G, order):
    """Out, T of the shift of levels, and pairs L, R of L F R."""
    if order == "born":
        return W @ A @ W, W, [(W, W)]
    if order == "third":
        WGW = W @ G @ W
        out = W @ A @ W + W @ dagger(G) @ W @ A @ W + W @ A @ W @ G @ W
        return out, W + WGW, [(W, W), (WGW, W), (W, dagger(WGW))]
    T = np.linalg.inv(np.eye(len(W)) - W @ G) @ W
    return dagger(T) @ A @ T, T, [(T, dagger(T))]
