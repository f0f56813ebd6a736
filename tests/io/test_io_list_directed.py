"""Text as Fortran's list-directed input takes it; `.win` files in every form that wannier90.x 3.1 was seen to read."""

import logging

import numpy as np
import pytest
from refusals import refused

from wb_conserved.io import InputError, load_system
from wb_conserved.io.list_directed import NOTHING, to_float, words
from wb_conserved.io.projections import read_atoms
from wb_conserved.io.seed_files import BOHR, read_nnkp, read_win

CELL = np.diag([3.0, 4.0, 5.0])
ROWS = "3 0 0\n0 4 0\n0 0 5\n"
CELLS = {  # text of the block, and the unit that wannier90.x 3.1.0 takes (its .wout file, each of these)
    "usual": (f"begin unit_cell_cart\n{ROWS}end unit_cell_cart", 1),
    "end_name": (f"begin unit_cell_cart\n{ROWS}end_unit_cell_cart", 1),
    "begin_name": (f"begin_unit_cell_cart\n{ROWS}end unit_cell_cart", 1),
    "glued": (f"beginunit_cell_cart\n{ROWS}endunit_cell_cart", 1),
    "colon": (f"begin : unit_cell_cart\n{ROWS}end : unit_cell_cart", 1),
    "capitals": (f"Begin Unit_Cell_Cart\nBohr\n{ROWS}End Unit_Cell_Cart", BOHR),
    "commas": ("begin unit_cell_cart\n3, 0, 0\n0,4,0\n0 , 0 5\nend unit_cell_cart", 1),
    "semicolons": ("begin unit_cell_cart\n3;0;0\n0 4 0\n0 0 5\nend unit_cell_cart", 1),
    "repeats": ("begin unit_cell_cart\n3 2*0\n0,4d0,0\n2*0 5\nend unit_cell_cart", 1),
    "exponents": ("begin unit_cell_cart\n.3+1 0 0\n0 4q0 0\n0 0 0.5D+001\nend unit_cell_cart", 1),
    "slash": ("begin unit_cell_cart\n3 0 0\n0 4 0\n0 0 5/\nend unit_cell_cart", 1),
    "more": ("begin unit_cell_cart\n3 0 0 0 4 0\n0 4 0\n0 0 5 c\nend unit_cell_cart", 1),
    "angstrom": (f"begin unit_cell_cart\nangstrom\n{ROWS}end unit_cell_cart", 1),
    "bohrs": (f"begin unit_cell_cart\nbohrs\n{ROWS}end unit_cell_cart", BOHR),
    "unit in both": (f"begin unit_cell_cart ang\nbohr\n{ROWS}end unit_cell_cart", BOHR),
    "unit in the first line": (f"begin unit_cell_cart bohr\n{ROWS}end unit_cell_cart", 1),
    "tabs": ("begin\tunit_cell_cart\nbohr\n3\t0\t0\n0 4 0\n0 0 5\n\tend\tunit_cell_cart", BOHR),
    "comments": (
        "begin unit_cell_cart ! x\n# ang\nbohr ! u\n3 0 0 # c\n!\n0 4 0\n0 0 5\nend unit_cell_cart of it",
        BOHR,
    ),
}
MESHES = (
    "mp_grid = 2,3,4",
    "mp_grid 2, 3, 4",
    "mp_grid : 2 3 4",
    "mp_grid=2 3 4",
    "MP_GRID= 2 3 4 5 ! four",
    "  mp_grid   =   2 ,3 4",
    "mp_grid\t2\t3 4",
    "mp_grid = 2 3 4 / the mesh",
)


