"""Data set, table, CSV, picture and files of a run, on a tiny mesh of platinum."""

import os

import numpy as np
import pytest
import xarray

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.results import existing_results, format_csv, format_table, plot_scan, write_results
from wb_conserved.results.files import check_folder
from wb_conserved.results.table import conditions

LEVELS = [17.5, 18.0, 18.0874, 18.5]
OPTIONS = {"degen_thresh": 0.01, "kBT": 0.05}


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
                assert read[name].attrs[key] == value
        for key, value in dataset.attrs.items():
            np.testing.assert_array_equal(read.attrs[key], value)
    with netCDF4.Dataset(tmp_path / "result.nc") as read:
        assert read["kubo"].dimensions == ("Efermi", "i", "l", "s")
        assert read["kubo"].units == "(ħ/|e|) S/cm"
        np.testing.assert_array_equal(read["kubo"][:], dataset["kubo"].values)


def test_csv(dataset, tmp_path):
    import pandas

    (tmp_path / "result.csv").write_text(format_csv(dataset), encoding="utf-8")
    table = pandas.read_csv(tmp_path / "result.csv", comment="#")
    assert list(table.columns) == ["Efermi_eV", "i", "l", "s", "kubo", "conserved", "conventional"]
    assert len(table) == len(LEVELS) * 27
    rows = table.query("i == 'x' and l == 'y' and s == 'z'")
    np.testing.assert_array_equal(rows["Efermi_eV"], LEVELS)
    np.testing.assert_array_equal(rows["conserved"], dataset["conserved"].sel(i="x", l="y", s="z"))
    head = format_csv(dataset).splitlines()[:5]
    assert all(line.startswith("# ") for line in head)
    assert "multiplet threshold = 0.01 eV" in head[0]
    assert "S/cm" in head[1]


def test_csv_of_a_scalar_operator(platinum):
    calculator = static.ConventionalSpinConductivity([18.0, 19.0], operator="identity", **OPTIONS)
    text = format_csv(wb_conserved.run(platinum, 2, {"conventional": calculator}).to_dataset())
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    assert rows[0] == "Efermi_eV,i,l,conventional"
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
        assert sorted(os.listdir(tmp_path / "a" / "b")) == ["input.toml", "result.csv", "result.nc", "scan.png"]
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
        assert sorted(os.listdir(tmp_path)) == ["input.toml", "notes.txt", "result.csv", "result.nc"]
        xarray.open_dataset(tmp_path / "result.nc").close()

    def test_failure_leaves_nothing(self, dataset, tmp_path):
        with pytest.raises(ValueError, match="components"):
            self.write(dataset, tmp_path, components=["xy"])
        assert os.listdir(tmp_path) == []

    def test_results_that_appear_meanwhile_are_kept(self, dataset, tmp_path, monkeypatch):
        from wb_conserved.results import files

        monkeypatch.setattr(files, "format_csv", lambda _: (tmp_path / "result.nc").write_text("other run") and "csv")
        with pytest.raises(FileExistsError, match="the new results are in .*unfinished-"):
            self.write(dataset, tmp_path, pictures=False)
        assert (tmp_path / "result.nc").read_text() == "other run"
        (kept,) = tmp_path.glob("unfinished-*/result.nc")
        xarray.open_dataset(kept).close()

    def test_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "a").write_text("")
        with pytest.raises(OSError, match="expected a folder that can be written to"):
            check_folder(tmp_path / "a" / "b", overwrite=False)
