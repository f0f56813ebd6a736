"""Several passes over k, and merges other than a sum: on any number of ranks, after interruptions, in a plan."""

import re
import sys

import numpy as np
import pytest
from processes import MPIRUN, needs_mpirun, start

from wb_conserved import models, near_crossings, run
from wb_conserved.calculators import DensityOfStates, NumberOfElectrons, static, thermal
from wb_conserved.diagnostics import LargestContributions
from wb_conserved.driver.evaluation import Evaluation
from wb_conserved.driver.passes import passes_of
from wb_conserved.driver.run import estimate
from wb_conserved.occupations import Electrons

MESH = (4, 4, 6)


@pytest.fixture(scope="module")
def system():
    return models.random_model(4, seed=1)


class CountedError(Exception):
    """Raised in the middle of a run."""


class Filled(NumberOfElectrons):
    """Number of electrons, evaluated in pieces that are counted; raises after some."""

    calls, allowed = 0, 10**6

    def accumulate(self, states, weight=1.0, out=None):
        if len(states.kpoints) > 1:
            type(self).calls += 1
            if type(self).calls > type(self).allowed:
                raise CountedError
        return super().accumulate(states, weight, out)


class Half(DensityOfStates):
    """Density of states at the number of electrons of a level divided by the number of bands: one pass more."""

    def __init__(self, level):
        self._level = level
        super().__init__([0.0], kBT=0.2)
        self.scale = None

    def requirements(self, system):
        return {"filled": Filled([self._level], kBT=0.2)}

    def with_results(self, results, provisional=False):
        known = Half(self._level)
        known.scale = float(results["filled"].data[0])
        return known

    def factor(self, system):
        return self.scale


class Third(Half):
    """Needs the result of one that needs another: three passes."""

    def requirements(self, system):
        return {"half": Half(self._level)}

    def with_results(self, results, provisional=False):
        known = Third(self._level)
        known.scale = float(results["half"].data[0])
        return known


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Many chunks on a small mesh."""
    monkeypatch.setattr("wb_conserved.interpolation.bloch._ELEMENTS_PER_MATRIX", 8 * 8 * 8)
    monkeypatch.setattr(Filled, "calls", 0)
    monkeypatch.setattr(Filled, "allowed", 10**6)


def test_results_of_earlier_passes_arrive(system):
    plain = run(system, MESH, {"N": NumberOfElectrons([0.3], kBT=0.2), "D": DensityOfStates([0.0], kBT=0.2)}).results
    number, density = (float(plain[name].data[0]) for name in ("N", "D"))
    found = run(system, MESH, {"half": Half(0.3), "third": Third(0.3), "D": DensityOfStates([0.0], kBT=0.2)})
    assert found.results["half"].data[0] == pytest.approx(number * density, rel=1e-12)
    assert found.results["third"].data[0] == pytest.approx(number * density**2, rel=1e-12)
    assert found.results["D"].data[0] == density
    assert found.number_of_k_points == np.prod(MESH)


def test_what_several_need_is_evaluated_once(system):
    run(system, MESH, {"one": Half(0.3)})
    once = Filled.calls
    Filled.calls = 0
    run(system, MESH, {"one": Half(0.3), "two": Half(0.3), "third": Third(0.3)})
    assert 0 < once == Filled.calls
    run(system, MESH, {"one": Half(0.3), "other": Half(0.4)})
    assert Filled.calls == 3 * once
    stages = passes_of(system, {"one": Half(0.3), "third": Third(0.3)})
    assert [len(stage) for stage in stages] == [1, 1, 2]
    assert list(stages[-1]) == ["one", "third"]


@pytest.mark.parametrize("allowed", [0, 5, 15])
def test_interrupted_passes_go_on(system, tmp_path, monkeypatch, allowed):
    """In the first pass, which has as many chunks as the second; finished chunks are not evaluated again."""
    reference = run(system, MESH, {"half": Half(0.3)}).results["half"].data
    needed = Filled.calls
    assert needed == 16
    Filled.calls = 0
    monkeypatch.setattr(Filled, "allowed", allowed)
    with pytest.raises(CountedError):
        run(system, MESH, {"half": Half(0.3)}, checkpoint=tmp_path)
    monkeypatch.setattr(Filled, "allowed", 10**6)
    Filled.calls = 0
    found = run(system, MESH, {"half": Half(0.3)}, checkpoint=tmp_path).results["half"].data
    assert found.tobytes() == reference.tobytes()
    assert Filled.calls <= needed - allowed + 1  # the one in work when it stopped
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"pass-0000", "iteration-0000"}
    Filled.calls = 0
    assert run(system, MESH, {"half": Half(0.3)}, checkpoint=tmp_path).results["half"].data.tobytes() == reference.tobytes()
    assert Filled.calls == 0


def test_plan_counts_all_passes(system, monkeypatch):
    """Chunks of each are timed: all of a mesh as small as this one, after k points that prepare and a batch that warms up; the
    second pass is prepared again with what the first found."""
    evaluated, chunk = [], Evaluation.chunk

    def counted(self, *arguments, **options):
        evaluated.append(list(self.calculators))
        return chunk(self, *arguments, **options)

    monkeypatch.setattr(Evaluation, "chunk", counted)
    plan = estimate(system, MESH, {"x": static.ConventionalSpinConductivity(Electrons(4.0), kBT=[0.02, 0.1])})
    number = plan.chunks
    assert [names == ["x"] for names in evaluated] == [False, True, *[False] * (1 + number), *[True] * (2 + number)]
    assert plan.kpoints == np.prod(MESH)
    assert plan.results > 0


def test_passes_on_a_refined_mesh(system):
    """Electrons are counted on the mesh that was asked for; the last pass is refined."""
    conventional = static.ConventionalSpinConductivity(Electrons(4.0), kBT=0.1)
    refined = run(system, MESH, {"x": conventional}, adpt_num_iter=2)
    plain = run(system, MESH, {"x": conventional})
    mu = [result.calculators["x"].statistics.coordinates["mu"][1] for result in (refined, plain)]
    np.testing.assert_allclose(*mu, rtol=1e-12)  # in other chunks
    assert refined.number_of_k_points > plain.number_of_k_points
    assert refined.refinement.error["x"].shape == plain.results["x"].data.shape


class TestCrossings:
    """The largest contributions, which are merged by their size."""

    @pytest.mark.parametrize(
        "calculator",
        [
            thermal.ConservedSpinNernst([0.3], kBT=0.4, method="mott"),
            thermal.ConservedSpinNernst([0.3], kBT=0.4),
            static.ConventionalSpinConductivity([0.3], tetra=True),
            static.ConservedSpinConductivity([0.3], tetra=True),
            static.KuboConservedSpinConductivity([0.3], kBT=[0.4]),
            static.ConservedSpinConductivity([0.3], fermi_surface_width=0.3),
        ],
        ids=lambda calculator: type(calculator).__name__,
    )
    def test_total_is_that_of_a_run(self, calculator):
        """Whatever the statistics."""
        system = models.random_model(num_orbitals=2, seed=2)
        report = near_crossings(system, 5, calculator, (1, 0, 2), number=125)
        data = run(system, 5, {"x": calculator}).results["x"].data.reshape(-1, 3, 3, 3)
        assert abs(data[0, 1, 0, 2]) > 1e-4 * np.abs(data).max()
        assert report.total == pytest.approx(data[0, 1, 0, 2], rel=1e-8)
        contributions = [crossing.contribution for crossing in report.crossings]
        assert sum(contributions) == pytest.approx(report.total, rel=1e-8)
        assert np.all(np.diff(np.abs(contributions)) <= 0)
        assert report.number_of_k_points == len(contributions) == 125
        assert report.share == pytest.approx(1)

    def test_kept_in_a_checkpoint(self, system, tmp_path):
        largest = {"x": LargestContributions(static.KuboConservedSpinConductivity([0.3], kBT=0.4), (0, 1, 2), 7)}
        options = {"use_irred_kpt": False, "symmetrize": False}
        reference = run(system, MESH, largest, **options).results["x"]
        assert len(reference.crossings) == 7
        first = run(system, MESH, largest, checkpoint=tmp_path, **options).results["x"]
        again = run(system, MESH, largest, checkpoint=tmp_path, **options).results["x"]
        assert str(first) == str(again) == str(reference)

    def test_refused_outside_our_run(self, system):
        largest = LargestContributions(static.KuboConservedSpinConductivity([0.3], kBT=0.4), (0, 1, 2), 7)
        with pytest.raises(TypeError, match=r"expected wb_conserved\.run"):
            largest(None)
        with pytest.raises(ValueError, match="calculator: expected one Fermi level and one temperature"):
            LargestContributions(static.KuboConservedSpinConductivity([0.3], kBT=[0.4, 0.1]), (0, 1, 2), 7)


SCRIPT = """
import sys

