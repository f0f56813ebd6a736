"""A random magnet without symmetry, and spin waves from the equations of motion of classical spins, k by k."""

import functools

import numpy as np

from wb_conserved.quasiparticles import SpinModel
from wb_conserved.units import BOHR_MAGNETON

CELL = np.array([[1.0, 0.2, 0.0], [-0.1, 1.1, 0.0], [0.0, 0.0, 5.0]])
SHEET = {"periodic": (True, True, False)}


@functools.cache
def random_magnet(seed=3, anisotropy=0.8):
    """Two sites, spins 1 and 3/2 along directions that are not collinear, J of all kinds, anisotropy, a field."""
    generator = np.random.default_rng(seed)
    bonds = [
        (0, 1, R, generator.normal(size=(3, 3)) * 0.3 + 0.4 * np.eye(3)) for R in ((0, 0, 0), (1, 0, 0), (0, -1, 0))
    ]
    bonds += [(i, i, (1, 1, 0), 0.1 * generator.normal(size=(3, 3))) for i in range(2)]
    axes = generator.normal(size=(2, 3))
    easy = np.array([-anisotropy * np.outer(a, a) / (a @ a) for a in axes])
    model = SpinModel(
        CELL, [[0, 0, 0], [0.4, 0.3, 0]], [1.0, 1.5], bonds, convention="bonds", anisotropy=easy,
        field=[300.0, 200.0, -800.0], **SHEET,
    )  # fmt: skip
    return model.minimised()


def equations_of_motion(model, k):
    """Frequencies at a reduced k: S_i dn_i/dt = −n_i × ∂E/∂n_i, linear in small turns e^{i(k·R − ωt)}, from −ω to ω."""
    number, n, S = len(model.spins), model.directions, model.spins
    field, form = np.zeros((number, 3)), np.zeros((number, 3, number, 3), dtype=complex)  # ∂E/∂n_i, and its change
    for i, j, R, J in zip(model.first, model.second, model.iRvec, model.exchange, strict=True):
        field[i] += S[i] * S[j] * J @ n[j]
        form[i, :, j] += S[i] * S[j] * J * np.exp(2j * np.pi * k @ R)
    for i in range(number):
        field[i] += 2 * S[i] ** 2 * model.anisotropy[i] @ n[i] - model.g * BOHR_MAGNETON * S[i] * model.field
        form[i, :, i] += 2 * S[i] ** 2 * model.anisotropy[i]
    motion = np.zeros((number, 3, number, 3), dtype=complex)
    for i in range(number):
        cross = np.array([np.cross(n[i], axis) for axis in np.eye(3)]).T  # cross @ v = n × v
        motion[i] = -np.einsum("ab,bjc->ajc", cross, form[i]) / S[i]
        motion[i, :, i] -= np.array([np.cross(axis, field[i]) for axis in np.eye(3)]).T / S[i]
    frequencies = np.linalg.eigvals(1j * motion.reshape(3 * number, -1))
    order = np.argsort(np.abs(frequencies))
    assert np.abs(frequencies[order[:number]]).max() < 1e-6  # turns along n itself
    return np.sort(frequencies[order[number:]].real)
