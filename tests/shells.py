"""Energy shells of continuum models with exact energies and weights, through the passes of `wb_conserved.disorder`.

e = ħ = 1 and Σ w = ∫d²k/(2π)² δ(ε − E); currents are [l, i, s], the field along l.  The real part of the Green function of a
continuum is a matter of its cut-off: left out.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import wannierberri
from scipy.optimize import brentq

from wb_conserved.disorder.energy_axis import EnergyAxis
from wb_conserved.disorder.kinetics import as_matrices
from wb_conserved.disorder.passes import DistributionSums, LocalSpectrum, Problem, SkewSums
from wb_conserved.disorder.scattering import Kind, scattering_of
from wb_conserved.interpolation import states_of
from wb_conserved.models import rashba_gas
from wb_conserved.models.kp import PAULI, KPSystem

WIDTH = 1e-3
X, Y, Z = range(3)


def kp_system(H, dH, observables, half_width=6.0):
    """Model H(k), its ∂_x and ∂_y, and three observables (s, n, n) in place of spin."""

    def derivative(k):
        return np.stack([*dH(k), np.zeros_like(H(k))], axis=-1)

    return KPSystem(H, derivative, half_width, {"SS": 2 * np.moveaxis(np.asarray(observables), 0, -1)})


def states_at(system, points, unitary=None):
    """Bloch states at Cartesian k points (k, 2 or 3); `unitary` makes others of the eigenvectors (k, n, n) of each k point."""
    points = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    reduced = points @ np.linalg.inv(system.recip_lattice)
    data_K = system.data_k_class(system, k_list=reduced, grid=wannierberri.Grid(system, NK=1, NKFFT=1))
    if unitary is not None:
        data_K.__dict__["_UU"] = unitary(data_K.E_K, np.array(data_K.UU_K))
    states = states_of(data_K)
    states.kept_alive = data_K
    return states


def circle(radius, slope, angles=8, start=0.2):
    """Points of a circle, and the weight of each, for an isotropic band with |dE/dk| = slope."""
    phi = start + 2 * np.pi * np.arange(angles) / angles
    points = radius * np.stack([np.cos(phi), np.sin(phi)], axis=1)
    return points, radius / abs(slope) / (2 * np.pi) / angles


def solved(system, level, rings, kinds, order="born", unitary=None, levels_shift=True, real=None, **options):
    """Currents at one energy, by name, with the distribution as attribute `known`.

    `rings` are points with one weight each; `kinds` pairs of a potential on all functions and a concentration; options are
    those of `Problem` and of the calculators.  Without `levels_shift` the impurities shift no levels: no i[h, g] of theirs.
    `real` is the real part of the Green function.
    """
    n = system.num_wann
    kinds = [Kind(np.arange(n) + n * j, np.asarray(W, dtype=complex) * np.eye(n) if np.ndim(W) == 0 else W, c)
             for j, (W, c) in enumerate(kinds)]  # fmt: skip
    functions = np.tile(np.arange(n), len(kinds))
    axis = EnergyAxis(level, WIDTH, 1)
    batches = [(states_at(system, points, unitary), weight * WIDTH) for points, weight in rings]
    energies = np.concatenate([states.data_K.E_K.ravel() for states, _ in batches])
    bands, first = axis.covering(energies.min() - 0.1, energies.max() + 0.1)
    problem = Problem(
        axis, bands, first, functions, tuple(kinds), order, options.pop("first_order", True), options.pop("extra_rate", 0.0),
        np.zeros((len(functions), 3)),
    )  # fmt: skip

    def summed(calculator):
        values = None
        for states, weight in batches:
            values = calculator.accumulate(states, weight, values)
        return values

    own = {"degen_thresh": options.pop("degen_thresh", 1e-8), "operator": "spin"} | options
    values = summed(LocalSpectrum(problem, **own))
    near = as_matrices(values["spectrum"][first : first + 1])
    green = (0 if real is None else np.tile(real, (len(kinds), len(kinds)))) - 1j * np.pi * near
    scattering = scattering_of(problem.kinds, near, green, order, problem.first_order)
    if not levels_shift:
        scattering = replace(scattering, shift=0 * scattering.shift)
    known = scattering
    for kind in (DistributionSums, SkewSums):
        step = kind(problem, **own).with_results({"before": known})
        known = step.finalize(summed(step), system)
    distribution, currents = known
    return SimpleNamespace(
        known=distribution, problem=problem, batches=batches, own=own, **{name: part[0] for name, part in currents.items()}
    )


def shell_sum(found, quantity):
    """Σ w X of a per-band quantity of `wb_conserved.calculators.band_quantities`, by its name."""
    sums, total = LocalSpectrum(found.problem, **found.own), 0.0
    for states, weight in found.batches:
        for geometry, _, _ in sums.geometries(states):
            at_level = np.abs(geometry.multiplets.energies - found.problem.axis.origin) < 1e-6 * WIDTH
            total = total + weight / WIDTH * getattr(geometry, quantity)[at_level].sum(axis=0)
    return total


def random_in_pairs(seed):
    """Random unitaries between the states of each pair of degenerate bands, for `states_at`."""
    generator = np.random.default_rng(seed)

    def unitary(energies, vectors):
        for k, levels in enumerate(energies):
            for first in range(0, len(levels), 2):
                assert abs(levels[first + 1] - levels[first]) < 1e-9
                matrix = generator.normal(size=(2, 2)) + 1j * generator.normal(size=(2, 2))
                pair = slice(first, first + 2)
                vectors[k][:, pair] = vectors[k][:, pair] @ np.linalg.qr(matrix)[0]
        return vectors

    return unitary


def dirac(mass, sectors=1):
    """Massive Dirac electrons, the second sector of opposite mass; observables the charge, that of the sectors, and 0."""
    tau = np.array([1.0, -1.0])[:sectors]
    one, sign = np.kron(np.eye(sectors), np.eye(2)), np.kron(np.diag(tau), np.eye(2))
    x, y, z = (np.kron(np.eye(sectors), sigma) for sigma in PAULI)

    def H(k):
        return k[:, 0, None, None] * x + k[:, 1, None, None] * y + mass * sign @ z

    def dH(k):
        return [np.broadcast_to(matrix, (len(k), *matrix.shape)) for matrix in (x, y)]

    return kp_system(H, dH, [one, sign, 0 * one])


def rashba(level, mass=1.0, alpha=0.5, zeeman=0.0):
    """Rashba gas in an exchange field, s = σ/2, and its circles at a level."""
    system = rashba_gas(mass, alpha, zeeman, half_width=6.0)
    # ε = q/2m ± √(Z² + α²q), q = k²
    root = np.sqrt((level + mass * alpha**2) ** 2 - level**2 + zeeman**2)
    rings = []
    for q in 2 * mass * (level + mass * alpha**2 + root * np.array([1, -1])):
        delta = np.sqrt(zeeman**2 + alpha**2 * q)
        band = np.sign(level - q / (2 * mass))
        rings.append(circle(np.sqrt(q), np.sqrt(q) * (1 / mass + band * alpha**2 / delta)))
    return system, rings


def cubic_rashba(level, mass=1.0, alpha=0.1):
    """Cubic Rashba holes, k²/2m + iα(k_−³σ_+ − k_+³σ_−), s = 3σ_z/2 and σ_x, and their circles at a level."""

    def off_diagonal(upper, scalar):
        result = np.zeros((len(upper), 2, 2), dtype=complex)
        result[:, 0, 1], result[:, 1, 0] = upper, upper.conj()
        return result + scalar[:, None, None] * np.eye(2)

    def H(k):
        return off_diagonal(1j * alpha * (k[:, 0] - 1j * k[:, 1]) ** 3, (k[:, 0] ** 2 + k[:, 1] ** 2) / (2 * mass))

    def dH(k):
        square = 3j * alpha * (k[:, 0] - 1j * k[:, 1]) ** 2
        return [off_diagonal(square, k[:, 0] / mass), off_diagonal(-1j * square, k[:, 1] / mass)]

    rings = []
    for band, largest in ((1, 10.0), (-1, 1 / (3 * mass * alpha))):
        radius = brentq(lambda k, band=band: k**2 / (2 * mass) + band * alpha * k**3 - level, 0, largest, xtol=1e-15)
        rings.append(circle(radius, radius / mass + 3 * band * alpha * radius**2, angles=16))
    return kp_system(H, dH, [1.5 * PAULI[2], PAULI[0], np.eye(2)]), rings


def model_m4(level=1.2):
    """Degenerate pairs (time reversal times inversion) without other symmetry; observables σ_z/2, σ_x/2 and the charge."""
    tau, sigma = [np.kron(p, np.eye(2)) for p in PAULI], [np.kron(np.eye(2), p) for p in PAULI]
    along = [tau[0] @ (0.9 * sigma[0]) + 0.35 * tau[1], tau[0] @ (0.8 * sigma[1] + 0.3 * sigma[2])]

    def H(k):
        x, y = k[:, 0, None, None], k[:, 1, None, None]
        scalar, q = 0.3 * (x**2 + y**2) + 0.1 * x * y, x**2 + y**2
        return scalar * np.eye(4) + (0.4 + 0.2 * q) * tau[2] + x * along[0] + y * along[1]

    def dH(k):
        x, y = k[:, 0, None, None], k[:, 1, None, None]
        return [
            (0.6 * x + 0.1 * y) * np.eye(4) + 0.4 * x * tau[2] + along[0],
            (0.6 * y + 0.1 * x) * np.eye(4) + 0.4 * y * tau[2] + along[1],
        ]

    rings, step = [], 1e-4
    for point in crossings(H, level, 8, 2, 0.2 + 2 * np.pi * np.arange(8) / 8):
        k = np.linalg.norm(point)
        pairs = np.linalg.eigvalsh(H(point[None]))[0].reshape(2, 2).mean(axis=1)
        near = [np.linalg.eigvalsh(H(point[None] * (1 + n * step / k)))[0].reshape(2, 2).mean(axis=1) for n in (-2, -1, 1, 2)]
        slope = ((8 * (near[2] - near[1]) - (near[3] - near[0])) / (12 * step))[np.argmin(np.abs(pairs - level))]
        rings.append((point[None], k / abs(slope) / (2 * np.pi) / 8))
    potential = 0.6 * np.eye(4) + 0.4 * sigma[2] + 0.3 * tau[2] @ sigma[0] + 0.2 * sigma[1]
    return kp_system(H, dH, [sigma[2] / 2, sigma[0] / 2, np.eye(4)]), rings, potential


def random_pairs(seed, splitting=0.0):
    """H, its derivatives and three observables of a model without symmetry, but for pairs, which a random matrix splits."""
    generator = np.random.default_rng(seed)
    tau, sigma = [np.kron(p, np.eye(2)) for p in PAULI], [np.kron(np.eye(2), p) for p in PAULI]
    clifford = np.array([tau[2], tau[0] @ sigma[0], tau[0] @ sigma[1], tau[0] @ sigma[2], tau[1]])
    coefficients = 0.5 * generator.normal(size=(5, 5))  # of 1, x, y, x², xy
    coefficients[0, 0] += 0.6
    scalar = 0.1 * generator.normal(size=5) * [0, 1, 1, 1, 1] + [0, 0, 0, 0.4, 0]
    random = generator.normal(size=(4, 4)) + 1j * generator.normal(size=(4, 4))
    constant = splitting * (random + random.conj().T)

    def matrix(polynomials):
        own = np.einsum("kp,gp,gij->kij", polynomials, coefficients, clifford)
        return own + (polynomials @ scalar)[:, None, None] * np.eye(4)

    def H(k):
        x, y = k[:, 0], k[:, 1]
        return matrix(np.stack([1 + 0 * x, x, y, x**2, x * y], axis=1)) + 0.4 * y[:, None, None] ** 2 * np.eye(4) + constant

    def dH(k):
        x, y = k[:, 0], k[:, 1]
        zero, one = 0 * x, 1 + 0 * x
        along_x = matrix(np.stack([zero, one, zero, 2 * x, y], axis=1))
        along_y = matrix(np.stack([zero, zero, one, zero, x], axis=1)) + 0.8 * y[:, None, None] * np.eye(4)
        return [along_x, along_y]

    return H, dH, [sigma[2] / 2, tau[0] @ sigma[0] + 0.3 * sigma[1], np.eye(4)]


def crossings(H, level, number, multiplets, angles=None):
    """Points (k, 2) along some directions where the mean of a multiplet, all being of equal size, is at a level."""
    found = []
    for phi in 0.1 + 2 * np.pi * np.arange(number) / number if angles is None else angles:
        direction = np.array([[np.cos(phi), np.sin(phi)]])

        def distance(k, direction=direction):
            return np.linalg.eigvalsh(H(k * direction))[0].reshape(multiplets, -1).mean(axis=1) - level

        radii = np.linspace(1e-3, 4, 150)
        signs = np.sign([distance(k) for k in radii])
        for j, band in zip(*np.nonzero(signs[1:] != signs[:-1]), strict=True):
            k = brentq(lambda k, band=band, f=distance: f(k)[band], radii[j], radii[j + 1], xtol=1e-15)
            found.append(k * direction[0])
    return np.array(found)
