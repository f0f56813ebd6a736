"""Results read again: columns, citations, other units and axes, comparison, and the commands for them."""

import io
import re
import shutil

import numpy as np
import pandas
import pytest
import xarray
from click.testing import CliRunner

import wb_conserved
from wb_conserved.calculators import CATALOGUE, SUMS
from wb_conserved.cli import main
from wb_conserved.errors import InputError
from wb_conserved.models import lattice_system, random_model, rashba_lattice
from wb_conserved.results import (
    compare,
    format_bibtex,
    format_csv,
    format_info,
    format_wide_csv,
    open_result,
    write_results,
)
from wb_conserved.results.citations import ENTRIES
from wb_conserved.units import CONDUCTANCE, flow_factor, read_flow_unit

OPTIONS = {"kBT": 0.1, "degen_thresh": 0.01}


def run(system, mesh, *names, levels=(0.5, 1.0), **options):
    calculators = {name: SUMS[name].calculator(levels, **OPTIONS | options) for name in names}
    return wb_conserved.run(system, mesh, calculators)


@pytest.fixture(scope="module")
def dataset():
    """Of a model without symmetry, in three dimensions."""
    names = ("kubo", "conventional", "orbital_magnetization", "nernst_kubo", "density_of_states")
    calculators = {name: SUMS[name].calculator([0.5, 1.0], kBT=[0.1, 0.2], degen_thresh=0.01) for name in names[:-1]}
    calculators["density_of_states"] = SUMS["density_of_states"].calculator([0.5, 1.0], kBT=[0.1, 0.2])
    return wb_conserved.run(random_model(num_orbitals=1), 3, calculators).to_dataset(fermi_level_eV=1.0)


@pytest.fixture(scope="module")
def sheet():
    return run(rashba_lattice(), 6, "kubo", "conventional").to_dataset(fermi_level_eV=1.0)


@pytest.fixture
def folder(dataset, tmp_path):
    write_results(dataset, tmp_path / "results")
    return tmp_path / "results"


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


class TestColumns:
    """CSV that is read without options."""

    def test_tidy(self, dataset):
        table = pandas.read_csv(io.StringIO(format_csv(dataset)))
        assert list(table.columns[:4]) == ["Efermi [eV]", "kBT [eV]", "kelvin [K]", "e_minus_ef [eV]"]
        rows = table.query("i == 'x' and l == 'y' and s == 'z'")
        assert rows["e_minus_ef [eV]"].tolist() == [-0.5, -0.5, 0.0, 0.0]
        expected = dataset["kubo"].sel(i="x", l="y", s="z").values.ravel()
        np.testing.assert_allclose(rows["kubo [(ħ/|e|) S/cm]"], expected, rtol=1e-8)
        assert table["density_of_states [1/(eV cell)]"].count() == 4

    def test_wide(self, dataset):
        table = pandas.read_csv(io.StringIO(format_wide_csv(dataset)))
        assert table.shape == (4, 4 + 27 + 27 + 9 + 27 + 1)
        for component in ("xyz", "zzx"):
            expected = dataset["nernst_kubo"].sel(dict(zip("ils", component, strict=True))).values.ravel()
            np.testing.assert_allclose(table[f"nernst_kubo_{component} [(ħ/|e|) A/(cm K)]"], expected, rtol=1e-8)

    def test_no_more_digits_than_a_result_has(self, sheet):
        """What is the rounding of other components is 0."""
        table = pandas.read_csv(io.StringIO(format_wide_csv(sheet)), dtype=str)
        assert set(table["kubo_zzz [(ħ/|e|) S]"]) == {"0"}
        assert max(len(re.sub(r"e.*|[-.]", "", value).lstrip("0")) for value in table["kubo_xyz [(ħ/|e|) S]"]) <= 9


class TestCitations:
    def test_papers_of_the_definitions_and_the_programs(self, dataset):
        text = format_bibtex(dataset)
        found = re.findall(r"^@\w+{(\w+),$", text, re.MULTILINE)
        programs = ["wb_conserved", "wannierberri", "wannier90"]
        assert found == ["shi2006", "zhang2008", "sinova2004", "xiao2021", *programs]
        assert "doi = {10.1103/PhysRevB.104.L241411}" in text
        assert text.count("{") == text.count("}")
        assert dataset["kubo"].attrs["references"].startswith("Shi et al., Phys. Rev. Lett. 96, 076604")

    def test_every_definition_of_a_current_has_a_source_that_exists(self):
        for name, entry in CATALOGUE.items():
            sources = entry.example().sources
            assert set(sources) <= set(ENTRIES), name
            if "i" in entry.axes and not entry.tabulated:
                assert sources, name

    def test_the_spin_current_chosen(self):
        kind = SUMS["conventional"].calculator
        assert kind([0.0], spin_current="ryoo", degen_thresh=0.1).sources == ("sinova2004", "ryoo2019")


