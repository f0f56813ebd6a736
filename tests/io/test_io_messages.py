"""The rows of tests/README.md about files that are subtly wrong: each situation is made, and its line compared."""

import logging
import lzma
import re
from pathlib import Path

import numpy as np
import pytest
from data_folder import DATA
from messages import printed_as, rows
from spin_files import spins_of, with_spins
from test_io_centres import checkpoint_with, moved_by, rewritten, translated, write_centres
from test_io_nearest_copies import bring, emptied

from wb_conserved import run
from wb_conserved.calculators.static import ConventionalSpinConductivity
from wb_conserved.io import InputError, load_system
from wb_conserved.io.chk import read_checkpoint
from wb_conserved.io.projections import species_of
from wb_conserved.io.seed_files import read_win
from wb_conserved.io.tight_binding import read_tb

TEST = "io/test_io_messages.py"
CASES = Path(__file__).parent / "cases"
CELL = {"real_lattice": 3 * np.eye(3), "wannier_centers": np.zeros((4, 3))}


def changed(change, name="te/Te"):
    """Loads data with other spin matrices."""
    return lambda folder: load_system(with_spins(folder, name, change(spins_of(name))))


def phases(spins):
    factors = np.exp(2j * np.pi * np.random.default_rng(4).random(spins.shape[:2]))
    return factors.conj()[:, :, None, None] * spins * factors[:, None, :, None]


def exchanged(spins):
    order = [*range(4), 5, 4, *range(6, spins.shape[1])]
    return spins[:, order][:, :, order]


def tellurium():
    return read_tb(DATA / "te" / "Te_tb.dat.xz")


def hr(folder, centers, *endings, win=""):
    seed = bring(folder, "te/Te", "_hr.dat.xz", *endings)
    write_centres(folder / "Te_centres.xyz", centers)
    if win:
        with open(folder / "Te.win", "a") as file:
            file.write(win)
    lattice = None if ".win" in endings else tellurium().real_lattice
    return load_system(seed, spin_order="interlaced", real_lattice=lattice)


def tb(folder, *endings, win="", **options):
    seed = bring(folder, "te/Te", "_tb.dat.xz", *endings)
    if win:
        with open(folder / "Te.win", "a") as file:
            file.write(win)
    return load_system(seed, **{"spin_order": "interlaced", **options})


def mesh_of_win(folder):
    seed = bring(folder, "te/Te", "_tb.dat.xz", ".win")
    (folder / "Te.win").write_text((folder / "Te.win").read_text().replace("mp_grid = 4 4 3", "mp_grid = 4 4 4"))
    return load_system(seed, spin_order="interlaced")


def centre_of_tb(folder, *endings):
    rewritten(folder / "Te_tb.dat", tellurium(), moved_by(tellurium().real_lattice[2] / 2))
    bring(folder, "te/Te", *endings)
    return load_system(folder / "Te", spin_order="interlaced")


def centres_of_another_run(folder):
    write_centres(folder / "Te_centres.xyz", tellurium().centers + 0.2)
    return tb(folder)


def checkpoint(vector):
    return lambda folder: load_system(checkpoint_with(folder, "te/Te", moved_by(vector)), spin=False)


def projections_elsewhere(folder):
    seed = bring(folder, "te/Te", "_tb.dat.xz", "_wsvec.dat.xz", ".nnkp")
    text = (folder / "Te.nnkp").read_text()
    (folder / "Te.nnkp").write_text(text.replace("0.27400    0.27400    0.00000     0", "0.77400    0.77400    0.50000     0"))
    return load_system(seed, spin_order="interlaced")


def several_meshes(folder):
    """R = 0 and ±(1, 1, 0), for two meshes."""
    text = (CASES / "same_hr.dat").read_text()
    text = re.sub(r"(?m)^ +(-?)1 +0 +0 ", lambda match: f"    {match[1]}1    {match[1]}1    0 ", text)
    (folder / "X_hr.dat").write_text(text)
    centers = np.array([[0, 0, 0], [1.2, 0.9, 0]] * 2)
    options = {**CELL, "wannier_centers": centers, "periodic": (True, True, False)}
    return load_system(folder / "X_hr.dat", spin_order="block", **options)


def order_of_platinum(order):
    return lambda folder: load_system(DATA / "pt" / "Pt_tb.dat.xz", spin_order=order)


