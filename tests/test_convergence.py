"""Series of meshes: the extrapolated value and its error bar, on made series, on models with exact answers, on platinum."""

import importlib

import numpy as np
import pytest
import wannierberri
import xarray
from wannierberri.calculators.tabulate import TabulatorAll

import wb_conserved
from wb_conserved.calculators import Electrons, NumberOfElectrons
from wb_conserved.calculators.static import (
    BerrySpinConductivity,
    ConservedSpinConductivity,
    ConventionalSpinConductivity,
    KuboConservedSpinConductivity,
)
from wb_conserved.diagnostics.mesh_series import convergence, extrapolate, format_convergence
from wb_conserved.models import bhz, massive_dirac, random_model, rashba_ferromagnet, rashba_gas
from wb_conserved.units import conductivity_factor, periodic_measure

X, Y, Z = 0, 1, 2
MODULE = importlib.import_module("wb_conserved.diagnostics.mesh_series")
MESHES_123 = [(1, 1, 1), (2, 2, 2), (2, 2, 3)]
SERIES = [[20, 30, 40], [36, 38, 40], [16, 20, 24, 30, 36], [20, 25, 30, 35, 40, 45, 50, 60]]


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("sizes", SERIES)
def test_an_exact_law_is_extrapolated_exactly(sizes, dimension):
    N = np.array(sizes, dtype=float)
    limits, slopes = np.array([3.0, -1.0, 0.0]), np.array([40.0, 7.0, -2.0])
    values = limits + slopes / N[:, None] ** 2
    value, error, follows_law = extrapolate(sizes, values, dimension)
    np.testing.assert_allclose(value, limits, atol=1e-12)
    np.testing.assert_allclose(error, np.abs(values[-1] - limits), rtol=1e-6)  # the exponent is a guess
    assert follows_law.all()


def made_series(sizes, dimension, trend, exponent, seeds=6000):
    """Series around 0 of random errors ∝ N^-exponent, with a term in 1/N² of `trend` times the error at the finest mesh."""
    N = np.array(sizes, dtype=float)[:, None] / sizes[-1]
    noise = np.random.default_rng(3).normal(size=(len(sizes), seeds)) * N**-exponent
    return noise + trend / N**2


