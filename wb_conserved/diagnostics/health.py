"""The health of Wannier data for a calculation: each check a line, good, look or bad, with what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import numpy as np

from ..driver.run import run, silent
from ..driver.symmetry import residual as symmetry_residual
from ..interpolation import WannierInterpolator
from ..interpolation.eigensolvers import HERMITIAN, eigensolver_of
from ..io.private import has_matrices
from .conservation import conservation_report
from .interpolation_error import InterpolationReport, quick_points
from .kramers import kramers_pairs

GOOD, LOOK, BAD = "good", "look", "bad"
_KPOINTS = 40
_SPIN = (0.01, 0.1)  # largest |σ| beyond 1, and σ² from 1 below the level: good below the first, bad above the second
_COMMUTATOR = (0.1, 1.0)  # Å
_CONSERVED = 0.1  # of the larger of the terms that cancel
_VANISHES = 1e-12  # in the unit of the density, eV/Å^2 or eV/Å
_CHANGE = (0.05, 0.3)  # of a number between meshes, or thresholds
_HERMITIAN = (1e-6, 1e-3)  # eV
_FEWER = 0.7  # mesh of the quick scan in units of the finest one


@dataclass(frozen=True)
class Line:
    """A check.

    Attributes
    ----------
    name : str
    verdict : str
        "good", "look" or "bad".
    text : str
        What was found.
    advice : str
        What to do; empty where all is well.
    """

    name: str
    verdict: str
    text: str
    advice: str = ""

    def __str__(self):
        advice = f" → {self.advice}" if self.advice and self.verdict != GOOD else ""
        return f"{self.verdict:<5} {self.name:<14} {self.text}{advice}"


@dataclass(frozen=True)
class Scan:
    """Numbers against a setting, for a table and a picture.

    Attributes
    ----------
    setting, unit : str
    values : tuple of float
        Of the setting.
    numbers : dict of str to (str, list of float)
        Unit and value for each value of the setting, by symbol and component.
    """

    setting: str
    unit: str
    values: tuple[float, ...]
    numbers: dict[str, tuple[str, list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Health:
    """All checks.

    Attributes
    ----------
    lines : list of Line
    scans : list of Scan
    """

    lines: list[Line]
    scans: list[Scan]

    @property
    def worst(self) -> str:
        """The worst verdict."""
        found = {line.verdict for line in self.lines}
        return next((verdict for verdict in (BAD, LOOK) if verdict in found), GOOD)

    def __str__(self):
        counts = ", ".join(f"{sum(line.verdict == verdict for line in self.lines)} {verdict}" for verdict in (GOOD, LOOK, BAD))
        return "\n".join([*map(str, self.lines), f"in all: {counts}"])


def examine(
    system,
    level: float,
    calculators: Mapping[str, Any],
    thresholds: Mapping[float, Mapping[str, Any]],
    *,
    interpolation: InterpolationReport | None = None,
    remarks: Sequence[str] = (),
    scans: bool = True,
    points: int | None = None,
) -> Health:
    """Check a system for a calculation.

    Parameters
    ----------
    system : wannierberri.system.System
        With its point group.
    level : float
        Fermi level, eV.
    calculators : mapping of str to calculator
        At the level; those with components are looked at on quick meshes.
    thresholds : mapping of float to such mappings
        The same for other multiplet thresholds.
    interpolation : InterpolationReport, optional
    remarks : sequence of str
        What loading, and the settings, gave rise to: each a line to look at.
    scans : bool
        Whether to compute on quick meshes and for further thresholds.
    points : int, optional
        K points along each direction of the finest quick mesh; by default as many as take seconds.
    """
    lines: list[Line] = []
    if has_matrices(system) and eigensolver_of(system) == HERMITIAN:
        first = next(iter(calculators.values()), None)
        lines += [_hermitian(system), _symmetric(system, level), *_pairs(system, level, first), *_spin(system, level)]
        lines += _conserved(system, level, first)
    if interpolation is not None:
        lines.append(_interpolated(interpolation, first_temperature(calculators)))
    lines += [Line("remark", LOOK, text) for text in remarks]
    if not scans:
        return Health(lines, [])
    found, further = _scans(system, calculators, thresholds, points or quick_points(system))
    return Health([*lines, *further], found)


def first_temperature(calculators) -> float:
    """k_BT of the first calculator that has one, eV; 300 K without any."""
    found = [float(np.min(part.kBT)) for part in calculators.values() if np.ndim(getattr(part, "kBT", None)) is not None]
    return next((value for value in found if value > 0), 0.025)


def _verdict(value: float, limits: tuple[float, float]) -> str:
    return GOOD if value <= limits[0] else LOOK if value <= limits[1] else BAD


def _hermitian(system):
    vectors = {tuple(vector): i for i, vector in enumerate(np.asarray(system.rvec.iRvec).tolist())}
    opposite = [vectors.get(tuple(-x for x in vector), i) for vector, i in vectors.items()]
    hamiltonian = np.asarray(system.get_R_mat("Ham"))
    value = float(np.abs(hamiltonian - hamiltonian[opposite].swapaxes(1, 2).conj()).max())
    text = f"|H(R) − H(−R)†| up to {value:.1e} eV"
    return Line("Hermiticity", _verdict(value, _HERMITIAN), text, "files from one run of Wannier90")


def _symmetric(system, level):
    if system.pointgroup.size == 1:
        text = "none set: the whole mesh is computed, and forbidden components show how wrong the data is"
        return Line("symmetry", LOOK, text, "symmetry in [system] (wb-conserved init finds it), or symmetrize = true")
    value = symmetry_residual(system, level)
    text = f"bands at related k points differ by up to {value:.2g} eV ({system.pointgroup.size} operations)"
    advice = "symmetrize = true, projected functions (num_iter = 0), or fewer generators"
    return Line("symmetry", _verdict(value, (0.02, 0.1)), text, advice)


def _pairs(system, level, calculator):
    """Kramers pairs against the multiplet threshold, where the symmetry makes them."""
    both = [part.R * (-1 if part.Inv else 1) for part in system.pointgroup.symmetries if part.TR]
    if system.num_wann % 2 or not any(np.allclose(matrix, -np.eye(3)) for matrix in both):
        return
    report = None
    for width in (2.0, np.inf):
        try:
            report = kramers_pairs(system, window=(level - width, level + width), number=_KPOINTS)
            break
        except ValueError:
            continue
    threshold = getattr(calculator, "degen_thresh", 0.0)
    grouped = bool(getattr(calculator, "degen_Kramers", False))
    text = (
        f"pairs near the level are split by up to {report.largest_splitting:.2g} eV, other bands come as close as "
        f"{report.smallest_distance:.2g} eV; threshold {threshold:g} eV" + (" and Kramers pairs" if grouped else "")
    )
    safe = grouped or report.largest_splitting < 0.1 * threshold
    verdict = GOOD if safe else LOOK if report.largest_splitting < threshold else BAD
    yield Line("Kramers pairs", verdict, text, "kramers = true in [multiplets], or functions that keep the symmetry")


def _spin(system, level):
    """Whether the space of the Wannier functions is closed under the spin."""
    if not system.has_R_mat("SS"):
        return
    kpoints = np.random.default_rng(1).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    phases = np.exp(2j * np.pi * kpoints @ np.asarray(system.rvec.iRvec).T)
    spin = np.tensordot(phases, np.asarray(system.get_R_mat("SS")), axes=1)  # k i j a
    spin = 0.5 * (spin + spin.swapaxes(1, 2).conj())
    sizes = np.abs(np.linalg.eigvalsh(np.moveaxis(spin, -1, 1)))
    beyond = max(0.0, float(sizes.max()) - 1)
    advice = "a denser ab initio mesh; σ is linear in the spin, so that results are wrong by about this part"
    yield Line("spin s(k)", _verdict(beyond, _SPIN), f"largest |σ| {sizes.max():.4f} between the k points", advice)
    energies, states = np.linalg.eigh(WannierInterpolator(system)(WannierInterpolator(system).phases(kpoints), "Ham"))
    squared = sum(spin[..., a] @ spin[..., a] for a in range(3)) / 3
    missing = np.abs(1 - np.einsum("kin,kij,kjn->kn", states.conj(), squared, states).real)
    near = energies < level + 1.0
    lost = float(missing[near].mean()) if near.any() else 0.0
    text = f"σ² is 1 to {lost:.2g} on average for states up to 1 eV above the level; the rest lies outside of the functions"
    advice = "Wannier functions that come in pairs of spin (projections for both)"
    yield Line("spin complete", _verdict(lost, _SPIN), text, advice)
    if system.has_R_mat("AA"):
        commutator = _commutator(system, spin, phases)
        typical = float(np.sqrt((commutator**2).mean()))
        text = f"[σ, r] {typical:.2g} Å rms, up to {commutator.max():.2g} Å; it vanishes for complete functions"
        yield Line("[s, r]", _verdict(typical, _COMMUTATOR), text, "see spin complete")


def _commutator(system, spin, phases):
    r"""Norms of :math:`[r_b, \sigma_a] = i(\partial_b\sigma_a - i[A_b, \sigma_a])` per function, (k, a, b), Å."""
    cartesian = np.asarray(system.rvec.iRvec) @ np.asarray(system.real_lattice)
    position = np.tensordot(phases, np.asarray(system.get_R_mat("AA")), axes=1)  # k i j b
    diagonal = np.arange(system.num_wann)
    position[:, diagonal, diagonal] += np.asarray(system.wannier_centers_cart)
    of_spin = np.asarray(system.get_R_mat("SS"))
    found = np.empty((len(phases), 3, 3))
    for b in range(3):
        derivative = np.tensordot(phases * (1j * cartesian[:, b]), of_spin, axes=1)
        for a in range(3):
            A, s = position[..., b], spin[..., a]
            found[:, a, b] = np.linalg.norm(derivative[..., a] - 1j * (A @ s - s @ A), axis=(1, 2)) / np.sqrt(system.num_wann)
    return found


def _conserved(system, level, calculator):
    """The conservation laws of the equilibrium theory on a quick mesh."""
    if calculator is None or not calculator.of_observable or calculator.operator.is_identity:
        return
    options = {name: getattr(calculator, name) for name in ("operator", "degen_thresh", "degen_Kramers")}
    options["kwargs_formula"] = {"external_terms": calculator.external_terms}
    mesh = np.where(system.periodic, min(8, quick_points(system)), 1).tolist()
    try:
        with silent("wb_conserved.driver"):
            report = conservation_report(system, mesh, [level], kBT=0.3, file=StringIO(), **options)
    except ValueError:  # a mesh that the symmetry does not allow, or matrices that are missing
        return
    law = report.uniform_current
    largest = float(max(np.abs(law.first).max(), np.abs(law.second).max()))
    if largest < _VANISHES:
        yield Line("conservation", GOOD, "the uniform current in equilibrium, ∫ f J + D^τ, vanishes by symmetry")
        return
    text = (
        f"∫ f J + D^τ, which is 0 in a complete space, is {law.absolute:.2g} {law.unit}, its larger term {largest:.2g} (quick "
        "mesh, kBT = 0.3 eV)"
    )
    advice = "the part of the current that the functions cannot account for: compare results with external_terms = false"
    yield Line("conservation", GOOD if law.relative <= _CONSERVED else LOOK, text, advice)


def _interpolated(report: InterpolationReport, temperature: float):
    error = max(part[0] for part in (report.below, report.near) if np.isfinite(part[0]))
    mesh = " × ".join(map(str, report.mesh))
    text = f"bands are known to {1e3 * error:.2g} meV (rms): the {mesh} ab initio mesh leaves that open"
    advice = "a denser ab initio mesh, or functions that are better localised"
    return Line("interpolation", _verdict(error, (temperature, 0.2)), text, advice)


def _scans(system, calculators, thresholds, points):
    """Quick meshes and thresholds: how much the numbers change."""
    calculators = {name: part for name, part in calculators.items() if part.cartesian_axes and part.statistics is not None}
    if not calculators:
        return [], []
    sizes = sorted({max(2, round(_FEWER**2 * points)), max(3, round(_FEWER * points)), points})
    dimension = int(np.sum(system.periodic))
    with silent("wb_conserved.driver"):
        by_mesh = {size: _run(system, size, calculators) for size in sizes}
        by_threshold = {value: _run(system, points, parts) for value, parts in thresholds.items()}
    own = float(next(iter(calculators.values())).degen_thresh)
    by_threshold = dict(sorted({**by_threshold, own: by_mesh[points]}.items()))
    scans = [
        _scan("mesh", "points along each vector", by_mesh, calculators, dimension),
        _scan("threshold", "eV", by_threshold, calculators, dimension),
    ]
    lines = [
        *_changes(scans[0], "quick mesh", "wb-conserved convergence tells on which mesh they converge", worst=LOOK),
        *_changes(scans[1], "threshold", "numbers depend on it: state it with them, and choose it by the broadening"),
    ]
    return [scan for scan in scans if len(scan.values) > 1], lines


def _run(system, size, calculators):
    mesh = np.where(system.periodic, size, 1).tolist()
    return run(system, mesh, calculators, check_symmetry=False, use_irred_kpt=False, symmetrize=False).results


def _scan(setting, unit, results, calculators, dimension):
    numbers = {}
    for name, calculator in calculators.items():
        tensors = [np.asarray(part[name].data) for part in results.values() if name in part]
        rank = len(calculator.cartesian_axes)
        tensors = [tensor.reshape(-1, *(3,) * rank)[0] for tensor in tensors]
        index = np.unravel_index(np.max(np.abs(tensors), axis=0).argmax(), tensors[0].shape)
        component = "".join("xyz"[i] for i in index)
        numbers[f"{calculator.symbol} {component}"] = (calculator.unit(dimension), [float(tensor[index]) for tensor in tensors])
    return Scan(setting, unit, tuple(map(float, results)), numbers)


def _changes(scan, name, advice, worst=BAD):
    """Changes of the numbers of a scan, of the last step on a series of meshes, over all of it for others."""
    if len(scan.values) < 2:
        return
    changes, texts = [], []
    for symbol, (_, values) in scan.numbers.items():
        shown = values[-2:] if scan.setting == "mesh" else values
        scale = max(abs(values[-1]), 1e-300)
        changes.append((max(shown) - min(shown)) / scale)
        texts.append(f"{symbol} {' → '.join(f'{value:.4g}' for value in values)}")
    span = ", ".join(f"{value:g}" for value in scan.values)
    verdict = _verdict(max(changes), _CHANGE)
    verdict = worst if verdict == BAD else verdict
    yield Line(name, verdict, f"{'; '.join(texts)} for {span} {scan.unit}", advice)
