"""Files that can be read but not be used: of another calculation, or unphysical; the error names file, line and reason."""

import re

import numpy as np
import pytest
from refusals import refused

from wb_conserved.io import InputError, load_system
from wb_conserved.io.chk import read_checkpoint


def renumbered(path, columns):
    """Drop the last band or k point of an .eig file."""
    rows = [line for line in path.read_text().splitlines() if line.split()[columns[0]] != columns[1]]
    path.write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("column", "last", "words", "line"),
    [
        (0, "6", r"expected 6 bands, as in X\.chk; found 5", 5),  # the last of the first k point
        (1, "27", r"expected 27 k points, as in X\.chk; found 26", 151),  # the first of the last k point
    ],
)
def test_eig_of_another_size(seed, sibling, column, last, words, line):
    renumbered(sibling(seed, ".eig"), (column, last))
    with pytest.raises(InputError, match=words) as caught:
        load_system(seed)
    assert caught.value.source == f"{seed}.eig" and caught.value.line == line


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


@pytest.mark.parametrize("kept", ["all", "some"])
def test_overlaps_of_the_chk_are_those_of_another_gauge(seed, sibling, kept):
    """check_overlaps=False goes on with those of the .mmn; zeros at some k points do not hide the others."""
    path = sibling(seed, ".chk")
    overlaps = read_checkpoint(path).overlaps
    other = np.exp(0.5j) * overlaps
    if kept == "some":
        other[..., :20] = 0
    data = path.read_bytes()
    path.write_bytes(data.replace(overlaps.tobytes(order="F"), other.tobytes(order="F")))
    point, line = (1, 3) if kept == "all" else (21, 4443)
    refused(seed, ".mmn", rf"check_overlaps=False where an older Wannier90.* at k point {point}, neighbour 1", line)
    system = load_system(seed, check_overlaps=False)
    path.write_bytes(data)
    assert np.abs(system.get_R_mat("AA") - load_system(seed).get_R_mat("AA")).max() == 0


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


@pytest.mark.parametrize(("ending", "line", "first"), [("_tb.dat", 28, 27), ("_hr.dat", 23, 21)])
def test_hamiltonian_not_hermitian(seed, sibling, edit, ending, line, first):
    """An element is changed by 2 meV at R = (0, 1, 0); the error names the first line of this R vector."""

    def change(text):
        words = text.split()
        words[-2] = f"{float(words[-2]) + 0.002:.6f}"
        return "  ".join(words)

    edit(sibling(seed, ending), line, change)
    with pytest.raises(InputError, match=r"H\(R\) = H\(-R\)† to 1e-05 eV; found .* [12]\.000e-03 eV") as caught:
        load_system(f"{seed}{ending}", spin_order="interlaced")
    assert caught.value.source == f"{seed}{ending}" and caught.value.line == first
    assert "at R = (0, 1, 0)" in str(caught.value)


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


def test_elements_that_are_missing_or_twice(seed, sibling, edit):
    edit(sibling(seed, "_tb.dat"), 11, lambda text: "    3" + text[5:])
    refused(seed, "_tb.dat", r"each element once; found element \(3, 1\) again", 12)
    edit(sibling(seed, "_hr.dat"), 6, lambda text: "    9" + text[5:])
    refused(seed, "_hr.dat", r"16 elements for each R vector; found no element \(2, 1\) of R = \(1, 0, 0\)", 5)


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
