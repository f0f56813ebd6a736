"""Band plots, and the tutorials about bands and multiplets."""

import copy
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import wannierberri
from test_identities import model
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved.calculators import tabulate
from wb_conserved.errors import how_to_install
from wb_conserved.models import random_model
from wb_conserved.results import plot_bands

TUTORIALS = Path(__file__).parents[1] / "tutorials"


NODES = [[0, 0, 0], [0.5, 0, 0], None, [0.5, 0.5, 0], [0, 0, 0]]  # None: the path jumps


def bands_on_a_path(system, **options):
    """Table and path with a jump: the torque dipole and, as a scalar, the identity."""
    path = wannierberri.Path.from_nodes(system, nodes=list(NODES), labels=["Γ", "X", "M", "Γ"], dk=0.3)
    tabulators = {"dipole": tabulate.TorqueDipole(**options), "s": tabulate.Expectation(operator="identity")}
    return wb_conserved.run(system, path, {"bands": TabulatorAll(tabulators, mode="path")}).results["bands"], path


@pytest.fixture(scope="module")
def table():
    pytest.importorskip("matplotlib")
    return bands_on_a_path(random_model(num_orbitals=2, seed=1))


def coloured(figure):
    """The coloured lines of a picture."""
    from matplotlib.collections import LineCollection

    (lines,) = (item for item in figure.axes[0].collections if isinstance(item, LineCollection))
    return lines


def test_every_segment_lies_on_its_band_and_has_the_mean_of_its_ends(table):
    """In the order of k points, then of bands, none across the jump."""
    bands, path = table
    k, jump = path.getKline(), path.breaks[0]
    energies, values = bands.results["Energy"].data - 0.5, bands.results["dipole"].data
    places = [(i, n) for i in range(len(k) - 1) if i != jump for n in range(energies.shape[1])]
    assert k[jump] == k[jump + 1] and len(places) == (len(k) - 2) * 4
    for component, of_axes in (("xz", values[:, :, 0, 2]), ("zx", values[:, :, 2, 0])):
        lines = coloured(plot_bands(bands, path, "dipole", component, fermi_level=0.5))
        expected = [[[k[i], energies[i, n]], [k[i + 1], energies[i + 1, n]]] for i, n in places]
        np.testing.assert_allclose(lines.get_segments(), expected, atol=1e-14)
        np.testing.assert_allclose(lines.get_array(), [of_axes[i : i + 2, n].mean() for i, n in places], atol=1e-14)


def test_bands_are_drawn_below_the_colours_too(table):
    """White stretches stay visible."""
    bands, path = table
    axes = plot_bands(bands, path, "dipole", "xz", fermi_level=0.5).axes[0]
    grey = [line for line in axes.lines if line.get_color() == "0.75"]
    points = np.concatenate([line.get_xydata() for line in grey])
    energies = bands.results["Energy"].data - 0.5
    expected = np.stack([np.repeat(path.getKline(), energies.shape[1]), energies.ravel()], axis=1)
    np.testing.assert_allclose(points[np.lexsort(points.T)], expected[np.lexsort(expected.T)], atol=1e-14)
    assert all(line.get_zorder() < coloured(axes.figure).get_zorder() for line in grey)


def test_colours_are_those_of_a_scale_symmetric_around_zero(table):
    """Red above, blue below, paler towards 0; linear up to 2 % of the limit, logarithmic beyond."""
    bands, path = table
    lines = coloured(plot_bands(bands, path, "dipole", "xz", limit=3.0))
    np.testing.assert_allclose(lines.norm([-3.0, 0.0, 3.0]), [0, 0.5, 1], atol=1e-12)
    for points in (0.02 * np.arange(4), 0.06 * 2.0 ** np.arange(5)):
        steps = np.diff(lines.norm(points))
        np.testing.assert_allclose(steps, steps[0])
    (_, _, blue), (_, _, pale), (red, _, _) = lines.to_rgba(np.array([-2.0, 0.0, 2.0]))[:, :3]
    assert pale > 0.9 and lines.to_rgba(2.0)[2] < 0.4 < red and lines.to_rgba(-2.0)[0] < 0.4 < blue
    lines.update_scalarmappable()
    np.testing.assert_allclose(lines.get_edgecolors(), lines.to_rgba(lines.get_array()))


