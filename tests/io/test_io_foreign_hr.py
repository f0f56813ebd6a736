"""H(R) as other codes write it: any order of elements, comments, blank lines, WannierTools' sparse form, any name; phonons."""

import logging

import numpy as np
import pytest

from wb_conserved.io import InputError, load_system
from wb_conserved.io.hr import read_hr, refuse_phonons

CELL = {"real_lattice": 3 * np.eye(3), "spin": False}


def rows_of(path):
    """Head and elements of a _hr.dat file."""
    lines = path.read_text().splitlines()
    return lines[:4], lines[4:]


def same_system(first, second):
    order = [np.lexsort(system.rvec.iRvec.T) for system in (first, second)]
    assert (first.rvec.iRvec[order[0]] == second.rvec.iRvec[order[1]]).all()
    assert (first.get_R_mat("Ham")[order[0]] == second.get_R_mat("Ham")[order[1]]).all()


def n_fastest(head, rows):
    """Elements of one R vector in order of m, then n."""
    return head, [row for i in range(0, len(rows), 16) for j in range(4) for row in rows[i + j : i + 16 : 4]]


def r_fastest(head, rows):
    return head, [row for i in range(16) for row in rows[i::16]]


def commented(head, rows):
    return ["# ours", f"{head[1]} !num_wann", f"{head[2]}  # nrpts", f"{head[3]}  ! degeneracies"], rows


def blank(head, rows):
    """Blank lines between R vectors and in front of some elements."""
    return head, [line for i, row in enumerate(rows) for line in ([""] * (i % 16 == 0 or i % 5 == 0) + [row])]


def one_degeneracy_per_line(head, rows):
    return [*head[:3], *head[3].split()], rows


def too_many_degeneracies(head, rows):
    return [*head[:3], head[3] + "    1    1"], rows


def sparse(head, rows):
    """WannierTools' form: elements that are not zero, in any order, without degeneracies."""
    kept = [row for row in rows if any(float(word) for word in row.split()[5:])]
    return [head[0], f"{len(kept)} ! splen", f"{head[1]} ! num_wann"], kept[::-1]


def sparse_with_vectors(head, rows):
    head_, kept = sparse(head, rows)
    return [*head_, f"{head[2]} ! nrpts"], kept


FORMS = (n_fastest, r_fastest, commented, blank, one_degeneracy_per_line, too_many_degeneracies, sparse, sparse_with_vectors)


def test_elements_are_where_they_belong(calculation, seed):
    """<m 0|H|n R>, from both kinds of file."""
    for ending in ("_hr.dat", "_tb.dat"):
        system = load_system(f"{seed}{ending}", spin=False, ws_distance=False)
        for R, matrix in calculation.hoppings.items():
            (i,) = np.flatnonzero((system.rvec.iRvec == R).all(axis=1))
            assert np.allclose(system.get_R_mat("Ham")[i], matrix[:4, :4], atol=1e-6)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_forms(seed, sibling, form):
    path = sibling(seed, "_hr.dat")
    before = load_system(path, spin=False)
    head, rows = form(*rows_of(path))
    path.write_text("\n".join([*head, *rows]) + "\n")
    same_system(load_system(path, spin=False), before)


def test_left_out_degeneracies_are_said(seed, sibling, caplog):
    path = sibling(seed, "_hr.dat")
    head, rows = too_many_degeneracies(*rows_of(path))
    path.write_text("\n".join([*head, *rows]) + "\n")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        read_hr(path)
    assert "line 4: 7 integers expected: the degeneracies of the R vectors; found 9, of which the last 2" in caplog.text


@pytest.mark.parametrize("name", ["X_hr.dat_nsymm48", "X.hr", "X-hr_new.dat", "hr.dat", "model.txt", "X_hr.dat.old"])
def test_other_names(seed, sibling, name):
    path = sibling(seed, "_hr.dat")
    before = load_system(path, spin=False)
    path.rename(path.with_name(name))
    given = {"wannier_centers": before.wannier_centers_cart, "mp_grid": (3, 3, 3)}
    beside = name.startswith("X")  # files of the seedname X
    system = load_system(path.with_name(name), **({"spin": False} if beside else CELL | given | {"mp_grid": None}))
    assert np.allclose(system.wannier_centers_cart, before.wannier_centers_cart)
    if beside:
        same_system(system, before)
    else:
        assert (system.get_R_mat("Ham") == read_hr(path.with_name(name)).hamiltonian).all()


