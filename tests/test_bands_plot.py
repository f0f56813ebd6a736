"""Band plots, and the tutorials about bands and multiplets."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import wannierberri
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved.calculators import tabulate
from wb_conserved.models import random_model
from wb_conserved.results import plot_bands

TUTORIALS = Path(__file__).parents[1] / "tutorials"


@pytest.fixture(scope="module")
def table():
    system = random_model(num_orbitals=2, seed=1)
    path = wannierberri.Path.from_nodes(system, nodes=[[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]], dk=0.3)
    tabulators = {"dipole": tabulate.TorqueDipole(), "s": tabulate.Expectation(operator="identity")}
    run = {"bands": TabulatorAll(tabulators, mode="path")}
    return wb_conserved.run(system, path, run).results["bands"], path


def test_every_segment_has_the_mean_of_its_ends(table, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.collections import LineCollection

    bands, path = table
    figure = plot_bands(bands, path, "dipole", "xz", file=tmp_path / "bands.png", fermi_level=0.5)
    lines = next(item for item in figure.axes[0].collections if isinstance(item, LineCollection))
    values = bands.results["dipole"].data[:, :, 0, 2]
    np.testing.assert_allclose(lines.get_array(), (0.5 * (values[1:] + values[:-1])).ravel())
    start = lines.get_segments()[0][0]
    np.testing.assert_allclose(start, [path.getKline()[0], bands.results["Energy"].data[0, 0] - 0.5])
    assert (tmp_path / "bands.png").stat().st_size > 10_000


def test_errors_name_the_argument(table):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r"quantity: expected one of \['Energy', 'dipole', 's'\], found 'd'"):
        plot_bands(*table, "d")
    with pytest.raises(ValueError, match="component: expected 2 of x, y and z for dipole, found 'x'"):
        plot_bands(*table, "dipole", "x")
    assert plot_bands(*table, "s").axes


def test_tutorial_on_bands(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    runpy.run_path(str(TUTORIALS / "bands" / "bands.py"))["main"](tmp_path, mesh=3)
    assert "torque_dipole_xy.frmsf" in capsys.readouterr().out
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".frmsf", ".png", ".png"]


def test_tutorial_on_multiplets(capsys):
    """σ_K of projected platinum does not depend on the threshold; with localised functions it does."""
    reports = runpy.run_path(str(TUTORIALS / "multiplets" / "multiplets.py"))["main"](8)
    spread = {name: report.spread("σ_K")[0, 0, 1, 2] for name, report in reports.items()}
    value = reports["projected"].values["σ_K"][0, 0, 0, 1, 2]
    assert spread["projected"] < 0.05 * abs(value)
    assert spread["maximally localised"] > 5 * spread["projected"]
    assert "k points that contribute most" in capsys.readouterr().out
