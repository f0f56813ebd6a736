"""Symmetrisation in `load_system`: order of the projections, band shift, Kramers splitting, and what is refused."""

import copy
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from wb_conserved.errors import how_to_install
from wb_conserved.io import InputError, load_system
from wb_conserved.io.projections import ORBITALS, read_atoms, read_projections

DATA = Path(__file__).parents[2] / "data"
NNKP, WIN = DATA / "pt" / "Pt.nnkp", DATA / "pt" / "Pt.win"


def need_symmetry():
    for module in ("irrep", "spglib"):
        pytest.importorskip(module, reason=f"symmetrisation needs {module}: pip install '.[symmetry]'")


def symmetrize_system(*args, **kwargs):
    from wb_conserved.io.symmetry import symmetrize_system

    need_symmetry()
    return symmetrize_system(*args, **kwargs)


@pytest.fixture(scope="module")
def platinum():
    return load_system(DATA / "pt" / "Pt")


@pytest.fixture
def edited(tmp_path):
    """Copy of Pt.nnkp with lines replaced."""

    def edit(change):
        path = tmp_path / "Pt.nnkp"
        path.write_text(change(NNKP.read_text()))
        return path

    return edit


def test_projections_are_read_in_the_order_of_the_nnkp_file():
    """The .win file says d;s;p, Wannier90 orders s, p, d; in iron hybrids first, and d_xz, d_yz, d_xy of a partial shell."""
    names = [orbital.name for orbital in read_projections(NNKP)]
    assert names[::2] == names[1::2] == ["s", "pz", "px", "py", "dz2", "dxz", "dyz", "dx2-y2", "dxy"]
    assert [orbital.spin for orbital in read_projections(NNKP)] == [1, -1] * 9
    names = [orbital.name for orbital in read_projections(DATA / "fe" / "Fe.nnkp")][::2]
    assert names == [f"sp3d2-{i}" for i in range(1, 7)] + ["dxz", "dyz", "dxy"]


def test_orbital_names_are_those_of_wannierberri():
    from wannierberri.symmetry.orbitals import orbitals_sets_dic

    shells = {0: "s", 1: "p", 2: "d", 3: "f", -1: "sp", -2: "sp2", -3: "sp3", -5: "sp3d2"}
    assert {l: list(names) for l, names in ORBITALS.items()} == {
        l: orbitals_sets_dic[name] for l, name in shells.items()
    }


def test_atoms_are_read_from_the_win_file(tmp_path):
    names, positions = read_atoms(DATA / "te" / "Te.win", np.eye(3))
    assert names == ["Te"] * 3
    assert positions[1].tolist() == [0.726, 0.0, 0.3333333333333]
    win = tmp_path / "x.win"
    win.write_text("begin atoms_cart\nbohr\nA 1.0 0 0 ! first\nB 0 2 0\nend atoms_cart\n")
    names, positions = read_atoms(win, np.diag([2.0, 4.0, 1.0]))
    assert names == ["A", "B"]
    np.testing.assert_allclose(positions, 0.52917721092 * np.array([[0.5, 0, 0], [0, 0.5, 0]]))


@pytest.fixture(scope="module")
def noisy(platinum):
    """Platinum with random Hermitian noise on H(R), 1e-3 eV, which breaks every symmetry."""
    system = copy.deepcopy(platinum)
    hamiltonian = system.get_R_mat("Ham").copy()
    generator = np.random.default_rng(0)
    noise = 1e-3 * (generator.normal(size=hamiltonian.shape) + 1j * generator.normal(size=hamiltonian.shape))
    index = {tuple(vector): i for i, vector in enumerate(system.rvec.iRvec.tolist())}
    minus = [index[tuple(-component for component in vector)] for vector in system.rvec.iRvec.tolist()]
    hamiltonian += 0.5 * (noise + noise[minus].swapaxes(1, 2).conj())
    system.set_R_mat("Ham", hamiltonian, reset=True)
    return system


def test_symmetrisation_restores_kramers_pairs(noisy, caplog):
    """Noise of 1e-3 eV splits the pairs by about 0.05 eV; symmetrised, they are degenerate to rounding."""
    before = noisy.get_R_mat("Ham").copy()
    with caplog.at_level(logging.INFO, logger="wb_conserved.io"):
        system = symmetrize_system(noisy, NNKP, WIN, tolerance=0.2)
    report = system.symmetry_report
    split, restored = report.kramers_splitting
    assert (report.group, report.size, report.with_time_reversal) == ("Fm-3m1'", 96, 48)
    assert 0.01 < split < 0.2
    assert restored < 1e-10
    assert 1e-3 < report.band_shift < 0.2
    assert "96 operations, 48 with time reversal; largest band shift" in caplog.text
    assert "largest Kramers splitting" in caplog.text
    np.testing.assert_array_equal(noisy.get_R_mat("Ham"), before)  # the argument stays as it was
    assert noisy.pointgroup.size == 1


