"""[superconductor] in input files: from files to tables and pictures, and errors that name the key."""

import copy
import re
import sys

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from processes import MPIRUN, needs_mpirun, start
from superconductors import square

import wb_conserved
from wb_conserved.calculators.quasiparticles import SpecificHeat
from wb_conserved.cli import job, main
from wb_conserved.quasiparticles import Gap, bogoliubov_system, pairing
from wb_conserved.quasiparticles.fermi_surface import gap_on_bands
from wb_conserved.units import BOLTZMANN_EV

NAMES = ["orbital_magnetization", "magnetization_response", "specific_heat", "smallest_energy"]
INPUT = f"""
[system]
path = "model"
[grid]
mesh = 8
[fermi]
level = 0.1
[temperature]
kelvin = [400, 900]
[multiplets]
threshold = 0.001
[quantities]
names = {NAMES}
operator = "charge"
[superconductor]
basis = "nambu"
pairing = "s"
delta0 = 0.1
[output]
folder = "results"
"""


@pytest.fixture
def write(tmp_path):
    """Function that writes an input file with parts replaced, beside the matrices of a model."""
    system = square(level=1.0, spin=True)
    system.set_R_mat("AA", np.zeros((2, 2, 3), dtype=complex), R=[0, 0, 0])
    system.to_npz(str(tmp_path / "model"))

    def write_input(*changes):
        text = INPUT
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "model.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_input


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


ATTRACTION = ('pairing = "s"\ndelta0 = 0.1', "attraction = 3.0")
FILES = [
    "result.nc", "result.csv", "result_wide.csv", "result.toml", "cite.bib", "temperatures.png", "bands.nc",
    "bands.png", "density_of_states.csv", "density_of_states.png",
    "fermi_surface.frmsf", "gap_on_fermi_surface.png", "gap.npz", "input.toml",
]  # fmt: skip
FURTHER = (
    'basis = "nambu"',
    'basis = "nambu"\nenergies = [-0.5, 0.5]\nenergy_points = 21\npath = [[0, 0, 0], [0.5, 0.5, 0]]\npath_points = 10\n'
    'path_labels = ["Γ", "M"]\ngap_on_fermi_surface = true\nsymmetry = ["C4z", "Mx", "TimeReversal"]',
)


