"""Impurities in real crystals: the data of copper and of platinum in it, and the tutorials, on small meshes."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from data_folder import DATA

import wb_conserved
from wb_conserved.calculators import NumberOfElectrons
from wb_conserved.disorder import ADDED, ImpurityPotential, impurity_response
from wb_conserved.io.checks import to_k

TUTORIALS = Path(__file__).parents[1] / "tutorials"
LEVEL = 12.87
X, Y, Z = range(3)


@pytest.fixture(scope="module")
def copper():
    return wb_conserved.load_system(DATA / "cu")


@pytest.fixture(scope="module")
def platinum_in_copper():
    return ImpurityPotential.load(DATA / "cu" / "impurities" / "Pt.npz")


def test_bands_of_copper(copper):
    """Against the ab initio ones off the mesh; Kramers pairs; 11 electrons."""
    table = np.loadtxt(DATA / "cu" / "bands.txt")
    kpoints, expected = table[:, :3], table[:, 3:]
    bands = np.linalg.eigvalsh(to_k(copper, "Ham", kpoints))
    for window, error in (((9.0, 11.8), 0.002), ((11.8, 13.8), 0.02)):  # d bands; around the level
        inside = (expected > window[0]) & (expected < window[1])
        assert inside.sum() > 50
        assert np.sqrt(np.mean((bands - expected)[inside] ** 2)) < error
    np.testing.assert_allclose(bands[:, ::2], bands[:, 1::2], atol=1e-9)
    number = wb_conserved.run(copper, 32, {"N": NumberOfElectrons([LEVEL], kBT=0.05)}).results["N"].data
    assert float(number.squeeze()) == pytest.approx(11, abs=0.01)


@pytest.mark.parametrize("name", ["Pt", "Pt_levels"])
def test_platinum_in_copper_has_the_symmetry_of_its_site(copper, name):
    """Time reversal: W = σ_y W* σ_y; O_h with spin: levels of s, p and d of 2, 2 + 4 and 4 + 2 + 4."""
    potential = ImpurityPotential.load(DATA / "cu" / "impurities" / f"{name}.npz")
    assert potential.functions == tuple(range(18))
    assert [copper.function_labels[i].spin for i in potential.functions] == [1, -1] * 9
    W = potential.potential
    sigma_y = np.kron(np.eye(9), [[0, -1j], [1j, 0]])
    np.testing.assert_allclose(sigma_y @ W.conj() @ sigma_y, W, atol=1e-9)
    for rows, multiplicities in ((slice(0, 2), [2]), (slice(2, 8), [2, 4]), (slice(8, 18), [2, 4, 4])):
        levels = np.linalg.eigvalsh(W[rows, rows])
        breaks = np.flatnonzero(np.diff(levels) > 1e-6) + 1
        assert sorted(len(group) for group in np.split(levels, breaks)) == multiplicities
    p = np.linalg.eigvalsh(W[2:8, 2:8])
    assert 1.5 < p[-1] - p[0] < 3.0  # spin-orbit splitting of 6p, eV
    assert [shell.atoms for shell in potential.shells] == [1, 6, 1]
    assert potential.shells[2].block < potential.shells[1].block < 0.1 * potential.shells[0].block


def test_platinum_binds_one_electron_less(copper, platinum_in_copper):
    """Friedel's sum; W of the levels alone is far from it."""
    assert platinum_in_copper.friedel_sum(copper, LEVEL, mesh=12) == pytest.approx(-1, abs=0.35)
    levels = ImpurityPotential.load(DATA / "cu" / "impurities" / "Pt_levels.npz")
    assert levels.friedel_sum(copper, LEVEL, mesh=12) > -0.5


