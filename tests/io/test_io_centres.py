"""Centres that are not those of the functions: refused where something shows it, warned of where it is likely."""

import logging
import lzma
import re
from dataclasses import replace

import numpy as np
import pytest
from data_folder import DATA
from test_io_nearest_copies import bring

import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.io import InputError, load_system
from wb_conserved.io.bloch_files import read_mmn
from wb_conserved.io.centres import check_centres_of_overlaps, warn_of_far_hoppings, warn_of_far_projections
from wb_conserved.io.chk import read_checkpoint
from wb_conserved.io.seed_files import read_nnkp
from wb_conserved.io.tight_binding import read_tb

NAMES = ("pt/Pt", "pt_mlwf/Pt", "te/Te", "fe/Fe")


def xyz(system, mesh):
    """σ^s_xyz, (ħ/|e|) S/cm."""
    calculator = static.ConventionalSpinConductivity([6.079], kBT=0.05, degen_thresh=0.01)
    return wb_conserved.run(system, mesh, {"conventional": calculator}).results["conventional"].data[0, 0, 1, 2]


@pytest.fixture(scope="module")
def tellurium():
    return read_tb(DATA / "te" / "Te_tb.dat.xz")


def checkpoint_with(folder, name, change):
    """Seedname with links to data/`name`, but a .chk file with other centres."""
    num_wann = {"Te": 24, "Pt": 18, "Fe": 18}[name.split("/")[1]]
    content = bytearray(lzma.decompress((DATA / f"{name}.chk.xz").read_bytes()))
    end = len(content) - (8 * num_wann + 8) - 4
    start = end - 24 * num_wann
    centers = np.frombuffer(bytes(content[start:end])).reshape(num_wann, 3)
    content[start:end] = change(centers.copy()).tobytes()
    for path in (DATA / name).parent.iterdir():
        if path.is_file() and not path.name.endswith(".chk.xz"):
            (folder / path.name).symlink_to(path.resolve())
    seed = folder / name.split("/")[1]
    seed.with_suffix(".chk").write_bytes(content)
    return seed


def moved_by(vector, count=4):
    def change(centers):
        centers[:count] += vector
        return centers

    return change


@pytest.fixture(scope="module", params=NAMES)
def overlaps(request):
    """Checkpoint, and the arguments of the check that follow it."""
    path = DATA / f"{request.param}.mmn.xz"
    checkpoint = read_checkpoint(DATA / f"{request.param}.chk.xz")
    overlaps, neighbours, shifts, _ = read_mmn(path, checkpoint)
    points = np.rint(checkpoint.kpoints * checkpoint.mp_grid).astype(int)
    return checkpoint, path, overlaps, neighbours, points[neighbours] - points[:, None] + shifts * checkpoint.mp_grid


@pytest.mark.parametrize("steps", [(1, 0, 0), (0, 0, 1), (1, 1, 0), (-1, 2, 1), (0, 0, 0.5)])
@pytest.mark.parametrize("count", [1, 4])
def test_other_centres_than_those_of_the_overlaps(overlaps, steps, count):
    checkpoint, *others = overlaps
    off = replace(checkpoint, centers=moved_by(steps @ checkpoint.real_lattice, count)(checkpoint.centers.copy()))
    with pytest.raises(
        InputError,
        match=r"\.chk\.xz: expected the centres of the functions that .*\.mmn\.xz and the gauge make, .*; found .* for "
        r"function [1-4] at .*Å, \d\.\d+ Å away from there \(centres moved to the home cell, or of another run",
    ):
        check_centres_of_overlaps(off, *others)


def test_checkpoint_with_other_centres(tmp_path):
    """Before: -164.9 in place of -182.0 for tellurium."""
    lattice = read_tb(DATA / "te" / "Te_tb.dat.xz").real_lattice
    with pytest.raises(InputError, match=r"\.chk: expected the centres of the functions that"):
        load_system(checkpoint_with(tmp_path, "te/Te", moved_by(lattice[0])))


