"""Where the time of a k point goes, how far it is from what linear algebra needs, and what other codes take.

The floor of a batch of k points is the time of the operations that no implementation of these formulas can do without, on
arrays of the same shapes: one eigenproblem, the Fourier products, two matrix products for the rotation of each matrix,
and the matrix products of the formulas.  All that is between them (phases, denominators, adjoints, occupation) is on top.
There are two floors, as the compiled kernels are faster than what NumPy offers: `numpy.linalg.eigh` and `numpy.matmul`;
and the kernels for the eigenproblem and the rotations, with the products of the formulas at the rate of the rotations.
All times are processor times, which other programs on the machine disturb least.
"""

from __future__ import annotations

import lzma
import os
import platform
import shutil
import subprocess
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import wannierberri
from wannierberri.calculators import static as wannierberri_static

from .. import compiled
from ..calculators import CATALOGUE
from ..calculators import SETS as SETS_OF_QUANTITIES
from ..driver.evaluation import Evaluation
from ..driver.fingerprint import linear_algebra
from ..driver.grid import regular_grid
from ..driver.kpoints import kpoints_of_grid
from ..driver.mesh import Mesh
from ..driver.run import run
from ..interpolation.eigen import eigh, unpacked
from ..operators import SPIN

STAGES = ("Fourier", "eigen", "rotation", "geometry", "occupation")
_XN = ("conventional", "conserved", "berry", "dipole")
_ACCUMULATION = ("edelstein", "edelstein_intrinsic", "accumulation_coefficient", "streda")
_DYNAMIC = ("conventional_dynamic", "kubo_dynamic")
SETS = {
    "conventional": _XN[:1], "XN set": _XN, "XN set and σ_K": (*_XN, "kubo"), "definitions": SETS_OF_QUANTITIES["definitions"],
    "accumulation": _ACCUMULATION, "11 frequencies": _DYNAMIC,
}  # fmt: skip
"""Names of the quantities of each line of the benchmark; XN set: the conventional conductivity and all of XN 11 and 15;
definitions: every published one; accumulation: in a field and its gradient, and the Středa response."""

_FREQUENCIES = 11
_OPTIONS = {name: {"omega": np.linspace(0.0, 5.0, _FREQUENCIES), "eta": 0.1} for name in _DYNAMIC}
_CONVENTIONAL = ([(3, 3)], [(3, 9)])  # J = ½ {v, s} and Ω^s: products of matrices, contractions of rows
_SINGLE = ([(1, 1)] * 6, [(3, 3), (3, 3)])  # Berry curvature, that of the Wannier space; with s, d
_KUBO = ([(3, 3), (3, 3)], [(3, 9), (9, 3), (3, 3)])  # AV, sA
_PROPER = ([(3, 3)], [(9, 3)])  # A s
_GRADIENT = ([(3, 3), (3, 3)], [(9, 3), (9, 3), (3, 3)])  # As, Av; polarizability
_SPECTRA = ([(3, 3)] * 3, [(_FREQUENCIES, 27)] * 3 + [(_FREQUENCIES, 9)])  # J, AV, sA
_FLOORS = {
    "conventional": [_CONVENTIONAL], "XN set": [_CONVENTIONAL, _SINGLE], "XN set and σ_K": [_CONVENTIONAL, _SINGLE, _KUBO],
    "definitions": [_CONVENTIONAL, _SINGLE, _KUBO, _PROPER], "accumulation": [_KUBO, _GRADIENT], "11 frequencies": [_SPECTRA],
}  # fmt: skip
"""Matrix products and contractions of each line, as (components of the left, of the right)."""

_THRESHOLD = 1e-4  # eV, WannierBerri's default
_RAW_FILES = ("chk", "eig", "mmn", "spn")


@dataclass
class Measurement:
    """Times of one set of calculators, seconds per k point.

    Attributes
    ----------
    stages : dict of str to float
    floor, kernel_floor : dict of str to float
        The operations that cannot be spared, with NumPy and with the compiled kernels; the same without these.
    total : float
        Of a whole run.
    peak : int
        Bytes that the run allocated at most.
    """

    stages: dict[str, float]
    floor: dict[str, float]
    kernel_floor: dict[str, float]
    total: float
    peak: int


