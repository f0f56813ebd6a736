"""The checkpoint as text (.chk.fmt), and WannierBerri's .npz files of an ab initio calculation and of older systems."""

import logging
import shutil

import numpy as np
import pytest
from wannierberri.system import System_R
from wannierberri.w90files import WannierData

from wb_conserved.io import InputError, load_system
from wb_conserved.io.chk import read_checkpoint
from wb_conserved.io.fortran import RecordFile

ENDINGS = ("chk", "eig", "mmn", "spn")


def write_formatted(source, target):
    """What w90chk2chk.x -export does: each value of the unformatted file in the format that it has there."""

    def lines(values, columns):
        return ["".join(f"{x:25.17g}" for x in row) for row in np.asarray(values, float).reshape(-1, columns)]

    with RecordFile(source) as file:
        text = [file.record("header").decode()]
        num_bands, excluded = file.integer("bands"), file.integer("excluded")
        text += [f"{num_bands}", f"{excluded}", *map(str, file.array("excluded", "i4", (excluded,)))]
        text += lines(file.array("lattice", "f8", (9,)), 9) + lines(file.array("reciprocal", "f8", (9,)), 9)
        count = file.integer("k points")
        text += [f"{count}", " ".join(map(str, file.array("mesh", "i4", (3,))))]
        text += lines(file.array("k", "f8", (3 * count,)), 3)
        neighbours, num_wann = file.integer("neighbours"), file.integer("functions")
        text += [f"{neighbours}", f"{num_wann}", file.record("stage").decode(), f"{file.integer('disentangled')}"]
        text += lines(file.array("spread", "f8", (1,)), 1)
        text += list(map(str, file.array("window", "i4", (num_bands * count,))))
        text += list(map(str, file.array("numbers", "i4", (count,))))
        for size in (num_bands * num_wann * count, num_wann**2 * count, num_wann**2 * neighbours * count):
            text += lines(file.array("matrices", "c16", (size,)).view(float), 2)
        text += lines(file.array("centres", "f8", (3 * num_wann,)), 3) + lines(file.array("spreads", "f8", (num_wann,)), 1)
    target.write_text("\n".join(text) + "\n")


@pytest.fixture
def formatted(seed, sibling):
    """The small calculation with its checkpoint as text."""
    write_formatted(sibling(seed, ".chk"), sibling(seed, ".chk.fmt"))
    return sibling(seed, ".chk.fmt")


@pytest.mark.parametrize("by_name", [False, True])
def test_formatted(seed, sibling, formatted, by_name):
    before = load_system(seed)
    sibling(seed, ".chk").unlink()
    after = load_system(formatted if by_name else seed)
    for name in ("Ham", "AA", "SS"):
        assert (after.get_R_mat(name) == before.get_R_mat(name)).all()


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (2, "six", "the number of bands; found 'six'"),
        (7, "3 3", "1 numbers|3 numbers|equal lines: the k mesh|numbers: the k mesh"),
        (8, "0.0 nan 0.0", "3 finite numbers: the k points.*not a finite number"),
        (37, "dis", "a finished wannierisation"),
        (40, "0.5", "integers: the bands in the outer window"),
    ],
)
def test_broken_formatted(seed, sibling, formatted, edit, line, text, words):
    edit(formatted, line, text)
    with pytest.raises(InputError, match=words) as caught:
        load_system(formatted)
    assert caught.value.source == str(formatted)
    assert caught.value.line in (line, None)


def test_truncated_formatted(formatted):
    lines = formatted.read_text().splitlines()
    formatted.write_text("\n".join(lines[:-7]) + "\n")
    with pytest.raises(InputError, match="truncated"):
        read_checkpoint(formatted)


@pytest.fixture
def arrays(seed, tmp_path):
    """The same calculation as WannierBerri saves it."""
    target = tmp_path / "arrays" / "X"
    WannierData.from_w90_files(str(seed), files=list(ENDINGS)).to_npz(str(target))
    return target


def test_arrays(seed, arrays):
    assert (arrays.parent / "X.bkvec.npz").is_file()
    before, after = load_system(seed), load_system(arrays)
    for name in ("Ham", "AA", "SS"):
        assert np.allclose(after.get_R_mat(name), before.get_R_mat(name), atol=1e-12)


@pytest.mark.parametrize("kind", ENDINGS[1:])
def test_files_of_both_kinds(seed, sibling, arrays, kind):
    """A file that is there as .npz only, beside a checkpoint of Wannier90; and the other way round."""
    before = load_system(seed)
    for suffix in {kind, "bkvec"}:
        shutil.copy(arrays.parent / f"X.{suffix}.npz", seed.parent)
    sibling(seed, f".{kind}").rename(arrays.parent / f"X.{kind}")
    (arrays.parent / f"X.{kind}.npz").unlink()
    for mixed in (load_system(seed), load_system(f"{arrays}.chk.npz")):
        for name in ("Ham", "AA", "SS"):
            assert np.allclose(mixed.get_R_mat(name), before.get_R_mat(name), atol=1e-12)


