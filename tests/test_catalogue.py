"""Every entry of the catalogue: what it says of itself, both runs, temperatures as an axis, data sets, tables and files."""

import copy

import numpy as np
import pytest
import wannierberri
import xarray
from wannierberri.calculators.tabulate import TabulatorAll
from wannierberri.symmetry.point_symmetry import transform_odd

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import CATALOGUE, SUMS, Electrons, NumberOfElectrons, equilibrium, static
from wb_conserved.models import random_model
from wb_conserved.operators import matrix_operator
from wb_conserved.results import format_csv, format_table, write_results
from wb_conserved.results.csv_files import column
from wb_conserved.units import BOLTZMANN_EV

LEVELS = [-0.5, 0.3]
HOT = [0.1, 0.2, 0.5]
DYNAMIC = ["omega", "eta", "reversal"]
METHOD_MOTT = [name for name, entry in SUMS.items() if "method" in entry.options]


@pytest.fixture(scope="module")
def model():
    return random_model(num_orbitals=2, seed=3)


def results(system, calculators, mesh=3, **options):
    return wb_conserved.run(system, mesh, calculators, **options).results


def every(levels=LEVELS, kBT=0.2, **options):
    """A calculator of each sum."""
    return {name: entry.calculator(levels, kBT=kBT, **options) for name, entry in SUMS.items()}


@pytest.fixture(scope="module")
def hot(model):
    """A run of everything at several temperatures."""
    return wb_conserved.run(model, 3, every(kBT=HOT))


@pytest.fixture(scope="module")
def dataset(hot):
    return hot.to_dataset()


@pytest.fixture(scope="module")
def theirs(model, tmp_path_factory):
    """The same in WannierBerri's run."""
    grid, name = wb_conserved.regular_grid(model, 3), str(tmp_path_factory.mktemp("theirs") / "r")
    return wannierberri.run(model, grid, every(kBT=HOT), parallel=False, fout_name=name).results


@pytest.fixture(scope="module", params=["platinum", "iron"])
def compared(request):
    """Name of the system; a run of several temperatures, and of each alone, on a mesh of real data."""
    system, temperatures = request.getfixturevalue(request.param), [0.01, 0.025, 0.1]
    levels = {"platinum": np.linspace(17, 19.5, 6), "iron": np.linspace(16.5, 18.5, 6)}[request.param]

    def run(kBT):
        return results(system, every(levels, kBT, degen_thresh=0.01), 4, use_irred_kpt=False, symmetrize=False)

    return request.param, run(temperatures), [run(kBT) for kBT in temperatures]


class TestEntries:
    """What an entry says of itself."""

    @pytest.mark.parametrize("name", CATALOGUE)
    def test_describes_itself(self, name):
        entry = CATALOGUE[name]
        assert entry.name == name
        assert entry.calculator.symbol and entry.calculator.long_name
        assert entry.unit
        assert all(len(axis) == 1 and meaning for axis, meaning in entry.axes.items())
        assert ": " not in "".join(entry.axes.values()) and ";" not in "".join(entry.axes.values())  # parts of an attribute
        assert entry.tabulated == name.startswith("band_")
        assert bool(entry.occupations) != entry.tabulated

    def test_symbols_differ(self):
        symbols = [entry.calculator.symbol for entry in SUMS.values()]
        assert len(set(symbols)) == len(symbols)

    def test_names_differ(self):
        names = [entry.calculator.long_name for entry in CATALOGUE.values() if not entry.tabulated]
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize("name", SUMS)
    def test_the_component_shown_fits(self, name):
        calculator = SUMS[name].example()
        assert len(calculator.shown) == len(calculator.cartesian_axes)
        assert not set(calculator.shown) - set("xyz")

    def test_options(self):
        assert {name: list(entry.options) for name, entry in SUMS.items() if entry.options} == {
            "conserved": ["terms"], "conventional": ["spin_current"], "drift": ["relaxation_time"],
            "edelstein": ["relaxation_time"], "kubo_dynamic": DYNAMIC, "conventional_dynamic": ["spin_current", *DYNAMIC],
            "nernst_kubo": ["method"], "nernst_conserved": ["method"], "nernst_conventional": ["method"],
            "orbital_magnetization": ["outside_states"],
            "nernst_drift": ["method", "relaxation_time"],
        }  # fmt: skip

    @pytest.mark.parametrize("value", [-1, 0, "fast", True, np.inf, np.nan])
    def test_relaxation_time_that_is_none(self, value):
        with pytest.raises(InputError, match=r"relaxation_time: expected a number > 0 \(fs\)"):
            static.DriftSpinConductivity([0.0], kBT=0.1, relaxation_time=value)


