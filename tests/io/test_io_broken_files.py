"""One file that cannot be read: the error names file, line, what was expected and what came."""

import gzip
import lzma
import re

import numpy as np
import pytest
from refusals import ALL_FILES, ORDER, ROUTE, SEED_FILES, refused

from wb_conserved.io import InputError, load_system


@pytest.mark.parametrize("ending", [".eig", ".mmn", ".spn"])
def test_missing(seed, sibling, ending):
    sibling(seed, ending).unlink()
    refused(seed, ending, r"\.xz.*\.gz.*no such file")


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match=r"X: expected .*X\.chk, .*X_hr\.dat.*load_system\(system\).*found no such file"):
        load_system(tmp_path / "X")


def test_folder_without_arrays(seed):
    with pytest.raises(InputError, match=r"a seedname, such as .*X; or X\.chk.*found another folder"):
        load_system(seed.parent)


def test_formatted_checkpoint(tmp_path):
    (tmp_path / "X.chk.fmt").write_text("written by hand\n4\n")
    with pytest.raises(InputError, match=r"X\.eig: expected this file.* beside X\.chk\.fmt"):
        load_system(tmp_path / "X", spin=False)


def test_two_files_of_one_kind(seed, sibling):
    path = sibling(seed, ".eig")
    sibling(seed, ".eig.gz").write_bytes(gzip.compress(path.read_bytes()))
    refused(seed, ".eig", r"expected one of it, its \.xz and its \.gz; found .*X\.eig and .*X\.eig\.gz")


def test_another_file(seed):
    with pytest.raises(InputError, match=r"X\.eig: expected one of X\.chk, .*found another file"):
        load_system(f"{seed}.eig")


def test_not_a_path():
    with pytest.raises(InputError, match=r"path: expected a path, or X\.chk.*a System_R of WannierBerri.*; found a dict"):
        load_system({})


@pytest.mark.parametrize("ending", ALL_FILES)
def test_empty(seed, sibling, ending):
    sibling(seed, ending).write_bytes(b"")
    refused(seed, ending, "an empty file")


@pytest.mark.parametrize("ending", ALL_FILES)
def test_truncated(seed, sibling, ending):
    """The last line of what is left, or the first one of the block that does not end; a byte in unformatted files."""
    path = sibling(seed, ending)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    assert caught.value.source == str(path)
    if ending in (".chk", ".spn"):
        assert caught.value.line is None
        assert re.search(r"bytes at byte \d+; found the end of the file after \d+ of them", str(caught.value))
    else:
        lines = path.read_text().splitlines()
        blocks = {".win": "begin kpoints", ".nnkp": "begin nnkpts"}
        assert caught.value.line == (lines.index(blocks[ending]) + 1 if ending in blocks else len(lines))


@pytest.mark.parametrize("ending", [".eig", ".mmn", "_tb.dat", "_hr.dat", "_wsvec.dat"])
def test_truncated_at_a_line(seed, sibling, ending):
    path = sibling(seed, ending)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-3]) + "\n")
    with pytest.raises(InputError, match="truncated") as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    assert caught.value.source == str(path)
    assert abs(caught.value.line - (len(lines) - 3)) <= 1


@pytest.mark.parametrize("formatted", [False, True])
def test_truncated_spn(calculation, seed, sibling, formatted):
    path = sibling(seed, ".spn")
    calculation.write_spn(path, formatted)
    path.write_bytes(path.read_bytes()[:-30])
    if formatted:
        refused(seed, ".spn", "2 finite numbers: spin matrices of k point 27", 2 + 27 * 63)
    else:
        refused(seed, ".spn", r"spin matrices of k point 27: 1008 bytes at byte \d+; found the end .* 98")


def test_truncated_chk_names_the_byte(seed, sibling):
    path = sibling(seed, ".chk")
    path.write_bytes(path.read_bytes()[:1000])
    refused(seed, ".chk", r"expected the .*: \d+ bytes at byte \d+; found the end of the file after \d+ of them")


@pytest.mark.parametrize(("extension", "compress"), [(".xz", lzma.compress), (".gz", gzip.compress)])
@pytest.mark.parametrize("ending", [".chk", ".eig", ".mmn", ".spn", "_tb.dat", "_hr.dat"])
def test_truncated_compressed(seed, sibling, ending, extension, compress):
    path = sibling(seed, ending)
    data = compress(path.read_bytes())
    path.unlink()
    sibling(seed, ending + extension).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="a complete compressed file; found a truncated") as caught:
        load_system(seed if ending in SEED_FILES else f"{seed}{ending}{extension}", spin_order=ORDER.get(ending))
    assert caught.value.source == f"{seed}{ending}{extension}"


def test_empty_after_decompression(seed, sibling):
    sibling(seed, ".eig").unlink()
    sibling(seed, ".eig.xz").write_bytes(lzma.compress(b""))
    refused(seed, ".eig.xz", "expected lines with band.*found an empty file")


BAD_NUMBERS = [
    ("****************", "stars"),
    ("NaN", "not a finite number"),
    ("Infinity", "not a finite number"),
    ("1.0x", "not a finite number"),
]


