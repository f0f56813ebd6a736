"""Error bars of the interpolation between the k points of the ab initio mesh, against the truth."""

import copy

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import NumberOfElectrons
from wb_conserved.calculators.static import ConventionalSpinConductivity
from wb_conserved.diagnostics import check_symmetry, interpolation_error
from wb_conserved.driver.doubts import doubts
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.interpolation.mesh_uncertainty import alternative, decay_of
from wb_conserved.io import InputError, load_system
from wb_conserved.io.ab_initio_mesh import (
    ab_initio_mesh,
    at_copies,
    class_vectors,
    set_ab_initio_mesh,
    sums_over_copies,
)
from wb_conserved.io.private import matrices
from wb_conserved.models import random_model

LEVELS = {"pt": 18.0874, "te": 6.079, "fe": 17.3896, "pt_mlwf": 18.0874}
GENERATORS = ["C4z", "C4x", "Inversion", "TimeReversal"]
COARSE = [("pt", 3), ("pt", 2), ("pt_mlwf", 3), ("pt_mlwf", 2), ("te", (3, 3, 2)), ("te", (2, 2, 3)), ("fe", 3), ("fe", 2)]
RANDOM = np.random.default_rng(7).random((24, 3))


@pytest.fixture(scope="module")
def systems(platinum, tellurium, iron):
    localised = load_system(DATA / "pt_mlwf" / "Pt", spin_current="qiao")
    return {"pt": platinum, "te": tellurium, "fe": iron, "pt_mlwf": localised}


def folded(system, mesh):
    """The system that a calculation on a coarser mesh, with the same functions, would have given."""
    result, mesh = copy.copy(system), tuple(np.broadcast_to(mesh, 3).tolist())
    set_ab_initio_mesh(result, mesh)
    return at_copies(result, mesh, 1e-5)


def energies(system, kpoints=RANDOM):
    return WannierInterpolator(system).band_energies(kpoints)


def ab_initio(name):
    """Wave vectors and energies of the calculation itself."""
    rows = [line.split() for line in (DATA.parent / "tests" / "ab_initio_bands.txt").read_text().splitlines()]
    table = np.array([row[1:] for row in rows if row[0] == name], dtype=float)
    return table[:, :3], table[:, 3:]


def size(errors):
    return np.sqrt((errors**2).mean())


@pytest.mark.parametrize("name", LEVELS)
def test_bands_against_the_ab_initio_calculation(systems, name):
    """At k points that the interpolation has not seen: error bar within a factor of 3, below the level and near it."""
    kpoints, truth = ab_initio(name[:2])
    error, level = energies(systems[name], kpoints) - truth, LEVELS[name]
    report = interpolation_error(systems[name], level)
    assert report.mesh == ab_initio_mesh(systems[name])
    for bar, true in (
        (report.below[0], size(error[truth < level])),
        (report.near[0], size(error[np.abs(truth - level) < 1])),
    ):
        assert 1 / 3 < bar / true < 3
    assert report.below[1] > report.below[0]
    low, high = {"pt": (0, 1e-6), "te": (0.001, 0.02), "fe": (0.1, 0.4), "pt_mlwf": (0.03, 0.2)}[name]
    assert low <= report.copies < high  # of symmetric platinum none


@pytest.mark.parametrize(("name", "mesh"), COARSE)
def test_bands_of_a_coarse_mesh_against_the_dense_one(systems, name, mesh):
    coarse, level = folded(systems[name], mesh), LEVELS[name]
    truth = energies(systems[name])
    error, report = energies(coarse) - truth, interpolation_error(coarse, level)
    assert 1 / 3 < report.below[0] / size(error[truth < level]) < 3
    assert 1 / 3 < report.near[0] / size(error[np.abs(truth - level) < 1]) < 4


@pytest.mark.parametrize(("name", "mesh"), [("pt", 3), ("pt", 2), ("te", (3, 3, 2)), ("fe", 3), ("pt_mlwf", 3)])
def test_conductivity_of_a_coarse_mesh(systems, name, mesh):
    """All components at nine levels together, within a factor of 4."""
    kinds = ("projected", "qiao") if name == "pt_mlwf" else ("projected",)
    calculators = {
        (kind, shift): ConventionalSpinConductivity([LEVELS[name] + shift], spin_current=kind, kBT=0.05, degen_thresh=0.05)
        for kind in kinds
        for shift in np.linspace(-3, 1, 9)
    }
    coarse = folded(systems[name], mesh)
    components = [a + b + c for a in "xyz" for b in "xyz" for c in "xyz"]
    report = interpolation_error(coarse, LEVELS[name], calculators, components, mesh=7)
    assert report.quick_mesh == (7, 7, 7)
    truth = wb_conserved.run(systems[name], 7, calculators).results
    for kind in kinds:
        estimates = [estimate for estimate in report.estimates if estimate.name[0] == kind]
        values, bars = (np.array([getattr(e, field) for e in estimates]) for field in ("value", "error"))
        true = np.concatenate([truth[key].data.ravel() for key in calculators if key[0] == kind])
        assert 1 / 4 < size(bars) / size(values - true) < 4