def test_everything_from_one_file(tmp_path, platinum, monkeypatch):
    """From platinum's files: gap equation, bands, density of states, gap on the Fermi surface, table, files and pictures."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(job, "load_system", lambda *_, **__: copy.copy(platinum))
    text = INPUT.replace("level = 0.1", "level = 18.0874").replace("mesh = 8", "mesh = 2")
    text = text.replace(*ATTRACTION).replace(*FURTHER).replace("Mx", "C4x")
    source = tmp_path / "pt.toml"
    source.write_text(text, encoding="utf-8")
    done = invoke("run", source)
    assert done.exit_code == 0, done.output
    assert re.search(r"gap +from an attraction of 3 eV; basis nambu", done.output)
    assert re.search(r"largest element of Δ [\d.]+ eV at 400 K, T_c = [\d.]+ K, 2Δ/k_BT_c = [\d.]+", done.output)
    assert re.search(r"on the Fermi surface \|Δ\| from [\d.]+ to [\d.]+ eV", done.output)
    assert re.search(r"k points that carry the sum: M\^s \d+ of 8, M_F \d+ of 8", done.output)
    folder = tmp_path / "results"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    gap = Gap.load(folder / "gap.npz")
    assert gap.converged.all() and gap.Tc > gap.kBT[0]
    with xarray.open_dataset(folder / "result.nc") as dataset:
        assert dataset["orbital_magnetization"].dims == ("kBT", "a")
        assert dataset.attrs["particles"] == "Bogoliubov quasiparticles, each band counted 0.5"
        assert "strongly type II" in dataset.attrs["assumptions"]
        assert np.abs(dataset["orbital_magnetization"]).max() < 1e-10  # time reversal
        assert float(dataset["smallest_energy"][0]) > 0.3 * gap.largest
    with xarray.open_dataset(folder / "bands.nc") as bands:
        assert set(bands.data_vars) == {"Energy", "charge", "Berry curvature"} and bands["Energy"].shape[1] == 36
    lines = (folder / "fermi_surface.frmsf").read_text().split("\n")
    assert lines[0] == "2 2 2" and lines[2] == "18" and len(lines) == 6 + 2 * 18 * 8 + 1


def test_equals_python(write, tmp_path):
    """With a symmetry of its own, or without, and again from the folder of the results."""
    values = []
    for change in ([], [FURTHER]):
        done = invoke("run", write(*change), "--overwrite")
        assert done.exit_code == 0, done.output
        with xarray.open_dataset(tmp_path / "results" / "result.nc") as dataset:
            values.append(dataset["specific_heat"].values)
    system = bogoliubov_system(square(level=1.0, spin=True), pairing("s", 0.1), 0.1, basis="nambu")
    heat = SpecificHeat(kBT=BOLTZMANN_EV * np.array([400, 900]))
    expected = wb_conserved.run(system, 8, {"C": heat}).results["C"].data
    for found in values:
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    again = invoke("run", tmp_path / "results" / "input.toml", "--overwrite")
    assert again.exit_code == 0, again.output


def test_dry_run_check_and_convergence(write):
    source = write(ATTRACTION, ("mesh = 8", "mesh = 8\n[convergence]\nmeshes = [4, 6, 8]"))
    for command in (["check", source], ["run", source, "--dry-run"]):
        done = invoke(*command)
        assert done.exit_code == 0, done.output
        assert "from an attraction of 3 eV" in done.output
    done = invoke("convergence", source)
    assert done.exit_code == 0, done.output
    assert "C" in done.output


def test_gap_from_a_file_with_a_law(write, tmp_path):
    pairing("s", 0.1).on(square(spin=True), "nambu").save(tmp_path / "gap.npz")
    change = ('pairing = "s"\ndelta0 = 0.1', 'gap_file = "gap.npz"\nlaw = "bcs"\ncritical_temperature = 800.0')
    done = invoke("run", write(change))
    assert done.exit_code == 0, done.output
    assert "kBT = 0.077556 eV: above T_c (0.0689387 eV), normal state" in done.output
    with xarray.open_dataset(tmp_path / "results" / "result.nc") as dataset:
        assert dataset["smallest_energy"][0] > dataset["smallest_energy"][1]


def test_not_converged(write):
    source = write(ATTRACTION)
    more = 'basis = "nambu"\ntolerance = 1e-30\niterations = 2\nshell = [0, 1]\ngap_mesh = 7'
    text = source.read_text(encoding="utf-8").replace('basis = "nambu"', more)
    source.write_text(text, encoding="utf-8")
    done = invoke("run", source)
    assert done.exit_code == 1, done.output
    expected = r"gap equation at kBT = .* eV: expected changes of Δ below .*; found .* eV after 2 iterations, .*"
    assert re.search(expected + r"; the last Δ is in .*gap.npz, and the same call goes on from it", done.output)


@needs_mpirun
def test_two_processes(write, tmp_path):
    source = write(ATTRACTION)
    command = [*MPIRUN, "-n", "2", sys.executable, "-c", "from wb_conserved.cli import main; main()"]
    done = start([*command, "run", source, "--output", tmp_path / "two"])
    assert done.returncode == 0, done.stderr
    alone = invoke("run", source, "--output", tmp_path / "one")
    assert alone.exit_code == 0, alone.output
    with (
        xarray.open_dataset(tmp_path / "two" / "result.nc") as two,
        xarray.open_dataset(tmp_path / "one" / "result.nc") as one,
    ):
        xarray.testing.assert_equal(one, two)


def section(name):
    return rf"\[{name}\] "


SUPER = section("superconductor")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("level = 0.1", "level = 0.1\nwindow = [-1.0, 1.0]"), r"\[fermi\] window: expected level alone with"),
        (("level = 0.1", "electrons = 10.0"), r"\[fermi\] electrons: expected level alone"),
        (('operator = "charge"', 'operator = "identity"'), r"\[quantities\] operator: expected 'charge' or 'spin'"),
        (
            (str(NAMES), '["kubo", "number_of_electrons"]'),
            r"\[quantities\] names: expected quantities of quasiparticles",
        ),
        (("[superconductor]", '[superconductor]\nlaw = "bcs"'), SUPER + r"critical_temperature: expected a number > 0"),
        (("delta0 = 0.1\n", ""), SUPER + r"delta0: expected delta0, as pairing is given; found nothing"),
        (
            ('pairing = "s"', 'pairing = "dxy"'),
            SUPER + r"pairing: expected one of 's', .*; found 'dxy'; did you mean d_xy",
        ),
        (('pairing = "s"\ndelta0 = 0.1\n', ""), SUPER + r"pairing: expected pairing .*, gap_file, or attraction"),
        (('basis = "nambu"', 'basis = "full"'), SUPER + r"basis: expected 'singlet' .* or 'nambu'"),
        (('basis = "nambu"', 'basis = "nambu"\ngap_mesh = 3'), SUPER + r"gap_mesh: expected attraction"),
        (('basis = "nambu"', 'basis = "nambu"\npath_labels = ["a"]'), SUPER + r"path_labels: expected path"),
        (('basis = "nambu"', 'basis = "nambu"\nenergies = [1.0, 0.0]'), SUPER + r"energies: expected two numbers, the"),
        (('basis = "nambu"', 'basis = "nambu"\norbitals = [0, 0]'), SUPER + r"orbitals: expected 0 once"),
        (('basis = "nambu"', 'basis = "nambu"\nGap = 1'), SUPER + r"Gap: expected one of .*; found an unknown key"),
        (("[superconductor]", "symmetric = 1\n[superconductor]"), r"\[quantities\] symmetric: expected one of"),
        (("path = ", 'symmetry = ["C4z"]\npath = '), r"\[system\] symmetry: expected none with \[superconductor\]"),
        (("kelvin = [400, 900]", "kBT = 0.0\ntetrahedra = true"), r"\[temperature\] tetrahedra: expected none with"),
    ],
    ids=lambda value: value[1].strip()[-24:] if isinstance(value, tuple) else "",
)
def test_bad_settings(write, change, message):
    done = invoke("run", write(change))
    assert done.exit_code == 2
    assert re.search(message, done.output), done.output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [("level = 0.1", "level = 80.0")],
            r"\[fermi\] level: expected a level within the bands of the normal state, .* found 80",
        ),
        ([('pairing = "s"', 'pairing = "p_z"'), ("nambu", "singlet")], SUPER + r"basis: expected 'nambu' for the"),
        (
            [('pairing = "s"', 'pairing = "p_z"\nshell = 1\norbitals = [9]')],
            SUPER + r"orbitals: expected numbers from 0 to 0",
        ),
        (
            [('basis = "nambu"', 'basis = "nambu"\nsymmetry = ["C6z"]')],
            SUPER + r"symmetry: expected generators that the",
        ),
        ([('pairing = "s"', 'pairing = "d_x2-y2"\nsymmetry = ["C3z"]')], SUPER + r"symmetry: expected"),
        ([('pairing = "s"\ndelta0 = 0.1', 'gap_file = "none.npz"')], r"none.npz"),
    ],
)
def test_what_the_system_does_not_allow(write, changes, message):
    done = invoke("run", write(*changes))
    assert done.exit_code == 2, done.output
    assert re.search(message, done.output), done.output


def test_gap_on_the_bands():
    system = bogoliubov_system(square(), pairing("d_x2-y2", 0.4), 0.0, basis="singlet")
    k = np.random.default_rng(0).random((20, 3)) * [1, 1, 0]
    energies, gap = gap_on_bands(system, k)
    np.testing.assert_allclose(
        gap[:, 0], 0.4 * np.abs(np.cos(2 * np.pi * k[:, 0]) - np.cos(2 * np.pi * k[:, 1])), atol=1e-12
    )
    np.testing.assert_allclose(energies[:, 0], -2 * np.cos(2 * np.pi * k[:, :2]).sum(axis=1) + 0.8, atol=1e-12)
