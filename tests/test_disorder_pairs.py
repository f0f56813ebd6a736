"""Impurities: the closed form against a dense equation between all pairs of states, and identities of its parts."""

import functools

import numpy as np
import pytest
from pairwise import Dense, multiplets_at
from shells import crossings, kp_system, random_pairs, shell_sum, solved

from wb_conserved.disorder.scattering import ORDERS

LEVEL = 1.5
FIELDS = FLOWS = (0, 1)
SHELLS = {  # splitting of the pairs, threshold, multiplets
    "degenerate pairs": (0.0, 1e-6, 2),
    "split pairs": (0.01, 0.3, 2),
    "single bands": (0.1, 1e-6, 4),
}


@functools.cache
def shell(name):
    """System, rings, multiplets and threshold of a shell."""
    return shell_of(*SHELLS[name])


def shell_of(splitting, threshold, multiplets):
    """The same, with weights that make Σ w v̄ vanish, as on a closed one."""
    H, dH, observables = random_pairs(1, splitting)
    points = crossings(H, LEVEL, 9, multiplets)
    states = multiplets_at(LEVEL, H, dH, observables, points, np.ones(len(points)), threshold)
    velocities = np.array([[np.trace(M.v[a]).real for M in states] for a in FIELDS])
    weights = np.random.default_rng(2).uniform(0.5, 1.5, len(points))
    weights = 0.02 * (weights - np.linalg.pinv(velocities) @ (velocities @ weights))
    assert weights.min() > 0
    states = multiplets_at(LEVEL, H, dH, observables, points, weights, threshold)
    rings = [(point[None], weight) for point, weight in zip(points, weights, strict=True)]
    return kp_system(H, dH, observables), rings, states, threshold


@functools.cache
def potentials():
    """Two kinds of impurity without symmetry, and a real part of the Green function."""
    generator = np.random.default_rng(5)

    def hermitian(scale):
        matrix = generator.normal(size=(4, 4)) + 1j * generator.normal(size=(4, 4))
        return scale * (matrix + matrix.conj().T)

    return [(hermitian(0.3), 0.02), (hermitian(0.2) + 0.3 * np.eye(4), 0.01)], hermitian(0.3)


def close(one, other, scale=None, tolerance=1e-11):
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * (np.abs(other).max() if scale is None else scale))


def tensor(function):
    """(l, i, s) of a function of them."""
    return np.array([[[function(l, i, s) for s in range(3)] for i in FLOWS] for l in FIELDS])


@pytest.mark.parametrize("extra_rate", [0.0, 0.01])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", SHELLS)
def test_dense_equation(name, order, extra_rate):
    """Every part of both currents, to 1e-11 of its largest element."""
    system, rings, states, threshold = shell(name)
    kinds, real = potentials()
    found = solved(system, LEVEL, rings, kinds, order, real=real, extra_rate=extra_rate, degen_thresh=threshold)
    dense = Dense(states, kinds, order, extra_rate, real)
    g = [dense.field_distribution(l) for l in FIELDS]
    distributions = {
        "drift": g,
        "anomalous_distribution": [dense.anomalous_distribution(l) for l in FIELDS],
        "gaussian_skew": [dense.skew_distribution(of_field) for of_field in g],
    }
    symmetric = Dense(states, kinds, order, extra_rate, real, symmetric=True)
    without_skew = [symmetric.field_distribution(l) for l in FIELDS]
    for conventional, prefix in ((False, ""), (True, "conventional_")):
        parts = {
            part: tensor(lambda l, i, s, of=of, c=conventional: dense.drift(of[l], i, s, c))
            for part, of in distributions.items()
        }
        rest = tensor(lambda l, i, s, c=conventional: dense.drift(without_skew[l], i, s, c))
        parts["side_jump"] = tensor(lambda l, i, s, c=conventional: dense.side_jump(g[l], i, s, c))
        for part, exact in parts.items():
            assert np.abs(exact).max() > 1e-4
            close(getattr(found, prefix + part)[:2, :2], exact)
        skew = getattr(found, prefix + "skew")[:2, :2]
        close(skew, parts["drift"] - rest, np.abs(parts["drift"]).max())
        assert (np.abs(skew).max() > 1e-3) == (order != "born")
    close(found.charge[:2, :2], np.array([[dense.charge(g[l], i) for i in FLOWS] for l in FIELDS]))
    assert found.known.particles < 1e-14
    assert (found.known.scattering.optical < 1e-14) or order != "t-matrix"