class TestBothRuns:
    """Ours and WannierBerri's."""

    @pytest.mark.parametrize("name", SUMS)
    def test_equal(self, hot, theirs, name):
        ours = hot.results
        assert ours[name].data.shape[:2] == (len(LEVELS), len(HOT))
        scale = np.abs(ours[name].data).max()
        assert scale > 0
        np.testing.assert_allclose(ours[name].data, theirs[name].data, atol=1e-10 * scale)

    def test_tabulators(self, model):
        tables = {name: entry.calculator() for name, entry in CATALOGUE.items() if entry.tabulated}
        table = results(model, {"bands": TabulatorAll(tables, mode="grid")}, 2)["bands"]
        for name, entry in CATALOGUE.items():
            if entry.tabulated:
                assert table.results[name].data.shape == (8, 4, *(3,) * (len(entry.axes) + entry.of_observable))
                assert np.abs(table.results[name].data).max() > 0


class TestTemperatures:
    """Temperature as an axis."""

    def test_one_number_gives_no_axis_and_a_list_of_one_does(self, model):
        alone, listed = results(model, every(kBT=0.2)), results(model, every(kBT=[0.2]))
        for name in SUMS:
            assert alone[name].data.shape[0] == len(LEVELS)
            assert listed[name].data.shape == (len(LEVELS), 1, *alone[name].data.shape[1:])
            np.testing.assert_array_equal(listed[name].data[:, 0], alone[name].data)

    @pytest.mark.parametrize("name", SUMS)
    def test_each_of_several_equals_a_run_of_its_own(self, compared, name):
        """To 2e-9 of the largest component; the largest deviation found is 1.3e-9, of γ_s at 0.01 eV: bands lie
        between the nodes of other axes, and the interpolation of each is exact to 1e-9 of the weights."""
        system, several, alone = compared
        example = SUMS[name].example()
        if system == "platinum" and (example.odd_under_time_reversal or example.transform_inversion is transform_odd):
            pytest.skip("vanishes in a nonmagnetic crystal with inversion; finite in iron")
        for i, single in enumerate(alone):
            largest = np.abs(single[name].data).max()
            np.testing.assert_allclose(several[name].data[:, i], single[name].data, rtol=0, atol=2e-9 * largest)

    @pytest.mark.parametrize("kBT", [[0.0, 0.1], [0.1, 0.0], [0.1, -0.1], []])
    @pytest.mark.parametrize("name", SUMS)
    def test_refused(self, name, kBT):
        with pytest.raises(InputError, match=r"kBT: expected a number >= 0, or several > 0"):
            SUMS[name].calculator(LEVELS, kBT=kBT)

    @pytest.mark.parametrize("name", METHOD_MOTT)
    @pytest.mark.parametrize("kBT", [0.0, [0.0]])
    def test_a_gradient_needs_a_temperature(self, name, kBT):
        with pytest.raises(InputError, match=r"kBT: expected a number > 0 \(eV\) for a response to a temperature gradient"):
            SUMS[name].calculator(LEVELS, kBT=kBT)

    @pytest.mark.parametrize("name", METHOD_MOTT)
    def test_mott_relation_at_several(self, model, name):
        kind = SUMS[name].calculator
        several = results(model, {"α": kind(LEVELS, kBT=HOT, method="mott")})["α"].data
        entropy = results(model, {"α": kind(LEVELS, kBT=HOT)})["α"].data
        for i, kBT in enumerate(HOT):
            alone = results(model, {"α": kind(LEVELS, kBT=kBT, method="mott")})["α"].data
            np.testing.assert_allclose(several[:, i], alone, atol=1e-9 * np.abs(alone).max())
            np.testing.assert_allclose(several[:, i], entropy[:, i], atol=0.05 * np.abs(entropy[:, i]).max())