def test_copper_platinum_tutorial(copper, platinum_in_copper, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    tutorial = runpy.run_path(str(TUTORIALS / "copper_platinum" / "copper_platinum.py"))
    results = tutorial["main"](4, tmp_path)
    text = capsys.readouterr().out
    assert text.count("electrons that it binds") == 2
    assert (tmp_path / "copper_platinum.png").stat().st_size > 10000
    result = results["levels and hops"]
    data = {name: value.data[0] for name, value in result.results.items()}
    sign = np.zeros((3, 3, 3))
    sign[X, Y, Z] = sign[Y, Z, X] = sign[Z, X, Y] = 1
    sign -= sign.swapaxes(0, 1)
    for name in ("impurity_drift", "impurity_skew", "impurity_side_jump", "impurity_total"):  # a cubic crystal: σ ε_ils
        scale = np.abs(data[name]).max()
        np.testing.assert_allclose(data[name], data[name][X, Y, Z] * sign, atol=1e-4 * scale, err_msg=name)
    np.testing.assert_allclose(
        data["impurity_drift"], data["impurity_skew"], atol=1e-6 * np.abs(data["impurity_skew"]).max()
    )
    assert max(result.residuals.values()) < 1e-10
    other = 0.03
    drift, rest, angle = tutorial["of_concentration"](result, other)
    direct = impurity_response(
        copper, 4, platinum_in_copper.impurity(other), LEVEL, kBT=tutorial["KBT"], degen_thresh=0.05
    )
    assert drift == pytest.approx(direct.results["impurity_drift"].data[0, X, Y, Z], rel=1e-6)
    assert drift + rest == pytest.approx(direct.results["impurity_total"].data[0, X, Y, Z], rel=1e-6)
    assert angle == pytest.approx(direct.hall_angle()[0, X, Y, Z], rel=1e-6)
    assert f"{data['impurity_total'][X, Y, Z]:10.1f}" in text


def test_platinum_tutorial(capsys):
    tutorial = runpy.run_path(str(TUTORIALS / "platinum_impurities" / "platinum_impurities.py"))
    result = tutorial["main"](4)
    text = capsys.readouterr().out
    data = {name: value.data[0] for name, value in result.results.items()}
    parts = ["conserved", "dipole", *(f"impurity_{part}" for part in ADDED)]
    assert data["impurity_total"][X, Y, Z] == pytest.approx(sum(data[name][X, Y, Z] for name in parts))
    for name in (*parts, "impurity_total"):
        assert f"{data[name][X, Y, Z]:12.1f}".replace("-0.0", "0.0").strip() in text
    # d functions of one atom, inversion: no skew scattering, and a jump that is as large before as after the collision
    scale = abs(data["impurity_side_jump"][X, Y, Z])
    assert scale > 1
    assert abs(data["impurity_skew"][X, Y, Z]) < 1e-6 * scale
    assert abs(data["impurity_gaussian_skew"][X, Y, Z]) < 1e-6 * scale
    assert data["impurity_anomalous_distribution"][X, Y, Z] == pytest.approx(
        data["impurity_side_jump"][X, Y, Z], rel=1e-4
    )
    assert f"spin Hall angle {2 * data['impurity_total'][X, Y, Z] / data['impurity_charge'][Y, Y]:.5f}" in text
    assert max(result.residuals.values()) < 1e-10
    assert "μΩ cm per percent" in text


def test_iron_tutorial(capsys):
    """Side jump from d functions alone, skew scattering from s, p and d together."""
    tutorial = runpy.run_path(str(TUTORIALS / "iron" / "side_jump.py"))
    results = tutorial["main"](4)
    text = capsys.readouterr().out
    hall = tutorial["hall"]
    d, spd = (results[name] for name in ("d", "s, p and d"))
    for result in (d, spd):
        assert hall(result, "conserved") == pytest.approx(hall(result, "berry"))
        assert abs(hall(result, "dipole")) < 1e-9 * abs(hall(result, "berry"))
        assert f"{hall(result, 'impurity_total'):14.1f}" in text
    assert abs(hall(d, "impurity_side_jump")) > 1
    assert abs(hall(d, "impurity_drift")) < 1e-6 * abs(hall(d, "impurity_side_jump"))
    assert abs(hall(spd, "impurity_drift")) > abs(hall(spd, "impurity_side_jump"))


@pytest.mark.long
def test_platinum_in_copper_as_measured_and_published(copper, platinum_in_copper):
    """16³, and 0.1 eV: 2 μΩ cm per percent are measured; spin Hall angles of 5d metals in copper are of the order 0.01."""
    result = impurity_response(copper, 16, platinum_in_copper.impurity(0.01), LEVEL, kBT=0.1, degen_thresh=0.05)
    assert float(result.results["impurity_resistivity"].data[0]) == pytest.approx(1.7, abs=0.3)
    charge = result.results["impurity_charge"].data[0, X, X]
    assert 2 * result.results["impurity_drift"].data[0, X, Y, Z] / charge == pytest.approx(0.022, abs=0.005)