def test_the_scale_ends_at_the_99th_percentile_of_what_is_shown(table):
    bands, path = table
    energies, values = bands.results["Energy"].data - 0.5, np.abs(bands.results["dipole"].data[:, :, 0, 2])
    inside = (energies >= -1) & (energies <= 0.5)
    assert 0 < inside.sum() < inside.size
    for window, shown in ((None, values), ((-1, 0.5), values[inside])):
        limits = coloured(plot_bands(bands, path, "dipole", "xz", fermi_level=0.5, window=window)).get_clim()
        np.testing.assert_allclose(limits, np.array([-1, 1]) * np.percentile(shown, 99))
    for window in (None, (100.0, 101.0)):  # a quantity that vanishes, and a window without bands
        quantity = "s" if window else "nothing"
        empty = SimpleNamespace(results=bands.results | {"nothing": SimpleNamespace(data=np.zeros_like(energies))})
        assert coloured(plot_bands(empty, path, quantity, window=window)).get_clim() == (-1, 1)


def test_axes_and_labels(table):
    bands, path = table
    k, energies = path.getKline(), bands.results["Energy"].data - 0.5
    figure = plot_bands(bands, path, "dipole", "xz", fermi_level=0.5, title="random", unit="eV Å ħ")
    axes, scale = figure.axes
    assert axes.get_xlim() == (k[0], k[-1])
    np.testing.assert_allclose(axes.get_ylim(), [energies.min() - 0.5, energies.max() + 0.5])
    assert axes.get_title() == "random"
    assert axes.get_ylabel() == r"$E - E_\mathrm{F}$   [eV]"
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert (labels[0], labels[-1]) == ("Γ", "Γ")
    corners = [k[0], k[path.breaks[0]], k[-1]]  # one for both ends of the jump
    np.testing.assert_allclose(axes.get_xticks(), corners)
    upright = [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    np.testing.assert_allclose(upright, corners)
    assert [list(line.get_ydata()) for line in axes.lines if line.get_linestyle() == ":"] == [[0, 0]]  # the Fermi level
    assert scale.get_ylabel() == "dipole xz [eV Å ħ]"
    np.testing.assert_allclose(scale.get_ylim(), coloured(figure).get_clim())
    figure = plot_bands(bands, path, "s", window=(-1, 2))
    assert figure.axes[0].get_ylim() == (-1, 2)
    assert figure.axes[1].get_ylabel() == "s"
    np.testing.assert_allclose(coloured(figure).get_array(), 1, atol=1e-12)  # the identity


def test_a_jump_has_both_labels(table):
    axes = plot_bands(*table, "dipole", "xz").axes[0]
    labels = "".join(text.get_text() for text in axes.get_xticklabels())
    assert "X" in labels and "M" in labels


def test_no_line_across_a_jump(table):
    lines = plot_bands(*table, "dipole", "xz").axes[0].lines
    assert not any(np.any(np.diff(line.get_xdata()) == 0) for line in lines if line.get_color() == "0.75")


def test_colours_of_degenerate_bands_do_not_depend_on_their_gauge():
    """Kramers pairs: both bands have the mean of the pair, which any rotation of the orbitals leaves alone."""
    pytest.importorskip("matplotlib")
    generator = np.random.default_rng(2)
    system = model(kramers=True)
    unitary = np.linalg.qr(generator.normal(size=(6, 6)) + 1j * generator.normal(size=(6, 6)))[0]
    rotated = copy.copy(system)
    assert np.ptp(system.wannier_centers_cart, axis=0).max() == 0  # so that any rotation of the orbitals is allowed
    rotated._XX_R = {
        name: np.einsum("ji,Rjk...,kl->Ril...", unitary.conj(), matrix, unitary) for name, matrix in system._XX_R.items()
    }
    colours = []
    for either in (system, rotated):
        lines = coloured(plot_bands(*bands_on_a_path(either, degen_thresh=1e-6), "dipole", "xz"))
        colours.append(lines.get_array().reshape(-1, 3, 2))  # k, pair, band
    assert np.abs(colours[0]).max() > 0.1
    np.testing.assert_allclose(colours[0][..., 0], colours[0][..., 1], atol=1e-12)
    np.testing.assert_allclose(colours[0], colours[1], atol=1e-9)


def share_of(pixels, strong, *weak):
    """Part of a picture where one of red, green and blue dominates."""
    return np.mean([pixels[..., strong] > pixels[..., other] + 0.3 for other in weak])


def test_the_file_holds_the_picture(table, tmp_path):
    from matplotlib.image import imread

    plot_bands(*table, "dipole", "xz")
    assert list(tmp_path.iterdir()) == []
    plot_bands(*table, "dipole", "xz", file=tmp_path / "bands.png", limit=1e-6)  # red or blue everywhere
    pixels = imread(tmp_path / "bands.png")
    assert pixels.shape[:2] == (880, 1280)
    assert share_of(pixels, 0, 1, 2) > 1e-2 and share_of(pixels, 2, 0) > 1e-2


def test_errors_name_the_argument(table, monkeypatch):
    with pytest.raises(ValueError, match=r"quantity: expected one of \['Energy', 'dipole', 's'\], found 'd'"):
        plot_bands(*table, "d")
    for component in ("x", "xyz", "xa", ""):
        message = f"component: expected 2 of x, y and z for dipole, found '{component}'"
        with pytest.raises(ValueError, match=message):
            plot_bands(*table, "dipole", component)
    with pytest.raises(ValueError, match="component: expected 0 of x, y and z for s, found 'x'"):
        plot_bands(*table, "s", "x")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.collections", None)
    with pytest.raises(ImportError, match=re.escape(f"plot_bands needs matplotlib: {how_to_install('plot')}")):
        plot_bands(*table, "s")


def test_tutorial_on_bands(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    tutorial = runpy.run_path(str(TUTORIALS / "bands" / "bands.py"))
    tutorial["main"](tmp_path, mesh=3)
    names = ["orbital_moment_zz.png", "torque_dipole_xy.frmsf", "torque_dipole_xy.png"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert capsys.readouterr().out == f"wrote {', '.join(names)} to {tmp_path}\n"
    for name in ("orbital_moment_zz.png", "torque_dipole_xy.png"):
        pixels = imread(tmp_path / name)
        assert share_of(pixels, 0, 1, 2) > 1e-3 and share_of(pixels, 2, 0) > 1e-3
    # FermiSurfer: mesh, kind of mesh, bands, three vectors; energies from the level, then values, band by band
    words = (tmp_path / "torque_dipole_xy.frmsf").read_text().split()
    assert words[:3] == ["3", "3", "3"] and words[4] == "24"
    energies, values = np.array(words[14:], dtype=float).reshape(2, 24, 3, 3, 3)
    system = wb_conserved.load_system(TUTORIALS.parent / "data" / "te" / "Te")
    run = {"bands": TabulatorAll({"dipole": tabulate.TorqueDipole(degen_thresh=1e-3)}, mode="grid")}
    expected = wb_conserved.run(system, 3, run).results["bands"].results
    for found, data in ((energies, expected["Energy"].data - 5.779), (values, expected["dipole"].data[:, :, 0, 1])):
        np.testing.assert_allclose(found, data.T.reshape(24, 3, 3, 3), atol=1e-6)


def test_tutorial_on_multiplets(capsys):
    """σ_K of projected platinum does not depend on the threshold; with localised functions it does."""
    reports = runpy.run_path(str(TUTORIALS / "multiplets" / "multiplets.py"))["main"](8)
    text = capsys.readouterr().out
    for kind, report in reports.items():
        assert f"Platinum, {kind} Wannier functions, mesh 8^3" in text
        assert report.table((0, 1, 2)) in text
        assert list(report.thresholds) == [1e-4, 0.01, 0.05, 0.2]
        assert list(report.values) == ["σ_K", "σ_in", "σ_B", "σ_conv"]
    spread = {name: report.spread("σ_K")[0, 0, 1, 2] for name, report in reports.items()}
    value = reports["projected"].values["σ_K"][0, 0, 0, 1, 2]
    assert spread["projected"] < 0.05 * abs(value)
    assert spread["maximally localised"] > 5 * spread["projected"]
    assert text.count("k points that contribute most to σ_B:") == 2