@pytest.mark.parametrize("name", ["pt", "te"])
def test_alternatives_agree_on_the_mesh(systems, name):
    system = systems[name]
    mesh = ab_initio_mesh(system)
    other = alternative(system, decay_of(system).rate, 3)
    before, after = (sums_over_copies(one, mesh) for one in (system, other))
    assert set(before) == set(matrices(system))
    for key, sums in before.items():
        assert np.abs(after[key] - sums).max() < 1e-12
    points = class_vectors(mesh) / mesh
    assert np.abs(energies(other, points) - energies(system, points)).max() < 1e-9
    assert np.abs(energies(other) - energies(system)).max() > 0.01
    minus = [other.rvec.iR(-vector) for vector in other.rvec.iRvec]
    hamiltonian = other.get_R_mat("Ham")
    assert np.abs(hamiltonian - hamiltonian[minus].conj().swapaxes(1, 2)).max() < 1e-12


def test_alternatives_have_the_symmetry(systems):
    system = copy.copy(systems["pt"])
    system.set_pointgroup(GENERATORS)
    other = alternative(system, decay_of(system).rate, 0)
    check_symmetry(other, [LEVELS["pt"]], tolerance=0.03)
    bands = energies(other)
    assert np.abs(bands[:, 1::2] - bands[:, ::2]).max() < 1e-6
    assert np.abs(energies(alternative(system, decay_of(system).rate, 1)) - bands).max() > 0.01


def test_from_tb_too(systems):
    system = load_system(DATA / "te" / "Te_tb.dat.xz", spin_order="interlaced")
    by_tb, by_chk = (interpolation_error(one, LEVELS["te"]) for one in (system, systems["te"]))
    np.testing.assert_allclose([*by_tb.below, *by_tb.near], [*by_chk.below, *by_chk.near], rtol=2e-3)
    assert set(by_tb.farthest) == {"Ham", "AA"} and set(by_chk.farthest) == {"Ham", "AA", "SS"}


def test_an_unknown_mesh():
    system = random_model()
    assert decay_of(system) is None
    with pytest.raises(InputError, match="expected one whose ab initio mesh is known"):
        interpolation_error(system, 0.0)


def test_report(systems):
    calculators = {
        "σ": ConventionalSpinConductivity([LEVELS["te"]], kBT=[0.05, 0.1], degen_thresh=0.05),
        "N": NumberOfElectrons([LEVELS["te"]]),
    }
    text = str(interpolation_error(systems["te"], LEVELS["te"], calculators, ["xyz", "xy"], mesh=4))
    lines = text.splitlines()
    assert [line.split()[0] for line in lines] == ["bands", "hoppings", "copies", "errors"]
    assert "meV (rms; up to 1" in lines[0] and "what the 4 × 4 × 3 ab initio mesh leaves open" in lines[0]
    assert "fall to 1/e in 2 Å; farthest |H| 0.015 eV (1.1 % of the largest), |r| " in lines[1]
    assert lines[3].count("±") == 2 and "σ xyz " in lines[3] and "(of 4 × 4 × 4 points: the ± counts)" in lines[3]


@pytest.mark.parametrize(
    ("name", "mesh", "said"),
    [
        ("pt", 4, False), ("te", (4, 4, 3), False), ("pt_mlwf", 4, False), ("fe", 4, True), ("pt", 3, True), ("pt", 2, True),
        ("fe", 2, True), ("pt_mlwf", 2, True),
    ],
)  # fmt: skip
def test_run_warns_of_a_coarse_mesh(systems, name, mesh, said):
    calculators = {"σ": ConventionalSpinConductivity([LEVELS[name]], kBT=0.05, degen_thresh=0.05)}
    system = folded(systems[name], mesh)
    lines = [line for line in doubts(system, calculators) if "ab initio mesh leaves" in line]
    assert len(lines) == said
    assert all("ab initio mesh leaves about" in line for line in lines)