@dataclass
class Benchmark:
    """Everything measured on one system."""

    system: str
    kpoints: int
    levels: int
    sets: dict[str, Measurement] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """What a record keeps: total to floor, other codes to ours; no times."""
        found = {}
        for name, measured in self.sets.items():
            found[f"{name}: total / floor"] = measured.total / sum(measured.floor.values())
            found[f"{name}: total / floor of kernels"] = measured.total / sum(measured.kernel_floor.values())
            for other, seconds in self.others.items():
                found[f"{other} / {name}"] = seconds / measured.total
        return {name: round(float(value), 3) for name, value in found.items()}

    def __str__(self):
        lines = [
            f"{self.system}, {self.kpoints} k points, {self.levels} Fermi levels; {platform.machine()}, {linear_algebra()}",
            "",
            "total: a whole run, with what precedes and follows the k loop; floor: of linear algebra, with NumPy, and with the",
            "compiled kernels; XN set: the conventional conductivity and everything of XN 11 and 15",
            "",
            f"{'':<{16 + 12 * (len(STAGES) + 1)}}{'NumPy':>12}{'':>12}{'kernels':>12}",
            f"{'ms per k point':<16}" + "".join(f"{stage:>12}" for stage in (*STAGES, "total"))
            + 2 * f"{'floor':>12}{'total/floor':>12}" + f"{'peak MiB':>10}",
        ]  # fmt: skip
        for name, measured in self.sets.items():
            lines.append(
                f"{name:<16}" + "".join(f"{1e3 * measured.stages[stage]:>12.4f}" for stage in STAGES)
                + f"{1e3 * measured.total:>12.4f}" + "".join(
                    f"{1e3 * floor:>12.4f}{measured.total / floor:>12.2f}"
                    for floor in (sum(measured.floor.values()), sum(measured.kernel_floor.values()))
                ) + f"{measured.peak / 2**20:>10.0f}"
            )  # fmt: skip
        lines += ["", *self._parts_of_floors()]
        for other, seconds in self.others.items():
            ratios = ", ".join(f"{seconds / measured.total:.2f} × {name}" for name, measured in self.sets.items())
            lines.append(f"{other}: {1e3 * seconds:.3f} ms per k point = {ratios}")
        return "\n".join(lines)

    def _parts_of_floors(self):
        for title, attribute in (("floor", "floor"), ("floor of kernels", "kernel_floor")):
            for name, measured in self.sets.items():
                parts = ", ".join(f"{part} {1e3 * seconds:.4f}" for part, seconds in getattr(measured, attribute).items())
                yield f"{title}, {name}: {parts}"


