"""One file broken in one way: the error names file, line, what was expected and what came."""

import gzip
import lzma
import re

import numpy as np
import pytest

from wb_conserved.io import InputError, load_system

ORDER = {"_tb.dat": "interlaced", "_hr.dat": "interlaced", "_wsvec.dat": "interlaced", "_centres.xyz": "interlaced"}
ROUTE = {"_wsvec.dat": "_tb.dat", "_tb.dat": "_tb.dat", "_hr.dat": "_hr.dat", "_centres.xyz": "_hr.dat"}
SEED_FILES = (".chk", ".eig", ".mmn", ".spn", ".win", ".nnkp")
ALL_FILES = (*SEED_FILES, "_tb.dat", "_hr.dat", "_wsvec.dat", "_centres.xyz")


def refused(seed, ending, words, line=None):
    """Load the route that reads the file with this ending; check the error."""
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    error = caught.value
    assert error.source.startswith(f"{seed}{ending}"), error
    assert re.search(words, str(error)), error
    assert error.line == line, error
    assert "expected" in str(error) and "found" in str(error)


@pytest.mark.parametrize("ending", [".eig", ".mmn", ".spn"])
def test_missing(seed, sibling, ending):
    sibling(seed, ending).unlink()
    refused(seed, ending, r"\.xz.*\.gz.*no such file")


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match=r"X: expected one of .*X\.chk, .*X_tb\.dat, .*X_hr\.dat.*found none of them"):
        load_system(tmp_path / "X")


def test_folder_without_arrays(seed):
    with pytest.raises(InputError, match=r"give a seedname, such as .*X; found a folder with none"):
        load_system(seed.parent)


def test_formatted_checkpoint(tmp_path):
    (tmp_path / "X.chk.fmt").write_text("text")
    with pytest.raises(InputError, match=r"X\.chk\.fmt is not read, w90chk2chk\.x converts it"):
        load_system(tmp_path / "X")


def test_two_files_of_one_kind(seed, sibling):
    path = sibling(seed, ".eig")
    sibling(seed, ".eig.gz").write_bytes(gzip.compress(path.read_bytes()))
    refused(seed, ".eig", r"expected one of it, its \.xz and its \.gz; found .*X\.eig and .*X\.eig\.gz")


def test_another_file(seed):
    with pytest.raises(InputError, match=r"X\.eig: expected a file X\.chk"):
        load_system(f"{seed}.eig")


def test_not_a_path():
    with pytest.raises(InputError, match="path: expected a path or a System_R; found a dict"):
        load_system({})


@pytest.mark.parametrize("ending", ALL_FILES)
def test_empty(seed, sibling, ending):
    sibling(seed, ending).write_bytes(b"")
    refused(seed, ending, "an empty file")


@pytest.mark.parametrize("ending", ALL_FILES)
def test_truncated(seed, sibling, ending):
    path = sibling(seed, ending)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ROUTE.get(ending, '')}", spin_order=ORDER.get(ending))
    assert caught.value.source == str(path)
    if ending not in (".chk", ".spn"):
        assert caught.value.line is not None


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


def renumbered(path, columns):
    """Drop the last band or k point of an .eig file."""
    rows = [line for line in path.read_text().splitlines() if line.split()[columns[0]] != columns[1]]
    path.write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("column", "last", "words"),
    [
        (0, "6", r"expected 6 bands, as in X\.chk; found 5"),
        (1, "27", r"expected 27 k points, as in X\.chk; found 26"),
    ],
)
def test_eig_of_another_size(seed, sibling, column, last, words):
    renumbered(sibling(seed, ".eig"), (column, last))
    with pytest.raises(InputError, match=words) as caught:
        load_system(seed)
    assert caught.value.source == f"{seed}.eig" and caught.value.line is not None