def win(tmp_path, text):
    path = tmp_path / "X.win"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2,2 , 2", ["2", "2", "2"]),
        ("3*2", ["2", "2", "2"]),
        ("1 2*0.5d0,-1.5D-3", ["1", "0.5e0", "0.5e0", "-1.5e-3"]),
        ("1.0-100 .5+2 1.", ["1.0e-100", ".5e+2", "1."]),
        ("4 !num_wann", ["4"]),
        ("# all of it", []),
        ("1 / 2 3", ["1"]),
        ("1,,3", ["1", NOTHING, "3"]),
        ("2*,3", [NOTHING, NOTHING, "3"]),
        ("1,2,", ["1", "2"]),
        ("ang C1 *", ["ang", "C1", "*"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize("word", ["1_000", "nan", "inf", "1e999", "", "1.0x", "0x10", NOTHING, "****"])
def test_what_is_no_number(word):
    with pytest.raises(ValueError):
        to_float(word)


@pytest.mark.parametrize("name", CELLS)
def test_cell_of_win(tmp_path, name):
    text, unit = CELLS[name]
    assert np.allclose(read_win(win(tmp_path, text)).real_lattice, unit * CELL, rtol=1e-12)


@pytest.mark.parametrize("text", MESHES)
def test_mesh_of_win(tmp_path, text):
    assert read_win(win(tmp_path, text)).values["mp_grid"].tolist() == [2, 3, 4]
    assert read_win(win(tmp_path, "mp_grid = 3*2")).values["mp_grid"].tolist() == [2, 2, 2]


def test_unit_without_effect_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        read_win(win(tmp_path, "num_wann=1\n" + CELLS["unit in the first line"][0]))
    assert "X.win, line 2: the unit in the line that begins block unit_cell_cart has no effect" in caplog.text


def test_atoms_in_every_form(tmp_path):
    for text in (
        "begin atoms_cart\nbohrs\nC, 3, 2*0\nC 0 4d0 0 ! second\nend_atoms_cart",
        f"beginatoms_cart\nangstrom\nC {3 * BOHR} 0 0\nC, 0 , {4 * BOHR} 0\nendatoms_cart",
    ):
        names, positions = read_atoms(win(tmp_path, text), BOHR * CELL)
        assert names == ["C", "C"]
        assert np.allclose(positions, np.eye(3)[:2])


@pytest.mark.parametrize(
    ("text", "words_", "line"),
    [
        ("begin unit_cell_cart\n3 0 0\n0 4 0\n,,5\nend unit_cell_cart", "3 finite numbers: a lattice vector", 4),
        ("begin unit_cell_cart\n3 0\n0\n0 4 0\n0 0 5\nend unit_cell_cart", "'ang' or 'bohr'.*'3 0'", 2),
        (f"begin unit_cell_cart\nnm\n{ROWS}end unit_cell_cart", "'ang' or 'bohr'.*'nm'", 2),
        (f"begin unit_cell_cart\n{ROWS}end", "'end unit_cell_cart'; found 'end'", 5),
        (f"\nbegin unit_cell_cart\n{ROWS}", "'end unit_cell_cart'; found the end of the file", 2),
        ("mp_grid = 2 2\n", "3 numbers for mp_grid", 1),
        ("mp_grid = 2*2\n", "3 numbers for mp_grid", 1),
        ("mp_grid = 2 2 2\nmp_grid = 2 2 2\n", "mp_grid once", 2),
        (f"begin unit_cell_cart\n{ROWS}end unit_cell_cart\n" * 2, "block unit_cell_cart once", 6),
        ("dis_froz_max = == 1", "a number for dis_froz_max", 1),
    ],
)
def test_refused(tmp_path, text, words_, line):
    with pytest.raises(InputError, match=words_) as caught:
        read_win(win(tmp_path, text))
    assert caught.value.line == line


def test_nnkp_with_commas(seed, sibling):
    path = sibling(seed, ".nnkp")
    before = read_nnkp(path)
    body, rest = path.read_text().split("begin kpoints", 1)
    changed = rest.replace("0.00000000    0.00000000", "2*0d0,", 1)
    assert changed != rest
    path.write_text(body + "begin kpoints" + changed)
    after = read_nnkp(path)
    assert (after.kpoints == before.kpoints).all()
    assert (after.neighbours == before.neighbours).all()


OTHER_FORMS = [(".eig", "    1 ", " 1, "), ("_tb.dat", "  1    1", " 2*1,"), (".mmn", " 6", " 6 ,")]


@pytest.mark.parametrize(("ending", "old", "new"), OTHER_FORMS)
def test_other_text_files(seed, sibling, ending, old, new):
    """Energies, overlaps and matrices with Fortran's other forms are the same numbers."""
    route = "_tb.dat" if ending == "_tb.dat" else ""
    options = {"spin_order": "interlaced"} if route else {}
    before = load_system(f"{seed}{route}", **options)
    path = sibling(seed, ending)
    lines = path.read_text().splitlines(keepends=True)
    changed = [line.replace(old, new, 1) if line.strip() and line[0] == " " else line for line in lines]
    assert changed != lines
    path.write_text("".join(changed))
    after = load_system(f"{seed}{route}", **options)
    for name in ("Ham", "AA"):
        assert (after.get_R_mat(name) == before.get_R_mat(name)).all()


def test_null_values_of_data_are_refused(seed, sibling):
    path = sibling(seed, ".eig")
    path.write_text(path.read_text().replace("1    1 ", "1 ,, 1 ", 1))
    refused(seed, ".eig", "3 finite numbers: band, k point and energy", 1)
