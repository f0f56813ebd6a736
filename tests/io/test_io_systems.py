"""Folders of npz files and systems in memory."""

import logging

import numpy as np
import pytest
from wannierberri.system import System_R

from wb_conserved.io import InputError, load_system


@pytest.fixture
def folder(seed, tmp_path):
    """The small calculation, saved by WannierBerri."""
    system = load_system(seed)
    system.set_pointgroup(["TimeReversal", "C2x"])
    system.silent = True
    system.to_npz(str(tmp_path / "npz"))
    return tmp_path / "npz"


def test_npz(folder, seed):
    system, expected = load_system(folder), load_system(seed)
    assert isinstance(system, System_R)
    assert system.pointgroup.size == 4
    for key in ("Ham", "AA", "SS"):
        assert np.array_equal(system.get_R_mat(key), expected.get_R_mat(key))
    assert np.array_equal(system.rvec.iRvec, expected.rvec.iRvec)
    assert np.array_equal(system.wannier_centers_cart, expected.wannier_centers_cart)
    assert list(system.periodic) == [True] * 3


def test_npz_with_spin_order(folder):
    with pytest.raises(InputError, match="spin_order: expected not to be given where there are spin matrices"):
        load_system(folder, spin_order="interlaced")
    (folder / "_XX_R_SS.npz").unlink()
    with pytest.raises(InputError, match=r"give spin_order, or spin=False.*no _XX_R_SS\.npz"):
        load_system(folder)
    assert load_system(folder, spin_order="interlaced").has_R_mat("SS")
    assert not load_system(folder, spin=False).has_R_mat("SS")


def test_npz_and_seedname(folder, seed):
    (folder.parent / "npz.chk").write_bytes(b"x")
    with pytest.raises(InputError, match=r"a seedname or a folder of arrays: give .*npz/ for the folder.*; found both"):
        load_system(folder)


@pytest.mark.parametrize("name", ["real_lattice", "num_wann", "wannier_centers_cart", "iRvec", "_XX_R_Ham", "_XX_R_AA"])
def test_npz_missing(folder, name):
    (folder / f"{name}.npz").unlink()
    with pytest.raises(InputError, match=f"found no {name}.npz"):
        load_system(folder)


@pytest.mark.parametrize("name", ["real_lattice", "iRvec", "_XX_R_Ham", "pointgroup", "periodic"])
def test_npz_damaged(folder, name):
    path = folder / f"{name}.npz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"a \.npz file with arrays") as caught:
        load_system(folder)
    assert caught.value.source == str(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="an empty file"):
        load_system(folder)


def test_npz_needs_no_pickle(folder):
    np.savez(folder / "real_lattice.npz", np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"real_lattice\.npz: expected .*allow_pickle"):
        load_system(folder)


def test_npz_labels_with_pickle_are_left_out(folder, caplog):
    np.savez(folder / "atom_labels.npz", np.array(["Pt", 1], dtype=object))
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(folder)
    assert "atom_labels.npz" in caplog.text and "left out" in caplog.text


def change_matrix(value):
    def change(folder, name):
        matrices = np.load(folder / f"{name}.npz")["arr_0"].copy()
        matrices[1, 0, 1] += value
        np.savez(folder / f"{name}.npz", matrices)

    return change


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("_XX_R_Ham", change_matrix(np.nan), "finite numbers"),
        ("_XX_R_Ham", change_matrix(0.01), r"H\(R\) = H\(-R\)† to 1e-05 eV; found a difference of 1\.000e-02 eV"),
        ("_XX_R_AA", change_matrix(1.0), r"r\(R\) = r\(-R\)† to 0\.5 Å"),
        ("_XX_R_SS", change_matrix(0.01), r"S\(R\) = S\(-R\)† to 1e-05"),
        ("_XX_R_Ham", lambda folder, name: np.savez(folder / f"{name}.npz", np.zeros((3, 4, 4))), r"an array of shape"),
        (
            "_XX_R_SS",
            lambda folder, name: np.savez(folder / f"{name}.npz", np.load(folder / "_XX_R_Ham.npz")["arr_0"]),
            "x 3",
        ),
        ("wannier_centers_cart", lambda folder, name: np.savez(folder / f"{name}.npz", np.zeros((3, 3))), r"\(4, 3\)"),
        (
            "real_lattice",
            lambda folder, name: np.savez(folder / f"{name}.npz", np.full((3, 3), np.inf)),
            "finite numbers",
        ),
        ("iRvec", lambda folder, name: np.savez(folder / f"{name}.npz", iRvec=np.zeros((4, 2))), r"shape \(nR, 3\)"),
        ("iRvec", lambda folder, name: np.savez(folder / f"{name}.npz", iRvec=np.array([[0, 0, 0], [1, 0, 0]])), "-R"),
        (
            "pointgroup",
            lambda folder, name: np.savez(folder / f"{name}.npz", real_lattice=np.eye(3), nsym=0),
            "lattice of",
        ),
        ("pointgroup", lambda folder, name: np.savez(folder / f"{name}.npz", nsym=0), "nsym, real_lattice"),
    ],
)
def test_npz_broken(folder, name, change, words):
    change(folder, name)
    with pytest.raises(InputError, match=words) as caught:
        load_system(folder)
    assert caught.value.source == str(folder / f"{name}.npz")


def test_system_in_memory(seed):
    system = load_system(seed)
    before = {key: value.copy() for key, value in system._XX_R.items()}
    assert load_system(system) is system
    assert all(np.array_equal(system.get_R_mat(key), value) for key, value in before.items())
    with pytest.raises(InputError, match="where there are spin matrices"):
        load_system(system, spin_order="interlaced")
    with pytest.raises(InputError, match="real_lattice"):
        load_system(system, real_lattice=np.eye(3))


def test_system_in_memory_without_spin(seed):
    system = load_system(f"{seed}_tb.dat", spin=False)
    with pytest.raises(InputError, match=r"the System_R given: expected matrices 'SS': give spin_order"):
        load_system(system)
    assert load_system(system, spin=False) is system
    assert load_system(system, spin_order="interlaced") is system and system.has_R_mat("SS")


def test_system_in_memory_without_positions(seed, caplog):
    system = load_system(seed)
    system.clear_R_mat("AA")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        assert load_system(system) is system
    assert "no 'AA'" in caplog.text


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("Ham", np.nan, "finite numbers for 'Ham'"),
        ("Ham", 0.1, r"H\(R\) = H\(-R\)†"),
        ("SS", 0.1, r"S\(R\) = S\(-R\)†"),
    ],
)
def test_system_in_memory_broken(seed, key, value, words):
    system = load_system(seed)
    system.get_R_mat(key)[1, 0, 1] += value
    with pytest.raises(InputError, match=words):
        load_system(system)


def test_system_in_memory_incomplete():
    with pytest.raises(InputError, match="a system with real_lattice"):
        load_system(System_R())


def test_system_of_other_shape(seed):
    system = load_system(seed)
    system._XX_R["SS"] = system.get_R_mat("Ham")
    with pytest.raises(InputError, match="matrices 'SS' of shape"):
        load_system(system)
