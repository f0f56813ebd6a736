"""``init``: an input file from what the files say, and nothing that they do not."""

import lzma
import re
import shutil
import tomllib
from pathlib import Path

import ase
import numpy as np
import pytest
from click.testing import CliRunner
from data_folder import DATA

from wb_conserved.cli import main
from wb_conserved.cli.reading import read_config
from wb_conserved.io.dft_outputs import read_output
from wb_conserved.io.structure import Structure, candidates, crystal_symmetry, minimal, vacuum

pytest.importorskip("spglib", reason="spglib is not installed: pip install '.[symmetry]'")

SCF = """
     Program PWSCF v.6.7MaX starts
     number of electrons       =        10.00
     End of self-consistent calculation
     the Fermi energy is    18.0874 ev
"""
NSCF = SCF.replace("self-consistent", "band structure").replace("18.0874", "18.3385")


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")


@pytest.fixture
def platinum_files(tmp_path, monkeypatch):
    """A folder with the real-space files of platinum, and another one to work in."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("Pt.win", "Pt.nnkp", "Pt_tb.dat.xz", "Pt_wsvec.dat.xz"):
        shutil.copy(DATA / "pt" / name, folder)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


def written(name="Pt.toml"):
    with open(name, "rb") as file:
        return tomllib.load(file)


class TestInit:
    def test_platinum(self, platinum_files):
        (platinum_files / "scf.out").write_text(SCF)
        (platinum_files / "nscf.out").write_text(NSCF)
        done = invoke("init", platinum_files)
        assert done.exit_code == 0, done.output
        found = written()
        assert found["system"]["path"] == "../data/Pt"
        assert found["system"]["spin_order"] == "interlaced"
        assert found["system"]["symmetry"] == ["C4z", "C4x", "Inversion", "TimeReversal"]
        assert found["fermi"]["level"] == 18.0874
        assert found["multiplets"]["threshold"] == 0.01 and found["multiplets"]["kramers"] is False
        assert "periodic" not in found["system"]
        text = Path("Pt.toml").read_text(encoding="utf-8")
        for said in ("Fm-3m (225), 96 operations", "scf calculation, scf.out", "Kramers pairs near the level are split by"):
            assert said in text
        config, _ = read_config(Path("Pt.toml"))  # an input file, whole
        assert config.temperature.energy == pytest.approx(0.02585, abs=1e-5)
        again = invoke("init", platinum_files)
        assert again.exit_code == 2 and "--overwrite" in again.output

    def test_a_level_of_an_nscf_run_is_not_taken(self, platinum_files):
        (platinum_files / "nscf.out").write_text(NSCF)
        done = invoke("init", platinum_files)
        assert done.exit_code == 0, done.output
        assert "not used, as of another kind of run: nscf.out 18.3385 eV" in done.output
        assert written()["fermi"] == {"level": "FILL IN"}
        for command in ("check", "run"):
            refused = invoke(command, "Pt.toml")
            assert refused.exit_code == 2
            assert "[fermi] level: expected a number (eV)" in refused.output and "the blank that init left" in refused.output

    def test_levels_that_differ(self, platinum_files):
        (platinum_files / "scf.out").write_text(SCF)
        (platinum_files / "other.out").write_text(SCF.replace("18.0874", "17.5"))
        assert "several scf outputs say different levels" in invoke("init", platinum_files).output
        done = invoke("init", platinum_files, "--scf", platinum_files / "other.out", "--overwrite")
        assert done.exit_code == 0, done.output
        assert written()["fermi"]["level"] == 17.5

    def test_electrons(self, platinum_files):
        assert invoke("init", platinum_files / "Pt", "--electrons", "10").exit_code == 0
        assert written()["fermi"] == {"electrons": 10}
        refused = invoke("init", platinum_files, "--electrons", "10", "--level", "1")
        assert refused.exit_code == 2 and "either --level or --electrons" in refused.output

    def test_localised_functions_that_break_the_symmetry(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        done = invoke("init", DATA / "pt_mlwf", "--level", "18.0874")
        assert done.exit_code == 0, done.output
        assert written()["system"].get("symmetry", []) != ["C4z", "C4x", "Inversion", "TimeReversal"]

    def test_magnet_without_atoms(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        done = invoke("init", DATA / "fe_physics", "--level", "17.387")
        assert done.exit_code == 0, done.output
        found = written("fe_physics.toml")
        assert found["system"]["symmetry"] == ["C4z", "Inversion", "TimeReversal*C2x"]
        assert "not C4x, C4y" in done.output

    def test_a_folder_without_or_with_several(self, platinum_files, tmp_path):
        assert "expected the files of one seedname" in invoke("init", tmp_path / "work").output
        shutil.copy(DATA / "pt" / "Pt_tb.dat.xz", platinum_files / "Other_tb.dat.xz")
        refused = invoke("init", platinum_files)
        assert refused.exit_code == 2 and "found Other, Pt" in refused.output
        assert invoke("init", tmp_path / "nowhere").exit_code == 2


def test_sheet_and_its_level_of_a_gap(tmp_path, monkeypatch):
    """Kane and Mele's sheet as _tb.dat, with atoms and vacuum in the .win file."""
    from wb_conserved.models import kane_mele

    monkeypatch.chdir(tmp_path)
    system = kane_mele(rashba=0.05)
    system.real_lattice = np.asarray(system.real_lattice)
    hamiltonian, vectors = system.get_R_mat("Ham"), np.asarray(system.rvec.iRvec)
    rows = [" written by a test"] + ["  ".join(f"{x:.10f}" for x in vector) for vector in system.real_lattice]
    rows += [str(system.num_wann), str(len(vectors)), " ".join(["1"] * len(vectors))]
    for vector, matrix in zip(vectors, hamiltonian, strict=True):
        rows += ["", " ".join(map(str, vector))]
        rows += [
            f"{i + 1} {j + 1} {matrix[i, j].real:.12f} {matrix[i, j].imag:.12f}"
            for j in range(system.num_wann)
            for i in range(system.num_wann)
        ]
    centers = system.wannier_centers_cart
    for vector in vectors:
        rows += ["", " ".join(map(str, vector))]
        for j in range(system.num_wann):
            for i in range(system.num_wann):
                place = centers[i] if i == j and not vector.any() else np.zeros(3)
                rows.append(f"{i + 1} {j + 1} " + " ".join(f"{x:.12f} 0.0" for x in place))
    (tmp_path / "KM_tb.dat").write_text("\n".join(rows) + "\n")
    gap = SCF.replace("the Fermi energy is    18.0874 ev", "highest occupied, lowest unoccupied level (ev):  -0.5000  0.3000")
    (tmp_path / "scf.out").write_text(gap)
    done = invoke("init", tmp_path)
    assert done.exit_code == 0, done.output
    found = written("KM.toml")
    assert found["system"]["periodic"] == [True, True, False]
    assert found["grid"]["mesh"][2] == 1
    assert found["fermi"]["level"] == -0.1 and "middle of the gap from -0.5000 to 0.3000 eV" in done.output