def changed(path, **changes):
    with np.load(path) as file:
        contents = {name: file[name] for name in file.files}
    contents |= changes
    np.savez(path, **{name: value for name, value in contents.items() if value is not None})


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("chk", {"v_matrix_3": None}, r"v_matrix_0 to v_matrix_26.*found no v_matrix_3"),
        ("chk", {"wannier_centers_cart": None}, "a finished wannierisation"),
        ("chk", {"v_matrix_3": 1.1 * np.eye(6)[:, :4]}, r"unitary to 1e-06; found .* at k point 4"),
        ("chk", {"mp_grid": np.array([3, 3, 2])}, "18 k points for the mesh"),
        ("eig", {"data_5": np.zeros(4)}, r"data_5 of shape \(6,\); found \(4,\)"),
        ("eig", {"data_5": np.full(6, np.nan)}, "finite numbers for data_5"),
        ("mmn", {"data_5": 2 * np.ones((6, 6, 6))}, "rows and columns of norm 1 at most.* of k point 6"),
        ("bkvec", {"neighbours_0": np.full(6, 27)}, "neighbours between 0 and 26; found up to 27"),
        ("spn", {"data_1": 1j * np.ones((6, 6, 3))}, "a Hermitian spin matrix at k point 2"),
        ("spn", {"data_1": np.ones((6, 6, 3))}, r"\|eigenvalues\| of the spin matrices of 1 at most"),
    ],
)
def test_broken_arrays(arrays, kind, changes, words):
    path = arrays.parent / f"X.{kind}.npz"
    changed(path, **changes)
    with pytest.raises(InputError, match=words) as caught:
        load_system(arrays)
    assert caught.value.source == str(path)


def test_norms_slightly_above_one(arrays, caplog):
    with np.load(arrays.parent / "X.mmn.npz") as file:
        matrices = 1.007 * file["data_5"]
    changed(arrays.parent / "X.mmn.npz", data_5=matrices)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(arrays)
    assert "rows or columns of overlaps have norms up to 1.0070, which are 1 at most" in caplog.text


def test_selected_bands(seed, arrays):
    """A checkpoint of some of the bands that the other files have."""
    before = load_system(seed)
    order = np.array([3, 0, 1, 2, 4, 5])  # other bands in between
    wide = {}
    for kind in ("eig", "mmn", "spn"):
        path = arrays.parent / f"X.{kind}.npz"
        with np.load(path) as file:
            wide[kind] = {name: file[name] for name in file.files}
        for name, values in wide[kind].items():
            if not name.startswith("data_"):
                continue
            axes = {"eig": (0,), "mmn": (1, 2), "spn": (0, 1)}[kind]
            for axis in axes:  # a seventh band, far up, and another order
                values = np.concatenate([values, np.zeros_like(values.take([0], axis=axis))], axis=axis)
                values = values.take([*order, 6], axis=axis)
            if kind == "eig":
                values[6] = 99.0
            wide[kind][name] = values
        np.savez(path, **wide[kind])
    changed(arrays.parent / "X.chk.npz", selected_bands=np.argsort(order))
    after = load_system(arrays)
    for name in ("Ham", "AA", "SS"):
        assert np.allclose(after.get_R_mat(name), before.get_R_mat(name), atol=1e-12)
    changed(arrays.parent / "X.chk.npz", selected_bands=np.arange(5))
    with pytest.raises(InputError, match=r"selected_bands of shape \(6,\); found \(5,\)"):
        load_system(arrays)


def test_arrays_without_neighbours(arrays):
    (arrays.parent / "X.bkvec.npz").unlink()
    with pytest.raises(InputError, match=r"bkvec\.npz: expected this file, which has the neighbours for X\.mmn\.npz"):
        load_system(arrays)


def saved(system, folder, last=True):
    """A folder as older versions of WannierBerri wrote it: R vectors last, no pointgroup."""
    system.to_npz(str(folder))
    for path in folder.glob("_XX_R_*.npz") if last else ():
        matrices = np.load(path)["arr_0"]
        np.savez(path, np.moveaxis(matrices, 0, 2))
    (folder / "pointgroup.npz").unlink(missing_ok=True)
    return folder


def test_older_folder(seed, tmp_path, caplog):
    system = load_system(seed)
    folder = saved(system, tmp_path / "older")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        loaded = load_system(folder)
    assert "R vectors last, as older versions of WannierBerri wrote them" in caplog.text
    theirs = System_R.from_npz(str(folder), legacy=True)
    for name in ("Ham", "AA", "SS"):
        assert (loaded.get_R_mat(name) == system.get_R_mat(name)).all()
        assert (loaded.get_R_mat(name) == theirs.get_R_mat(name)).all()


@pytest.mark.parametrize("last", [False, True])
def test_older_folder_of_as_many_vectors_as_functions(tmp_path, last):
    """Shapes do not tell: that order is right in which H(R) is Hermitian."""
    random = np.random.default_rng(1)
    vectors = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
    hamiltonian = random.normal(size=(3, 3, 3)) + 1j * random.normal(size=(3, 3, 3))
    hamiltonian += hamiltonian[[0, 2, 1]].conj().swapaxes(1, 2)
    system = System_R(silent=True)
    system.set_real_lattice(np.eye(3))
    system.num_wann = 3
    system.set_wannier_centers(wannier_centers_cart=np.zeros((3, 3)))
    from wannierberri.fourier.rvectors import Rvectors

    system.rvec = Rvectors(system.real_lattice, shifts_left_red=system.wannier_centers_red, iRvec=vectors)
    system.set_R_mat("Ham", hamiltonian)
    system.set_R_mat("AA", np.zeros((3, 3, 3, 3)))
    system.do_at_end_of_init()
    loaded = load_system(saved(system, tmp_path / "folder", last), spin=False)
    assert (loaded.get_R_mat("Ham") == hamiltonian).all()


def test_pickles_are_never_read(tmp_path):
    path = tmp_path / "system.pickle"
    path.write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="no pickle, which can run any program"):
        load_system(path)
