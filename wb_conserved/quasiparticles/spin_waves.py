r"""Linear spin waves, bosons b_i about a state n_i of classical spins (T. Holstein and H. Primakoff, Phys. Rev. 58, 1098
(1940)),

.. math:: \boldsymbol S_i = \sqrt{S_i/2}\,(\bar u_ib_i + u_ib_i^\dagger) + n_i(S_i - b_i^\dagger b_i),\quad u = e_1 + ie_2,
    \quad H = \tfrac12\sum_k\Psi_k^\dagger\begin{pmatrix}A & B\\ B^\dagger & A^*(-k)\end{pmatrix}\Psi_k,\quad
    \Psi_k = (b_k, b_{-k}^\dagger)

    A_ij(R) = ½ √(S_i S_j) u_i·J_ij(R)·ū_j + δ_ij δ_R h_i,   B_ij(R) = ½ √(S_i S_j) u_i·J_ij(R)·u_j
    h_i = −Σ_jR S_j n_i·J_ij(R)·n_j − 2 S_i n_i·A_i·n_i + g μ_B B·n_i

with J_ii(0) = 2A_i of the on-site anisotropy (rows and columns e_1, e_2, n_i are right-handed).  The spin along a is
s = −diag(n_i·a) for b and b† alike, in units of ħ; b† sits where b does.
"""

from __future__ import annotations

import logging

import numpy as np
from wannierberri.system.system_R import System_R

from ..errors import InputError
from ..interpolation import PARAUNITARY
from ..interpolation.eigen import packed
from ..models import lattice_system
from ..units import BOHR_MAGNETON
from .bosons import Bosons, check_regulator, make_bosonic
from .reference_state import check_stationary, frame

logger = logging.getLogger(__name__)

_STABLE = 1e-6  # of the largest element of H: eigenvalues above minus this are not negative, within the accuracy of directions
_SOFT = 1e-9  # below which they are zero
_CONSERVED = 1e-7  # of the largest element: what commutes
_MESH, _RANDOM = 12, 200  # k points that are looked at, along each direction, and others


def magnon_system(model, regulator: float = 0.0, *, zero_point: bool = False) -> System_R:
    """Spin waves of a model as a system for every calculator.

    Parameters
    ----------
    model : SpinModel
        With the directions of its spins.
    regulator : float
        Energy that is added to every boson, eV: what a field along each spin would do.  Goldstone modes (energy 0, as a
        symmetry of the model is broken) need one, or an anisotropy or field in the model; results are stated with it.
    zero_point : bool
        Count n + ½ in the place of n, and g + ½ε in the place of g, in equilibrium densities: the zero-point motion, which
        is there at zero temperature.  Responses to a temperature gradient do not know it.

    Returns
    -------
    System_R
        Matrices 'Ham' (eV) and 'SS' (2s, in the place of Pauli matrices), eigensolver `PARAUNITARY`, ``particles``, ``model``
        and ``regulator``.  Its point group is trivial.

    Raises
    ------
    InputError
        No directions, a state with torques on spins, or one that is unstable: the error names k and the mode.
    """
    if model.directions is None:
        raise InputError("directions", "those of the spins: SpinModel(directions=...), or model.minimised()", "none")
    regulator = check_regulator(regulator)
    check_stationary(*model.of_uniform_states, model.spins, model.directions)
    hoppings = _matrices(model)
    _check_stable(model, hoppings, regulator)
    number = len(model.spins)
    hoppings[0, 0, 0] = hoppings[0, 0, 0] + regulator * np.eye(2 * number)
    spin = np.zeros((2 * number, 2 * number, 3))
    spin[range(2 * number), range(2 * number)] = -2 * np.tile(model.directions, (2, 1))
    half = {R: matrix for R, matrix in hoppings.items() if R >= (0, 0, 0)}
    system = lattice_system(
        model.cell, half, spin, np.tile(model.cartesian, (2, 1)), tuple(model.periodic.tolist()), model.name
    )
    system.model, system.regulator = model, regulator
    texts = [
        f"linear spin waves of {number} site{'s' * (number > 1)}, J and A as they are at zero temperature, no decay",
        f"regulator {regulator:g} eV" if regulator else "no regulator",
        "zero-point motion included" if zero_point else "zero-point motion left out",
        *_spurious_torques(model, hoppings),
    ]
    make_bosonic(system, Bosons("magnons", number, bool(zero_point), "; ".join(texts)))
    return system