def along_y(folder, **options):
    seed = bring(folder, "te/Te", "_tb.dat.xz", "_wsvec.dat.xz", ".win")
    text = (folder / "Te.win").read_text()
    (folder / "Te.win").write_text(text.replace("Te: s;p", "Te: s;p (u,d)[0,1,0]"))
    return load_system(seed, spin_order="interlaced", **options)


def complex_orbitals(folder):
    system = load_system(DATA / "pt" / "Pt_tb.dat.xz", spin=False)
    turn = np.eye(9, dtype=complex)
    turn[2:4, 2:4] = np.array([[-1, 1], [-1j, -1j]]) / np.sqrt(2)
    states = np.kron(turn, np.eye(2))
    matrices = np.einsum("im,rij,jn->rmn", states.conj(), system.get_R_mat("Ham"), states, optimize=True)
    system.set_R_mat("Ham", matrices, reset=True)
    return load_system(system, spin_order="interlaced")


def checkpoint_without(count, **options):
    """Loads tellurium with overlaps that are zero for the last k points in the .chk, as of processes that were not asked."""

    def load(folder):
        seed = bring(folder, "te/Te", ".eig.xz", ".mmn.xz", ".nnkp", ".win")
        path = folder / "Te.chk"
        path.write_bytes(lzma.open(DATA / "te" / "Te.chk.xz").read())
        kept = read_checkpoint(path).overlaps
        size = kept.nbytes
        start = path.read_bytes().index(kept.ravel(order="F")[:8].tobytes())
        data = bytearray(path.read_bytes())
        empty = size * count // kept.shape[3]
        data[start + size - empty : start + size] = bytes(empty)
        path.write_bytes(data)
        return load_system(seed, spin=False, **options)

    return load


def with_win(*endings, win, **options):
    """Loads tellurium with a line more in the .win file."""

    def load(folder):
        seed = bring(folder, "te/Te", *endings, ".win")
        with open(folder / "Te.win", "a") as file:
            file.write(win)
        return load_system(seed, spin=False, **options)

    return load


def wsvec_alone(folder):
    emptied(folder / "Te_wsvec.dat")
    return tb(folder)


def coarse(folder):
    calculators = {"σ": ConventionalSpinConductivity([17.3896], kBT=0.1, degen_thresh=0.05)}
    return run(load_system(DATA / "fe" / "Fe"), 1, calculators)


def magnet(name, order, **options):
    return lambda folder: load_system(
        CASES / f"{name}_hr.dat", spin_order=order, **{**CELL, "periodic": (True, False, False), **options}
    )


def localised_platinum(folder):
    options = {"spin_tolerance": 3.0, "spin_part_tolerance": 2.0, "time_reversal": False}
    return load_system(DATA / "pt_mlwf" / "Pt_tb.dat.xz", spin_order="interlaced", **options)


def older_folder(folder):
    """As WannierBerri wrote it when R was the last index of the matrices."""
    system = load_system(DATA / "pt" / "Pt_tb.dat.xz", spin_order="interlaced")
    system.to_npz(folder / "Pt")
    for file in (folder / "Pt").glob("_XX_R_*.npz"):
        matrices = np.load(file)["arr_0"]
        np.savez(file, np.transpose(matrices, (1, 2, 0, *range(3, matrices.ndim))))
    return load_system(folder / "Pt")


def without_spins(folder):
    return load_system(bring(folder, "te/Te", ".chk.xz", ".eig.xz", ".mmn.xz"))


def unit_ignored(folder):
    path = folder / "Te.win"
    path.write_text("begin unit_cell_cart bohr\n3 0 0\n0 3 0\n0 0 3\nend unit_cell_cart\n")
    return read_win(path)


def one_element(path, degeneracies="1"):
    """A _hr.dat file with one function and R = 0."""
    path.write_text(f"x\n1\n1\n{degeneracies}\n0 0 0 1 1 1.0 0.0\n")
    return {"real_lattice": np.eye(3), "wannier_centers": np.zeros((1, 3)), "periodic": (False,) * 3, "spin": False}


def degeneracies(folder):
    options = one_element(folder / "X_hr.dat", "1 1 1")
    return load_system(folder / "X_hr.dat", **options)


def phonons(folder):
    options = one_element(folder / "phonopyTB_hr.dat")
    return load_system(folder / "phonopyTB_hr.dat", **options)


def collinear(folder):
    options = one_element(folder / "X_hr.dat") | {"spin": True}
    return load_system(up=folder / "X_hr.dat", down=folder / "X_hr.dat", **options)


