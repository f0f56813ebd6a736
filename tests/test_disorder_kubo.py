"""Impurities: the anomalous Hall conductivity against the Kubo–Středa formula with ladder diagrams.

Non-crossing diagrams of Born order on a k mesh: Σ = cWGW with its own G, the vertex with the same cW…W.  Only the part with
G^R and G^A has an antisymmetric part that depends on impurities as c → 0, and no vertex of a local potential corrects the sea
(Σ_k G v G = Σ_k ∂_k G = 0), which is what the intrinsic conductivity has more than the Fermi-surface term without impurities.
e = ħ = 1; current along y, field along x.
"""

import numpy as np
import pytest
from shells import X, Y, crossings, kp_system, solved

from wb_conserved.models.kp import PAULI

PARTS = ("side_jump", "anomalous_distribution", "gaussian_skew")


def two_bands():
    """Massive Dirac electrons of a lattice, tilted and skew: H, its derivatives, W, level."""

    def vector(x, y, z):
        return np.einsum("ka,aij->kij", np.stack([x, y, z], axis=1), PAULI)

    def H(k):
        x, y = k[:, 0], k[:, 1]
        scalar = 0.3 * (2 - np.cos(x) - np.cos(y)) + 0.1 * np.sin(x)
        own = vector(np.sin(x) + 0.3 * np.sin(y), np.sin(y), 2.6 - np.cos(x) - np.cos(y))
        return own + scalar[:, None, None] * np.eye(2)

    def dH(k):
        x, y, zero = k[:, 0], k[:, 1], 0 * k[:, 0]
        along_x = vector(np.cos(x), zero, np.sin(x)) + (0.3 * np.sin(x) + 0.1 * np.cos(x))[:, None, None] * np.eye(2)
        along_y = vector(0.3 * np.cos(y), np.cos(y), np.sin(y)) + 0.3 * np.sin(y)[:, None, None] * np.eye(2)
        return [along_x, along_y]

    return H, dH, 0.5 * (np.eye(2) + 0.4 * PAULI[2] + 0.3 * PAULI[0] + 0.2 * PAULI[1]), 1.1


def four_bands():
    """Two orbitals of two spins, magnetic, with random parts everywhere."""
    generator = np.random.default_rng(11)
    tau, sigma = [np.kron(p, np.eye(2)) for p in PAULI], [np.kron(np.eye(2), p) for p in PAULI]

    def random(scale):
        matrix = generator.normal(size=(4, 4)) + 1j * generator.normal(size=(4, 4))
        return scale * (matrix + matrix.conj().T)

    constant = 0.8 * tau[2] + 0.8 * sigma[2] + 0.2 * tau[2] @ sigma[0] + random(0.03)
    sines = tau[0] @ sigma[0] + random(0.05), tau[0] @ sigma[1] + random(0.05)
    cosine = 0.4 * tau[2] + 0.4 * np.eye(4)
    cosines = cosine, cosine + random(0.03)

    def H(k):
        k = k[:, :, None, None]
        return constant + sum(np.sin(k[:, a]) * sines[a] + (1 - np.cos(k[:, a])) * cosines[a] for a in (X, Y))

    def dH(k):
        k = k[:, :, None, None]
        return [np.cos(k[:, a]) * sines[a] + np.sin(k[:, a]) * cosines[a] for a in (X, Y)]

    return H, dH, 0.5 * (np.eye(4) + random(0.12)), 0.6


def mesh(number, pieces=8):
    """K points of the whole zone, in pieces."""
    axis = 2 * np.pi * (np.arange(number) + 0.5) / number - np.pi
    return np.array_split(np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2), pieces)


def fermi_line(H, dH, level, angles=32):
    """Rings for `solved` of a line around k = 0, and the Fermi-surface term of the clean crystal, G^R and G^A only:
    −Σ w Σ_m Im(v^y_nm v^x_mn)/(ε_n − ε_m)."""
    bands = H(np.zeros((1, 2))).shape[-1]
    points = crossings(H, level, angles, bands)
    assert len(points) == angles  # one line
    rings, surface = [], 0.0
    for point in points:
        energies, U = np.linalg.eigh(H(point[None])[0])
        n = np.argmin(np.abs(energies - level))
        v = [U.conj().T @ matrix[0] @ U for matrix in dH(point[None])]
        radius = np.linalg.norm(point)
        slope = (v[X][n, n] * point[X] + v[Y][n, n] * point[Y]).real / radius
        weight = radius / abs(slope) / (2 * np.pi) / angles
        others = [m for m in range(bands) if m != n]
        surface -= weight * sum((v[Y][n, m] * v[X][m, n]).imag / (energies[n] - energies[m]) for m in others)
        rings.append((point[None], weight))
    return rings, surface