def test_nothing_is_printed(platinum, capsys):
    symmetrize_system(platinum, NNKP, WIN)
    captured = capsys.readouterr()
    assert captured.out == ""


def test_maximally_localised_functions_are_refused():
    """They are not their projections: bands would move by many eV, which the error tells."""
    need_symmetry()
    with pytest.raises(
        InputError, match=r"pt_mlwf/Pt.nnkp: .* symmetry_tolerance = 0.05 eV; found a shift of 1\d\.\d* eV"
    ):
        load_system(DATA / "pt_mlwf" / "Pt", symmetrize=True)


def test_another_order_of_functions_is_refused(platinum, edited):
    """s, p and d in another order: without the check, bands that are wrong by many eV."""

    def swap(text):  # the p functions (m_r = 1, 2, 3 are z, x, y) renamed x, y, z -> y, z, x
        rename = {"1  1  1": "1  3  1", "1  2  1": "1  1  1", "1  3  1": "1  2  1"}
        lines = text.splitlines()
        for i, line in enumerate(lines):
            if line.startswith("   0.00000    0.00000    0.00000     1  "):
                lines[i] = line.replace(line[-7:], rename[line[-7:]])
        return "\n".join(lines) + "\n"

    with pytest.raises(InputError, match="found a shift of .* eV of band"):
        symmetrize_system(platinum, edited(swap), WIN)


def test_magnetic_bands_need_moments():
    need_symmetry()
    with pytest.raises(
        InputError, match=r"magnetic_moments .* bands break time reversal; .* found none, and pairs split by"
    ):
        load_system(DATA / "fe" / "Fe", symmetrize=True)
    with pytest.raises(InputError, match=r"magnetic_moments: expected finite numbers of shape \(1, 3\)"):
        load_system(DATA / "fe" / "Fe", symmetrize=True, magnetic_moments=[0, 0, 2.25])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("     2  5  1\n", "     2  6  1\n"), "an orbital that can be symmetrised"),
        (lambda t: t.replace("     2  5  1\n", "    -4  5  1\n"), "an orbital that can be symmetrised"),
        (lambda t: t.replace("     2  5  1\n", "     2  4  1\n"), "every projection once"),
        (lambda t: t.replace("     2  5  1\n", "     3  5  1\n"), "complete shells with all spins"),
        (
            lambda t: t.replace("   0.00000    0.00000    0.00000     0", "   0.50000    0.00000    0.00000     0"),
            "on the atoms",
        ),
        (lambda t: t.replace("spinor_projections", "other_projections"), "a block 'begin projections'"),
        (
            lambda t: t.replace("begin spinor_projections\n    18", "begin spinor_projections\n    17"),
            "3 lines for each",
        ),
        (
            lambda t: t.replace("   -1   0.0000000  0.0000000  1.0", "   -1   1.0000000  0.0000000  0.0"),
            "spin 1 or -1 along",
        ),
    ],
    ids=["m_r", "sp3d", "twice", "incomplete", "elsewhere", "no projections", "count", "spin axis"],
)
def test_unusable_projections_are_named(platinum, edited, change, message):
    with pytest.raises(InputError, match=message) as caught:
        symmetrize_system(platinum, edited(change), WIN)
    assert "Pt.nnkp" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"symmetry_tolerance": 0.1}, "symmetry_tolerance: expected to be given with symmetrize=True only"),
        ({"magnetic_moments": [[0, 0, 1]]}, "magnetic_moments: expected to be given with symmetrize=True only"),
        ({"symmetrize": "yes"}, "symmetrize: expected True or False"),
        ({"symmetrize": True, "symmetry_tolerance": -1}, "symmetry_tolerance: expected a number > 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    if arguments.get("symmetrize") is True:
        need_symmetry()
    with pytest.raises(InputError, match=message):
        load_system(DATA / "pt" / "Pt", **arguments)


def test_files_that_are_missing_are_named(tmp_path, platinum):
    shutil.copy(DATA / "pt" / "Pt_tb.dat.xz", tmp_path)
    with pytest.raises(InputError, match=r"Pt.nnkp: expected this file, or it with .xz or .gz, for symmetrize=True"):
        load_system(tmp_path / "Pt", symmetrize=True, spin_order="interlaced")
    with pytest.raises(InputError, match="files with a .nnkp and a .win file beside"):
        load_system(platinum, symmetrize=True)


def test_missing_packages_are_named(platinum, monkeypatch):
    import importlib.util

    from wb_conserved.io import symmetry

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=re.escape(how_to_install("symmetry"))):
        symmetry.symmetrize_system(platinum, NNKP, WIN)