def test_eig_out_of_order(seed, sibling, edit):
    edit(sibling(seed, ".eig"), 9, "    4    2    1.000000000000")
    refused(seed, ".eig", "band 3 of k point 2; found '4    2", 9)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("5 27 6", r"6 bands, as in X\.chk; found 5"),
        ("6 26 6", r"27 k points, as in X\.chk; found 26"),
        ("6 27 8", r"6 neighbours of a k point, as in X\.chk; found 8"),
    ],
)
def test_mmn_of_another_size(seed, sibling, edit, header, words):
    edit(sibling(seed, ".mmn"), 2, header)
    refused(seed, ".mmn", words, 2)


@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize("bands", [True, False])
def test_spn_of_another_size(calculation, seed, sibling, formatted, bands):
    path = sibling(seed, ".spn")
    calculation.write_spn(path, formatted, calculation.spins if bands else calculation.spins[:-1])
    if not bands:
        refused(seed, ".spn", r"27 k points, as in X\.chk; found 26", 2 if formatted else None)
    elif formatted:
        path.write_text(path.read_text().replace("\n6 27\n", "\n5 27\n"))
        refused(seed, ".spn", r"6 bands, as in X\.chk; found 5", 2)
    else:
        path.write_bytes(
            path.read_bytes().replace(np.array([6, 27], np.int32).tobytes(), np.array([5, 27], np.int32).tobytes())
        )
        refused(seed, ".spn", r"6 bands, as in X\.chk; found 5")


@pytest.mark.parametrize(
    ("line", "new", "words"),
    [
        (1, "num_bands = 7", r"num_bands = 6, as in X\.chk; found 7"),
        (2, "num_wann = 3", r"num_wann = 4, as in X\.chk; found 3"),
        (5, "mp_grid = 3 3 1", r"the k mesh \[3, 3, 3\] of X\.chk; found \[3, 3, 1\]"),
        (8, "3.2 0.0 0.0", r"the lattice vectors of X\.chk to 0\.0001 Å; found a difference of 0\.2000 Å"),
        (7, "bohr", r"the lattice vectors of X\.chk"),
        (15, "0.1 0.0 0.0", r"the k points of X\.chk, k point 3"),
        (13, None, r"27 k points, as in X\.chk; found 26"),
        (40, None, "'end kpoints'; found the end of the file"),
    ],
)
def test_win_of_another_calculation(seed, sibling, edit, line, new, words):
    edit(sibling(seed, ".win"), line, new)
    place = {8: 7, 40: 12}.get(line, line)
    refused(seed, ".win", words, place)


@pytest.mark.parametrize(
    ("line", "new", "words", "place"),
    [
        (4, "2.9 0.0 0.0", r"the lattice vectors of X\.chk", 4),
        (12, "0.2 0.0 0.3", r"the k points of X\.chk, k point 2", 12),
        (20, None, "27 lines in block kpoints; found 26", 10),
        (41, "5", "135 lines in block nnkpts; found 162", 41),
    ],
)
def test_nnkp_of_another_calculation(seed, sibling, edit, line, new, words, place):
    edit(sibling(seed, ".nnkp"), line, new)
    refused(seed, ".nnkp", words, place)


def test_nnkp_with_other_neighbours(seed, sibling, edit):
    edit(sibling(seed, ".nnkp"), 43, "1 3 0 0 0")
    refused(seed, ".mmn", r"the neighbours of k point 1 that X\.nnkp lists", 3)


def test_lattice_and_functions_beside_tb(seed, sibling, edit):
    edit(sibling(seed, ".win"), 8, "3.2 0.0 0.0")
    with pytest.raises(InputError, match=r"X\.win, line 7: expected the lattice vectors of X_tb\.dat"):
        load_system(f"{seed}_tb.dat", spin_order="interlaced")
    edit(sibling(seed, ".win"), 8, "3.0 0.0 0.0")
    edit(sibling(seed, ".win"), 2, "num_wann = 8")
    with pytest.raises(InputError, match=r"X\.win, line 2: expected num_wann = 4, as in X_tb\.dat; found 8"):
        load_system(f"{seed}_tb.dat", spin_order="interlaced")


