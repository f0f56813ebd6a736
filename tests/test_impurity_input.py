"""[[impurity]] and [disorder] in input files: what is accepted, that every error names file and key, and every command."""

import copy
import os
import re

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from data_folder import DATA
from messages import rows
from processes import MPIRUN, needs_mpirun, start
from test_cli import COMMAND

from wb_conserved import InputError
from wb_conserved.calculators import IMPURITIES, OVER_LEVELS, WITH_IMPURITIES
from wb_conserved.cli import main
from wb_conserved.cli.config import make_calculators
from wb_conserved.cli.reading import read_config
from wb_conserved.disorder import Disorder, Impurity, impurity_response
from wb_conserved.errors import ConfigError
from wb_conserved.io.matrix import complex_number, read_matrix

INPUT = f"""
[system]
path = "{DATA / "pt" / "Pt"}"
[grid]
mesh = 4
[fermi]
level = 18.0874
levels = [17.5, 18.5]
[temperature]
kBT = 0.2
[multiplets]
threshold = 0.01
[output]
folder = "results"
[[impurity]]
potential = -2.0
concentration = 0.01
atoms = ["Pt"]
orbitals = ["s"]
[disorder]
extra_rate = 0.05
"""
SECOND = '[[impurity]]\npotential = 1.0\nconcentration = 0.02\norbitals = [3, 4]\n[disorder]'


def write(folder, *changes, text=INPUT):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "pt.toml"
    path.write_text(text, encoding="utf-8")
    return path


def invoke(*arguments, code=0):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def load_at_once(monkeypatch, platinum):
    """Real data without reading it again."""
    from wb_conserved.cli import job

    monkeypatch.setattr(job, "load_system", lambda *_, **__: copy.copy(platinum))


class TestAccepted:
    """What a file asks for."""

    def test_defaults(self, tmp_path):
        config, _ = read_config(write(tmp_path))
        assert config.quantities.names == list(WITH_IMPURITIES)
        calculators = make_calculators(config)
        assert list(calculators) == [name for name in OVER_LEVELS if name in WITH_IMPURITIES]
        for name in IMPURITIES:
            disorder = calculators[name].disorder
            assert (disorder.scattering, disorder.extra_rate, disorder.first_order) == ("t-matrix", 0.05, True)
            assert calculators[name].shell_width == 0.1  # half of kBT

    def test_names_and_every_setting(self, tmp_path):
        settings = "scattering = 'third'\nwidth = 0.03\nfirst_order = false\nlarge = true\nextra_rate = 0.05"
        names = ("[output]", '[quantities]\nnames = ["impurity_total", "kubo", "hall_angle"]\n[output]')
        config, _ = read_config(write(tmp_path, names, ("extra_rate = 0.05", settings)))
        calculators = make_calculators(config)
        assert list(calculators) == ["kubo", "impurity_total", "hall_angle"]
        disorder = calculators["hall_angle"].disorder
        assert (disorder.scattering, disorder.width, disorder.first_order, disorder.large) == ("third", 0.03, False, True)
        assert calculators["hall_angle"].shell_width == 0.03

    @pytest.mark.parametrize(("more", "width"), [("fermi_surface_width = 0.07", 0.07), ("", 0.5)])
    def test_width_at_zero_temperature(self, tmp_path, more, width):
        """That of the Fermi surface, or the spacing of the scan."""
        changes = ("kBT = 0.2", f"kBT = 0.0\n{more}"), ("levels = [17.5, 18.5]", "window = [-1.0, 1.0]\npoints = 5")
        config, _ = read_config(write(tmp_path, *changes))
        assert {part.shell_width for part in make_calculators(config).values() if part.needs_impurities} == {width}

    def test_several_with_matrices(self, tmp_path):
        first = np.array([[1.0, 0.1 - 0.2j], [0.1 + 0.2j, -0.5]])
        np.save(tmp_path / "W.npy", 2 * first)
        (tmp_path / "W.txt").write_text("# eV\n3.0   (0.3-0.6j)   # a row\n\n0.3+0.6i -1.5\n")
        tables = "".join(
            f'[[impurity]]\n{potential}\nconcentration = {c}\norbitals = [0, 1]\nexchange = 0.1\naxis = {axis}\n'
            for potential, c, axis in (
                ('potential = [[1.0, "0.1-0.2j"], ["0.1+0.2j", -0.5]]', "[0.01, 0.1]", "'x'"),
                ('potential_file = "W.npy"', 0.02, "[1.0, 0, 1]"),
                ('potential_file = "W.txt"', 0.03, "'z'"),
            )
        )
        text = INPUT[: INPUT.index("[[impurity]]")] + tables + "[disorder]\nextra_rate = 0.05\n"
        config, _ = read_config(write(tmp_path, text=text))
        impurities = config.scatterers().impurities
        for number, impurity in enumerate(impurities, start=1):
            np.testing.assert_allclose(np.asarray(impurity.potential), number * first)
            assert impurity.exchange == 0.1
        assert config.scatterers().concentrations == (0.01, 0.1)
        assert impurities[1].axis == [1.0, 0.0, 1.0]

    @pytest.mark.parametrize(
        ("text", "number"), [("0.1", 0.1), ("0.1-0.2j", 0.1 - 0.2j), ("(1e-1+2i)", 0.1 + 2j), (" -3i ", -3j), ("i", 1j)]
    )
    def test_complex_numbers(self, text, number):
        assert complex_number(text) == number


