"""Elements of _tb.dat and _hr.dat at their nearest copies: with the _wsvec.dat file, rebuilt without, said or refused."""

import itertools
import logging
import lzma
import re
import shutil
import subprocess

import numpy as np
import pytest
from data_folder import DATA
from processes import LIMIT

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.io import InputError, load_system
from wb_conserved.io.minimal_distance import Copies, nearest_copies, possible_meshes
from wb_conserved.io.tight_binding import read_tb, read_wsvec

MESHES = {"pt/Pt": (4, 4, 4), "pt_mlwf/Pt": (4, 4, 4), "te/Te": (4, 4, 3), "fe/Fe": (4, 4, 4)}


def rows(copies: Copies) -> np.ndarray:
    """Copies as sorted rows of integers."""
    table = np.column_stack([copies.which, copies.m, copies.n, copies.shifts, np.rint(1 / copies.weights).astype(int)])
    return table[np.lexsort(table.T)]


def bring(folder, name, *endings):
    """Seedname in `folder` with these files of data/`name`."""
    for ending in endings:
        shutil.copy(DATA / f"{name}{ending}", folder)
    return folder / name.split("/")[1]


@pytest.mark.parametrize("name", MESHES)
def test_rebuilt_copies_are_those_of_wannier90(name):
    model = read_tb(DATA / f"{name}_tb.dat.xz")
    assert possible_meshes(model.vectors, model.degeneracies) == [MESHES[name]]
    rebuilt = nearest_copies(model.real_lattice, model.vectors, model.centers, MESHES[name])
    shipped = read_wsvec(DATA / f"{name}_wsvec.dat.xz", model)
    assert np.array_equal(rows(rebuilt), rows(shipped))


@pytest.mark.parametrize("endings", [("_tb.dat.xz", ".win"), ("_tb.dat.xz",)])
def test_rebuilt_from_mesh_and_centres(tmp_path, caplog, endings):
    """Before: 70.7 and -18.9 for tellurium's xyz and zxy."""
    seed = bring(tmp_path, "te/Te", *endings)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(seed, spin_order="interlaced")
    origin = "Te.win" if ".win" in endings else "the R vectors"
    assert re.search(
        rf"Te_tb\.dat\.xz: no Te_wsvec\.dat: nearest copies rebuilt from the centres and the 4 x 4 x 3 mesh of {origin}; "
        r"bands change by up to 0\.2\d* eV; ws_distance=False leaves elements where they are",
        caplog.text,
    )
    expected = load_system(DATA / "te" / "Te_tb.dat.xz", spin_order="interlaced")
    for key in ("Ham", "AA"):
        assert np.abs(system.get_R_mat(key) - expected.get_R_mat(key)).max() < 1e-12
    calculator = static.ConventionalSpinConductivity([6.079], kBT=0.05, degen_thresh=0.01)
    result = wb_conserved.run(system, 8, {"conventional": calculator}).results["conventional"].data[0]
    np.testing.assert_allclose([result[0, 1, 2], result[2, 0, 1]], [112.46, -235.03], atol=0.01)


def test_rebuilt_for_hr_too(tmp_path):
    centers = read_tb(DATA / "te" / "Te_tb.dat.xz").centers
    seed = bring(tmp_path, "te/Te", "_hr.dat.xz", ".win")
    rebuilt = load_system(seed, spin_order="interlaced", wannier_centers=centers)
    bring(tmp_path, "te/Te", "_wsvec.dat.xz")
    shipped = load_system(seed, spin_order="interlaced", wannier_centers=centers)
    assert np.abs(rebuilt.get_R_mat("Ham") - shipped.get_R_mat("Ham")).max() < 1e-12


def test_nothing_is_said_where_nothing_moves(tmp_path, caplog):
    """All centres of platinum are in one point: copies are those that the degeneracies share already."""
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(bring(tmp_path, "pt/Pt", "_tb.dat.xz", ".win"), spin_order="interlaced")
    assert not caplog.records


