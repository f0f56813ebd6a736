"""Data set, table, CSV, picture and files of a run, on a tiny mesh of platinum."""

import os
import tomllib

import numpy as np
import pytest
import xarray

import wb_conserved
from wb_conserved.calculators import SUMS, Electrons, NumberOfElectrons, equilibrium, static
from wb_conserved.results import (
    existing_results,
    format_comparison,
    format_csv,
    format_settings,
    format_table,
    format_wide_csv,
    panels,
    plot_scan,
    plot_temperatures,
    write_results,
)
from wb_conserved.results.files import check_folder
from wb_conserved.results.groups import groups
from wb_conserved.results.table import conditions

LEVELS = [17.5, 18.0, 18.0874, 18.5]
OPTIONS = {"degen_thresh": 0.01, "kBT": 0.05}
FILES = ["cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv", "scan.png"]
COUNTS = ("density_of_states", "number_of_electrons")


@pytest.fixture(scope="module")
def result(platinum):
    calculators = {
        "kubo": static.KuboConservedSpinConductivity(LEVELS, **OPTIONS),
        "conserved": static.ConservedSpinConductivity(LEVELS, **OPTIONS),
        "conventional": static.ConventionalSpinConductivity(LEVELS, **OPTIONS),
    }
    return wb_conserved.run(platinum, 4, calculators)


@pytest.fixture
def dataset(result):
    return result.to_dataset(note="ħ")


def test_dataset_describes_itself(dataset, result):
    assert dataset["kubo"].dims == ("Efermi", "i", "l", "s")
    assert dataset["kubo"].attrs["units"] == "(ħ/|e|) S/cm"
    assert dataset["kubo"].attrs["multiplet_threshold_eV"] == 0.01
    assert dataset["kubo"].attrs["kBT_eV"] == 0.05
    assert dataset["Efermi"].attrs["units"] == "eV"
    for axis in "ils":
        assert dataset[axis].values.tolist() == ["x", "y", "z"]
        assert dataset[axis].attrs["long_name"]
    assert list(dataset.attrs["mesh"]) == [4, 4, 4]
    assert dataset.attrs["version_wb_conserved"] == wb_conserved.__version__
    assert dataset.attrs["note"] == "ħ"
    for name, found in result.results.items():
        np.testing.assert_array_equal(dataset[name].values, found.data)
    xarray.testing.assert_identical(wb_conserved.to_dataset(result, created=""), result.to_dataset(created=""))


def test_calculators_with_scans_of_their_own(platinum):
    calculators = {
        "one": static.ConventionalSpinConductivity([18.0], **OPTIONS),
        "two": static.ConventionalSpinConductivity([18.0, 19.0], operator="identity", **OPTIONS),
    }
    dataset = wb_conserved.run(platinum, 2, calculators).to_dataset()
    assert dataset["one"].dims == ("Efermi_one", "i", "l", "s")
    assert dataset["two"].dims == ("Efermi_two", "i", "l")


def test_netcdf_without_our_package(dataset, tmp_path):
    import netCDF4

    write_results(dataset, tmp_path)
    with xarray.open_dataset(tmp_path / "result.nc") as read:
        xarray.testing.assert_equal(read, dataset)
        for name, variable in dataset.data_vars.items():
            for key, value in variable.attrs.items():
                assert np.all(read[name].attrs[key] == value)
        for key, value in dataset.attrs.items():
            np.testing.assert_array_equal(read.attrs[key], value)
    with netCDF4.Dataset(tmp_path / "result.nc") as read:
        assert read["kubo"].dimensions == ("Efermi", "i", "l", "s")
        assert read["kubo"].units == "(ħ/|e|) S/cm"
        np.testing.assert_array_equal(read["kubo"][:], dataset["kubo"].values)