@pytest.mark.parametrize("trend", [0, 0.3, 1, 3, 10, 100])
@pytest.mark.parametrize("extra", [0, 1], ids=["scatter of a Fermi surface", "scatter that falls faster"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("sizes", SERIES)
def test_the_exact_value_is_within_the_error_bar_as_often_as_promised(sizes, dimension, extra, trend):
    values = made_series(sizes, dimension, trend, 0.5 * (dimension + 1) + extra)
    value, error, follows_law = extrapolate(sizes, values, dimension)
    distance = np.abs(value) / error
    assert np.mean(distance < 1) >= 0.68
    assert np.mean(distance < 3) >= 0.95
    if trend == 0 and len(sizes) > 3:
        assert np.mean(follows_law) < 0.03
        assert np.median(error) < (2.5 + extra) * np.sqrt(np.mean(value**2))  # and the bar is not idle
    if trend == 100 and sizes[0] < 0.8 * sizes[-1]:
        assert follows_law.mean() > 0.9
        assert np.sqrt(np.mean(value[follows_law] ** 2)) < 0.2 * trend  # five times closer than the finest mesh


@pytest.mark.parametrize(("exponent", "within"), [(1, 3), (1.5, 1), (2.5, 1), (3, 1), (4, 1)])
@pytest.mark.parametrize("sizes", SERIES)
def test_other_powers_are_within_the_error_bar(sizes, exponent, within):
    N = np.array(sizes, dtype=float)
    value, error, _ = extrapolate(sizes, 1 + N**-exponent, 3)
    assert abs(value - 1) < within * error
    assert error < max(4 * N[-1] ** -exponent, N[0] ** -exponent)


def test_exponential_convergence_is_left_alone():
    sizes = [20, 30, 40, 50]
    values = 2.0 + np.exp(-np.array(sizes) / 5)
    value, error, follows_law = extrapolate(sizes, values, 3)
    assert value == values[-1]
    assert not follows_law
    assert abs(value - 2) < error < values[0] - 2


def test_scatter_without_a_law_gives_the_finest_mesh():
    values = np.array([1.0, 1.2, 0.95, 1.1, 1.02])
    value, error, follows_law = extrapolate([10, 12, 14, 16, 18], values, 3)
    assert value == 1.02
    assert not follows_law
    assert 0.04 < error < 0.3


def test_the_bar_is_at_least_half_the_last_change():
    """Which for meshes that double is more than the step to the extrapolated value."""
    sizes = np.array([10, 20, 40])
    value, error, follows_law = extrapolate(sizes, 2 + 16 / sizes**2, 3)
    assert value == pytest.approx(2)
    assert error == pytest.approx(0.5 * (16 / 20**2 - 16 / 40**2))
    assert follows_law


def test_components_are_independent_of_each_other():
    generator = np.random.default_rng(0)
    sizes = np.array([20, 26, 32, 40])
    values = generator.normal(size=(4, 5, 3, 3)) / sizes[:, None, None, None] ** 2
    values[:, 1] += 30 / sizes[:, None, None] ** 2
    values[:, 2] = 0.0
    value, error, follows_law = extrapolate(sizes, values, 3)
    assert value.shape == error.shape == follows_law.shape == (5, 3, 3)
    for index in np.ndindex(5, 3, 3):
        alone = extrapolate(sizes, values[(slice(None), *index)], 3)
        np.testing.assert_allclose([value[index], error[index], follows_law[index]], alone, rtol=1e-12)
    assert follows_law[1].all()
    assert not value[2].any()
    assert not error[2].any()


@pytest.mark.parametrize("sizes", [[10, 20], [10, 30, 20], [10, 10, 20], [0, 1, 2]])
def test_bad_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes: expected at least three ascending positive numbers"):
        extrapolate(sizes, np.zeros(len(sizes)), 3)


def test_values_of_other_length_are_refused():
    with pytest.raises(ValueError, match="values: expected a first axis of 3 meshes, found shape"):
        extrapolate([10, 20, 30], np.zeros((2, 3)), 3)


def compare(system, meshes, calculator, index, exact):
    """Distance to the exact value and error bar, in its units, distance of the finest mesh, and whether extrapolated."""
    series = convergence(system, meshes, {"σ": calculator})
    unit = exact * conductivity_factor(system) * periodic_measure(system)[1]
    position = (0, *index)
    finest = abs(series.values["σ"][-1][position] / unit - 1)
    return (
        abs(series.extrapolated["σ"][position] / unit - 1),
        abs(series.error["σ"][position] / unit),
        finest,
        series.follows_law["σ"][position],
    )


@pytest.mark.parametrize("meshes", [[40, 60, 80], [50, 70, 90, 120]])
def test_dirac_electrons_in_a_box_follow_the_law(meshes):
    """Anomalous Hall conductivity in the gap, exact in the box (docstring of `massive_dirac`): 1/N² from its edges."""
    mass, width = 0.6, 5.0
    exact = -np.arctan(width**2 / (mass * np.sqrt(mass**2 + 2 * width**2))) / (2 * np.pi**2)
    calculator = BerrySpinConductivity([0.1], kBT=0.02, operator="identity")
    distance, error, finest, follows_law = compare(massive_dirac(mass, 1.0, width), meshes, calculator, (X, Y), exact)
    assert distance < error
    assert error < 2 * finest
    assert follows_law
    assert distance < 0.1 * finest


@pytest.mark.parametrize("calculator", [ConventionalSpinConductivity, KuboConservedSpinConductivity])
@pytest.mark.parametrize("meshes", [[8, 12, 16], [6, 8, 10, 12, 14]])
def test_a_quantised_conductivity_is_within_the_error_bar(meshes, calculator):
    """Bernevig–Hughes–Zhang model, −1/2π, on meshes that are not converged."""
    calculator = calculator([0.0], kBT=0.02)
    distance, error, finest, follows_law = compare(bhz(), meshes, calculator, (X, Y, Z), -1 / (2 * np.pi))
    assert 1e-5 < distance < error < 0.05
    assert not follows_law


@pytest.mark.parametrize("meshes", [[40, 60, 80], [50, 70, 90, 120], [30, 40, 50, 60, 70, 80]])
def test_metals_are_within_their_error_bars(meshes):
    """Closed forms of the Rashba models, with a sharp Fermi surface (T = 0) and a broad one; each to three errors, and two
    of three to one."""
    zeeman, alpha = 0.3, 0.5
    middle = 1 + alpha**2
    root = np.sqrt(middle**2 - 1 + zeeman**2)
    upper, lower = (np.sqrt(zeeman**2 + 2 * alpha**2 * (middle + sign * root)) for sign in (-1, 1))
    conventional = (lower + zeeman**2 / lower - upper - zeeman**2 / upper) / (16 * np.pi * alpha**2)
    cases = [
        (rashba_ferromagnet(zeeman=zeeman), ConventionalSpinConductivity([1.0], kBT=0.0), conventional),
        (rashba_gas(half_width=3.0), ConventionalSpinConductivity([1.0], kBT=0.0), 1 / (8 * np.pi)),
        (rashba_gas(half_width=3.0), ConservedSpinConductivity([1.0], kBT=0.02), -1 / (8 * np.pi)),
    ]
    results = [compare(system, meshes, calculator, (X, Y, Z), exact) for system, calculator, exact in cases]
    distances = np.array([distance / error for distance, error, _, _ in results])
    assert np.all(distances < 3)
    assert np.sum(distances < 1) >= 2
    assert all(error < 0.5 for _, error, _, _ in results)


LEVELS = [17.5, 18.0874]
OPTIONS = {"kBT": 0.2, "degen_thresh": 0.01}


@pytest.fixture(scope="module")
def series(platinum):
    calculators = {
        "kubo": KuboConservedSpinConductivity(LEVELS, **OPTIONS),
        "conventional": ConventionalSpinConductivity(LEVELS, **OPTIONS),
        "bands": TabulatorAll({}, mode="grid"),
    }
    return convergence(platinum, [3, (4, 4, 4), 6], calculators)


def test_results_of_every_mesh(series, platinum):
    assert series.meshes == [(3, 3, 3), (4, 4, 4), (6, 6, 6)]
    assert [part.mesh for part in series.runs] == series.meshes
    single = wb_conserved.run(platinum, 4, {"σ": KuboConservedSpinConductivity(LEVELS, **OPTIONS)})
    assert series.values["kubo"].shape == (3, 2, 3, 3, 3)
    np.testing.assert_allclose(series.values["kubo"][1], single.results["σ"].data, rtol=1e-10, atol=1e-8)
    for name in ("kubo", "conventional"):
        assert series.extrapolated[name].shape == series.error[name].shape == (2, 3, 3, 3)
        assert series.error[name][1, X, Y, Z] > 1  # S/cm, on meshes that are not converged
    assert set(series.values) == {"kubo", "conventional"}


def test_data_set_of_a_series(series, tmp_path):
    data = series.to_dataset(title="platinum")
    assert data["kubo"].dims == ("mesh", "Efermi", "i", "l", "s")
    assert data["mesh"].values.tolist() == ["3x3x3", "4x4x4", "6x6x6"]
    assert data["number_of_k_points"].values.tolist() == [27, 64, 216]
    for name, values in (("extrapolated", series.extrapolated), ("error", series.error)):
        variable = data[f"kubo_{name}"]
        assert variable.dims == ("Efermi", "i", "l", "s")
        np.testing.assert_array_equal(variable.values, values["kubo"])
        assert variable.units == data["kubo"].units == "(ħ/|e|) S/cm"
        assert variable.multiplet_threshold_eV == 0.01
        assert variable.long_name.startswith(data["kubo"].long_name)
    assert data["kubo_follows_law"].dtype == bool
    assert data.attrs["mesh"] == [6, 6, 6]
    assert data.attrs["evaluated_k_points"] == sum(part.number_of_k_points for part in series.runs)
    assert data.attrs["title"] == "platinum"
    assert data.attrs["not_included"] == "bands"
    data.to_netcdf(tmp_path / "series.nc")
    with xarray.open_dataset(tmp_path / "series.nc") as read:
        xarray.testing.assert_equal(read, data)
        sigma = read["kubo"].sel(mesh="4x4x4", i="x", l="y", s="z").values
    np.testing.assert_array_equal(sigma, series.values["kubo"][1][:, X, Y, Z])


def test_table_of_a_series(series):
    data = series.to_dataset()
    data["kubo_follows_law"][1, X, Y, Z], data["kubo_follows_law"][1, Y, X, Z] = True, False
    lines = format_convergence(data, 18.0874, ["xyz", "yxz"]).splitlines()
    assert lines[0] == "E_F = 18.0874 eV, values in (ħ/|e|) S/cm"
    assert "kBT = 0.2 eV" in lines[1]
    assert "mesh" not in lines[1]
    assert lines[3].split() == ["mesh", "σ_K", "xyz", "σ_K", "yxz", "σ_conv", "xyz", "σ_conv", "yxz"]
    assert lines[5].startswith("4 × 4 × 4 ")
    assert float(lines[5].split()[5]) == pytest.approx(series.values["kubo"][1][1, X, Y, Z], rel=1e-4)
    for line, heading, values in ((lines[7], "infinite mesh", "extrapolated"), (lines[8], "± error", "error")):
        expected = [
            getattr(series, values)[name][(1, *index)]
            for name in ("kubo", "conventional")
            for index in ((X, Y, Z), (Y, X, Z))
        ]
        assert line.startswith(heading)
        np.testing.assert_allclose([float(text) for text in line.split()[-4:]], expected, rtol=0.06)
    assert lines[9].split("  ")[0] == "value from"
    assert lines[9].split()[2:6] == ["1/N²", "law", "finest", "mesh"]
    assert len(lines) == 10


def test_table_refuses_what_is_not_there(series):
    with pytest.raises(ValueError, match="level: expected one of the Fermi levels of the scan"):
        format_convergence(series.to_dataset(), 18.0, ["xyz"])
    with pytest.raises(ValueError, match="components: expected x, y or z for each of the axes ils"):
        format_convergence(series.to_dataset(), 18.0874, ["xy"])


def test_sheets_count_k_points_in_two_dimensions(monkeypatch):
    found = []

    def record(sizes, values, dimension):
        found.append((list(np.round(sizes, 10)), dimension))
        return extrapolate(sizes, values, dimension)

    monkeypatch.setattr(MODULE, "extrapolate", record)
    series = convergence(
        random_model(dimension=2), [4, (4, 9, 1), 9], {"σ": ConventionalSpinConductivity([0.0], kBT=0.5)}
    )
    assert series.meshes == [(4, 4, 1), (4, 9, 1), (9, 9, 1)]
    assert found == [([4, 6, 9], 2)]


def test_options_reach_every_run(monkeypatch, tmp_path):
    calls = []

    def record(system, mesh, calculators, comm=None, **options):
        calls.append((mesh, comm, dict(options)))
        return wb_conserved.run(system, mesh, calculators, **options)

    monkeypatch.setattr(MODULE, "run", record)
    calculators = {"σ": ConventionalSpinConductivity([0.0], kBT=0.5)}
    prefix = str(tmp_path / "result")
    convergence(
        random_model(), [1, 2, (2, 2, 3)], calculators, "comm", checkpoint=tmp_path, fout_name=prefix, symmetrize=False
    )
    folders = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert folders == ["mesh-1x1x1", "mesh-2x2x2", "mesh-2x2x3"]
    assert all(any((tmp_path / name).iterdir()) for name in folders)
    assert [(mesh, comm) for mesh, comm, _ in calls] == [((n1, n2, n3), "comm") for n1, n2, n3 in MESHES_123]
    for mesh, _, options in calls:
        label = "x".join(map(str, mesh))
        assert options["checkpoint"] == tmp_path / f"mesh-{label}"
        assert options["symmetrize"] is False
        assert (tmp_path / f"result-σ-mesh-{label}_iter-0000.npz").exists()


@pytest.mark.parametrize(
    ("meshes", "message"),
    [
        (4, "meshes: expected a list of at least three meshes, from coarse to fine; found 4"),
        ("468", "meshes: expected a list of at least three meshes, from coarse to fine; found '468'"),
        ([4, 6], "meshes: expected a list of at least three meshes, from coarse to fine; found"),
        ([4, 6.5, 8], r"meshes\[1\]: expected a positive integer, or three of them; found 6.5"),
        ([4, 6, (8, 8)], r"meshes\[2\]: expected a positive integer, or three of them; found \(8, 8\)"),
        ([4, 6, 6], r"meshes\[2\]: expected a mesh finer than the one before, 6x6x6 .*; found 6x6x6"),
        ([4, 8, 6], r"meshes\[2\]: expected a mesh finer than the one before, 8x8x8 .*; found 6x6x6"),
        ([4, (4, 4, 6), (8, 8, 4)], r"meshes\[2\]: expected a mesh finer than the one before, 4x4x6 .*; found 8x8x4"),
    ],
)
def test_bad_meshes_are_refused_before_anything_is_run(meshes, message, monkeypatch):
    monkeypatch.setattr(MODULE, "run", lambda *_, **__: pytest.fail("ran"))
    with pytest.raises(ValueError, match=message):
        convergence(random_model(), meshes, {"σ": ConventionalSpinConductivity([0.0], kBT=0.5)})


def test_other_bad_arguments_are_refused(tmp_path):
    calculator = ConventionalSpinConductivity([0.0], kBT=0.5)
    with pytest.raises(ValueError, match="calculators: expected no name 'σ_error', which results of 'σ' take"):
        convergence(random_model(), [1, 2, 3], {"σ": calculator, "σ_error": calculator})
    with pytest.raises(TypeError, match="calculators: expected a dict"):
        convergence(random_model(), [1, 2, 3], [calculator])
    path = wannierberri.Path.from_nodes(random_model(), nodes=[[0, 0, 0], [0.5, 0, 0]], dk=0.5)
    with pytest.raises(ValueError, match=r"meshes\[2\]: expected a positive integer"):
        convergence(random_model(), [1, 2, path], {"σ": calculator})


class TestSeveralTemperatures:
    """A series at several temperatures, at a level or with a number of electrons."""

    meshes = (3, 4, 5)

    def series(self, levels):
        system = random_model(num_orbitals=2, seed=5)
        calculators = {"kubo": KuboConservedSpinConductivity(levels, kBT=[0.5, 0.2])}
        return system, convergence(system, self.meshes, calculators).to_dataset()

    def test_each_equals_a_series_of_its_own(self):
        system, dataset = self.series([0.3])
        assert dataset["kubo"].dims == ("mesh", "Efermi", "kBT", "i", "l", "s")
        assert dataset["kubo_extrapolated"].dims == ("Efermi", "kBT", "i", "l", "s")
        for i, kBT in enumerate([0.5, 0.2]):
            alone = convergence(system, self.meshes, {"kubo": KuboConservedSpinConductivity([0.3], kBT=kBT)}).to_dataset()
            scale = float(abs(alone["kubo"]).max())
            np.testing.assert_allclose(dataset["kubo"][:, :, i], alone["kubo"], rtol=0, atol=1e-8 * scale)
        table = format_convergence(dataset, 0.3, ["xyz"])
        assert table.count("\nT = ") == 2 and "μ" not in table

    def test_the_level_of_each_mesh(self):
        """It belongs to the mesh, and is shown in its row."""
        system, dataset = self.series(Electrons(1.5))
        assert dataset["mu"].dims == ("mesh", "kBT")
        assert "mu" in dataset.sel(mesh="4x4x4").coords
        expected = wb_conserved.run(system, 4, {"N": NumberOfElectrons(Electrons(1.5), kBT=[0.5, 0.2])}).to_dataset()["mu"]
        np.testing.assert_array_equal(dataset["mu"].sel(mesh="4x4x4"), expected)
        lines = format_convergence(dataset, None, ["xyz"]).splitlines()
        assert lines[0] == "values in (ħ/|e|) S/cm"
        headings = [i for i, line in enumerate(lines) if line.startswith("mesh")]
        assert len(headings) == 2
        for kBT, place in enumerate(headings):
            assert lines[place].split() == ["mesh", "μ/eV", "σ_K", "xyz"]
            for i in range(3):
                row = lines[place + 1 + i].split()
                assert float(row[5]) == pytest.approx(float(dataset["mu"][i, kBT]), rel=1e-5)
                assert float(row[6]) == pytest.approx(float(dataset["kubo"][i, kBT].sel(i="x", l="y", s="z")), rel=1e-4)

    def test_written_and_read(self, tmp_path):
        _, dataset = self.series(Electrons(1.5))
        dataset.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
        with xarray.open_dataset(tmp_path / "a.nc") as read:
            xarray.testing.assert_equal(read, dataset)