def test_ws_distance(tmp_path, caplog):
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz", ".win")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        where_they_are = load_system(seed, spin_order="interlaced", ws_distance=False)
    assert not caplog.records
    rebuilt = load_system(seed, spin_order="interlaced", ws_distance=True)
    assert rebuilt.rvec.nRvec > where_they_are.rvec.nRvec


@pytest.mark.parametrize(("word", "kept"), [(".false.", True), ("F", True), ("true", False)])
def test_use_ws_distance_of_the_win_file(tmp_path, caplog, word, kept):
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz", ".win")
    with open(tmp_path / "Te.win", "a") as file:
        file.write(f"use_ws_distance = {word}\n")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(seed, spin_order="interlaced")
    said = "use_ws_distance = false, so that elements of Te_tb.dat.xz stay where they are"
    assert (said in caplog.text) == kept and ("rebuilt" in caplog.text) != kept
    (tmp_path / "Te.win").write_text("use_ws_distance = perhaps\n")
    with pytest.raises(InputError, match=r"Te\.win, line 1: expected true or false for use_ws_distance"):
        load_system(seed, spin_order="interlaced")


def test_another_mesh_is_refused(tmp_path):
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz", ".win")
    with pytest.raises(InputError, match=r"mp_grid: expected \[4, 4, 3\], as in Te\.win; found \[4, 4, 4\]"):
        load_system(seed, spin_order="interlaced", mp_grid=[4, 4, 4])
    text = (tmp_path / "Te.win").read_text()
    (tmp_path / "Te.win").write_text(text.replace("mp_grid = 4 4 3", "mp_grid = 4 4 2"))
    with pytest.raises(
        InputError,
        match=r"Te\.win, line \d+: expected a k mesh that the R vectors of Te_tb\.dat\.xz are of: \[4, 4, 3\]",
    ):
        load_system(seed, spin_order="interlaced")
    (tmp_path / "Te.win").unlink()
    with pytest.raises(InputError, match=r"mp_grid: expected a k mesh that the R vectors .*; found \[2, 4, 6\]"):
        load_system(seed, spin_order="interlaced", mp_grid=[2, 4, 6])
    assert load_system(seed, spin_order="interlaced", mp_grid=(4, 4, 3)).num_wann == 24


@pytest.mark.parametrize("mp_grid", [[4, 4], [4, 4, 0], [4.0, 4, 3], "443", 4])
def test_meshes_that_are_none(mp_grid):
    with pytest.raises(InputError, match="mp_grid: expected three positive integers"):
        load_system(DATA / "te" / "Te_tb.dat.xz", spin_order="interlaced", mp_grid=mp_grid)


def test_mesh_where_it_has_no_use():
    with pytest.raises(InputError, match="mp_grid: expected not to be given for .*Te.chk.xz, which has its own"):
        load_system(DATA / "te" / "Te", mp_grid=[4, 4, 3])


def test_a_mesh_that_is_not_known(monkeypatch, tmp_path, caplog):
    """R vectors that fit several meshes: the size of the effect is said."""
    from wb_conserved.io import real_space

    monkeypatch.setattr(real_space, "possible_meshes", lambda *_: [(4, 4, 3), (4, 4, 4)])
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(seed, spin_order="interlaced")
    assert "elements are not at their nearest copies: bands may be wrong by up to 0." in caplog.text
    assert "give mp_grid, the k mesh ([4, 4, 3] or [4, 4, 4]), from which copies are rebuilt" in caplog.text
    with pytest.raises(InputError, match=r"Te_wsvec\.dat: expected this file, .* or mp_grid, for ws_distance=True"):
        load_system(seed, spin_order="interlaced", ws_distance=True)