class TestUnits:
    @pytest.mark.parametrize("unit", ["(ħ/|e|) S/cm", "(1/|e|) S", "(ħ/2|e|) S/m", "(μ_B/|e|) A/(cm K)", "(ħ/|e|) S/cm / fs"])
    def test_parts_of_a_unit(self, unit):
        assert str(read_flow_unit(unit)) == unit

    def test_conversions(self, dataset, sheet):
        converted = dataset.transport.to_units("S/m", observable="ħ/2")
        assert converted["kubo"].attrs["units"] == "(ħ/2|e|) S/m"
        assert converted["nernst_kubo"].attrs["units"] == "(ħ/2|e|) A/(m K)"
        np.testing.assert_allclose(converted["kubo"], 200 * dataset["kubo"], rtol=1e-12)
        xarray.testing.assert_identical(converted["orbital_magnetization"], dataset["orbital_magnetization"])
        back = converted.transport.to_units("S/cm", observable="ħ")
        np.testing.assert_allclose(back["kubo"], dataset["kubo"], rtol=1e-12)
        assert flow_factor("S", "e²/h") * CONDUCTANCE == pytest.approx(2 * np.pi)
        assert sheet.transport.to_units("e²/h")["kubo"].attrs["units"] == "(ħ/|e|) e²/h"

    def test_bulk_to_sheet_is_that_of_the_same_atoms(self):
        """A sheet in a cell with vacuum: its conductivity times the height of the cell does not depend on the vacuum."""
        flat = rashba_lattice()
        found = run(flat, 6, "kubo").to_dataset()
        thick = rashba_lattice()
        thick.periodic = np.array([True, True, True])
        bulk = run(thick, (6, 6, 1), "kubo").to_dataset()
        height = float(np.linalg.norm(thick.real_lattice[2]))
        converted = bulk.transport.to_units(thickness=height)
        assert converted["kubo"].attrs["units"] == found["kubo"].attrs["units"] == "(ħ/|e|) S"
        np.testing.assert_allclose(converted["kubo"], found["kubo"], rtol=1e-10, atol=1e-18)

    def test_refusals(self, dataset, sheet):
        for task in (
            lambda: dataset.transport.to_units("e²/h"),
            lambda: dataset.transport.to_units(observable="spin"),
            lambda: sheet.transport.to_units(thickness=3.0),
            lambda: dataset.transport.hall_angle(0.0),
            lambda: dataset.transport.hall_angle(1.0, "S"),
            lambda: dataset.transport.rotate(np.diag([1, 1, -1])),
            lambda: dataset.transport.rotate([[1, 0, 0], [1, 1, 0], [0, 0, 1]]),
        ):
            with pytest.raises(InputError, match="expected"):
                task()

    def test_hall_angle(self, dataset):
        angle = dataset.transport.hall_angle(5e4)
        np.testing.assert_allclose(angle["kubo_hall_angle"], 2 * dataset["kubo"] / 5e4, rtol=1e-12)
        half = dataset.transport.to_units(observable="ħ/2").transport.hall_angle(5e4)
        np.testing.assert_allclose(half["kubo_hall_angle"], angle["kubo_hall_angle"], rtol=1e-12)
        assert "nernst_kubo_hall_angle" not in angle


def test_rotated_results_are_those_of_the_rotated_crystal(dataset):
    """The model turned by 30° about an axis, with its spins: a calculation of its own."""
    angle, axis = np.pi / 6, np.array([1.0, 2.0, -1.0]) / np.sqrt(6)
    cross = np.cross(np.eye(3), axis)
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    turned = random_model(num_orbitals=1)
    vectors = [tuple(map(int, vector)) for vector in turned.rvec.iRvec]
    hoppings = {vector: turned.get_R_mat("Ham")[i] for i, vector in enumerate(vectors) if vector >= tuple(-x for x in vector)}
    spin = turned.get_R_mat("SS")[turned.rvec.iR0] @ rotation.T
    centers = turned.wannier_centers_cart @ rotation.T
    model = lattice_system(turned.real_lattice @ rotation.T, hoppings, spin, centers)
    expected = run(model, 3, "kubo", "orbital_magnetization").to_dataset()
    found = run(turned, 3, "kubo", "orbital_magnetization").to_dataset().transport.rotate(rotation)
    for name in ("kubo", "orbital_magnetization"):
        assert np.abs(expected[name]).max() > 0
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9 * float(np.abs(expected[name]).max()))


