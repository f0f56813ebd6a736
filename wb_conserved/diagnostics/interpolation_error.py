"""Error bars for what the ab initio mesh leaves open, see `wb_conserved.interpolation.mesh_uncertainty`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..driver.run import run, silent
from ..errors import InputError
from ..interpolation import WannierInterpolator
from ..interpolation.mesh_uncertainty import alternative, decay_of
from ..io.ab_initio_mesh import at_copies
from ..io.minimal_distance import DISTANCE_TOLERANCE

EQUAL = 0.01
"""Copies whose distances differ by less are equally near to all intents, Å: centres are known no better."""
NEAR = 1.0
"""Energies nearer to the Fermi level than this are near it, eV."""
_KPOINTS = 24
_OPERATIONS = 1.2e7  # k points of the quick mesh times num_wann³: seconds
_FARTHEST = 0.8  # of the largest distance
_APART = 0.5  # Å: functions at different sites
_UNITS = {"Ham": ("H", "eV"), "AA": ("r", "Å"), "SS": ("s", "")}


@dataclass(frozen=True)
class Estimate:
    """A component of a result with its error bar.

    Attributes
    ----------
    name, component, unit : str
    value, error : float
    """

    name: str
    component: str
    value: float
    error: float
    unit: str

    def __str__(self):
        return f"{self.name} {self.component} {self.value:.4g} ± {_two(self.error)} {self.unit}".rstrip()


@dataclass(frozen=True)
class InterpolationReport:
    """Error bars of what is interpolated between the k points of the ab initio mesh.

    Attributes
    ----------
    mesh : tuple of int
        The ab initio mesh.
    decay_length : float
        1/κ, Å, of hoppings exp(−κ d).
    level : float
        Fermi level, eV.
    below, near : tuple of float
        Root mean square and largest error of energies, eV, of states below the level and near it; NaN without any.
    copies : float
        How far bands move where copies that are equally near to `EQUAL` share elements, eV.
    farthest : dict of str to (float, float)
        By matrix, the largest element at more than 0.8 of the largest distance, and of all between different sites.
    estimates : tuple of Estimate
    quick_mesh : tuple of int
        On which these were made.
    """

    mesh: tuple[int, int, int]
    decay_length: float
    level: float
    below: tuple[float, float]
    near: tuple[float, float]
    copies: float
    farthest: Mapping[str, tuple[float, float]]
    estimates: tuple[Estimate, ...]
    quick_mesh: tuple[int, ...]

    def __str__(self):
        (low, lowest), (high, highest) = ([_two(1e3 * part) for part in pair] for pair in (self.below, self.near))
        lines = [
            f"bands     ± {low} meV (rms; up to {lowest}) below {self.level:.4g} eV, ± {high} meV (up to {highest}) within "
            f"{NEAR:g} eV of it: what the {' × '.join(map(str, self.mesh))} ab initio mesh leaves open",
            f"hoppings  fall to 1/e in {self.decay_length:.2g} Å; farthest " + ", ".join(self._farthest()),
            f"copies    as near to {EQUAL:g} Å as the nearest: bands move by up to {_two(1e3 * self.copies)} meV if they share "
            "elements",
        ]
        if self.estimates:
            mesh = " × ".join(map(str, self.quick_mesh))
            lines.append(f"errors    {'; '.join(map(str, self.estimates))} (of {mesh} points: the ± counts)")
        return "\n".join(lines)

    def _farthest(self):
        for name, (far, most) in self.farthest.items():
            symbol, unit = _UNITS[name]
            yield f"|{symbol}| {_two(far)} {unit}".rstrip() + f" ({_two(100 * far / most)} % of the largest)"


def _two(value):
    """A number with two digits."""
    return f"{float(f'{value:.1e}'):.10g}"


def interpolation_error(
    system,
    level: float,
    calculators: Mapping[str, Any] | None = None,
    components=None,
    *,
    mesh: int | None = None,
    samples: int = 6,
) -> InterpolationReport:
    """How far results may be wrong because of the interpolation between the k points of the ab initio mesh.

    Parameters
    ----------
    system : wannierberri.system.System_R
        From `wb_conserved.load_system`, which notes the ab initio mesh.
    level : float
        Fermi level, eV.
    calculators : dict of str to calculator, optional
        Of `wb_conserved.run`; of a scan, the first point counts.  Those without Cartesian axes are left out.
    components : sequence of str, optional
        Such as "xyz"; the largest one of each result by default.
    mesh : int, optional
        Points along each direction for the results; by default as many as take seconds, 16 at most.  Differences on a
        coarse mesh tell the size of the error, the results themselves are not converged.
    samples : int
        Number of alternatives.

    Raises
    ------
    InputError
        The ab initio mesh is not known.
    """
    decay = decay_of(system)
    if decay is None:
        expected = "one whose ab initio mesh is known (from .chk, or _tb.dat and _hr.dat with mp_grid)"
        raise InputError("system", expected, "another")
    others = [alternative(system, decay.rate, seed) for seed in range(samples)]
    kpoints = np.random.default_rng(0).random((_KPOINTS, 3)) * np.asarray(system.periodic, dtype=float)
    bands = WannierInterpolator(system).band_energies(kpoints)
    errors = np.array([WannierInterpolator(other).band_energies(kpoints) - bands for other in others])
    shared = [
        WannierInterpolator(at_copies(system, decay.mesh, tolerance)).band_energies(kpoints)
        for tolerance in (DISTANCE_TOLERANCE, EQUAL)
    ]
    estimates, quick = (), ()
    calculators = {name: part for name, part in (calculators or {}).items() if part.cartesian_axes}
    if calculators:
        periodic = np.asarray(system.periodic, dtype=bool)
        quick = tuple(np.where(periodic, mesh or quick_points(system), 1).tolist())
        estimates = _estimates(system, others, quick, calculators, components)
    return InterpolationReport(
        decay.mesh,
        1 / decay.rate,
        level,
        _size(errors[:, bands < level]),
        _size(errors[:, np.abs(bands - level) < NEAR]),
        float(np.abs(shared[1] - shared[0]).max()),
        _farthest(system),
        estimates,
        quick,
    )


def _size(errors):
    """Root mean square and largest of some errors."""
    return (float(np.sqrt((errors**2).mean())), float(np.abs(errors).max())) if errors.size else (np.nan, np.nan)


def quick_points(system) -> int:
    """Number of k points along each direction of a mesh that takes seconds, between 4 and 16."""
    return int(np.clip((_OPERATIONS / system.num_wann**3) ** (1 / np.sum(system.periodic)), 4, 16))


def _estimates(system, others, mesh, calculators, components):
    with silent("wb_conserved.driver"):
        results = [run(one, mesh, calculators, check_symmetry=False).results for one in (system, *others)]
    found = []
    for name, calculator in calculators.items():
        rank = len(calculator.cartesian_axes)
        tensors = np.array([np.asarray(part[name].data).reshape(-1, *(3,) * rank)[0] for part in results])
        errors = np.sqrt(((tensors[1:] - tensors[0]) ** 2).mean(axis=0))
        wanted = [tuple("xyz".index(letter) for letter in text) for text in components or () if len(text) == rank]
        for index in wanted or [np.unravel_index(np.abs(tensors[0]).argmax(), tensors[0].shape)]:
            component = "".join("xyz"[i] for i in index)
            unit = calculator.unit(int(np.sum(system.periodic)))
            found.append(Estimate(name, component, float(tensors[0][index]), float(errors[index]), unit))
    return tuple(found)


def _farthest(system):
    """By matrix, the largest element far away and of all, of those between different sites."""
    vectors, centers = np.asarray(system.rvec.iRvec), np.asarray(system.wannier_centers_cart)
    distances = np.linalg.norm(
        (vectors @ system.real_lattice)[:, None, None] + centers[None, None] - centers[None, :, None], axis=-1
    )
    found = {}
    for name in _UNITS:
        if not system.has_R_mat(name):
            continue
        sizes = np.abs(np.asarray(system.get_R_mat(name))).reshape(*distances.shape, -1).max(axis=-1)
        used = (distances > _APART) & (sizes > 0)
        if used.any() and sizes[used].max() > 1e-6:
            far = used & (distances > _FARTHEST * distances[used].max())
            found[name] = float(sizes[far].max()), float(sizes[used].max())
    return found