def test_attributes_have_types(platinum, tmp_path):
    """In the file, of all quantities: numbers are numbers, and what is true or false 1 or 0."""
    import netCDF4

    few = {"degen_thresh": 0.01, "degen_Kramers": True, "kwargs_formula": {"external_terms": False}}
    calculators = {}
    for name, entry in SUMS.items():
        hot = {"kBT": 0.1} if "entropy" in " ".join(entry.occupations) else {}
        calculators[name] = entry.calculator([18.0, 19.0], **({} if name in COUNTS else few), **hot)
    calculators["hot"] = static.ConservedSpinConductivity([18.0, 19.0], kBT=0.1)
    calculators["tetrahedra"] = static.ConservedSpinConductivity([18.0, 19.0], tetra=True)
    calculators["in ps"] = static.DriftSpinConductivity([18.0, 19.0], kBT=0.1, relaxation_time=10)
    dataset = wb_conserved.run(platinum, 2, calculators).to_dataset(count=3, flag=True, off=np.bool_(False))
    assert set(dataset.data_vars) == set(calculators)
    write_results(dataset, tmp_path)
    with netCDF4.Dataset(tmp_path / "result.nc") as file:
        found = {("", key): file.getncattr(key) for key in file.ncattrs()}
        for name, variable in file.variables.items():
            found |= {(name, key): variable.getncattr(key) for key in variable.ncattrs()}
    for place, value in found.items():
        if isinstance(value, str):
            assert value not in ("True", "False", "None"), place
            if place[1].startswith("version_"):
                continue
            with pytest.raises(ValueError, match="could not convert"):
                float(value or "empty")
        else:
            assert np.issubdtype(np.asarray(value).dtype, np.number), place
    assert found["kubo", "kramers_pairs"] == found["tetrahedra", "tetrahedra"] == found["", "flag"] == 1
    assert found["kubo", "external_terms"] == found["hot", "kramers_pairs"] == found["", "off"] == 0
    assert found["hot", "external_terms"] == 1
    assert found["in ps", "relaxation_time_fs"] == 10.0
    assert ("drift", "relaxation_time_fs") not in found
    assert found["drift", "units"].endswith("/ fs")
    assert isinstance(found["kubo", "kramers_pairs"], np.integer)
    with xarray.open_dataset(tmp_path / "result.nc") as read:  # conditions of a file are those of the run
        for names in (["kubo", "conserved"], ["hot"]):
            assert conditions(read[names]) == conditions(dataset[names])
        said = {"multiplet threshold = 0.01 eV and Kramers pairs", "without external terms"}
        assert said <= set(conditions(read[["kubo"]]))


def test_csv(dataset, tmp_path):
    import pandas

    (tmp_path / "result.csv").write_text(format_csv(dataset), encoding="utf-8")
    table = pandas.read_csv(tmp_path / "result.csv")
    units = [f"{name} [(ħ/|e|) S/cm]" for name in ("kubo", "conserved", "conventional")]
    assert list(table.columns) == ["Efermi [eV]", "i", "l", "s", *units]
    assert len(table) == len(LEVELS) * 27
    rows = table.query("i == 'x' and l == 'y' and s == 'z'")
    np.testing.assert_array_equal(rows["Efermi [eV]"], LEVELS)
    expected = dataset["conserved"].sel(i="x", l="y", s="z")
    np.testing.assert_allclose(rows[units[1]], expected, rtol=1e-8)
    (tmp_path / "result_wide.csv").write_text(format_wide_csv(dataset), encoding="utf-8")
    wide = pandas.read_csv(tmp_path / "result_wide.csv")
    assert wide.shape == (len(LEVELS), 1 + 3 * 27)
    np.testing.assert_allclose(wide["conserved_xyz [(ħ/|e|) S/cm]"], expected, rtol=1e-8)
    settings = tomllib.loads(format_settings(dataset))
    assert "multiplet threshold = 0.01 eV" in settings["conditions"]
    assert settings["quantities"]["kubo"]["column"] == units[0]
    assert settings["run"]["mesh"] == [4, 4, 4]


