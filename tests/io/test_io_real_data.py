"""Platinum and iron: the same matrices as WannierBerri's own loader, the same bands by every route."""

import lzma

import numpy as np
import pytest
from wannierberri.system import System_R
from wannierberri.w90files import WannierData

from wb_conserved.io import InputError, load_system
from wb_conserved.io.ab_initio_mesh import sums_over_copies
from wb_conserved.io.bloch_files import read_spn
from wb_conserved.io.checks import to_k
from wb_conserved.io.chk import read_checkpoint

KPOINTS = np.random.default_rng(5).random((30, 3))


def energies(system):
    return np.linalg.eigvalsh(to_k(system, "Ham", KPOINTS))


@pytest.fixture(scope="module")
def platinum(data):
    if not (data / "pt" / "Pt.spn.xz").is_file():
        pytest.skip("no data/pt")
    return load_system(data / "pt" / "Pt")


@pytest.fixture(scope="module")
def iron(data):
    if not (data / "fe" / "Fe.spn.xz").is_file():
        pytest.skip("no data/fe")
    return load_system(data / "fe" / "Fe")


@pytest.mark.parametrize("name", ["pt/Pt", "fe/Fe"])
def test_equals_wannierberri(data, tmp_path, name, request):
    system = request.getfixturevalue({"pt/Pt": "platinum", "fe/Fe": "iron"}[name])
    seed = tmp_path / "X"
    for ending in (".chk", ".eig", ".mmn", ".spn"):
        with lzma.open(f"{data / name}{ending}.xz") as file:
            (tmp_path / f"X{ending}").write_bytes(file.read())
    (tmp_path / "X.nnkp").write_bytes((data / f"{name}.nnkp").read_bytes())
    own = WannierData.from_w90_files(str(seed), files=["chk", "eig", "mmn", "spn"], npar=1)
    expected = System_R.from_wannierdata(own, berry=True, spin=True)
    where = [expected.rvec.iR(vector) for vector in system.rvec.iRvec]
    assert sorted(where) == list(range(expected.rvec.nRvec))
    sums = [sums_over_copies(one, own.mp_grid, ("Ham", "AA", "SS")) for one in (system, expected)]
    for key in ("Ham", "AA", "SS"):
        assert np.abs(sums[0][key] - sums[1][key]).max() < 1e-12
        difference = np.abs(system.get_R_mat(key) - expected.get_R_mat(key)[where]).max()
        # WannierBerri rounds the vectors between the centres of iron, by which copies are chosen
        assert difference < (1e-12 if name == "pt/Pt" else 1e-3)
    assert np.abs(system.wannier_centers_cart - expected.wannier_centers_cart).max() < 1e-12
    assert np.abs(system.real_lattice - expected.real_lattice).max() < 1e-12
    assert list(system.NKFFT_recommended) == list(expected.NKFFT_recommended)


def test_kramers_degeneracy(platinum):
    bands = energies(platinum)
    assert (bands[:, 1::2] - bands[:, ::2]).max() < 1e-6


def test_platinum_by_every_route(platinum, data):
    tight_binding = load_system(data / "pt" / "Pt_tb.dat.xz", spin_order="interlaced")
    assert np.abs(energies(tight_binding) - energies(platinum)).max() < 1e-6
    path, centers = data / "pt" / "Pt_hr.dat.xz", np.zeros((18, 3))
    hamiltonian_only = load_system(path, spin_order="interlaced", wannier_centers=centers)
    assert np.abs(energies(hamiltonian_only) - energies(platinum)).max() < 3e-5
    spins = platinum.get_R_mat("SS")[platinum.rvec.iR0] - tight_binding.get_R_mat("SS")[tight_binding.rvec.iR0]
    assert np.abs(spins).max() < 0.01
    positions = to_k(platinum, "AA", KPOINTS) - to_k(tight_binding, "AA", KPOINTS)
    assert np.abs(positions).max() < 0.02


def test_iron_with_and_without_nearest_copies(iron, data):
    path = data / "fe" / "Fe_tb.dat.xz"
    assert np.abs(energies(load_system(path, spin_order="interlaced")) - energies(iron)).max() < 1e-3
    assert np.abs(energies(load_system(path, spin_order="interlaced", ws_distance=False)) - energies(iron)).max() > 0.1


@pytest.mark.parametrize(
    ("name", "order", "words"),
    [
        ("pt/Pt_tb.dat.xz", "block", "'interlaced' has 0.142"),
        ("fe/Fe_tb.dat.xz", "block", "'interlaced' has 0.0228 Å"),
        ("pt_mlwf/Pt_tb.dat.xz", "interlaced", "the centres of each pair within 0.1 Å"),
    ],
)
def test_wrong_orders(data, name, order, words):
    if not (data / name).is_file():
        pytest.skip(f"no data/{name}")
    with pytest.raises(InputError, match=words):
        load_system(data / name, spin_order=order)


def test_tellurium(data):
    """Three atoms: nearest copies matter, and the wrong order has pairs far apart.

    Copies whose distances differ by 1.1e-5 Å are equally near for WannierBerri, not for Wannier90: 4 meV.
    """
    if not (data / "te" / "Te.spn.xz").is_file():
        pytest.skip("no data/te")
    system, path = load_system(data / "te" / "Te"), data / "te" / "Te_tb.dat.xz"
    bands = energies(system)
    assert (bands[:, 1::2] - bands[:, ::2]).max() > 0.01
    assert np.abs(energies(load_system(path, spin_order="interlaced")) - bands).max() < 5e-3
    assert np.abs(energies(load_system(path, spin=False, ws_distance=False)) - bands).max() > 0.1
    with pytest.raises(InputError, match="'interlaced' has"):
        load_system(path, spin_order="block")


def test_formatted_platinum(platinum, data, tmp_path):
    for path in (data / "pt").iterdir():
        if path.is_file() and ".spn" not in path.name:
            (tmp_path / path.name).symlink_to(path)
    spins = read_spn(data / "pt" / "Pt.spn.xz", read_checkpoint(data / "pt" / "Pt.chk.xz"))
    row, column = np.tril_indices(spins.shape[1])
    with open(tmp_path / "Pt.spn", "w") as file:
        file.write(f"formatted\n {spins.shape[1]} {spins.shape[0]}\n")
        for half in spins[:, column, row].reshape(len(spins), -1):
            np.savetxt(file, half.view(float).reshape(-1, 2), fmt="%26.16e")
    formatted = load_system(tmp_path / "Pt")
    assert np.abs(formatted.get_R_mat("SS") - platinum.get_R_mat("SS")).max() < 1e-14


def test_files_of_two_calculations(data, tmp_path):
    """Checkpoint of the maximally localised functions with the k points, bands and lattice of the others."""
    for ending in (".chk.xz", ".eig.xz", ".mmn.xz", ".spn.xz"):
        source = data / ("fe/Fe" if ending == ".eig.xz" else "pt/Pt")
        (tmp_path / f"Pt{ending}").symlink_to(f"{source}{ending}")
    with pytest.raises(InputError, match=r"Pt\.eig\.xz, line 28: expected 40 bands, as in Pt\.chk\.xz; found 28"):
        load_system(tmp_path / "Pt")