class TestOutputs:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (SCF, (True, 18.0874, 10.0)),
            (NSCF, (False, 18.3385, 10.0)),
            (SCF + NSCF.split("starts")[1], (False, 18.3385, 10.0)),
            (" vasp.6.3.0\n   ICHARG =     11\n E-fermi :   5.25\n NELECT =      20.0000 ", (False, 5.25, 20.0)),
            (" vasp.6.3.0\n   ICHARG =      2\n E-fermi :  -5.25\n NELECT =      20.0000 ", (True, -5.25, 20.0)),
            ('<modeling>\n<i name="NELECT"> 8</i><i name="ICHARG"> 2</i><i name="efermi"> 3.5 </i>', (True, 3.5, 8.0)),
        ],
    )
    def test_kind_level_and_electrons(self, tmp_path, text, expected):
        (tmp_path / "a.out").write_text(text)
        found = read_output(tmp_path / "a.out")
        assert (found.self_consistent, found.fermi_level, found.electrons) == expected

    def test_xml_in_hartree(self, tmp_path):
        (tmp_path / "a.xml").write_text("<qes:espresso>\n<calculation>scf</calculation><fermi_energy>0.5</fermi_energy>")
        assert read_output(tmp_path / "a.xml").fermi_level == pytest.approx(13.60569, abs=1e-4)

    def test_others(self, tmp_path):
        (tmp_path / "a.out").write_text("something else, the Fermi energy is 1.0 ev")
        assert read_output(tmp_path / "a.out") is None


class TestStructure:
    def structure(self, moments=None):
        atoms = ase.Atoms("FeCo", cell=[2.87, 2.87, 20.0], scaled_positions=[[0, 0, 0.4], [0.5, 0.5, 0.5]], pbc=True)
        if moments is not None:
            atoms.set_initial_magnetic_moments(moments)
        return Structure(atoms, None)

    def test_vacuum(self):
        np.testing.assert_allclose(vacuum(self.structure().atoms), [1.435, 1.435, 18.0])

    @pytest.mark.parametrize(
        ("moments", "expected"),
        [
            ([2.0, 2.0], {"C4z", "C2z", "TimeReversal*Mx", "TimeReversal*My"}),  # along z
            ([[2.0, 0, 0], [2.0, 0, 0]], {"TimeReversal*C2z", "Mx", "TimeReversal*My"}),
            (None, {f"{time}{name}" for time in ("", "TimeReversal*") for name in ("C4z", "C2z", "Mx", "My")}),
        ],
    )
    def test_moments_say_what_reverses_time(self, moments, expected):
        structure = self.structure(moments)
        names = candidates(structure.atoms.cell.array, crystal_symmetry(structure), moments is not None)
        assert set(names) == expected | {"TimeReversal"}

    def test_generators(self):
        lattice = np.eye(3)
        assert minimal(["TimeReversal", "C2z", "C4z", "TimeReversal*C4z", "Inversion"], lattice) == [
            "C2z", "C4z", "Inversion", "TimeReversal",
        ]  # fmt: skip


def test_compressed_names(tmp_path):
    (tmp_path / "X_hr.dat.xz").write_bytes(lzma.compress(b"no file"))
    done = invoke("init", tmp_path)
    assert done.exit_code == 2 and re.search(r"X_hr\.dat", done.output)