@pytest.mark.parametrize(("word", "reason"), BAD_NUMBERS)
@pytest.mark.parametrize(
    ("ending", "line", "column"),
    [
        (".eig", 40, 2),
        (".mmn", 500, 1),
        ("_tb.dat", 30, 2),
        ("_tb.dat", 150, 5),
        ("_hr.dat", 40, 6),
        (".win", 8, 1),
        (".nnkp", 15, 2),
        (".nnkp", 50, 1),
        ("_centres.xyz", 4, 2),
    ],
)
def test_bad_number(seed, sibling, edit, ending, line, column, word, reason):
    def change(text):
        words = text.split()
        words[column] = word
        return "  ".join(words)

    edit(sibling(seed, ending), line, change)
    refused(seed, ending, f"finite numbers.*{re.escape(word)}.*{reason}", line)


@pytest.mark.parametrize(("word", "reason"), BAD_NUMBERS)
def test_bad_number_in_formatted_spn(calculation, seed, sibling, edit, word, reason):
    calculation.write_spn(sibling(seed, ".spn"), formatted=True)
    edit(sibling(seed, ".spn"), 100, lambda text: f"{text.split()[0]} {word}")
    refused(seed, ".spn", f"2 finite numbers: spin matrices of k point 2.*{re.escape(word)}.*{reason}", 100)


def test_bad_number_in_unformatted_files(calculation, seed, sibling):
    spins = calculation.spins.copy()
    spins[4, 1, 3, 2] = np.nan
    calculation.write_spn(sibling(seed, ".spn"), spins=spins.conj().swapaxes(2, 3))
    refused(seed, ".spn", "spin matrices of k point 5: finite numbers; found .*nan")
    gauge = calculation.gauge.copy()
    gauge[2, 1, 1] = np.inf
    calculation.write_chk(sibling(seed, ".chk"), gauge=gauge)
    refused(seed, ".chk", "the matrices U_opt: finite numbers; found .*inf")


@pytest.mark.parametrize(
    ("ending", "line", "new", "words"),
    [
        (".win", 3, "dis_froz_max = ***", "a number for dis_froz_max"),
        (".win", 5, "mp_grid = 3 3", "3 numbers for mp_grid"),
        (".mmn", 2, "6 27", "the numbers of bands, k points and neighbours; found '6 27'"),
        (".mmn", 3, "1 2 0 0", "k point, neighbour and reciprocal lattice vector"),
        ("_tb.dat", 5, "four", "the number of Wannier functions"),
        ("_tb.dat", 6, "0", "one R vector or more"),
        ("_tb.dat", 7, "1 2 2 x 2 2 2", "the degeneracies"),
        ("_tb.dat", 7, "1 2 2 0 2 2 2", "degeneracies of 1 or more; found 0"),
        ("_tb.dat", 9, "1 0", "R vector 1 of 7"),
        ("_wsvec.dat", 2, "1 0 0 1 x", "integers"),
        ("_wsvec.dat", 3, "0", "a number of vectors of 1 or more"),
    ],
)
def test_bad_line(seed, sibling, edit, ending, line, new, words):
    edit(sibling(seed, ending), line, new)
    refused(seed, ending, words, line)


@pytest.mark.parametrize(("ending", "number"), [(".eig", 163), (".mmn", 5997), ("_tb.dat", 260), ("_hr.dat", 117)])
def test_more_than_expected(seed, sibling, ending, number):
    path = sibling(seed, ending)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    assert caught.value.source == str(path) and caught.value.line == number == len(lines) + 1


def test_more_in_unformatted_files(seed, sibling):
    for ending, words in ((".spn", "27 spin matrices"), (".chk", "the spreads")):
        path = sibling(seed, ending)
        path.write_bytes(path.read_bytes() + b"\0\0\0\0")
        refused(seed, ending, f"the end of the file after {words}.*; found more data at byte")


@pytest.mark.parametrize(
    ("ending", "source"),
    [
        (".mmn", ".eig"),
        (".eig", ".mmn"),
        (".nnkp", ".mmn"),
        (".spn", ".eig"),
        (".chk", ".spn"),
        (".spn", ".chk"),
        (".chk", ".eig"),
        (".spn", ".mmn"),
        ("_tb.dat", "_hr.dat"),
        ("_hr.dat", "_tb.dat"),
        ("_tb.dat", ".mmn"),
        ("_wsvec.dat", "_hr.dat"),
        (".eig", ".spn"),
        ("_tb.dat", ".chk"),
        (".nnkp", ".win"),
    ],
)
def test_another_format(seed, sibling, ending, source):
    sibling(seed, ending).write_bytes(sibling(seed, source).read_bytes())
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    assert caught.value.source == f"{seed}{ending}"


def test_big_endian(seed, sibling):
    path = sibling(seed, ".chk")
    path.write_bytes(path.read_bytes()[3::-1] + path.read_bytes()[4:])
    refused(seed, ".chk", "a little-endian record at byte 0; found a length of 553648128 bytes.*big-endian")
