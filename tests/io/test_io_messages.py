"""The rows of tests/README.md about files that are subtly wrong: each situation is made, and its line compared."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from data_folder import DATA
from spin_files import spins_of, with_spins
from test_io_centres import checkpoint_with, moved_by, rewritten, translated, write_centres
from test_io_nearest_copies import bring

from wb_conserved.io import InputError, load_system
from wb_conserved.io.projections import species_of
from wb_conserved.io.tight_binding import read_tb

README = Path(__file__).parents[1] / "README.md"
CASES = Path(__file__).parent / "cases"
CELL = {"real_lattice": 3 * np.eye(3), "wannier_centers": np.zeros((4, 3))}


def rows():
    """Situation, message and name of each row whose test is here."""
    found = []
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if len(cells) == 3 and cells[2].startswith("`io/test_io_messages.py::"):
            found.append((cells[0], cells[1].strip("`"), cells[2].strip("`").split("::")[1]))
    return found


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
    "mesh_of_win": lambda folder: tb(folder, ".win", win="mp_grid = 4 4 4\n"),
    "no_ws_distance": lambda folder: tb(folder, ".win", win="use_ws_distance = .false.\n"),
    "sheet": magnet("same", "block", periodic=(True, True, True)),
    "magnet_order": magnet("same", "interlaced"),
    "signs": magnet("flip", "block"),
    "signs_doubtful": localised_platinum,
    "slab": lambda folder: tb(folder, "_wsvec.dat.xz", periodic=(True, True, False)),
    "older": older_folder,
    "no_spn": without_spins,
    "labels": lambda folder: species_of(folder / "Te.win", ["Te1", "Te2", "Te3"]),
}


def test_every_situation_has_a_row():
    names = [name for *_, name in rows()]
    assert sorted(names) == sorted(SITUATIONS)


@pytest.mark.parametrize(("situation", "message", "name"), rows(), ids=[name for *_, name in rows()])
def test_row(tmp_path, caplog, situation, message, name):
    """What is printed is what the table says, with … for any text."""
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        try:
            SITUATIONS[name](tmp_path)
            printed = [record.getMessage() for record in caplog.records]
            assert not message.startswith("error: ")
        except InputError as error:
            printed = [f"error: {error}"]
    pattern = ".*".join(re.escape(part) for part in message.split("…"))
    assert any(re.fullmatch(pattern, line) for line in printed), printed
