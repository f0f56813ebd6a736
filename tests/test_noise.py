"""Numbers that a few k points carry: the scatter of the contributions of k points, and the line that says so."""

import logging
import re

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import static, thermal
from wb_conserved.calculators.equilibrium import SpinOrbitalMagnetization
from wb_conserved.diagnostics import near_crossings
from wb_conserved.geometry import find_multiplets
from wb_conserved.models import random_model
from wb_conserved.occupations import FermiDirac, Scan, Steps, Tetrahedra
from wb_conserved.results.noise import NOISY, format_noise

SETTINGS = {"kBT": 0.025, "degen_thresh": 0.01}
ALL = {"use_irred_kpt": False, "symmetrize": False}


@pytest.fixture(scope="module")
def symmetric_tellurium():
    return wb_conserved.load_system(DATA / "te" / "Te", symmetrize=True)


class States:
    """What a statistics sees."""

    def __init__(self, energies):
        self.energies, self.multiplets = energies, find_multiplets(energies, 0.1)

    def remember(self, key, compute):
        return compute()


@pytest.mark.parametrize(
    "statistics",
    [
        Steps(Scan([0.3, -0.2, 0.9])),
        FermiDirac(Scan([0.3, -0.2, 0.9], 0.1)),
        FermiDirac(Scan([0.3, -0.2], [0.2, 0.1])),
        FermiDirac(Scan([0.3, -0.2], [0.2, 0.1], paired=True)),
    ],
)
@pytest.mark.parametrize("weight", ["sea", "grand_potential"])
def test_weights_of_single_bands_are_those_of_the_sums(statistics, weight):
    states = States(np.sort(np.random.default_rng(0).normal(size=(5, 4)), axis=1))
    energies = states.multiplets.energies
    values = np.random.default_rng(1).normal(size=energies.shape)
    assert weight in statistics.of_bands
    placement, spectra = statistics.place(states), []
    for moment in statistics.moments(weight):
        spectra.append(np.zeros(statistics.n_nodes))
        placement.add(moment, values, spectra[-1])
    sums = statistics.weigh(weight, spectra)
    for place in np.ndindex(sums.shape):
        weights = statistics.band_weights(weight, energies, place)
        assert (weights * values).sum() == pytest.approx(sums[place], rel=1e-7, abs=1e-7)
    assert statistics.place_of(None) in np.ndindex(sums.shape)


def test_the_place_is_the_level_asked_for_at_the_lowest_temperature():
    assert FermiDirac(Scan([0.1, 0.2, 0.3], [0.2, 0.1, 0.3])).place_of(None) == (1, 1)
    assert FermiDirac(Scan([0.1, 0.2, 0.3], [0.2, 0.1, 0.3])).place_of(0.32) == (2, 1)
    assert Tetrahedra(Scan([0.1, 0.2, 0.3])).place_of(0.1) == (0,)
    assert FermiDirac(Scan([0.1, 0.2], [0.2, 0.1], paired=True)).place_of(0.1) == (1,)


@pytest.mark.parametrize(
    "calculator",
    [
        static.BerrySpinConductivity([0.1], operator="identity", **SETTINGS),
        static.BerrySpinConductivity([0.1], operator="identity", degen_thresh=0.01),
        SpinOrbitalMagnetization([0.1], operator="identity", **SETTINGS),
    ],
)
def test_scatter_is_that_of_the_contributions(calculator):
    """Against the contributions of all k points, which another calculator lists."""
    system, mesh = random_model(), 4
    found = wb_conserved.run(system, mesh, {"σ": calculator}, **ALL).scatters["σ"]
    norms = np.zeros(mesh**3)
    for component in np.ndindex(found.scatter.shape):
        report = near_crossings(system, mesh, calculator, component, number=mesh**3)
        at = {tuple(np.round(mesh * crossing.kpoint).astype(int)): crossing.contribution for crossing in report.crossings}
        assert len(at) == mesh**3
        contributions = np.array([at[k] for k in sorted(at)])
        assert found.scatter[component] == pytest.approx(np.sqrt((contributions**2).sum()), rel=1e-9)
        norms += contributions**2
    assert found.number == mesh**3
    assert found.effective == pytest.approx(np.sqrt(norms).sum() ** 2 / norms.sum(), rel=1e-9)
    assert 1 < found.effective < mesh**3


