r"""The state that spin waves are about: a minimum of the classical energy over unit vectors n_i,

.. math:: E = \tfrac12\sum x_i\cdot Q_{ij}\cdot x_j - \sum b_i\cdot x_i,\quad x_i = S_i n_i,

found by L-BFGS from several starts (`scipy.optimize`), and whether a given state is stationary.
"""

from __future__ import annotations

import logging

import numpy as np
from scipy.optimize import minimize

from ..errors import InputError

logger = logging.getLogger(__name__)

TORQUE = 1e-5
"""Torque on a spin in units of the largest field on any, above which a state is not stationary."""
_SAME = 1e-7  # of the scale of energy: two minima that differ by less
_ROUNDS = 200  # of Newton's method on the sphere


def gradient(form: np.ndarray, linear: np.ndarray, spins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """∂E/∂n_i (i, 3), eV."""
    vectors = spins[:, None] * directions
    return spins[:, None] * (np.einsum("iajb,jb->ia", form, vectors) - linear)


def check_stationary(form, linear, spins, directions) -> None:
    """Refuse a state in which spins feel a torque, as linear terms of the bosons would remain.

    Raises
    ------
    InputError
        Names the spin, and where it is drawn to.
    """
    force = gradient(form, linear, spins, directions)
    tangential = force - np.einsum("ia,ia->i", force, directions)[:, None] * directions
    torque = np.linalg.norm(tangential, axis=1)
    scale = _scale(form, linear, spins)
    worst = int(torque.argmax())
    if torque[worst] > TORQUE * scale:
        pulled = -tangential[worst] / torque[worst]
        raise InputError(
            "directions",
            "a state without torques on the spins, such as model.minimised() finds",
            f"a torque of {torque[worst]:.3g} eV on spin {worst}, which turns it from {_text(directions[worst])} towards "
            f"{_text(pulled)}",
        )


def minimum(form, linear, spins, start, starts: int, seed: int) -> np.ndarray:
    """Directions (i, 3) of the lowest minimum found.

    Parameters
    ----------
    form, linear, spins : float arrays (i, 3, j, 3), (i, 3), (i,)
    start : float array (i, 3) or None
        A state to begin with.
    starts : int
        Random states besides.
    seed : int
        Of these.

    Raises
    ------
    InputError
        No start at all.
    """
    number = len(spins)
    generator = np.random.default_rng(seed)
    begins = [generator.normal(size=(number, 3)) for _ in range(starts)]
    begins = begins if start is None else [np.asarray(start), *begins]
    if not begins:
        raise InputError("starts", "1 or more where no state is given", repr(starts))
    scale = _scale(form, linear, spins)

    def energy(flat):
        points = flat.reshape(number, 3)
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        n = points / lengths
        x = spins[:, None] * n
        force = gradient(form, linear, spins, n)
        value = 0.5 * np.einsum("ia,iajb,jb", x, form, x) - np.sum(linear * x)
        slope = (force - np.einsum("ia,ia->i", force, n)[:, None] * n) / lengths
        return value / scale, slope.ravel() / scale

    options = {"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-10}
    found = [minimize(energy, begin.ravel(), jac=True, method="L-BFGS-B", options=options) for begin in begins]
    energies = np.array([one.fun for one in found])
    states = [_normalised(one.x) for one in found]
    best = next(n for n, value in enumerate(energies) if value < energies.min() + _SAME)
    lowest = [states[n] for n in np.flatnonzero(energies < energies.min() + _SAME)]
    alike = all(np.abs(_products(state) - _products(states[best])).max() < 1e-3 for state in lowest)
    logger.info(
        "E = %.9g eV per cell, reached from %d of %d starts%s", energies[best] * scale, len(lowest), len(found),
        "" if alike else ", in states that differ by more than a rotation: the energy does not tell between them",
    )  # fmt: skip
    return _polished(form, linear, spins, states[best])


def _polished(form, linear, spins, n):
    """The same to rounding, by Newton's method in the planes tangential to the spheres."""
    number = len(spins)
    for _ in range(_ROUNDS):
        frames = np.stack([frame(direction) for direction in n])[:, :2]  # i, tangent, axis
        force = gradient(form, linear, spins, n)
        slope = np.einsum("ita,ia->it", frames, force)
        if np.abs(slope).max() < 1e-14 * _scale(form, linear, spins):
            break
        hessian = np.einsum("ita,i,iajb,j,jub->itju", frames, spins, form, spins, frames, optimize=True)
        hessian[range(number), :, range(number)] -= np.einsum("ia,ia->i", force, n)[:, None, None] * np.eye(2)
        step = np.linalg.lstsq(hessian.reshape(2 * number, -1), -slope.ravel(), rcond=1e-6)[0].reshape(number, 2)
        if np.abs(step).max() > 1e-2:  # no minimum nearby that is not flat
            break
        n = _normalised(n + np.einsum("it,ita->ia", step, frames))
    return n


def frame(direction: np.ndarray) -> np.ndarray:
    """Right-handed axes (3, 3) whose third is a direction, as rows."""
    axis = np.eye(3)[np.argmin(np.abs(np.round(direction, 6)))]
    e1 = axis - (axis @ direction) * direction
    e1 = e1 / np.linalg.norm(e1)
    return np.stack([e1, np.cross(direction, e1), direction])


def _normalised(flat):
    points = flat.reshape(-1, 3)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _products(n):
    return n @ n.T


def _scale(form, linear, spins):
    """Largest field times spin, eV."""
    fields = np.abs(form).sum(axis=(1, 3)) @ spins if form.size else np.zeros(len(spins))
    return max(float(np.max(spins * (fields + np.linalg.norm(linear, axis=1)))), 1e-300)


def _text(vector):
    return "(" + ", ".join(f"{x:.3f}" for x in np.round(vector, 3) + 0.0) + ")"