class TestDocumentation:
    """docs/disorder.md."""

    text = (DATA.parent / "docs" / "disorder.md").read_text(encoding="utf-8")

    def test_input_file(self, tmp_path):
        """With all that is commented out, too."""
        (block,) = re.findall(r"```toml\n(.*?)```", self.text, re.DOTALL)
        config, _ = read_config(write(tmp_path, text=block))
        assert config.quantities.names == list(WITH_IMPURITIES)
        np.savetxt(tmp_path / "W.txt", np.eye(2))
        whole = re.sub(r"(?m)^# (\w+ = )", r"\1", block).replace("potential = 2.0", "")
        config, _ = read_config(write(tmp_path, text=whole))
        (found,) = config.scatterers().impurities
        assert found.orbitals == ["s", "d"] and found.exchange == 0.1 and np.shape(found.potential) == (2, 2)
        assert config.scatterers().extra_rate == 0.001 and not config.scatterers().first_order

    def test_names(self):
        named = set(re.findall(r"`(impurity_[a-z_]*[a-z]|hall_angle)`", self.text))
        known = {name for name in WITH_IMPURITIES if OVER_LEVELS[name].needs_impurities} | {"impurity_origin"}
        assert named == {name for name in known if not name.startswith("impurity_conventional")}


def impurity(**changes):
    """Replacement of the table by one with other keys."""
    table = {"potential": "-2.0", "concentration": "0.01", "atoms": '["Pt"]', "orbitals": '["s"]'} | changes
    lines = "".join(f"{key} = {value}\n" for key, value in table.items() if value is not None)
    return INPUT[INPUT.index("potential =") : INPUT.index("[disorder]")], lines