@pytest.mark.parametrize("quantity", [static.BerrySpinConductivity, static.ConventionalSpinConductivity])
def test_a_reduced_mesh_tells_the_scatter_of_all_k_points(symmetric_tellurium, quantity):
    calculators = {"σ": quantity([6.0], **SETTINGS)}
    system = symmetric_tellurium
    reduced = wb_conserved.run(system, (6, 6, 4), calculators)
    full = wb_conserved.run(system, (6, 6, 4), calculators, **ALL)
    assert reduced.number_of_k_points < 0.6 * full.number_of_k_points
    here, there = reduced.scatters["σ"], full.scatters["σ"]
    np.testing.assert_allclose(here.scatter, there.scatter, rtol=1e-3, atol=1e-3 * there.scatter.max())
    assert here.effective == pytest.approx(there.effective, rel=1e-3)
    assert here.number == there.number == 144


def lines(system, mesh, names, level, **arguments):
    kinds = {"σ_K": static.KuboConservedSpinConductivity, "σ_in": static.ConservedSpinConductivity,
             "σ_conv": static.ConventionalSpinConductivity}  # fmt: skip
    calculators = {name: kinds[name]([level], **SETTINGS | arguments) for name in names}
    return format_noise(wb_conserved.run(system, mesh, calculators).to_dataset())


class TestTheLine:
    """Values as in the module: what is noise is said to be, and what is none is not."""

    def test_names_what_few_k_points_carry(self, tellurium, iron):
        line = lines(tellurium, (16, 16, 12), ["σ_K", "σ_in"], 6.079)
        pattern = r"few k points carry: σ_in xyz = \S+ \(scatter (\d+) %, \d+ of 3072 k points count\); σ_K xyz = 20\.\d"
        assert int(re.match(pattern, line)[1]) > 80
        assert "\n" not in line
        assert "take σ_K" not in line
        line = lines(iron, 12, ["σ_in"], 17.3896)
        assert "σ_in xyz = -66" in line
        assert line.endswith("or take σ_K, in which occupied pairs cancel")

    def test_is_silent_where_none_do(self, platinum):
        system = wb_conserved.load_system(DATA / "pt" / "Pt", symmetrize=True)
        assert lines(system, 24, ["σ_K", "σ_in", "σ_conv"], 18.0874) == ""
        assert lines(system, 16, ["σ_K", "σ_conv"], 18.0874) == ""
        assert lines(system, 16, ["σ_in"], 18.0874)  # wrong by half there

    def test_is_silent_of_what_vanishes(self, platinum):
        """Of filled bands the sum is rounding, and symmetry forbids spin of a conserved charge current."""
        assert lines(platinum, 4, ["σ_conv"], 60.0) == ""

    def test_knows_the_level_and_component(self, tellurium):
        calculator = static.BerrySpinConductivity([5.5, 6.079, 9.0], **SETTINGS)
        calculator.noted_level = 6.079
        dataset = wb_conserved.run(tellurium, (8, 8, 6), {"B": calculator}).to_dataset()
        line = format_noise(dataset, ["yzx"])
        assert line.startswith("few k points carry (E_F = 6.079 eV): σ_B yzx = ")
        place = [list("xyz").index(axis) for axis in "yzx"]
        assert f"yzx = {dataset['B'].values[(1, *place)]:.4g} (scatter " in line
        ratio = dataset["B"].attrs["scatter_of_k_points"].reshape(3, 3, 3)[tuple(place)]
        assert ratio > NOISY * abs(dataset["B"].values[(1, *place)])

    def test_is_logged_by_run(self, tellurium, caplog):
        with caplog.at_level(logging.WARNING):
            wb_conserved.run(tellurium, (8, 8, 6), {"B": static.BerrySpinConductivity([6.079], **SETTINGS)})
        assert sum(message.startswith("few k points carry") for message in caplog.messages) == 1


def test_what_has_no_scatter(tellurium):
    """A Fermi-surface sum, entropies, and a refined mesh, which has an error bar."""
    calculators = {
        "drift": static.DriftSpinConductivity([6.0], **SETTINGS),
        "nernst": thermal.KuboConservedSpinNernst([6.0], **SETTINGS),
        "B": static.BerrySpinConductivity([6.0], **SETTINGS),
    }
    result = wb_conserved.run(tellurium, (2, 2, 2), calculators)
    assert list(result.scatters) == ["B"]
    assert not wb_conserved.run(tellurium, (2, 2, 2), calculators, adpt_num_iter=1).scatters
