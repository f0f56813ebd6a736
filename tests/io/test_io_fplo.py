"""FPLO's +hamdata, as WannierBerri reads it."""

import numpy as np
import pytest
from wannierberri.system import System_R

from wb_conserved.io import InputError, load_system
from wb_conserved.io.seed_files import BOHR

LATTICE = np.array([[-2.7, 2.7, 2.7], [2.7, -2.7, 2.7], [2.7, 2.7, -2.7]])
CENTERS = np.array([[0.0, 0, 0], [0, 0, 0], [1.1, 0.2, -0.4], [1.1, 0.2, -0.4]])
VECTORS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, -1], [0, -1, 1]])
MINUS = [0, 2, 1, 4, 3]


def matrices():
    """H and σ between four functions, R in VECTORS."""
    random = np.random.default_rng(2)
    values = random.normal(size=(5, 4, 4, 4)) + 1j * random.normal(size=(5, 4, 4, 4))
    values = 0.5 * (values + values[MINUS].conj().swapaxes(1, 2))
    values[1:, :, :, 1:] *= 0.01
    pauli = [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]
    values[0, :, :, 1:] = np.moveaxis([np.kron(np.eye(2), sigma) for sigma in pauli], 0, -1)
    return values


@pytest.fixture
def hamdata(tmp_path):
    return write(tmp_path / "+hamdata")


def write(path, with_spin=True, spins=1):
    def rows(values):
        return ["".join(f"{x:26.15E}" for x in row) for row in values]

    lines = ["RTG:", "F", "lattice_vectors:", *rows(LATTICE), "centering:", *rows(0.5 * np.eye(3)), "fullrelativistic:", "T"]
    lines += ["have_spin_info:", "T" if with_spin else "F", "have_bfield:", "F", "nwan:", "  4", "nspin:", f"  {spins}"]
    lines += ["wannames:", *("a" for _ in CENTERS), "wancenters:", *rows(CENTERS), "spin: ", "  1"]
    values = matrices()
    for i in range(4):
        for j in range(4):
            lines += ["Tij, Hij:", f"  {i + 1}  {j + 1}"]
            for R, value in zip(VECTORS, values, strict=True):
                T = R @ LATTICE + CENTERS[j] - CENTERS[i]
                numbers = value[i, j, : 4 if with_spin else 1]
                lines += rows([[*T, *numbers.view(float)]])
            lines += ["end Tij, Hij:"]
    path.write_text("\n".join([*lines, "end spin:"]) + "\n")
    return path


def test_as_wannierberri_reads_it(hamdata):
    ours = load_system(hamdata)
    theirs = System_R.from_fplo(str(hamdata), spin=True)
    order = [int(np.flatnonzero((theirs.rvec.iRvec == R).all(axis=1))[0]) for R in ours.rvec.iRvec]
    for name in ("Ham", "SS"):
        assert np.allclose(ours.get_R_mat(name), theirs.get_R_mat(name)[order], atol=1e-14)
    assert np.allclose(ours.real_lattice, theirs.real_lattice, atol=1e-8)
    assert np.allclose(ours.wannier_centers_cart, BOHR * CENTERS)
    assert np.allclose(load_system(f"{hamdata.parent}/").get_R_mat("Ham"), ours.get_R_mat("Ham"))


def test_other_name_and_no_spin(hamdata, tmp_path):
    before = load_system(hamdata)
    other = write(tmp_path / "iron.txt", with_spin=False)
    assert np.allclose(load_system(other, spin=False).get_R_mat("Ham"), before.get_R_mat("Ham"))
    with pytest.raises(InputError, match="spin_order .*as this file has no spin"):
        load_system(other)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("end spin:\n", "", r"'end spin:'.*truncated"),
        ("nspin:\n  1", "nspin:\n  2", "one spin .*found 2: load both as System_R"),
        ("nwan:\n  4", "nwan:\n  5", "a centre, Bohr radii"),
        ("nwan:\n  4", "nwan:\n  four", "the number of Wannier functions; found 'four'"),
        ("  1  2\n", "  1  6\n", "functions between 1 and 4; found 1 and 6"),
        ("  1  2\n", "  1  1\n", "each T of a pair of functions once|a lattice vector to"),
        ("Tij, Hij:\n  1  1\n", "Tij, Hij:\n  1  1\n 1 2\n", "11 finite numbers: T, H and spin; found '1 2'"),
        ("wancenters:", "centers:", "lattice_vectors, nwan, wancenters and blocks"),
    ],
)
def test_broken(hamdata, old, new, words):
    text = hamdata.read_text()
    assert old in text
    hamdata.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=words):
        load_system(hamdata)


def test_vector_that_is_none(hamdata):
    lines = hamdata.read_text().splitlines()
    place = lines.index("Tij, Hij:") + 3
    lines[place] = lines[place].replace(lines[place][:26], f"{-2.6:26.15E}", 1)
    hamdata.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="R a lattice vector to 1e-06") as caught:
        load_system(hamdata)
    assert caught.value.line == place + 1
