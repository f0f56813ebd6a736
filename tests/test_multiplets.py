"""Several thresholds in one run, Kramers pairs, near crossings."""

import numpy as np
import pytest

import wb_conserved
from wb_conserved import kramers_pairs, near_crossings, scan_thresholds
from wb_conserved.calculators import Electrons, equilibrium, static
from wb_conserved.models import lattice_system, random_model, rashba_lattice
from wb_conserved.models.kp import PAULI

KINDS = {
    "conventional": static.ConventionalSpinConductivity,
    "conserved": static.ConservedSpinConductivity,
    "kubo": static.KuboConservedSpinConductivity,
    "drift": static.DriftSpinConductivity,
    "Q": equilibrium.TorqueQuadrupole,
    "M": equilibrium.SpinOrbitalMagnetization,
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("mesh", [6, (5, 3, 7)])
def test_thresholds_in_one_run_equal_separate_runs(mesh):
    """Whatever the order, and whatever share of k points they change."""
    system, thresholds = random_model(num_orbitals=4, seed=21), (1e-4, 2.0, 0.05, 0.7, 5.0)
    calculators = {
        (name, threshold): kind([0.2], kBT=1.0, degen_thresh=threshold)
        for threshold in thresholds
        for name, kind in KINDS.items()
    }
    together = wb_conserved.run(system, mesh, calculators).results
    for key, calculator in calculators.items():
        alone = wb_conserved.run(system, mesh, {"x": calculator}).results["x"].data
        np.testing.assert_allclose(together[key].data, alone, atol=1e-12 * np.abs(alone).max(), err_msg=str(key))
    for name in KINDS:  # the thresholds do matter here
        values = [together[name, threshold].data for threshold in thresholds]
        scale = np.abs(values[0]).max()
        assert np.abs(values[1] - values[0]).max() > 1e-3 * scale, name
        assert np.abs(values[3] - values[0]).max() > 1e-6 * scale, name


def test_scan_of_thresholds_is_one_run():
    system = random_model(num_orbitals=4, seed=21)
    kinds = {"σ_K": static.KuboConservedSpinConductivity, "σ_in": static.ConservedSpinConductivity}
    report = scan_thresholds(system, 6, kinds, [1e-4, 2.0], [0.0, 0.2], kBT=1.0)
    alone = static.KuboConservedSpinConductivity([0.0, 0.2], kBT=1.0, degen_thresh=2.0)
    expected = wb_conserved.run(system, 6, {"x": alone}).results["x"].data
    np.testing.assert_allclose(report.values["σ_K"][1], expected, atol=1e-12 * np.abs(expected).max())
    assert report.spread("σ_K").shape == (2, 3, 3, 3)
    text = report.table((0, 1, 2), level=1)
    assert f"{expected[1, 0, 1, 2]:.6g}" in text and "spread" in text and "(ħ/|e|) S/cm" in text
    with pytest.raises(ValueError, match="thresholds: expected at least one"):
        scan_thresholds(system, 2, kinds, [], [0.0], kBT=1.0)


def test_kramers_pairs_by_residual(platinum, iron):
    """Projected platinum: pairs split by 1e-8 eV.  Iron has none.  Maximal localisation splits them."""
    found = kramers_pairs(platinum)
    assert found.found and found.largest_splitting < 1e-6
    assert "Kramers pairs: bands 2j and 2j+1 are split by up to" in str(found)
    assert not kramers_pairs(iron).found
    assert not kramers_pairs(rashba_lattice()).found
    with pytest.raises(ValueError, match="expected pairs of bands between 500"):
        kramers_pairs(platinum, window=(500, 600))


def test_kramers_pairs_of_maximally_localised_platinum():
    """Near E_F the pairs are split by more than 10 meV, and grouped again by a threshold, or on request."""
    from data_folder import DATA

    system = wb_conserved.load_system(DATA / "pt_mlwf" / "Pt")
    report = kramers_pairs(system, window=(17.0, 19.0))
    assert not report.found
    assert 0.01 < report.largest_splitting < 0.5
    calculators = {
        "by threshold": static.KuboConservedSpinConductivity(18.1, kBT=0.05, degen_thresh=1e-4),
        "pairs": static.KuboConservedSpinConductivity(18.1, kBT=0.05, degen_thresh=1e-4, degen_Kramers=True),
    }
    results = wb_conserved.run(system, 8, calculators).results
    split, paired = (results[name].data[0, 0, 1, 2] for name in calculators)
    assert abs(split - paired) > 50  # (ħ/|e|) S/cm


def crossing_model():
    """Two spin-split bands that nearly cross at k = (0.3, 0.1) 2π, and a far one: one k point dominates σ_B."""
    mass = 0.02
    hoppings = {
        (0, 0, 0): np.array(mass * PAULI[2] - np.cos(0.6 * np.pi) * PAULI[0] - np.cos(0.2 * np.pi) * PAULI[1]),
        (1, 0, 0): 0.5 * PAULI[0],
        (0, 1, 0): 0.5 * PAULI[1],
    }
    spin = np.moveaxis(PAULI, 0, -1)
    return lattice_system(np.eye(3), hoppings, spin, periodic=(True, True, False))


def test_near_crossings_are_found():
    system = crossing_model()
    calculator = static.BerrySpinConductivity([0.0], kBT=0.001, degen_thresh=1e-5)
    report = near_crossings(system, [20, 20, 1], calculator, (0, 1, 2), number=4)
    total = wb_conserved.run(system, [20, 20, 1], {"x": calculator}).results["x"].data[0, 0, 1, 2]
    assert report.total == pytest.approx(total, rel=1e-9)
    places = {tuple(np.round(np.minimum(c.kpoint[:2], 1 - c.kpoint[:2]), 6)) for c in report.crossings}
    assert places == {(0.3, 0.1)}  # and its three mirror images
    assert report.share > 0.5
    first = report.crossings[0]
    assert first.bands == (0, 1) and first.gap == pytest.approx(0.04, rel=1e-6)
    assert "4 of 400 k points carry" in str(report)
    with pytest.raises(ValueError, match="expected one Fermi level and one temperature"):
        near_crossings(system, 4, static.BerrySpinConductivity([0.0, 1.0]), (0, 1, 2))
    with pytest.raises(ValueError, match="component: expected 3 indices"):
        near_crossings(system, 4, calculator, (0, 1))


def test_near_crossings_with_surface_terms():
    system = random_model(num_orbitals=2, seed=2)
    calculator = static.KuboConservedSpinConductivity([0.3], kBT=0.4)
    report = near_crossings(system, 5, calculator, (1, 0, 2))
    total = wb_conserved.run(system, 5, {"x": calculator}).results["x"].data[0, 1, 0, 2]
    assert report.total == pytest.approx(total, rel=1e-6)


def test_thresholds_at_several_temperatures():
    system, kinds = random_model(num_orbitals=2, seed=1), {"σ_K": static.KuboConservedSpinConductivity}
    report = scan_thresholds(system, 4, kinds, [1e-4, 2.0], [0.0, 0.2], kBT=[0.5, 1.0])
    single = scan_thresholds(system, 4, kinds, [1e-4, 2.0], [0.0, 0.2], kBT=1.0)
    assert report.values["σ_K"].shape == (2, 2, 2, 3, 3, 3)
    assert report.table((0, 1, 2), (1, 1)) == single.table((0, 1, 2), 1)
    counted = scan_thresholds(system, 4, kinds, [1e-4, 2.0], Electrons(1.5), kBT=[0.5, 1.0])
    assert f"{counted.values['σ_K'][1, 1, 0, 1, 2]:.6g}" in counted.table((0, 1, 2), 1)