def test_overlaps_of_another_calculation(calculation, seed, sibling):
    """Same sizes, same norms, other gauge."""
    rng, phases = np.random.default_rng(1), calculation.overlaps.copy()
    turn = np.exp(2j * np.pi * rng.random((27, 6)))
    for ik, row in enumerate(calculation.neighbours):
        for ib in range(6):
            phases[ik, ib] = turn[ik].conj()[:, None] * phases[ik, ib] * turn[row[ib][0]]
    kept, calculation.overlaps = calculation.overlaps, phases
    try:
        calculation.write_mmn(sibling(seed, ".mmn"))
    finally:
        calculation.overlaps = kept
    refused(seed, ".mmn", r"the overlaps that X\.chk has in its gauge.*files of different calculations\?", 3)


def test_overlaps_above_one(seed, sibling, edit):
    edit(sibling(seed, ".mmn"), 45, "1.2 0.0")
    refused(seed, ".mmn", "norm 1 at most.*found norm 1.", 40)


@pytest.mark.parametrize(
    ("line", "new", "words"),
    [
        (40, "2 2 0 0 0", "k point 1; found 2"),
        (40, "1 99 0 0 0", "a neighbour between 1 and 27; found 99"),
    ],
)
def test_headers_of_overlaps(seed, sibling, edit, line, new, words):
    edit(sibling(seed, ".mmn"), line, new)
    refused(seed, ".mmn", words, line)


def test_vectors_of_overlaps(seed, sibling, edit):
    sibling(seed, ".nnkp").unlink()
    edit(sibling(seed, ".mmn"), 3 + 37 * 8, "2 3 0 1 0")
    refused(seed, ".mmn", "the vectors b of k point 1 at k point 2", 3 + 37 * 8)


def test_energies_of_another_calculation(calculation, seed, sibling, edit):
    """A band outside the outer window of the .chk between those inside; frozen bands outside the Wannier functions."""
    edit(sibling(seed, ".eig"), 6, "    6    1   10.000000000000")
    refused(seed, ".eig", r"no band outside the outer window of X\.chk.*band 6 of k point 1 at 10\.0000 eV", 6)
    calculation.write_eig(sibling(seed, ".eig"))
    edit(sibling(seed, ".eig"), 11, "    5    2    4.500000000000")
    refused(seed, ".eig", r"frozen window of X\.win.*band 5 of k point 2 at 4\.5000 eV with 0\.0000 in them", 11)


def test_gauge_not_unitary(calculation, seed, sibling):
    gauge = calculation.gauge.copy()
    gauge[3] *= 1.01
    calculation.write_chk(sibling(seed, ".chk"), gauge=gauge)
    refused(seed, ".chk", r"matrices U_opt unitary to 1e-06; found \|U†U - 1\| = 2.01e-02 at k point 4")


def test_unfinished_wannierisation(calculation, seed, sibling):
    calculation.write_chk(sibling(seed, ".chk"), stage="postdis")
    refused(seed, ".chk", r"stage 'postwann'\); found stage 'postdis'")


def test_checkpoint_of_another_lattice(calculation, seed, sibling):
    calculation.write_chk(sibling(seed, ".chk"), lattice=2.5 * np.eye(3))
    refused(seed, ".win", r"the lattice vectors of X\.chk", 7)


def test_mesh_of_checkpoint(seed, sibling):
    path = sibling(seed, ".chk")
    mesh = np.array([3, 3, 3], np.int32)
    path.write_bytes(path.read_bytes().replace(mesh.tobytes(), np.array([3, 3, 2], np.int32).tobytes(), 1))
    refused(seed, ".chk", r"18 k points for the mesh \[3, 3, 2\]; found 27")


@pytest.mark.parametrize("formatted", [False, True])
def test_spin_not_hermitian(calculation, seed, sibling, formatted):
    spins = calculation.spins.copy()
    spins[1, 2, 1, 1] += 0.01j
    calculation.write_spn(sibling(seed, ".spn"), formatted, spins)
    refused(
        seed,
        ".spn",
        "a Hermitian spin matrix at k point 2.*imaginary part 1.00e-02 of σ_z of band 2",
        2 + 63 + 3 * 3 if formatted else None,
    )