def _matrices(model) -> dict[tuple[int, int, int], np.ndarray]:
    """H(R) without regulator."""
    n, S, number = model.directions, model.spins, len(model.spins)
    frames = np.stack([frame(direction) for direction in n])
    u = frames[:, 0] + 1j * frames[:, 1]
    sites, home = np.arange(number), np.zeros((number, 3), dtype=int)
    first, second = np.append(model.first, sites), np.append(model.second, sites)
    vectors = np.concatenate([model.iRvec, home])
    J = np.concatenate([model.exchange, 2 * model.anisotropy])
    scale = 0.5 * np.sqrt(S[first] * S[second])
    A = scale * np.einsum("ba,bac,bc->b", u[first], J, u[second].conj())
    B = scale * np.einsum("ba,bac,bc->b", u[first], J, u[second])
    onsite = model.g * BOHR_MAGNETON * n @ model.field
    np.subtract.at(onsite, first, S[second] * np.einsum("ba,bac,bc->b", n[first], J, n[second]))
    distinct, place = np.unique(np.concatenate([vectors, home[:1]]), axis=0, return_inverse=True)
    H = np.zeros((len(distinct), 2 * number, 2 * number), dtype=complex)
    place, zero = place[:-1], place[-1]
    for row, column, values in ((0, 0, A), (0, 1, B), (1, 0, B.conj()), (1, 1, A.conj())):
        np.add.at(H, (place, first + row * number, second + column * number), values)
    both = np.arange(2 * number)
    H[zero, both, both] += np.tile(onsite, 2)
    return {tuple(R): matrix for R, matrix in zip(distinct.tolist(), H, strict=True)}


def _sampled(model):
    """K points (k, 3), reduced: a mesh with Γ and the boundary of the zone, and random ones."""
    size = _MESH if model.periodic.sum() < 3 else _MESH // 2
    mesh = np.where(model.periodic, size, 1)
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), axis=-1).reshape(-1, 3)
    return np.concatenate([grid, np.random.default_rng(0).random((_RANDOM, 3)) * model.periodic])


def _at(hoppings, kpoints):
    vectors = np.array(list(hoppings))
    return np.tensordot(np.exp(2j * np.pi * kpoints @ vectors.T), np.array(list(hoppings.values())), axes=1)


def _check_stable(model, hoppings, regulator):
    """Refuse a state that is no minimum, and say where a mode has no energy."""
    kpoints = _sampled(model)
    H = _at(hoppings, kpoints)
    values = np.linalg.eigvalsh(H)[:, 0]
    worst, scale = int(values.argmin()), np.abs(H).max()
    if values[worst] < -_STABLE * scale:
        raise InputError(
            "directions",
            "a state of lowest energy, about which H(k) is positive at every k (another state, or, where the order has another "
            "period, a larger cell: model.supercell(...).minimised())",
            f"an eigenvalue of {values[worst]:.4g} eV at k = {_text(kpoints[worst])}: the energy falls along the mode "
            f"{_mode(model, H[worst])}",
        )
    if values[worst] < _SOFT * scale and not regulator:
        logger.warning(
            "a mode without energy at k = %s (%s): a Goldstone mode, at which the number of magnons diverges; give to_system a "
            "regulator (eV), or the model an anisotropy or a field, or leave the k point out of the mesh",
            _text(kpoints[worst]), _mode(model, H[worst]),
        )  # fmt: skip
    elif regulator:
        lowest = np.sort(np.abs(PARAUNITARY.solve(packed(H + regulator * np.eye(H.shape[1])), kpoints)[0]), axis=1)[
            :, 0
        ]
        logger.info(
            "regulator %g eV: the lowest energy of %d k points is %.4g eV at k = %s",
            regulator, len(kpoints), lowest.min(), _text(kpoints[int(lowest.argmin())]),
        )  # fmt: skip