def intrinsic(H, dH, level, number):
    """∫ f Ω^{yx}, the Berry curvature written out."""
    total = 0.0
    for k in mesh(number):
        energies, U = np.linalg.eigh(H(k))
        v = [U.conj().swapaxes(1, 2) @ matrix @ U for matrix in dH(k)]
        gap = energies[:, :, None] - energies[:, None, :] + np.diag(np.full(U.shape[-1], np.inf))
        total += np.sum(-2 * ((v[X] * v[Y].swapaxes(1, 2)).imag / gap**2).sum(axis=2) * (energies < level))
    return total / number**2


def ladder(H, dH, W, level, concentration, number):
    """½(σ^{yx} − σ^{xy}) of G^R and G^A, with the vertex."""
    n, points, unit = len(W), mesh(number), number**2
    matrices, one = [H(k) for k in points], np.eye(len(W))
    sigma, step = -0.02j * one, 1.0
    while step > 1e-8:
        G = sum(np.linalg.inv(level * one - h - sigma).sum(axis=0) for h in matrices) / unit
        step, sigma = np.abs(concentration * W @ G @ W - sigma).max(), concentration * W @ G @ W
    kernel, bare = np.zeros((n * n, n * n), dtype=complex), 0.0
    forth, back = np.zeros((2, n, n), dtype=complex), np.zeros((2, n, n), dtype=complex)
    for k, h in zip(points, matrices, strict=True):
        G = np.linalg.inv(level * one - h - sigma)
        A, v = G.conj().swapaxes(1, 2), dH(k)
        pairs = (G.reshape(-1, n * n).T @ A.reshape(-1, n * n)).reshape(n, n, n, n)
        kernel += pairs.transpose(0, 3, 1, 2).reshape(n * n, n * n)
        between = [G @ v[X] @ A, G @ v[Y] @ A]
        bare += np.sum(v[Y].swapaxes(1, 2) * between[X]) - np.sum(v[X].swapaxes(1, 2) * between[Y])
        for a in (X, Y):
            forth[a] += between[a].sum(axis=0)
            back[a] += (A @ v[a] @ G).sum(axis=0)
    ladders = np.eye(n * n) - (kernel / unit) @ (concentration * np.kron(W, W.T))
    summed = [np.linalg.lstsq(ladders, forth[a].ravel() / unit, rcond=1e-9)[0].reshape(n, n) for a in (X, Y)]
    corrections = [concentration * W @ summed[a] @ W for a in (X, Y)]
    vertex = np.trace(back[Y] @ corrections[X]) - np.trace(back[X] @ corrections[Y])
    return (0.5 * (bare + vertex) / unit / (2 * np.pi)).real


@pytest.mark.parametrize(
    ("model", "concentrations", "number"),
    [
        pytest.param(two_bands, (0.6, 0.45, 0.3, 0.2), 400, id="two bands"),
        pytest.param(four_bands, (0.6, 0.45, 0.3, 0.2), 560, id="four bands", marks=pytest.mark.long),
    ],
)
def test_anomalous_hall_conductivity(model, concentrations, number):
    """Intrinsic, side jump, anomalous distribution and Gaussian skew scattering, to 2 % of their sum, c → 0."""
    H, dH, W, level = model()
    rings, surface = fermi_line(H, dH, level)
    system = kp_system(H, dH, [np.eye(len(W))] * 3, half_width=np.pi)
    found = solved(system, level, rings, [(W, 0.01)], operator="identity")
    parts = {name: 0.5 * (getattr(found, name)[X, Y, 0] - getattr(found, name)[Y, X, 0]) for name in (*PARTS, "drift")}
    clean = intrinsic(H, dH, level, 400)
    total = clean + sum(parts[name] for name in PARTS)
    kubo = [ladder(H, dH, W, level, c, number) for c in concentrations]
    limit = np.polynomial.Polynomial.fit(concentrations, kubo, len(kubo) - 1)(0.0) - surface + clean
    assert abs(parts["drift"]) < 1e-3 * abs(total)
    assert min(abs(parts[name]) for name in PARTS) > 0.1 * abs(total)  # each is seen
    assert total == pytest.approx(limit, rel=0.02)