class TestResults:
    """Data set, table and files of everything at several temperatures."""

    @pytest.mark.parametrize("name", SUMS)
    def test_dimensions_coordinates_and_units(self, dataset, name):
        variable, calculator = dataset[name], SUMS[name].example()
        complex_axes = ("omega", "part") if calculator.further_axes else ()
        assert variable.dims == ("Efermi", "kBT", *complex_axes, *calculator.cartesian_axes)
        assert variable.attrs["units"] == calculator.unit(3) == SUMS[name].unit
        assert variable.attrs["symbol"] == calculator.symbol

    def test_temperature_in_kelvin(self, dataset):
        np.testing.assert_allclose(dataset["kelvin"], np.array(HOT) / BOLTZMANN_EV)
        assert dataset["kelvin"].dims == ("kBT",)
        assert dataset["kelvin"].attrs == {"units": "K", "long_name": "temperature"}
        assert dataset["kBT"].attrs == {"units": "eV", "long_name": "temperature"}

    def test_netcdf(self, dataset, tmp_path):
        write_results(dataset, tmp_path)
        with xarray.open_dataset(tmp_path / "result.nc") as read:
            xarray.testing.assert_equal(read, dataset)
            xarray.testing.assert_identical(read["orbital_magnetization"], dataset["orbital_magnetization"])

    def test_csv_of_mixed_axes(self, dataset, tmp_path):
        """The old fault: an axis `a` crashed it."""
        import pandas

        (tmp_path / "result.csv").write_text(format_csv(dataset), encoding="utf-8")
        table = pandas.read_csv(tmp_path / "result.csv")
        named = [column(dataset[name]) for name in SUMS]
        scan = ["Efermi [eV]", "kBT [eV]", "omega [eV]", "part", "kelvin [K]"]
        assert list(table.columns) == [*scan, "i", "l", "s", "a", "b", *named]
        table = table.rename(columns=dict(zip(named, SUMS, strict=True)))
        place = (table["Efermi [eV]"] == LEVELS[1]) & (table["kBT [eV]"] == HOT[2])
        shown = {"kubo": "xyz", "current_dipole": "xyz", "orbital_magnetization": "zx", "torque_dipole": "xy"}
        for name, component in shown.items():
            axes = dict(zip(SUMS[name].example().cartesian_axes, component, strict=True))
            here = place & table[name].notna()
            for axis, letter in axes.items():
                here &= table[axis] == letter
            expected = dataset[name].sel(Efermi=LEVELS[1], kBT=HOT[2], **axes)
            assert table.loc[here, name].tolist() == pytest.approx([float(expected)], rel=1e-8)
        numbers = table[table["number_of_electrons"].notna()]
        assert len(numbers) == len(LEVELS) * len(HOT) and numbers[["i", "l", "s", "a"]].isna().all(axis=None)

    def test_each_row_of_the_table_under_its_own_unit(self, dataset):
        """The old fault: a Nernst row under "(ħ/|e|) S/cm"."""
        units = {}
        for line in format_table(dataset, LEVELS[0]).splitlines():
            if "values in " in line:
                unit = line.partition("values in ")[2]
            for name, entry in SUMS.items():
                if line.startswith(f"{entry.calculator.symbol} ") and line.endswith(entry.calculator.long_name):
                    units[name] = unit
        assert units == {name: entry.unit for name, entry in SUMS.items()}

    def test_rows_of_temperatures(self, dataset):
        lines = format_table(dataset, LEVELS[1], ["xyz", "yxx"]).splitlines()
        (first, second) = (i for i, line in enumerate(lines) if line.startswith("T/K") and "σ_K" in line)
        assert lines[first].split()[:4] == ["T/K", "kBT/eV", "σ_K", "xyz"]
        for place, component in ((first, "xyz"), (second, "yxx")):
            for row, kBT in zip(lines[place + 1 : place + 4], HOT, strict=True):
                i, l, s = component
                expected = float(dataset["kubo"].sel(Efermi=LEVELS[1], kBT=kBT, i=i, l=l, s=s))
                assert [float(text) for text in row.split()[1:3]] == pytest.approx([kBT, expected], rel=1e-4)

    def test_pictures(self, dataset, tmp_path):
        pytest.importorskip("matplotlib")
        write_results(dataset, tmp_path, level=LEVELS[0], pictures=True)
        for name in ("scan.png", "temperatures.png"):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

    def test_the_largest_component_stands_for_one_that_symmetry_forbids(self, tellurium):
        calculators = {"J": equilibrium.EquilibriumSpinCurrent([6.079], kBT=0.05)}
        system = copy.copy(tellurium)
        system.set_pointgroup(["C3z", "C2x", "TimeReversal"])
        dataset = wb_conserved.run(system, 3, calculators).to_dataset()
        assert abs(float(dataset["J"].sel(i="x", s="y").squeeze())) < 1e-12
        assert "xy" not in format_table(dataset, 6.079)
        largest = float(abs(dataset["J"]).max())
        (row,) = (line for line in format_table(dataset, 6.079).splitlines() if line.startswith("J "))
        assert abs(float(row.split()[-1])) == pytest.approx(largest, rel=1e-4)


