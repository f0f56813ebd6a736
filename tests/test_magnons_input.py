"""[magnons] in input files: the same numbers as in Python, files, and what is refused, by key."""

import shutil

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from test_exchange_files import IRON, TABLE

import wb_conserved
from wb_conserved.calculators import SUMS
from wb_conserved.cli import main
from wb_conserved.quasiparticles import SpinModel, honeycomb_magnet

INPUT = """[magnons]
path = "model.txt"
[grid]
mesh = 12
[temperature]
kBT = [0.5, 1.0]
[multiplets]
threshold = 1e-7
compare = [1e-3]
[output]
folder = "results"
"""


def invoke(tmp_path, text=INPUT, command="run", *options):
    (tmp_path / "model.txt").write_text(TABLE, encoding="utf-8")
    path = tmp_path / "magnons.toml"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, [command, str(path), *options])


def test_run(tmp_path):
    done = invoke(tmp_path)
    assert done.exit_code == 0, done.output
    assert "system    model.txt: magnons; linear spin waves of 2 sites" in done.output
    assert "no regulator; zero-point motion left out" in done.output
    assert "computes  nernst_conserved, nernst_conventional, thermal_hall of spin" in done.output
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == [
        "cite.bib", "input.toml", "result.csv", "result.nc", "result.toml", "result_wide.csv", "temperatures.png",
    ]  # fmt: skip
    system = honeycomb_magnet().to_system()
    with xarray.open_dataset(tmp_path / "results" / "result.nc") as dataset:
        for name in ("nernst_conserved", "nernst_conventional", "thermal_hall"):
            calculator = SUMS[name].calculator(kBT=[0.5, 1.0], degen_thresh=1e-7)
            expected = wb_conserved.run(system, 12, {"x": calculator}).results["x"].data
            np.testing.assert_allclose(dataset[name], expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
        assert dataset.attrs["particles"] == "magnons, each band counted 1"
    again = CliRunner().invoke(main, ["run", str(tmp_path / "results" / "input.toml"), "--overwrite"])
    assert again.exit_code == 0, again.output


def test_state_and_regulator(tmp_path):
    """A ferromagnet of iron from TB2J, and a larger cell of a table whose spins turn."""
    shutil.copy(IRON / "exchange.xml", tmp_path / "exchange.xml")
    iron = INPUT.replace('"model.txt"', '"exchange.xml"\nregulator = 1e-4\nparts = "isotropic"\nspins = 1.1')
    done = invoke(tmp_path, iron.replace("mesh = 12", "mesh = 4").replace("[0.5, 1.0]", "[0.05]"))
    assert done.exit_code == 0, done.output
    assert "regulator 0.0001 eV" in done.output
    chain = 'convention = "bonds"\nunit = "eV"\ncell = [[1,0,0],[0,1,0],[0,0,1]]\npositions = [[0,0,0]]\nspins = 1\n'
    chain += "directions = [[0,0,1]]\nperiodic = [true, false, false]\n0 0 1 0 0 1.0\n"
    (tmp_path / "chain.txt").write_text(chain, encoding="utf-8")
    larger = "supercell = [2, 1, 1]\nwave_vector = [0.5, 0.0, 0.0]\naxis = [1.0, 0.0, 0.0]\nregulator = 1e-3\nzero_point = true"
    text = INPUT.replace('"model.txt"', f'"chain.txt"\n{larger}')
    text = text.replace("[output]", '[quantities]\nnames = ["specific_heat"]\n[output]\noverwrite = true')
    done = invoke(tmp_path, text)
    assert done.exit_code == 0, done.output
    assert "zero-point motion included" in done.output
    minimised = text.replace("wave_vector = [0.5, 0.0, 0.0]\naxis = [1.0, 0.0, 0.0]", "minimise = true")
    other = invoke(tmp_path, minimised)
    assert other.exit_code == 0, other.output
    tables = [one.output[one.output.index("values in") : one.output.index("busy")] for one in (done, other)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("command", ["check", "convergence"])
def test_other_commands(tmp_path, command):
    done = invoke(tmp_path, INPUT + "[convergence]\nmeshes = [6, 8, 12]\n", command)
    assert done.exit_code == 0, done.output
    assert "nernst_conserved" in done.output or "α_in" in done.output
    assert "ab initio" not in done.output


def test_dry_run(tmp_path):
    done = invoke(tmp_path, INPUT, "run", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "per k point" in done.output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[grid]", '[system]\npath = "x"\n[grid]', "[system] path: expected no [system] beside [magnons]"),
        ("[grid]", "[fermi]\nlevel = 0.0\n[grid]", "[fermi] level: expected no [fermi] beside [magnons]"),
        (
            "[output]",
            '[quantities]\nnames = ["kubo"]\n[output]',
            "[quantities] names: expected some of nernst_conserved, ",
        ),
        (
            "[output]",
            '[quantities]\noperator = "charge"\n[output]',
            "[quantities] operator: expected 'spin' or 'identity'",
        ),
        ("kBT = [0.5, 1.0]", "kBT = 0.0", "[temperature] kBT: expected temperatures > 0 for magnons; found 0"),
        ("kBT = [0.5, 1.0]", "kBT = 0.1\ntetrahedra = true", "[temperature] tetrahedra: expected false for magnons"),
        ("threshold = 1e-7", 'threshold = 1e-7\nkramers = "auto"', "[multiplets] kramers: expected true or false"),
        ('"model.txt"', '"model.txt"\nregulator = -1.0', "[magnons] regulator: expected a number >= 0 (eV)"),
        ('"model.txt"', '"model.txt"\nsupercel = [2, 1, 1]', "expected one of path, regulator, zero_point"),
        ('"model.txt"', '"model.txt"\nwave_vector = [0.5, 0.0, 0.0]', "[magnons] wave_vector: expected supercell"),
        (
            '"model.txt"',
            '"model.txt"\nsupercell = [2, 1, 1]\naxis = [0.0, 0.0, 1.0]',
            "[magnons] axis: expected wave_vector",
        ),
        (
            '"model.txt"',
            '"model.txt"\ndirections = [[0.0, 0.0, 2.0], [0.0, 0.0, 1.0]]',
            "[magnons] directions: expected unit",
        ),
        (
            '"model.txt"',
            '"model.txt"\ndirections = [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]',
            "expected a state of lowest energy",
        ),
        ('"model.txt"', '"none.txt"', "none.txt: expected a file with exchange parameters"),
        ('path = "model.txt"\n', "", "[magnons] path: expected a string: file with exchange parameters"),
    ],
)
def test_refused(tmp_path, old, new, message):
    assert old in INPUT
    done = invoke(tmp_path, INPUT.replace(old, new))
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert not (tmp_path / "results" / "result.nc").exists()


def test_every_name_offered_works(tmp_path):
    names = [name for name, entry in SUMS.items() if entry.of_bosons]
    assert {"nernst_conserved", "nernst_drift", "orbital_magnetization", "total_current", "specific_heat"} <= set(names)
    assert not {"kubo", "number_of_electrons", "density_of_states"} & set(names)
    text = INPUT.replace("[output]", f"[quantities]\nnames = {names}\n[output]\nplot = false").replace(
        "mesh = 12", "mesh = 4"
    )
    done = invoke(tmp_path, text)
    assert done.exit_code == 0, done.output


def test_messages_of_the_reader_name_the_file(tmp_path):
    (tmp_path / "bad.txt").write_text(TABLE.replace("-1e3", "one"), encoding="utf-8")
    done = invoke(tmp_path, INPUT.replace("model.txt", "bad.txt"))
    assert done.exit_code == 2 and "bad.txt" in done.output
    assert SpinModel  # what reads it