def benchmark(
    system, name: str, mesh: int = 16, *, fermi_level: float | None = None, levels: int = 201, kBT: float = 0.0,
    repeat: int = 3, path=None,
) -> Benchmark:  # fmt: skip
    """Measure this package on a system, and other codes where they are there.

    Parameters
    ----------
    system : wannierberri.system.System_R
    name : str
        For the heading.
    mesh : int
        K points along each periodic direction; all sides use the same mesh.
    fermi_level : float, optional
        Centre of the scan, eV; the median of the bands by default.
    levels : int
        Fermi levels within 1 eV of it.
    kBT : float
        eV.
    repeat : int
        The sides take turns so many times; medians are given.
    path : path, optional
        Wannier90 seedname for postw90.x; None: no comparison with it.

    Returns
    -------
    Benchmark
    """
    grid = regular_grid(system, mesh)
    batches = Mesh(grid, kpoints_of_grid(grid, use_symmetry=False), system.num_wann)
    if fermi_level is None:
        fermi_level = _median_energy(system, grid, batches)
    scan = fermi_level + np.linspace(-1, 1, levels)
    result = Benchmark(f"{name}: {system.num_wann} Wannier functions", batches.number_of_kpoints, levels)

    def ours(calculators):
        return lambda: run(system, grid, calculators, use_irred_kpt=False, symmetrize=False)

    options = {"degen_thresh": _THRESHOLD, "kBT": kBT}
    sets = {
        label: {name: CATALOGUE[name].calculator(scan, **_options_of(name, options)) for name in names}
        for label, names in SETS.items()
    }
    sides = {label: ours(calculators) for label, calculators in sets.items()}
    with tempfile.TemporaryDirectory() as folder:
        if system.has_R_mat("AA"):
            SHC = wannierberri_static.SHC(
                Efermi=scan, degen_thresh=_THRESHOLD, kwargs_formula={"spin_current_type": "simple"}, save_mode=""
            )
            sides["WannierBerri static.SHC"] = lambda: wannierberri.run(
                system, grid, {"SHC": SHC}, parallel=False, use_irred_kpt=False, symmetrize=False, fout_name=f"{folder}/shc"
            )
        times = _take_turns(sides, repeat)
    totals = {label: float(np.median(values)) / result.kpoints for label, values in times.items()}
    for label, calculators in sets.items():
        evaluation = Evaluation(system, grid, calculators, symmetrize=False)
        evaluation.prepare(batches.batch(0))
        chosen = np.unique(np.linspace(0, batches.number_of_batches - 1, 12).astype(int))
        chosen = [batches.batch(i) for i in chosen] * repeat
        stages = _medians([_stages(evaluation, batch) for batch in chosen])
        floors = zip(*(_floors(evaluation, batch, label) for batch in chosen), strict=True)  # apart, as they take memory
        tracemalloc.start()
        sides[label]()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        result.sets[label] = Measurement(stages, *map(_medians, floors), totals[label], peak)
    result.others = {label: seconds for label, seconds in totals.items() if label not in sets}
    if path is not None and shutil.which("postw90.x"):
        seconds = _postw90(Path(path), mesh, scan)
        if seconds is not None:
            result.others["postw90, one component"] = seconds / result.kpoints
    return result


def _options_of(name, options):
    """Arguments of a calculator: those of all, and its own."""
    return options | _OPTIONS.get(name, {})


def _take_turns(sides, repeat):
    """Processor times of each side by name, one after the other, after a first call of each."""
    times = {label: [] for label in sides}
    for turn in range(repeat + 1):
        for label, function in sides.items():
            start = time.process_time()
            function()
            if turn:
                times[label].append(time.process_time() - start)
    return times