def test_several_meshes_fit():
    """Two R vectors: half a cell of two points along any direction that has them."""
    vectors = np.array([[0, 0, 0], [1, 1, 0], [-1, -1, 0]])
    assert possible_meshes(vectors, np.array([1, 2, 2])) == [(1, 2, 1), (2, 1, 1)]
    assert possible_meshes(vectors, np.array([1, 1, 1])) == [(1, 3, 1), (3, 1, 1)]
    assert possible_meshes(vectors, np.array([1, 3, 3])) == []


def test_no_r_vectors_along_a_periodic_direction(calculation, seed, sibling):
    """A sheet or wire is told by `periodic`."""
    kept = calculation.hoppings
    calculation.hoppings = {vector: matrix for vector, matrix in kept.items() if vector[2] == 0}
    try:
        for kind in ("tb", "hr", "wsvec"):
            getattr(calculation, f"write_{kind}")(sibling(seed, f"_{kind}.dat"))
    finally:
        calculation.hoppings = kept
    for ending in ("_tb.dat", "_hr.dat"):
        with pytest.raises(
            InputError,
            match=r"along lattice vector 3, or periodic=\[True, True, False\] for a sheet.*R = 0 only along it",
        ):
            load_system(f"{seed}{ending}", spin_order="interlaced")
        system = load_system(f"{seed}{ending}", spin_order="interlaced", periodic=(True, True, False))
        assert list(system.periodic) == [True, True, False]


def bands(system):
    return WannierInterpolator(system).band_energies(np.random.default_rng(1).random((12, 3)))


@pytest.mark.parametrize("name", ["te/Te", "fe/Fe", "pt_mlwf/Pt"])
def test_every_route_has_the_copies_of_wannier90(name, request):
    """Before: 3.5 meV between the .chk and the _tb.dat of tellurium, 2.4 eV for iron on 2 x 2 x 2 points."""
    fixture = {"te/Te": "tellurium", "fe/Fe": "iron"}.get(name)
    by_chk = request.getfixturevalue(fixture) if fixture else load_system(DATA / f"{name}.chk.xz", spin=False)
    by_tb = load_system(DATA / f"{name}_tb.dat.xz", spin=False)
    assert np.abs(bands(by_chk) - bands(by_tb)).max() < 1e-6
    assert by_chk.ab_initio_mesh == by_tb.ab_initio_mesh == MESHES[name]


@pytest.mark.postw90
@pytest.mark.skipif(shutil.which("wannier90.x") is None, reason="wannier90.x is not installed")
@pytest.mark.parametrize(
    ("line", "said", "far"),
    [
        ("use_ws_distance = .false.", "use_ws_distance = false, so that elements of Te.chk are not at their nearest", True),
        ("ws_distance_tol = 0.01", "ws_distance_tol = 0.01 Å, so that copies as equally near share elements of Te.chk", False),
    ],
)
def test_the_win_file_is_obeyed_as_by_wannier90(tmp_path, caplog, tellurium, line, said, far):
    """The .chk gives the bands of what wannier90.x writes with the same .win file, and so does its _tb.dat."""
    for ending in (".chk", ".eig", ".mmn"):
        with lzma.open(DATA / "te" / f"Te{ending}.xz") as packed:
            (tmp_path / f"Te{ending}").write_bytes(packed.read())
    seed = bring(tmp_path, "te/Te", ".win", ".nnkp")
    with open(tmp_path / "Te.win", "a") as file:
        file.write(f"restart = plot\n{line}\n")
    subprocess.run(["wannier90.x", "Te"], cwd=tmp_path, check=True, capture_output=True, timeout=LIMIT)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        by_chk, by_tb = (load_system(f"{seed}{ending}", spin=False) for ending in (".chk", "_tb.dat"))
    assert np.abs(bands(by_chk) - bands(by_tb)).max() < 1e-6
    assert bool(said) == bool(caplog.messages) and said in caplog.text
    difference = np.abs(bands(by_chk) - bands(tellurium)).max()
    assert (difference > 0.05) == far and (difference > 1e-4) == bool(said)
    for value in (True, False) if far else ():  # in spite of the .win file
        by_chk, by_tb = (load_system(f"{seed}{ending}", spin=False, ws_distance=value) for ending in (".chk", "_tb.dat"))
        assert np.abs(bands(by_chk) - bands(by_tb)).max() < 1e-6
        assert (np.abs(bands(by_chk) - bands(tellurium)).max() > 0.05) != value