def test_csv_of_a_scalar_operator(platinum):
    calculator = static.ConventionalSpinConductivity([18.0, 19.0], operator="identity", **OPTIONS)
    text = format_csv(wb_conserved.run(platinum, 2, {"conventional": calculator}).to_dataset())
    rows = text.splitlines()
    assert rows[0] == "Efermi [eV],i,l,conventional [(1/|e|) S/cm]"
    assert len(rows) == 1 + 2 * 9


class TestTable:
    """The table at the Fermi level."""

    def test_headline_first_and_conditions(self, dataset):
        lines = format_table(dataset, 18.0874, ["xyz", "yxz"]).splitlines()
        assert lines[0] == "E_F = 18.0874 eV, values in (ħ/|e|) S/cm"
        assert lines[1] == "mesh 4 × 4 × 4, kBT = 0.05 eV, multiplet threshold = 0.01 eV"
        assert lines[3].split() == ["xyz", "yxz"]
        assert [line.split()[0] for line in lines[4:7]] == ["σ_K", "σ_in", "σ_conv"]
        expected = dataset["kubo"].sel(Efermi=18.0874, i="x", l="y", s="z")
        assert float(lines[4].split()[-2]) == pytest.approx(float(expected), rel=1e-4)
        assert "postw90" in lines[-1]

    def test_other_choices_are_named(self, platinum):
        calculator = static.ConservedSpinConductivity(
            [18.0], degen_thresh=0.1, degen_Kramers=True, fermi_surface_width=0.2,
            kwargs_formula={"external_terms": False},
        )  # fmt: skip
        assert conditions(wb_conserved.run(platinum, 2, {"c": calculator}).to_dataset()) == [
            "mesh 2 × 2 × 2", "kBT = 0 eV", "multiplet threshold = 0.1 eV and Kramers pairs",
            "Fermi-surface width = 0.2 eV (given)", "without external terms",
        ]  # fmt: skip

    def test_different_thresholds_are_all_named(self, dataset):
        dataset["kubo"].attrs["multiplet_threshold_eV"] = 0.1
        assert "multiplet threshold = 0.1 / 0.01 eV" in conditions(dataset)

    @pytest.mark.parametrize(("level", "components"), [(18.2, ["xyz"]), (18.0, ["xy"]), (18.0, ["xyw"])])
    def test_what_does_not_exist_is_refused(self, dataset, level, components):
        with pytest.raises(ValueError, match=r"^(level|components): expected"):
            format_table(dataset, level, components)


class TestComparison:
    """Multiplet thresholds at the Fermi level."""

    @staticmethod
    def compared(dataset, factor, level=None):
        here = dataset if level is None else dataset.sel(Efermi=level)
        return {(name, 0.1): factor * here[name].values for name in ("kubo", "conserved")}

    def test_rows_of_thresholds(self, dataset):
        text = format_comparison(dataset, 18.0, ["xyz"], self.compared(dataset, 2.0, 18.0))
        lines = text.splitlines()
        assert lines[0] == "values in (ħ/|e|) S/cm"
        assert lines[1].split() == ["threshold/eV", "σ_K", "xyz", "σ_in", "xyz"]
        rows = [[float(word) for word in line.split()] for line in lines[2:]]
        assert [row[0] for row in rows] == [0.01, 0.1]
        assert rows[1][1:] == pytest.approx([2 * value for value in rows[0][1:]], rel=1e-4)
        assert rows[0][1] == pytest.approx(float(dataset["kubo"].sel(Efermi=18.0, i="x", l="y", s="z")), rel=1e-4)

    def test_each_unit_by_itself_and_each_temperature_and_level(self, platinum):
        options = {"kBT": [0.1, 0.05], "degen_thresh": 0.01}
        calculators = {
            "kubo": static.KuboConservedSpinConductivity(Electrons(10), **options),
            "conserved": equilibrium.SpinOrbitalMagnetization(Electrons(10), **options),
            "N": NumberOfElectrons(Electrons(10), **options),
        }
        dataset = wb_conserved.run(platinum, 3, calculators).to_dataset()
        text = format_comparison(dataset, None, None, self.compared(dataset, 2.0))
        assert [line for line in text.splitlines() if line.startswith("values")] == [
            "values in (ħ/|e|) S/cm", "values in eV Å^2 per cell",
        ]  # fmt: skip
        lines = text.splitlines()
        assert lines[1].split() == ["threshold/eV", "T/K", "kBT/eV", "μ/eV", "σ_K", "xyz"]
        rows = [[float(word) for word in line.split()] for line in lines[2:6]]
        assert [row[0] for row in rows] == [0.01, 0.1, 0.01, 0.1]
        assert [row[2] for row in rows] == [0.1, 0.1, 0.05, 0.05]
        np.testing.assert_allclose([row[3] for row in rows[::2]], dataset["mu"], rtol=1e-5)
        assert rows[3][4] == pytest.approx(2 * rows[2][4], rel=1e-4)