def test_checkpoint_with_centres_a_little_off(tmp_path, caplog):
    seed = checkpoint_with(tmp_path, "te/Te", moved_by([0.1, 0, 0]))
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(seed, spin=False)
    assert re.search(r"found 0\.035 for function \d at .*Å, 0\.100 Å away from there: positions are wrong", caplog.text)


def test_the_right_value_with_the_checkpoint():
    assert abs(xyz(load_system(DATA / "te" / "Te"), 4) + 182.15) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_good_data_say_nothing(name, caplog):
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        for ending in ("", "_tb.dat.xz"):
            load_system(DATA / f"{name}{ending}", spin=False)
    assert not caplog.records


def write_centres(path, centers):
    rows = ["X " + "{:.8f} {:.8f} {:.8f}".format(*center) for center in centers]
    path.write_text("\n".join([f"{len(centers) + 1}", "centres of a test", *rows, "Te 0.0 0.0 0.0"]) + "\n")


def translated(model):
    """Centres moved to the home cell."""
    steps = model.centers @ np.linalg.inv(model.real_lattice)
    return (steps - np.floor(steps)) @ model.real_lattice


def test_hr_with_translated_centres(tmp_path, tellurium, caplog):
    """Before: 132.2 in place of 122.2 for σ^s_xyz."""
    seed = bring(tmp_path, "te/Te", "_hr.dat.xz", "_wsvec.dat.xz", ".win")
    write_centres(tmp_path / "Te_centres.xyz", tellurium.centers)
    good = load_system(seed, spin_order="interlaced")
    assert abs(xyz(good, 8) - 122.23) < 0.01
    write_centres(tmp_path / "Te_centres.xyz", translated(tellurium))
    with open(tmp_path / "Te.win", "a") as file:
        file.write("translate_home_cell = .true.\n")
    with pytest.raises(
        InputError,
        match=r"Te\.win, line \d+: expected translate_home_cell = false for Te_centres.*\.wout.*; found true",
    ):
        load_system(seed, spin_order="interlaced")
    given = load_system(seed, spin_order="interlaced", wannier_centers=tellurium.centers)
    assert np.abs(given.get_R_mat("Ham") - good.get_R_mat("Ham")).max() < 1e-12
    (tmp_path / "Te.win").unlink()
    with pytest.raises(
        InputError,
        match=r"Te_wsvec\.dat\.xz: expected the nearest copies for the centres used with Te_hr\.dat\.xz; found one of R = .*"
        r"Å farther \(centres of another run, or moved to the home cell",
    ):
        load_system(seed, spin_order="interlaced", real_lattice=tellurium.real_lattice)
    (tmp_path / "Te_wsvec.dat.xz").unlink()
    caplog.clear()
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(seed, spin_order="interlaced", real_lattice=tellurium.real_lattice)
    assert "Te_hr.dat.xz: centres may be those of another cell: hoppings of function" in caplog.text
    assert "were they moved to the home cell? take those of the .wout file, or load the .chk" in caplog.text