import numpy as np

import wb_conserved
from wb_conserved import models
from wb_conserved.calculators import static
from wb_conserved.diagnostics import LargestContributions
from wb_conserved.interpolation import bloch
from wb_conserved.occupations import Electrons
from wb_conserved.parallel import world

folder, output = sys.argv[1:]
bloch._ELEMENTS_PER_MATRIX = 8 * 8 * 8
calculators = {
    "σ": static.KuboConservedSpinConductivity(Electrons(3.7), kBT=[0.03, 0.2]),
    "largest": LargestContributions(static.BerrySpinConductivity([0.2], kBT=0.1), (0, 1, 2), 9),
}
comm = world()
result = wb_conserved.run(
    models.random_model(4, seed=1), (4, 4, 6), calculators, comm, checkpoint=None if folder == "none" else folder,
    use_irred_kpt=False, symmetrize=False,
)
if comm.rank == 0:
    mu = result.calculators["σ"].statistics.coordinates["mu"][1]
    rows = np.array([[c.contribution, *c.kpoint] for c in result.results["largest"].crossings])
    with open(output, "wb") as file:
        file.write(result.results["σ"].data.tobytes() + mu.tobytes() + rows.tobytes())
    sys.stdout.write(f"{mu.tolist()} {len(rows)}\\n")
"""


@needs_mpirun
def test_same_bytes_on_any_number_of_ranks(tmp_path):
    """Two passes, a sum and the largest rows; and from the checkpoint of another number of ranks."""
    path, found = tmp_path / "script.py", {}
    path.write_text(SCRIPT, encoding="utf-8")
    for ranks, folder in ((None, "none"), (2, "none"), (3, "none"), (4, tmp_path / "kept"), (2, tmp_path / "kept")):
        launcher = [] if ranks is None else [*MPIRUN, "-n", ranks]
        output = tmp_path / "result"
        done = start([*launcher, sys.executable, path, folder, output])
        assert done.returncode == 0, done.stderr
        assert re.search(r" 9\n$", done.stdout)
        found[ranks, str(folder)] = output.read_bytes()
    assert len(set(found.values())) == 1
    assert len(next(iter(found.values()))) == 8 * (2 * 27 + 2 + 9 * 4)