def test_table_after_refinement(platinum):
    """The error below its quantity, without its long name."""
    calculator = static.KuboConservedSpinConductivity([18.0], kBT=0.1)
    dataset = wb_conserved.run(platinum, 4, {"kubo": calculator}, adpt_num_iter=1).to_dataset()
    lines = format_table(dataset, 18.0).splitlines()
    (place,) = (i for i, line in enumerate(lines) if line.startswith("σ_K"))
    assert lines[place + 1].startswith("± σ_K  its estimated error ")
    error = float(dataset["kubo_error"].sel(i="x", l="y", s="z").item())
    assert float(lines[place + 1].split()[-1]) == pytest.approx(error, rel=1e-4)


def test_counts_of_states_know_no_threshold(platinum):
    """Neither in the conditions nor as an attribute."""
    dataset = wb_conserved.run(platinum, 2, {"N": NumberOfElectrons([18.0], kBT=0.1)}).to_dataset()
    assert conditions(dataset) == ["mesh 2 × 2 × 2", "kBT = 0.1 eV"]
    lines = format_table(dataset, 18.0).splitlines()
    assert lines[0] == "E_F = 18 eV, values in 1/cell"
    assert lines[3].split()[:4] == ["N", "number", "of", "electrons"]
    with pytest.raises(ValueError, match="components: expected none; found 'xyz'"):
        format_table(dataset, 18.0, ["xyz"])


class TestPictures:
    """Of one column, or of two where there are many panels."""

    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        pytest.importorskip("matplotlib")

    @staticmethod
    def size(path):
        return np.frombuffer(path.read_bytes()[16:24], dtype=">u4")

    def test_as_wide_as_a_column(self, dataset, tmp_path):
        plot_scan(dataset, tmp_path / "one.png", 18.0, ["xyz"])
        assert self.size(tmp_path / "one.png")[0] == int(8.6 / 2.54 * 300)
        plot_scan(dataset, tmp_path / "two.png", 18.0, ["xyz", "yxz", "zxy", "xzy", "yzx"])
        assert self.size(tmp_path / "two.png")[0] == int(2 * 8.6 / 2.54 * 300)

    def test_levels_in_any_order(self, dataset, tmp_path):
        for name, data in (("a", dataset), ("b", dataset.isel(Efermi=[2, 0, 3, 1]))):
            plot_scan(data, tmp_path / name, 18.0, ["xyz"])
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    @pytest.mark.parametrize("counted", [True, False])
    def test_temperatures_in_any_order(self, platinum, tmp_path, counted):
        """With a panel for the level, where a number of electrons sets it."""
        levels, level = (Electrons(10), None) if counted else ([18.0, 18.1], 18.0)
        calculators = {"N": NumberOfElectrons(levels, kBT=[0.1, 0.02, 0.05])}
        dataset = wb_conserved.run(platinum, 2, calculators).to_dataset()
        plot_temperatures(dataset, tmp_path / "a.png", level, None)
        heights = {True: 2, False: 1}
        plot_temperatures(dataset.sortby("kBT"), tmp_path / "sorted.png", level, None)
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "sorted.png").read_bytes()
        assert self.size(tmp_path / "a.png")[1] == pytest.approx(300 * (0.6 + 1.9 * heights[counted] + 0.13), abs=1)

    def test_symbols(self, dataset):
        assert panels._symbol("σ_K") == r"$\sigma_{\mathrm{K}}$"
        assert panels._symbol("D^τ") == r"$D^\tau$"
        assert panels._symbol("DOS") == r"$\mathrm{DOS}$"
        assert panels._unit("eV Å^-2/ħ") == r"eV Å$^{-2}$/$\hbar$"
        (group,) = groups(dataset)
        assert panels._component(dataset, group, "xyz") == r"$\sigma^{\,z}_{xy}$"
        renamed = dataset[["kubo"]].copy()
        for symbol, expected in (("D^τ", r"$D^{\,\tau_{z}}_{xy}$"), ("M^s", r"$M^{\,z}_{xy}$"), ("N", r"$N^{\,z}_{xy}$")):
            renamed["kubo"].attrs["symbol"] = symbol
            assert panels._component(renamed, groups(renamed)[0], "xyz") == expected