def rewritten(path, tellurium, change):
    """The _tb.dat file with other r(0)."""
    text = lzma.decompress((DATA / "te" / "Te_tb.dat.xz").read_bytes()).decode()
    lines = text.splitlines()
    count = int(lines[5])
    block = 24**2 + 2
    start = 6 + -(-count // 15) + count * block
    zero = start + block * next(i for i in range(count) if lines[start + block * i + 1].split() == ["0", "0", "0"])
    centers = change(tellurium.centers.copy())
    for i, center in enumerate(centers):
        at = zero + 2 + 25 * i
        assert lines[at].split()[:2] == [str(i + 1)] * 2
        lines[at] = f"{i + 1:5d}{i + 1:5d}" + "".join(f"{x:16.8E}{0:16.8E}" for x in center)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("steps", [(0, 0, 0.5), (1, 0, 0)])
def test_tb_with_other_centres(tmp_path, tellurium, caplog, steps):
    """r(0) off by half a lattice vector, or by one: each neighbouring file shows it; without any, the hoppings."""
    vector = steps @ tellurium.real_lattice
    rewritten(tmp_path / "Te_tb.dat", tellurium, moved_by(vector))
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(tmp_path / "Te_tb.dat", spin_order="interlaced")
    assert "centres may be those of another cell: hoppings of function" in caplog.text
    bring(tmp_path, "te/Te", "_wsvec.dat.xz")
    with pytest.raises(InputError, match=r"Te_wsvec\.dat\.xz: expected the nearest copies for the centres used with"):
        load_system(tmp_path / "Te_tb.dat", spin_order="interlaced")
    write_centres(tmp_path / "Te_centres.xyz", tellurium.centers)
    bring(tmp_path, "te/Te", ".win")
    with pytest.raises(
        InputError, match=r"Te_tb\.dat: expected r\(R = 0\) at the centres of Te_centres\.xyz to 0\.01 Å"
    ):
        load_system(tmp_path / "Te_tb.dat", spin_order="interlaced")


def test_tb_beside_translated_centres(tmp_path, tellurium, caplog):
    """The file of the centres is not used: harmless where translate_home_cell explains it."""
    seed = bring(tmp_path, "te/Te", "_tb.dat.xz", "_wsvec.dat.xz")
    write_centres(tmp_path / "Te_centres.xyz", translated(tellurium) + tellurium.real_lattice[0])
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(seed, spin_order="interlaced")
    assert "differ by lattice vectors from r(R = 0) of Te_tb.dat.xz, which are used" in caplog.text
    bring(tmp_path, "te/Te", ".win")
    with pytest.raises(InputError, match=r"expected r\(R = 0\) at the centres"):
        load_system(seed, spin_order="interlaced")
    with open(tmp_path / "Te.win", "a") as file:
        file.write("translate_home_cell true\n")
    caplog.clear()
    load_system(seed, spin_order="interlaced")
    assert not caplog.records


def test_copies_of_centres_a_little_off(tmp_path, tellurium, caplog):
    seed = bring(tmp_path, "te/Te", "_hr.dat.xz", "_wsvec.dat.xz", ".win")
    centers = tellurium.centers + np.random.default_rng(0).normal(scale=0.01, size=(24, 3))
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        load_system(seed, spin=False, wannier_centers=centers)
    assert re.search(
        r"functions \d+ and \d+ that is 0\.0\d\d Å farther: the centres are wrong by about a quarter", caplog.text
    )


def test_far_projections(tellurium, caplog):
    projections = read_nnkp(DATA / "te" / "Te.nnkp").projections
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        warn_of_far_projections("X", tellurium.real_lattice, tellurium.centers, "X.nnkp", projections)
        warn_of_far_projections("X", tellurium.real_lattice, tellurium.centers, "X.nnkp", projections[:4] + 0.5)
        warn_of_far_hoppings("X", tellurium.real_lattice, tellurium.vectors, tellurium.hamiltonian, tellurium.centers)
    assert not caplog.records
    off = moved_by(tellurium.real_lattice[2] / 2)(tellurium.centers.copy())
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        warn_of_far_projections("X", tellurium.real_lattice, off, "X.nnkp", projections)
    assert re.search(r"the centre of function [1-4] is 2\.9\d Å from its projection in X\.nnkp", caplog.text)


def test_centres_of_an_exact_model(calculation, seed):
    """The check itself on functions whose centres are known: no phase at all."""
    checkpoint = read_checkpoint(seed.with_suffix(".chk"))
    overlaps, neighbours, shifts, _ = read_mmn(seed.with_suffix(".mmn"), checkpoint)
    points = np.rint(checkpoint.kpoints * checkpoint.mp_grid).astype(int)
    steps = points[neighbours] - points[:, None] + shifts * checkpoint.mp_grid
    check_centres_of_overlaps(checkpoint, seed.with_suffix(".mmn"), overlaps, neighbours, steps)
    checkpoint.centers[2] += [0, 3, 0]
    with pytest.raises(InputError, match=r"found 2\.094 for function 3"):
        check_centres_of_overlaps(checkpoint, seed.with_suffix(".mmn"), overlaps, neighbours, steps)