def _mode(model, H):
    """The lowest eigenvector of one H(k) as turns of the spins, δn_i = √(2/S_i) Re(u_i b_i†)."""
    vector, number = np.linalg.eigh(H)[1][:, 0], len(model.spins)
    frames = np.stack([frame(direction) for direction in model.directions])
    u = frames[:, 0] + 1j * frames[:, 1]
    turned = (u.conj() * vector[:number, None] + u * vector[number:, None]) / np.sqrt(2 * model.spins)[:, None]
    largest = turned.ravel()[np.abs(turned).argmax()]
    turned = turned * largest.conj() / abs(largest) ** 2
    shown = sorted(range(number), key=lambda site: -np.linalg.norm(turned[site]))[:4]
    texts = [f"spin {site} {_text(turned[site].real)}" for site in sorted(shown) if np.linalg.norm(turned[site]) > 0.05]
    return ", ".join(texts)


def _spurious_torques(model, hoppings) -> list[str]:
    """A warning where the model conserves a component of the total spin but its spin waves do not.

    In noncollinear magnets the spin also has terms linear in the bosons, and cubic terms of the energy bring these in at the
    order of b†b: the torque on the harmonic spin is spurious there.
    """
    found = spurious_torques(model, hoppings)
    if not found:
        return []
    largest = max(found.values())
    part = largest / np.abs(_at(hoppings, np.zeros((1, 3)))).max()
    text = (
        f"the exchange conserves the total spin along {', '.join(found)} but linear spin waves do not: the torque "
        f"|[ηH, ηs]| of the harmonic spin, up to {largest:.4g} eV ({part:.2g} of the largest element of H), is "
        "spurious in this noncollinear state, and results of conserved and conventional currents of the spin are "
        "those of the harmonic operator"
    )
    logger.warning("%s", text)
    return [text]


def spurious_torques(model, hoppings=None) -> dict[str, float]:
    """Largest element of [ηH(k), ηs^a] (eV) of each component a of the spin that the model conserves but its spin waves do not.

    Parameters
    ----------
    model : SpinModel
    hoppings : mapping of R to matrix, optional
        H(R), made by default.
    """
    hoppings = _matrices(model) if hoppings is None else hoppings
    H = _at(hoppings, np.concatenate([np.zeros((1, 3)), _sampled(model)]))
    scale, found = np.abs(H).max(), {}
    for a, letter in enumerate("xyz"):
        if not _conserves(model, a):
            continue
        along = np.concatenate([-model.directions[:, a], model.directions[:, a]])  # diagonal of ηs
        signs = np.repeat([1.0, -1.0], len(model.spins))
        commutator = signs[:, None] * H * along - along[:, None] * signs[:, None] * H
        torque = float(np.abs(commutator).max())
        if torque > _CONSERVED * scale:
            found[letter] = torque
    return found


def _conserves(model, a):
    """Whether the energy of the model does not change when all spins turn about an axis."""
    turn = np.cross(np.eye(3), np.eye(3)[a])
    scale = max(np.abs(model.exchange).max(initial=0.0), np.abs(model.anisotropy).max(initial=0.0), 1e-300)
    changes = [turn @ matrices - matrices @ turn for matrices in (model.exchange, model.anisotropy)]
    same = all(np.abs(change).max(initial=0.0) <= _CONSERVED * scale for change in changes)
    return same and np.abs(turn @ model.field).max() <= 1e-12 * max(1.0, np.abs(model.field).max())


def _text(vector):
    return "(" + ", ".join(f"{x:.4g}" for x in np.round(vector, 4) + 0.0) + ")"