class TestOperators:
    """What an operator is, its matrix says, not its name."""

    ones = np.eye(4, dtype=complex)

    def test_a_users_identity_is_not_the_charge(self, model):
        own = matrix_operator(self.ones, odd_under_time_reversal=False, name="identity", unit="")
        calculators = {
            "own": equilibrium.SpinOrbitalMagnetization([0.3], kBT=0.2, operator=own),
            "identity": equilibrium.SpinOrbitalMagnetization([0.3], kBT=0.2, operator="identity"),
        }
        found = results(model, calculators)
        factor = -3.80998211616  # eV Å² in a Bohr magneton times −ħ/|e|
        np.testing.assert_allclose(found["own"].data, factor * found["identity"].data, rtol=1e-7, atol=1e-12)
        assert calculators["identity"].unit(3) == "μ_B per cell"
        assert calculators["own"].unit(3) == "eV Å^2/ħ per cell"

    def test_a_users_spin_is_not_that_of_the_spin_current(self):
        own = matrix_operator(np.stack([self.ones] * 3, axis=-1), odd_under_time_reversal=True, name="spin")
        with pytest.raises(InputError, match="spin_current: expected 'projected' for an operator other than spin"):
            static.ConventionalSpinConductivity([0.3], kBT=0.2, operator=own, spin_current="qiao")
        static.ConventionalSpinConductivity([0.3], kBT=0.2, spin_current="qiao")

    @pytest.mark.parametrize(("unit", "expected"), [("ħ", "eV Å^2"), ("", "eV Å^2/ħ"), ("μ_B", "eV Å^2 μ_B/ħ")])
    def test_magnetization_has_the_unit_of_the_operator(self, unit, expected):
        own = matrix_operator(self.ones, odd_under_time_reversal=True, name="own", unit=unit)
        magnetization = equilibrium.SpinOrbitalMagnetization([0.3], kBT=0.2, operator=own)
        assert magnetization.unit(3) == f"{expected} per cell"


def test_calculators_with_electrons_of_their_own(model):
    """Their temperatures are equal, their levels are not: each keeps its own axis."""
    calculators = {f"N{n}": NumberOfElectrons(Electrons(n), kBT=[0.1, 0.2]) for n in (1, 2)}
    dataset = wb_conserved.run(model, 3, calculators).to_dataset()
    for n in (1, 2):
        assert dataset[f"N{n}"].dims == (f"kBT_N{n}",)
        np.testing.assert_allclose(dataset[f"N{n}"], n, atol=1e-8)
    assert float(dataset["mu_N1"][0]) < float(dataset["mu_N2"][0])