def test_picture(dataset, tmp_path):
    pytest.importorskip("matplotlib")
    plot_scan(dataset, tmp_path / "a.png", 18.0874, ["xyz", "yzx"], "Pt")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="components"):
        plot_scan(dataset, tmp_path / "b.png", 18.0874, ["xy"])


class TestFiles:
    """Written together, never over others."""

    def write(self, dataset, folder, **options):
        options = {"input_text": "# input\n", "level": 18.0, "components": ["xyz"], "pictures": True} | options
        return write_results(dataset, folder, **options)

    def test_all_files_and_nothing_else(self, dataset, tmp_path):
        pytest.importorskip("matplotlib")
        written = self.write(dataset, tmp_path / "a" / "b")
        assert sorted(os.listdir(tmp_path / "a" / "b")) == FILES
        assert sorted(written) == sorted(existing_results(tmp_path / "a" / "b"))

    @pytest.mark.parametrize("name", ["result.nc", "result.csv", "scan.png", "input.toml"])
    def test_refuses_to_overwrite(self, dataset, tmp_path, name):
        (tmp_path / name).write_text("precious")
        with pytest.raises(FileExistsError, match=rf"found {name}.*overwrite"):
            check_folder(tmp_path, overwrite=False)
        with pytest.raises(FileExistsError, match=name):
            self.write(dataset, tmp_path)
        assert os.listdir(tmp_path) == [name]
        assert (tmp_path / name).read_text() == "precious"

    def test_overwrites_when_told(self, dataset, tmp_path):
        (tmp_path / "result.nc").write_text("old")
        (tmp_path / "scan.png").write_text("old")
        (tmp_path / "notes.txt").write_text("mine")
        self.write(dataset, tmp_path, overwrite=True, pictures=False)  # the old picture would show other numbers
        assert sorted(os.listdir(tmp_path)) == sorted([*FILES[:-1], "notes.txt"])
        xarray.open_dataset(tmp_path / "result.nc").close()

    def test_failure_leaves_nothing(self, dataset, tmp_path):
        with pytest.raises(ValueError, match="components"):
            self.write(dataset, tmp_path, components=["xy"])
        assert os.listdir(tmp_path) == []

    def test_results_that_appear_meanwhile_are_kept(self, dataset, tmp_path, monkeypatch):
        from wb_conserved.results import files

        monkeypatch.setattr(files, "format_csv", lambda _: (tmp_path / "result.nc").write_text("other run") and "csv")
        with pytest.raises(FileExistsError, match="expected a folder without results; found result.nc"):
            self.write(dataset, tmp_path, pictures=False)
        assert (tmp_path / "result.nc").read_text() == "other run"
        assert os.listdir(tmp_path) == ["result.nc"]

    def test_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "a").write_text("")
        with pytest.raises(OSError, match="expected a folder that can be written to"):
            check_folder(tmp_path / "a" / "b", overwrite=False)