class TestComparison:
    def test_against_error_bars(self):
        system = rashba_lattice()
        runs = [run(system, mesh, "kubo", "conventional").to_dataset(fermi_level_eV=1.0) for mesh in (6, 40)]
        rows = compare(*runs)
        assert [row.symbol for row in rows] == ["σ_K", "σ_conv"]
        for row, name in zip(rows, ("kubo", "conventional"), strict=True):
            values = [float(part[name].sel(Efermi=1.0, i="x", l="y", s="z")) for part in runs]
            assert (row.first, row.second) == tuple(values)
            assert row.difference == values[1] - values[0] != 0
            assert row.error > 0
        assert [row.verdict for row in compare(runs[0], runs[0])] == ["equal", "equal"]
        shifted = runs[1].copy()
        shifted["kubo"] = runs[1]["kubo"] + 100 * rows[0].error
        assert "DIFFER" in compare(runs[1], shifted)[0].verdict

    def test_a_series_of_meshes(self):
        calculators = {"kubo": SUMS["kubo"].calculator([0.5, 1.0], **OPTIONS)}
        series = wb_conserved.convergence(rashba_lattice(), [6, 8, 10], calculators).to_dataset(fermi_level_eV=1.0)
        (row,) = compare(run(rashba_lattice(), 12, "kubo").to_dataset(fermi_level_eV=1.0), series)
        assert row.second == float(series["kubo_extrapolated"].sel(Efermi=1.0, i="x", l="y", s="z"))
        error = float(series["kubo_error"].sel(Efermi=1.0, i="x", l="y", s="z"))
        assert row.error >= error > 0

    def test_nothing_in_common(self, dataset, sheet):
        with pytest.raises(InputError, match="same unit"):
            compare(dataset, sheet)
        others = run(rashba_lattice(), 4, "berry").to_dataset()
        with pytest.raises(InputError, match="quantities in common"):
            compare(sheet, others)
        with pytest.raises(InputError, match="Fermi level in common"):
            compare(sheet, run(rashba_lattice(), 4, "kubo", levels=(0.1, 0.2)).to_dataset())


class TestCommands:
    def test_info(self, folder, dataset):
        done = invoke("info", folder)
        assert done.exit_code == 0, done.output
        for text in ("2 Wannier functions", "Fermi level 2 from 0.5 to 1 eV", "T = 1160, 2321 K", "σ_K", "doi:10.1103"):
            assert text in done.output
        assert done.output.strip() == format_info(open_result(folder)).strip()
        assert next(iter(open_result(folder).data_vars)) == "kubo"  # as in the run, not by the alphabet

    def test_convert_to_a_file(self, folder, dataset):
        for name in ("si.csv", "si.nc"):
            options = ["--to", "S/m", "--observable", "hbar/2", "--components", "xyz", "--output", folder / name]
            done = invoke("convert", folder, *options)
            assert done.exit_code == 0, done.output
            assert "values in (ħ/2|e|) S/m" in done.output
        with xarray.open_dataset(folder / "si.nc") as found:
            np.testing.assert_allclose(found["kubo"], 200 * dataset["kubo"], rtol=1e-12)
        assert "kubo [(ħ/2|e|) S/m]" in (folder / "si.csv").read_text(encoding="utf-8")

    def test_hall_angle_and_axes(self, folder, dataset):
        done = invoke("convert", folder, "--rotate", "0 1 0, -1 0 0, 0 0 1", "--hall-angle", "5e4", "--components", "xyz")
        assert done.exit_code == 0, done.output
        expected = -2 * dataset["kubo"].sel(i="y", l="x", s="z")[1, 0] / 5e4
        assert f"{float(expected):.5g}" in done.output

    def test_compare(self, folder, tmp_path, sheet):
        done = invoke("compare", folder, folder / "result.nc")
        assert done.exit_code == 0, done.output
        assert done.output.count("equal") == 2 * 5
        write_results(sheet, tmp_path / "sheet")
        refused = invoke("compare", folder, tmp_path / "sheet")
        assert refused.exit_code == 2 and "expected the same unit in both" in refused.output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["info", "none"], "expected a NetCDF file of a run"),
            (["info", "."], "there is one in results"),
            (["info", "results", "--components", "xyzz"], "--components: expected components"),
            (["convert", "results", "--to", "S/inch"], "expected a unit that one of"),
            (["convert", "results", "--rotate", "1 0 0"], "expected three vectors"),
            (["convert", "results", "--sheet", "thick"], "expected a thickness"),
            (["convert", "results", "--to", "S/m", "--output", "a.txt"], "ends in .csv or .nc"),
        ],
    )
    def test_refusals(self, folder, monkeypatch, arguments, said):
        monkeypatch.chdir(folder.parent)
        done = invoke(*arguments)
        assert done.exit_code == 2, done.output
        assert said in done.output

    def test_another_netcdf_file(self, folder):
        xarray.Dataset({"a": 1.0}).to_netcdf(folder / "other.nc")
        done = invoke("info", folder / "other.nc")
        assert done.exit_code == 2 and "expected a NetCDF file that wb_conserved wrote" in done.output
        shutil.copy(folder / "result.csv", folder / "fake.nc")
        assert invoke("info", folder / "fake.nc").exit_code == 2