@pytest.mark.parametrize("formatted", [False, True])
def test_spin_above_one(calculation, seed, sibling, formatted):
    spins = calculation.spins.copy()
    spins[1] *= 1.01
    calculation.write_spn(sibling(seed, ".spn"), formatted, spins)
    refused(
        seed,
        ".spn",
        r"\|eigenvalues\| of the spin matrices of 1 at most.*found 1\.010000 at k point 2",
        2 + 63 + 1 if formatted else None,
    )


@pytest.mark.parametrize(("ending", "line"), [("_tb.dat", 28), ("_hr.dat", 23)])
def test_hamiltonian_not_hermitian(seed, sibling, edit, ending, line):
    """An element is changed by 1 meV at R = (1, 0, 0) or at its partner."""

    def change(text):
        words = text.split()
        words[-2] = f"{float(words[-2]) + 0.002:.6f}"
        return "  ".join(words)

    edit(sibling(seed, ending), line, change)
    with pytest.raises(InputError, match=r"H\(R\) = H\(-R\)† to 1e-05 eV; found .* [12]\.000e-03 eV") as caught:
        load_system(f"{seed}{ending}", spin_order="interlaced")
    assert caught.value.source == f"{seed}{ending}" and caught.value.line is not None


def test_position_not_hermitian(seed, sibling, edit):
    edit(sibling(seed, "_tb.dat"), 8 + 7 * 18 + 2 + 2, lambda text: text.replace("0.00000000E+00", "3.0", 1))
    refused(seed, "_tb.dat", r"r\(R\) = r\(-R\)† to 0\.5 Å; found a difference of 1\.500e\+00 Å", 8 + 7 * 18 + 1)


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        ("2 0 0", r"-R = \(-2, 0, 0\) for R = \(2, 0, 0\); found no such R vector"),
        ("0 1 0", r"each R vector once; found R = \(0, 1, 0\) again"),
    ],
)
def test_r_vectors(seed, sibling, vector, words):
    path = sibling(seed, "_tb.dat")
    path.write_text(re.sub(r"\n +1 +0 +0\n", f"\n{vector}\n", path.read_text()))
    with pytest.raises(InputError, match=words) as caught:
        load_system(path, spin_order="interlaced")
    assert caught.value.line in (9, 27)


def test_elements_out_of_order(seed, sibling, edit):
    edit(sibling(seed, "_tb.dat"), 11, lambda text: "    3" + text[5:])
    refused(seed, "_tb.dat", r"element \(2, 1\); found \(3, 1\)", 11)
    edit(sibling(seed, "_hr.dat"), 6, lambda text: "    0" + text[5:])
    refused(seed, "_hr.dat", r"R = \(1, 0, 0\) in 16 lines", 6)


def test_positions_at_other_vectors(seed, sibling, edit):
    edit(sibling(seed, "_tb.dat"), 8 + 7 * 18 + 1, "0 0 2")
    refused(seed, "_tb.dat", r"R = \(1, 0, 0\), as for H; found \(0, 0, 2\)", 8 + 7 * 18 + 1)


def test_wsvec_of_another_calculation(seed, sibling):
    path = sibling(seed, "_wsvec.dat")
    text = path.read_text()
    path.write_text(text.replace("    1    0    0    1    1\n", "    5    0    0    1    1\n"))
    refused(seed, "_wsvec.dat", r"R vectors of X_tb\.dat; found \(5, 0, 0\)")
    path.write_text(text.replace("    1    0    0    1    1\n", "    1    0    0    1    2\n", 1))
    refused(seed, "_wsvec.dat", r"each R vector and pair of functions of X_tb\.dat once")
    path.unlink()
    with pytest.raises(InputError, match=r"X_wsvec\.dat: expected this file.*ws_distance=True; found no such file"):
        load_system(f"{seed}_tb.dat", spin_order="interlaced", ws_distance=True)


def test_centres_of_another_calculation(seed, sibling, edit):
    edit(sibling(seed, "_centres.xyz"), 3, "Pt 0.0 0.0 0.0")
    refused(seed, "_centres.xyz", r"4 centres \(lines with X\); found 3")