def emptied(path):
    """A _wsvec.dat file as Wannier90 writes it without use_ws_distance."""
    with lzma.open(DATA / "te" / "Te_wsvec.dat.xz", "rt") as file:
        lines = file.read().splitlines()
    heads = [line for line in lines[1:] if len(line.split()) == 5]
    text = "".join(f"{head}\n    1\n    0    0    0\n" for head in heads)
    path.write_text("## written on 1Jan2026 at 00:00:00  with use_ws_distance=.false.\n" + text)


def test_a_wsvec_file_that_moves_nothing(tmp_path, caplog):
    """Before: refused as copies of other centres."""
    emptied(tmp_path / "Te_wsvec.dat")
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz")
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        kept = load_system(seed, spin=False)
    (line,) = caplog.messages
    assert line.endswith("Te_wsvec.dat: use_ws_distance = false, so that elements of Te_tb.dat.xz stay where they are")
    assert np.abs(bands(kept) - bands(load_system(seed, spin=False, ws_distance=False))).max() == 0
    rebuilt = load_system(seed, spin=False, ws_distance=True)
    assert "nothing is moved in Te_wsvec.dat: nearest copies rebuilt from" in caplog.text
    assert np.abs(bands(rebuilt) - bands(load_system(DATA / "te" / "Te_tb.dat.xz", spin=False))).max() < 1e-9


@pytest.mark.parametrize(("word", "other"), [("false", "true"), ("true", "false")])
def test_a_wsvec_file_of_another_run(tmp_path, word, other):
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz", "_wsvec.dat.xz", ".win")
    if word == "true":
        (tmp_path / "Te_wsvec.dat.xz").unlink()
        emptied(tmp_path / "Te_wsvec.dat")
    with open(tmp_path / "Te.win", "a") as file:
        file.write(f"use_ws_distance = .{word}.\n")
    with pytest.raises(InputError, match=rf"_wsvec\.dat.*line 1: expected use_ws_distance = {word}, as in Te.win.*{other}"):
        load_system(seed, spin=False)
    for value in (True, False):
        load_system(seed, spin=False, ws_distance=value)


@pytest.mark.parametrize("word", ["0", "-1e-5", "small"])
def test_a_tolerance_that_is_none(tmp_path, word):
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz", ".win")
    with open(tmp_path / "Te.win", "a") as file:
        file.write(f"ws_distance_tol = {word}\n")
    with pytest.raises(InputError, match=r"Te\.win, line \d+: expected .*ws_distance_tol"):
        load_system(seed, spin=False)


def test_copies_in_a_skewed_cell():
    """All nearest ones are found, whatever ws_search_size was: against a wide search."""
    lattice, mesh = np.array([[1.0, 0, 0], [3.3, 1, 0], [0.2, 2.4, 1]]), (2, 1, 3)
    vectors = np.array(list(itertools.product(range(2), range(1), range(3))))
    centers = np.array([[0, 0, 0], [0.3, 0.1, 2.2]])
    found = nearest_copies(lattice, vectors, centers, mesh)
    steps = np.array(list(itertools.product(range(-25, 26), repeat=3))) * mesh
    for which, m, n in itertools.product(range(6), range(2), range(2)):
        lengths = np.linalg.norm((vectors[which] + steps) @ lattice + centers[n] - centers[m], axis=1)
        own = (found.which == which) & (found.m == m) & (found.n == n)
        expected = steps[lengths < lengths.min() + 1e-5]
        assert {tuple(step) for step in expected.tolist()} == {tuple(step) for step in found.shifts[own].tolist()}
    assert np.abs(found.shifts // np.array(mesh)).max() > 3