@pytest.mark.parametrize("order", ORDERS)
def test_symmetrised_rates_have_no_skew_scattering(order):
    """The conductivity of charge that they make is symmetric, between single bands."""
    system, rings, _, threshold = shell("single bands")
    kinds, real = potentials()
    found = solved(system, LEVEL, rings, kinds, order, real=real, degen_thresh=threshold)
    drift, skew = found.drift[:2, :2, 2], found.skew[:2, :2, 2]
    rest = drift - skew
    assert rest[0, 1] == pytest.approx(rest[1, 0], abs=1e-10 * np.abs(rest).max())
    antisymmetric = skew[0, 1] - skew[1, 0]
    assert antisymmetric == pytest.approx(drift[0, 1] - drift[1, 0], abs=1e-10 * np.abs(drift).max())
    assert (abs(antisymmetric) > 1e-3) == (order != "born")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", SHELLS)
def test_dipole_part_from_transitions(name, order):
    """Σ w tr(C[g] d) = Σ w v̄ d of the calculator whatever scatters, d being a matrix in each multiplet."""
    system, rings, states, threshold = shell(name)
    kinds, real = potentials()
    weak = [(0.3 * kinds[1][0], 0.03)]  # rates of third order are negative for strong potentials
    kinds = {"born": kinds, "third": weak, "t-matrix": kinds[:1]}[order]
    dense = Dense(states, kinds, order, 0.0, real)
    transitions = np.zeros((2, 2, 3))
    for l in FIELDS:
        g = dense.field_distribution(l)
        for M, collided in zip(states, dense.apply(g), strict=True):
            for i in FLOWS:
                for s in range(3):
                    transitions[i, l, s] += M.w * np.trace(collided @ M.d[i][s]).real
    found = solved(system, LEVEL, rings, kinds, order, real=real, degen_thresh=threshold)
    calculated = shell_sum(found, "dipole_velocity")[:2, :2]
    assert np.abs(calculated[..., :2]).max() > 1e-3
    close(transitions, calculated)


def test_from_a_degenerate_pair_to_single_bands():
    """A pair split by δ, grouped: as a degenerate one for δ ≪ Γ, as two single bands for δ ≫ Γ, and neither between."""
    (W, _), _ = potentials()[0]
    concentration = 1e-9  # Γ of some 1e-9

    def conductivity(splitting, separate=False):
        system, rings, _, _ = shell_of(splitting, 0.3, 2)
        threshold = 1e-13 if separate else 0.3
        return solved(system, LEVEL, rings, [(W, concentration)], "t-matrix", degen_thresh=threshold).charge[:2, :2]

    degenerate, single = conductivity(0.0), conductivity(1e-6, separate=True)
    distance = np.abs(single - degenerate).max()
    assert distance > 0.01 * np.abs(degenerate).max()
    grouped = np.array([conductivity(splitting) for splitting in (1e-13, 1e-12, 1e-9, 1e-7, 1e-6)])
    from_degenerate = np.abs(grouped - degenerate).max(axis=(1, 2)) / distance
    from_single = np.abs(grouped - single).max(axis=(1, 2)) / distance
    assert from_degenerate[0] < 2e-3
    assert from_degenerate[1] == pytest.approx(10 * from_degenerate[0], rel=0.1)  # δ/Γ
    assert from_single[-1] < 1e-2
    assert from_single[-2] < 2e-2
    assert min(from_degenerate[2], from_single[2]) > 0.2