class TestRefused:
    """With file, table and key."""

    @pytest.mark.parametrize(
        ("change", "key", "message"),
        [
            (impurity(potential=None), "[[impurity]] 1 potential", "one of potential and potential_file; found neither"),
            (impurity(potential_file="'a'"), "[[impurity]] 1 potential", "found both"),
            (impurity(potential="'1'"), "[[impurity]] 1 potential", "a number (eV), or a Hermitian matrix"),
            (impurity(potential='[["a"]]'), "[[impurity]] 1 potential", "a Hermitian matrix as a list of rows"),
            (impurity(potential="[[1.0, 2.0], [3.0]]"), "[[impurity]] 1 potential", "rows of equal length; found [2, 1]"),
            (impurity(potential="[[1.0, 2.0], [3.0, 1.0]]"), "[[impurity]] 1 potential", "a Hermitian matrix; found W and W†"),
            (impurity(potential="[[1.0, 2.0]]"), "[[impurity]] 1 potential", "a square matrix (eV); found shape (1, 2)"),
            (impurity(potential="inf"), "[[impurity]] 1 potential", "found inf"),
            (impurity(potential=None, potential_file="'no.npy'"), "[[impurity]] 1 potential_file", "No such file"),
            (impurity(concentration=None), "[[impurity]] 1 concentration", "found nothing"),
            (impurity(concentration="0.0"), "[[impurity]] 1 concentration", "a fraction of cells between 0 and 1"),
            (impurity(concentration="[0.1, 1.0]"), "[[impurity]] 1 concentration", "found [0.1, 1.0]"),
            (impurity(concentration="[0.1, 0.1]"), "[[impurity]] 1 concentration", "different fractions"),
            (impurity(concentration="[]"), "[[impurity]] 1 concentration", "found []"),
            (impurity(concentration="'1 %'"), "[[impurity]] 1 concentration", "a number between 0 and 1"),
            (impurity(atoms="'Pt'"), "[[impurity]] 1 atoms", "a list of atoms"),
            (impurity(orbitals="[]"), "[[impurity]] 1 orbitals", "found []"),
            (impurity(axis="'w'"), "[[impurity]] 1 axis", "'x', 'y', 'z' or three numbers; found 'w'"),
            (impurity(axis="[0.0, 0.0, 0.0]"), "[[impurity]] 1 axis", "'x', 'y', 'z' or three numbers"),
            (impurity(concentrtion="0.1"), "[[impurity]] 1 concentrtion", "did you mean concentration?"),
            (("[disorder]", SECOND.replace("1.0", "'a'")), "[[impurity]] 2 potential", "found 'a'"),
            (("[disorder]", SECOND.replace("0.02", "0.995")), "[[impurity]] concentration", "add up to less than 1"),
            (("[[impurity]]", "[impurity]"), "[[impurity]]", "expected tables, [[impurity]]; found {'potential'"),
            (("extra_rate = 0.05", "extra_rate = -1"), "[disorder] extra_rate", "a number >= 0 (eV)"),
            (("extra_rate = 0.05", "width = 0"), "[disorder] width", "a number > 0 (eV)"),
            (("extra_rate = 0.05", "scattering = 'T'"), "[disorder] scattering", "'born', 'third', 't-matrix'"),
            (("extra_rate = 0.05", "large = 1"), "[disorder] large", "true or false"),
            (("extra_rate", "extra_rat"), "[disorder] extra_rat", "did you mean extra_rate?"),
            (("mesh = 4", "mesh = 4\nadpt_num_iter = 1"), "[grid] adpt_num_iter", "solved on one mesh; found 1"),
            (("kBT = 0.2", "kBT = 0\ntetrahedra = true"), "[disorder] width", "with tetrahedra, the distance of nodes"),
            (("kBT = 0.2", "kBT = 0"), "[temperature] fermi_surface_width", "a number > 0 (eV)"),
            (("[output]", '[quantities]\nnames = ["kubo"]\n[output]'), "[quantities] names", "enters: impurity_total, "),
            (
                ("[output]", "[quantities]\noptions.impurity_drift.disorder = 1\n[output]"),
                "[quantities] options.impurity_drift.disorder",
                "none, as impurity_drift has no options",
            ),
            (("[disorder]", "[convergence]\nwidths = [0.1, 0.2, 0.3]\n[disorder]"), "[convergence] widths", "each smaller"),
            (("[disorder]", "[convergence]\nwidths = [0.2, 0.1]\n[disorder]"), "[convergence] widths", "at least three"),
        ],
    )
    def test_error_names_file_and_key(self, tmp_path, change, key, message):
        path = write(tmp_path, change)
        with pytest.raises(ConfigError) as error:
            read_config(path)
        (line,) = [line for line in str(error.value).splitlines() if line.startswith(f"{path}: {key}:")]
        assert message in line and "expected" in line and "found" in line

    @pytest.mark.parametrize(
        ("more", "key", "message"),
        [
            ('[quantities]\nnames = ["impurity_drift"]', "[quantities] names", "[[impurity]] tables, which impurity_drift"),
            ("[disorder]\nwidth = 0.1", "[disorder] width", "[[impurity]] tables, which it goes with; found none"),
            ("[convergence]\nwidths = [0.3, 0.2, 0.1]", "[convergence] widths", "none without [[impurity]]"),
        ],
    )
    def test_without_impurities(self, tmp_path, more, key, message):
        path = write(tmp_path, text=INPUT[: INPUT.index("[[impurity]]")] + more)
        with pytest.raises(ConfigError) as error:
            read_config(path)
        assert str(error.value).startswith(f"{path}: {key}: expected {message}")

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("1.0 2.0\n3.0\n", 2, "expected 2 numbers, as in the rows before; found 1"),
            ("# a\n1.0 b\n", 2, "expected complex numbers, such as 0.1-0.2j; found"),
            ("# nothing\n", None, "expected rows of a matrix; found none"),
        ],
    )
    def test_files_with_a_matrix(self, tmp_path, text, line, message):
        path = tmp_path / "W.txt"
        path.write_text(text)
        with pytest.raises(InputError, match=re.escape(message)) as error:
            read_matrix(path)
        assert error.value.line == line
        source = write(tmp_path, impurity(potential=None, potential_file="'W.txt'"))
        place = f", line {line}" if line else ""
        with pytest.raises(ConfigError, match=rf"\[\[impurity\]\] 1 potential_file: .*W\.txt{place}"):
            read_config(source)

    @pytest.mark.parametrize("array", [np.ones(3), np.array([["a"]]), np.ones((2, 2, 2))])
    def test_arrays_that_are_no_matrix(self, tmp_path, array):
        np.save(tmp_path / "W.npy", array)
        with pytest.raises(InputError, match=r"W\.npy: expected a matrix of numbers"):
            read_matrix(tmp_path / "W.npy")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (impurity(orbitals='["f"]'), "[[impurity]] 1 orbitals: expected names among"),
            (impurity(atoms='["Fe"]'), "[[impurity]] 1 atoms: expected some of"),
            (impurity(potential="[[1.0]]"), "[[impurity]] 1 potential: expected a number or a matrix of the 2 functions"),
            (("[disorder]", SECOND.replace("[3, 4]", "[30]")), "[[impurity]] 2 orbitals: expected different functions of"),
            (("extra_rate = 0.05", "width = 1e-9"), "[disorder] large: expected tensors of 2 GiB at most"),
        ],
    )
    @pytest.mark.parametrize("command", ["check", "run"])
    def test_what_does_not_fit_the_system(self, tmp_path, load_at_once, change, said, command):
        assert said in invoke(command, write(tmp_path, change), code=2)
        assert os.listdir(tmp_path) == ["pt.toml"] or command == "run"

    def test_states_that_nothing_scatters(self, tmp_path, load_at_once):
        """Said of the key, with what to do."""
        output = invoke("run", write(tmp_path, ("extra_rate = 0.05", ""), ('["s"]', '["dxy"]')), code=2)
        assert "pt.toml: [disorder] extra_rate: expected a number > 0 (eV) that makes all rates positive" in output


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run from the shell: folder and completed process."""
    folder = tmp_path_factory.mktemp("finished")
    write(folder, ("concentration = 0.01", "concentration = [0.01, 0.05]"), ("[grid]", 'symmetry = ["Inversion"]\n[grid]'))
    done = start([*COMMAND, "run", folder / "pt.toml"])
    assert done.returncode == 0, done.stderr
    return folder / "results", done


class TestRun:
    """A run with several concentrations."""

    def test_numbers_are_those_of_python(self, finished, platinum):
        options = {"kBT": 0.2, "degen_thresh": 0.01, "extra_rate": 0.05}
        impurity = Impurity(-2.0, [0.01, 0.05], atoms=["Pt"], orbitals=["s"])
        expected = impurity_response(platinum, 4, impurity, [17.5, 18.0874, 18.5], **options).to_dataset()
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            assert set(data.data_vars) == set(expected.data_vars) == set(WITH_IMPURITIES)
            for name, variable in data.data_vars.items():
                xarray.testing.assert_equal(variable.drop_vars("e_minus_ef", errors="ignore"), expected[name])
                concentration = ("concentration",) if OVER_LEVELS[name].needs_impurities else ()
                assert variable.dims[: 1 + len(concentration)] == ("Efermi", *concentration)
                assert variable.attrs["units"] == expected[name].attrs["units"]
            assert data["concentration"].values.tolist() == [0.01, 0.05]
            assert data.attrs["residual_particles"] == expected.attrs["residual_particles"] < 1e-10
            assert data.attrs["limits"].splitlines() == list(Disorder.limits)
            assert data.attrs["symmetry_operations"] == 1 and data.attrs["evaluated_k_points"] == 64
            assert data["impurity_total"].attrs["impurities"] == "1, 5 % of cells with -2 eV on s of Pt"

    def test_table(self, finished):
        lines = finished[1].stdout.splitlines()
        for name, entry in IMPURITIES.items():
            assert any(line.startswith(entry.calculator.symbol) and entry.calculator.long_name in line for line in lines), name
        assert "E_F = 18.0874 eV, values in (ħ/|e|) S/cm: conserved current with impurities" in lines
        (place,) = [i for i, line in enumerate(lines) if line.startswith("c/% ") and "σ_total xyz" in line]
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            for row, c in zip(lines[place + 1 : place + 3], (0.01, 0.05), strict=True):
                here = data.sel(Efermi=18.0874, concentration=c, i="x", l="y", s="z")
                names = [f"impurity_{part}" for part in ("total", "drift", "skew", "side_jump")]
                assert [float(text) for text in row.split()[:5]] == pytest.approx(
                    [100 * c, *(float(here[name]) for name in names)], rel=1e-4
                )
        assert sum(line.startswith("residuals particles ") for line in lines) == 1
        assert [line for line in lines if line.startswith("limit ")] == [f"limit     {text}" for text in Disorder.limits]
        assert any("scattering t-matrix, energy shells of 0.1 eV, extra rate 0.05 eV" in line for line in lines)

    def test_symmetry_is_said_to_be_unused(self, finished):
        said = "[system] symmetry: not used to reduce the mesh or to symmetrise results, as impurities need not have"
        assert finished[1].stderr.count(said) == 1

    def test_files(self, finished):
        pictures = ["concentrations.png", "parts.png", "scan.png"]
        texts = ["cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv"]
        assert sorted(os.listdir(finished[0])) == sorted([*pictures, *texts])
        import pandas

        table = pandas.read_csv(finished[0] / "result.csv").rename(columns=lambda name: name.split(" [")[0])
        assert list(table.columns)[:4] == ["Efermi", "concentration", "e_minus_ef", "i"]
        with xarray.open_dataset(finished[0] / "result.nc") as data:
            here = (table["Efermi"] == 17.5) & (table["concentration"] == 0.05)
            here &= (table["i"] == "x") & (table["l"] == "y") & (table["s"] == "z")
            found = table.loc[here, "impurity_side_jump"].tolist()
            expected = float(data["impurity_side_jump"].sel(Efermi=17.5, concentration=0.05, i="x", l="y", s="z"))
            assert found == pytest.approx([expected], rel=1e-8)
            resistivity = table[table["impurity_resistivity"].notna()]
            assert len(resistivity) == 6 and resistivity["i"].isna().all()

    @needs_mpirun
    def test_same_bytes_under_mpirun_from_the_copy(self, finished, tmp_path):
        """From the input file beside the results."""
        command = [*COMMAND, "run", finished[0] / "input.toml", "--output", tmp_path / "parallel"]
        done = start([*MPIRUN, "-n", 2, *command])
        assert done.returncode == 0, done.stderr
        with (
            xarray.open_dataset(finished[0] / "result.nc") as serial,
            xarray.open_dataset(tmp_path / "parallel" / "result.nc") as parallel,
        ):
            xarray.testing.assert_equal(parallel, serial)
            assert parallel.attrs["ranks"] == 2


@pytest.mark.parametrize(("situation", "message", "name"), rows("test_impurity_input.py"))
def test_row(tmp_path, load_at_once, situation, message, name):
    """Of tests/README.md, by check, among its points."""
    keys = {"unused_symmetry": 'symmetry = ["C4z"]', "unused_symmetrization": "symmetrize = true"}
    output = invoke("check", write(tmp_path, ("[grid]", f"{keys[name]}\n[grid]")))
    assert message in " ".join(output.split())


def test_a_symmetrised_system_loses_its_point_group(tmp_path, monkeypatch, platinum):
    """Which the Hamiltonian keeps."""
    from wb_conserved.cli import job

    system = copy.copy(platinum)
    system.set_pointgroup(["Inversion"])
    monkeypatch.setattr(job, "load_system", lambda *_, **__: system)
    assert "1 symmetry operations" in invoke("check", write(tmp_path, ("[grid]", "symmetrize = true\n[grid]")))


class TestCommands:
    """Every command with impurities."""

    names = '[quantities]\nnames = ["impurity_total", "impurity_charge", "berry"]\n[output]'

    def test_check_and_dry_run(self, tmp_path, load_at_once):
        source = write(tmp_path)
        assert "impurity  1 % of cells with -2 eV on s of Pt" in invoke("check", source)
        output = invoke("run", source, "--dry-run")
        assert re.search(r"time +[\d.]+ ms per k point", output) and re.search(r"memory +\d+ MiB per process", output)
        assert os.listdir(tmp_path) == ["pt.toml"]

    def test_checkpoint(self, tmp_path, load_at_once, monkeypatch):
        """The same command finishes what was stopped in the middle, with the same bytes."""
        from wb_conserved.disorder import passes

        invoke("run", write(tmp_path, ("[output]", self.names)), "--output", tmp_path / "whole")
        monkeypatch.setattr("wb_conserved.interpolation.bloch._ELEMENTS_PER_MATRIX", 18 * 18 * 4)
        calls, accumulate = [0], passes.SkewSums.accumulate

        def stopped(self, *arguments, **options):
            calls[0] += 1
            if calls[0] > 3:
                raise KeyboardInterrupt
            return accumulate(self, *arguments, **options)

        source = write(tmp_path, ("[output]", self.names), ("[disorder]", '[run]\ncheckpoint = "parts"\n[disorder]'))
        with monkeypatch.context() as patch:
            patch.setattr(passes.SkewSums, "accumulate", stopped)
            assert "stopped by SIGINT" in invoke("run", source, code=130)
        invoke("run", source)
        first, again = (xarray.open_dataset(tmp_path / name / "result.nc") for name in ("whole", "results"))
        for name in first.data_vars:
            scale = float(abs(first[name]).max())
            np.testing.assert_allclose(again[name], first[name], rtol=0, atol=1e-9 * scale)  # in other batches

    def test_series(self, tmp_path, load_at_once):
        more = "[convergence]\nmeshes = [2, 3, 4]\nwidths = [0.2, 0.15, 0.1]\n[disorder]"
        source = write(tmp_path, ("[output]", self.names), ("[disorder]", more))
        output = invoke("convergence", source)
        folder = tmp_path / "results" / "convergence"
        of_meshes = ["convergence.nc", "convergence.png", "convergence.txt"]
        files = ["cite.bib", *of_meshes, "input.toml", "widths.nc", "widths.txt"]
        assert sorted(os.listdir(folder)) == files
        for name in ("convergence", "widths"):
            assert (folder / f"{name}.txt").read_text(encoding="utf-8").strip() in output
        with xarray.open_dataset(folder / "widths.nc") as data:
            assert data["width"].values.tolist() == [0.2, 0.15, 0.1] and data["width"].attrs["units"] == "eV"
            assert "berry" not in data and "shell_width_eV" not in data["impurity_total"].attrs
            narrow = data["impurity_total"].sel(width=0.1)
        with xarray.open_dataset(folder / "convergence.nc") as data:
            np.testing.assert_array_equal(data["impurity_total"].sel(mesh="4x4x4"), narrow)  # 0.1 eV is half of kBT
        assert re.search(r"^width/eV +σ_total xyz$", output, re.M) and "width → 0" in output

    def test_thresholds_are_compared(self, tmp_path, load_at_once):
        changes = ("threshold = 0.01", "threshold = 0.01\ncompare = [0.3]"), ("[output]", self.names)
        several = ("concentration = 0.01", "concentration = [0.01, 0.02]")
        output = invoke("run", write(tmp_path, *changes, several))
        places = [line.split() for line in output.splitlines()]
        rows = places[places.index(["threshold/eV", "c/%", "σ_total", "xyz"]) + 1 :][:4]
        assert [row[:2] for row in rows] == [["0.01", "1"], ["0.3", "1"], ["0.01", "2"], ["0.3", "2"]]
        with xarray.open_dataset(tmp_path / "results" / "result.nc") as data:
            here = data["impurity_total"].sel(Efermi=18.0874, i="x", l="y", s="z").values
        assert [float(row[2]) for row in rows[::2]] == pytest.approx(here, rel=1e-4)

    @pytest.mark.parametrize("temperature", ["kelvin = [3000, 2000]", "kBT = 0\nfermi_surface_width = 0.1"])
    def test_electrons(self, tmp_path, load_at_once, temperature):
        changes = ("level = 18.0874\nlevels = [17.5, 18.5]", "electrons = 10"), ("kBT = 0.2", temperature)
        output = invoke("run", write(tmp_path, *changes, ("[output]", self.names)))
        assert "μ/eV" in output or "μ =" in output
        with xarray.open_dataset(tmp_path / "results" / "result.nc") as data:
            assert data["impurity_total"].dims == ("kBT", "i", "l", "s")
            assert float(abs(data["impurity_charge"]).min("kBT").max()) > 1e3
            mu = float(data["mu"][0])
        assert 17 < mu < 19

    def test_file_of_a_matrix_is_reached_from_the_results(self, tmp_path, load_at_once, monkeypatch):
        (tmp_path / "a").mkdir()
        np.savetxt(tmp_path / "W.txt", np.array([[1.0, 0.2j], [-0.2j, 0.5]]))
        changes = impurity(potential=None, potential_file='"../W.txt"'), ("[output]", self.names)
        first = invoke("run", write(tmp_path / "a", *changes, ('"results"', '"../b/results"')))
        copied = tmp_path / "b" / "results" / "input.toml"
        assert 'potential_file = "../../W.txt"' in copied.read_text(encoding="utf-8")
        monkeypatch.chdir(tmp_path / "b")
        again = invoke("run", "results/input.toml", "--overwrite")
        rows = [[line for line in text.splitlines() if line.startswith("σ_total")] for text in (first, again)]
        assert rows[0] == rows[1] and len(rows[0]) == 1