def test_tb_of_other_name(seed, sibling):
    path = sibling(seed, "_tb.dat")
    before = load_system(path, spin=False)
    path.rename(path.with_name("X.tb"))
    same_system(load_system(path.with_name("X.tb"), spin=False), before)


def test_tb_with_n_fastest_and_blank_lines(seed, sibling):
    path = sibling(seed, "_tb.dat")
    before = load_system(path, spin=False)
    lines = path.read_text().splitlines()
    changed = lines[:7]
    for i in range(7, len(lines), 18):
        _, rows = n_fastest([], lines[i + 2 : i + 18])
        changed += ["", *lines[i : i + 2], *rows[:9], "", *rows[9:]]
    assert changed != lines
    path.write_text("\n".join(changed) + "\n")
    after = load_system(path, spin=False)
    same_system(after, before)
    assert (after.get_R_mat("AA") == before.get_R_mat("AA")).all()


@pytest.mark.parametrize(
    ("row", "change", "words", "line"),
    [
        (0, lambda row: row.replace("1    1 ", "5    1 ", 1), r"an element \(m, n\) of 4 functions; found \(5, 1\)", 5),
        (1, lambda row: row.replace("2    1 ", "1    1 ", 1), r"found element \(1, 1\) of R = \(1, 0, 0\) again", 6),
        (17, lambda row: row.replace("0    1    0", "0    1    1", 1), r"16 elements for each R vector", None),
        (3, lambda row: row.replace("1    0    0", " 1.5 0 0", 1), "an R vector of integers", 8),
    ],
)
def test_elements_that_do_not_fit(seed, sibling, row, change, words, line):
    path = sibling(seed, "_hr.dat")
    head, rows = rows_of(path)
    changed = change(rows[row])
    assert changed != rows[row]
    path.write_text("\n".join([*head, *rows[:row], changed, *rows[row + 1 :]]) + "\n")
    with pytest.raises(InputError, match=words) as caught:
        load_system(path, spin=False)
    assert line is None or caught.value.line == line


def test_sparse_with_an_element_twice_or_missing(seed, sibling):
    path = sibling(seed, "_hr.dat")
    head, rows = sparse(*rows_of(path))
    path.write_text("\n".join([*head, *rows[:-1], rows[0]]) + "\n")
    with pytest.raises(InputError, match="each element once") as caught:
        read_hr(path)
    assert caught.value.line == 3 + len(rows)
    path.write_text("\n".join([*head, *rows[:-1]]) + "\n")
    with pytest.raises(InputError, match="truncated"):
        read_hr(path)


def springs(path, first_line):
    """Dynamical matrices of two atoms in a cubic cell, all coupled by springs, in the form of _hr.dat."""
    vectors = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    matrices = np.zeros((7, 6, 6))
    matrices[1:] = -np.kron(np.eye(2), np.diag([1.0, 0.9, 0.8]))
    matrices[0] = 6 * np.kron(np.eye(2), np.diag([1.0, 0.9, 0.8])) + np.kron([[1, -1], [-1, 1]], np.eye(3))
    rows = [
        f"{x} {y} {z} {m + 1} {n + 1} {matrices[i, m, n]:.10f} 0.0"
        for i, (x, y, z) in enumerate(vectors)
        for m in range(6)
        for n in range(6)
    ]
    path.write_text("\n".join([first_line, "6", "7", "7*1", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "first_line"),
    [("phonopyTB_hr.dat", "x"), ("X_hr.dat", " Writen on 2018-06-17 15:46:31.850073"), ("X_hr.dat", "written by a code")],
)
def test_phonons_are_refused(tmp_path, name, first_line):
    path = springs(tmp_path / name, first_line)
    with pytest.raises(InputError, match="a Hamiltonian of electrons; found dynamical matrices of phonons"):
        load_system(path, **CELL, wannier_centers=np.zeros((6, 3)))


def test_electrons_are_no_phonons(tmp_path):
    """A shift of all energies, or no gap above three zeros, makes electrons of them."""
    model = read_hr(springs(tmp_path / "X_hr.dat", "electrons"))
    model.hamiltonian[0] += 0.5 * np.eye(6)
    refuse_phonons(model)


def test_phonons_of_wannierberri_are_refused(seed):
    system = load_system(seed)
    system.is_phonon = True
    with pytest.raises(InputError, match="a system of electrons; found phonons"):
        load_system(system)