def _median_energy(system, grid, batches):
    states = Evaluation(system, grid, {}, symmetrize=False).states(batches.batch(batches.number_of_batches // 2))
    return float(np.median(next(iter(states.batches)).energies))


def _medians(samples):
    """Median of each entry of some dicts."""
    return {name: float(np.median([sample[name] for sample in samples])) for name in samples[0]}


def _stages(evaluation, batch):
    """Seconds per k point of each stage on one batch."""
    states = evaluation.states(batch)
    interpolator, clock = evaluation.interpolator, [time.process_time()]

    def lap():
        clock.append(time.process_time())
        return clock[-1] - clock[-2]

    bloch = next(iter(states.batches))
    names = interpolator.names
    lap()
    phases = interpolator.phases(batch.kpoints)
    for name in names:
        interpolator.parts(phases, name)
    fourier = lap()
    (hamiltonian,) = interpolator.parts(phases, "Ham")
    lap()
    eigh(hamiltonian)
    eigen = lap()
    _rotate(bloch, names)
    rotation = max(0.0, lap() - fourier - eigen)
    for calculator in evaluation.calculators.values():
        for geometry in calculator.band_geometries(states):
            calculator.terms(geometry)
    geometry = lap()
    sums = {}
    lap()
    for name, calculator in evaluation.calculators.items():
        sums[name] = calculator.accumulate(states)
    for name, calculator in evaluation.calculators.items():  # now without making the sums
        calculator.accumulate(states, out=sums[name])
    occupation = 0.5 * lap()
    states.forget()
    times = (fourier, eigen, rotation, geometry, occupation)
    return {name: seconds / len(batch.kpoints) for name, seconds in zip(STAGES, times, strict=True)}


def _rotate(bloch, names):
    """Rotate what the calculators of spin need, as they will find it."""
    bloch.energies  # noqa: B018  (is computed now)
    for name in names:
        if name == "Ham":
            continue
        if not bloch.kernels:
            bloch.half(name)
        elif name == "∂Ham":
            bloch.vectors_of_velocity("AA" in names)
        elif name == SPIN.matrix:
            bloch.vectors_of_operator(SPIN)
        else:
            bloch.vectors_of_matrix(name)


def _floors(evaluation, batch, label):
    """Seconds per k point of what cannot be spared, with NumPy and with the compiled kernels, on shapes of a batch."""
    interpolator = evaluation.interpolator
    names, phases = interpolator.names, interpolator.phases(batch.kpoints)
    (real,) = interpolator.parts(phases, "Ham")
    k, n, _ = real.shape
    hamiltonian = unpacked(real)
    vectors = np.ascontiguousarray(np.linalg.eigh(hamiltonian)[1])
    rotated = sum(part[0].size // n**2 for name in names if name != "Ham" for part in interpolator.parts(phases, name))

    def fourier():
        for name in names:
            interpolator.parts(phases, name)

    matrices = np.ones((k, n, rotated, n))
    half = np.ones((k, n, rotated * n), dtype=complex)

    def rotations():
        matrices.reshape(k, -1, n) @ vectors.view(float)
        vectors @ half

    parts = _FLOORS[label]
    products, contractions = ([shape for part in parts for shape in part[which]] for which in (0, 1))
    factors = [(np.ones((k, a * n, n), complex), np.ones((k, n, b * n), complex)) for a, b in products]
    rows = [(np.ones((k, n, a, 2 * n)), np.ones((k, n, 2 * n, b))) for a, b in contractions]

    def formulas():
        for left, right in factors + rows:
            left @ right

    def seconds(operation):
        start = time.process_time()
        operation()
        return (time.process_time() - start) / k

    of_numpy = {
        "eigh": seconds(lambda: np.linalg.eigh(hamiltonian)),
        "Fourier": seconds(fourier),
        "rotations": seconds(rotations),
        "products": seconds(formulas),
    }
    if not compiled.useful(n):
        return of_numpy, of_numpy
    from ..compiled.rotation import rotated as rotate  # imports numba

    rotations = seconds(lambda: rotate(matrices, vectors))
    per_rotation = 12 / 8  # of a product of complex matrices, of which the formulas need nine or more
    # without the single ones, of which the kernels need the blocks inside multiplets only
    products_of_formulas = sum(a * b for a, b in products if a * b > 1)
    return of_numpy, {
        "eigh": seconds(lambda: eigh(real)),
        "Fourier": of_numpy["Fourier"],
        "rotations": rotations,
        "products": rotations * products_of_formulas / (per_rotation * rotated),
    }


def _postw90(seedname, mesh, scan):
    """Seconds of postw90.x for one component on the same mesh and Fermi levels; None without its files."""
    folder, name = seedname.parent, seedname.name
    sources = {}
    for suffix in (*_RAW_FILES, "win"):
        plain, packed = folder / f"{name}.{suffix}", folder / f"{name}.{suffix}.xz"
        if plain.exists():
            sources[suffix] = plain.read_bytes()
        elif packed.exists():
            sources[suffix] = lzma.decompress(packed.read_bytes())
        else:
            return None
    sources["win"] += f"""
berry = true
berry_task = shc
berry_kmesh = {mesh}
shc_freq_scan = false
shc_alpha = 1
shc_beta = 2
shc_gamma = 3
fermi_energy_min = {scan[0]}
fermi_energy_max = {scan[-1]}
fermi_energy_step = {(scan[-1] - scan[0]) / max(1, len(scan) - 1):.9f}
kubo_adpt_smr = false
kubo_smr_fixed_en_width = 0
""".encode()
    with tempfile.TemporaryDirectory() as work:
        for suffix, content in sources.items():
            (Path(work) / f"{name}.{suffix}").write_bytes(content)
        before = os.times()
        subprocess.run(["postw90.x", name], cwd=work, check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system