def with_products(*endings, scale=1.0):
    def load(folder):
        seed = bring(folder, "te_products/Te", ".chk.xz", ".eig", ".mmn.xz", *endings)
        if endings:
            data = bytearray(lzma.decompress((folder / "Te.uIu.xz").read_bytes()))
            numbers = np.frombuffer(data, "<f8", count=20, offset=4 + 60 + 4 + 4 + 12 + 4 + 4)
            assert abs(numbers[0] - 1) < 1e-3  # <u_1,k+b|u_1,k+b>
            numbers[0] *= scale
            (folder / "Te.uIu.xz").write_bytes(lzma.compress(bytes(data)))
        return load_system(seed, spin=False, outside_states=True)

    return load


SITUATIONS = {
    "phases": changed(phases),
    "nearly": changed(lambda spins: spins + 0.08 * (exchanged(spins) - spins)),
    "opposite": changed(lambda spins: -spins),
    "halves": changed(lambda spins: spins / 2),
    "too_small": changed(lambda spins: 0.7 * spins),
    "rotated": changed(lambda spins: spins[..., [1, 2, 0]]),
    "interpolated": lambda folder: load_system(DATA / "te" / "Te"),
    "axis_stated": along_y,
    "axis_contradicts": lambda folder: along_y(folder, spin_axis=[0, 0, 1]),
    "down_first": order_of_platinum([(2 * i + 1, 2 * i) for i in range(9)]),
    "complex": complex_orbitals,
    "code": order_of_platinum("vasp5"),
    "chk_centres": checkpoint([4.457, 0, 0]),
    "chk_centres_little": checkpoint([0.1, 0, 0]),
    "translated": lambda folder: hr(
        folder, tellurium().centers, "_wsvec.dat.xz", ".win", win="translate_home_cell = true\n"
    ),
    "translated_wsvec": lambda folder: hr(folder, translated(tellurium()), "_wsvec.dat.xz"),
    "translated_alone": lambda folder: hr(folder, translated(tellurium())),
    "tb_centres_alone": centre_of_tb,
    "tb_centres_wsvec": lambda folder: centre_of_tb(folder, "_wsvec.dat.xz"),
    "tb_centres_xyz": centres_of_another_run,
    "tb_projections": projections_elsewhere,
    "rebuilt": lambda folder: tb(folder, ".win"),
    "mesh_unknown": several_meshes,
    "mesh_contradicts": lambda folder: tb(folder, ".win", mp_grid=[4, 4, 4]),
    "mesh_of_win": mesh_of_win,
    "no_ws_distance": lambda folder: tb(folder, ".win", win="use_ws_distance = .false.\n"),
    "chk_no_ws_distance": with_win(".chk.xz", ".eig.xz", ".mmn.xz", win="use_ws_distance : F\n"),
    "chk_tolerance": with_win(".chk.xz", ".eig.xz", ".mmn.xz", win="ws_distance_tol = 0.01\n"),
    "wsvec_alone": wsvec_alone,
    "wsvec_contradicts": with_win("_tb.dat.xz", "_wsvec.dat.xz", win="use_ws_distance = .false.\n"),
    "chk_no_overlaps": checkpoint_without(48),
    "chk_some_overlaps": checkpoint_without(24),
    "coarse": coarse,
    "sheet": magnet("same", "block", periodic=(True, True, True)),
    "magnet_order": magnet("same", "interlaced"),
    "signs": magnet("flip", "block"),
    "signs_doubtful": localised_platinum,
    "slab": lambda folder: tb(folder, "_wsvec.dat.xz", periodic=(True, True, False)),
    "older": older_folder,
    "unit_ignored": unit_ignored,
    "degeneracies": degeneracies,
    "collinear": collinear,
    "no_products": with_products(),
    "ultrasoft": with_products(".uIu.xz", ".uHu.xz", scale=0.9),
    "phonons": phonons,
    "no_spn": without_spins,
    "labels": lambda folder: species_of(folder / "Te.win", ["Te1", "Te2", "Te3"]),
}


def test_every_situation_has_a_row():
    names = [name for *_, name in rows(TEST)]
    assert sorted(names) == sorted(SITUATIONS)


@pytest.mark.parametrize(("situation", "message", "name"), rows(TEST), ids=[name for *_, name in rows(TEST)])
def test_row(tmp_path, caplog, situation, message, name):
    """What is printed is what the table says, with … for any text."""
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        try:
            SITUATIONS[name](tmp_path)
            printed = [record.getMessage() for record in caplog.records]
            assert not message.startswith("error: ")
        except InputError as error:
            printed = [f"error: {error}"]
    assert any(printed_as(message, line) for line in printed), printed
