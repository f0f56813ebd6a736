"""The small calculation of conftest.py: every route in gives the model it was made from."""

import gzip
import logging
import lzma
import struct

import numpy as np
import pytest

from wb_conserved.io import InputError, load_system
from wb_conserved.io.checks import to_k
from wb_conserved.io.fortran import RecordFile
from wb_conserved.io.text import TextFile, numbers

KPOINTS = np.random.default_rng(3).random((20, 3))


def model_energies(calculation, kpoints):
    vectors = np.array(list(calculation.hoppings))
    matrices = np.array(list(calculation.hoppings.values()))[:, :4, :4]
    return np.linalg.eigvalsh(np.tensordot(np.exp(2j * np.pi * kpoints @ vectors.T), matrices, axes=1))


def energies(system, kpoints=KPOINTS):
    return np.linalg.eigvalsh(to_k(system, "Ham", kpoints))


@pytest.mark.parametrize("formatted", [False, True])
def test_checkpoint_route(calculation, seed, sibling, formatted):
    calculation.write_spn(sibling(seed, ".spn"), formatted)
    system = load_system(seed)
    assert np.allclose(energies(system), model_energies(calculation, KPOINTS), atol=1e-10)
    spins = system.get_R_mat("SS")[system.rvec.iR0]
    pauli = np.kron(np.eye(2), np.array([[0, 1], [1, 0]]))
    assert np.allclose(spins[:, :, 0], pauli, atol=1e-10)
    assert system.pointgroup.size == 1
    assert np.allclose(system.wannier_centers_cart[2], [1.5, 0, 0])


def test_formatted_and_unformatted_spins_agree(calculation, seed, sibling):
    unformatted = load_system(seed).get_R_mat("SS")
    calculation.write_spn(sibling(seed, ".spn"), formatted=True)
    assert np.allclose(load_system(seed).get_R_mat("SS"), unformatted, atol=1e-14)


@pytest.mark.parametrize("ending", ["_tb.dat", "_hr.dat"])
@pytest.mark.parametrize("ws_distance", ["auto", True, False])
def test_real_space_routes(calculation, seed, ending, ws_distance):
    system = load_system(f"{seed}{ending}", spin_order="interlaced", ws_distance=ws_distance)
    assert np.allclose(energies(system), model_energies(calculation, KPOINTS), atol=1e-5)
    assert np.allclose(system.get_R_mat("AA"), 0)
    assert np.allclose(system.wannier_centers_cart[2], [1.5, 0, 0])
    assert np.allclose(
        load_system(seed).get_R_mat("SS")[load_system(seed).rvec.iR0],
        system.get_R_mat("SS")[system.rvec.iR0],
        atol=1e-8,
    )


def test_seedname_falls_back_to_real_space(seed, sibling):
    sibling(seed, ".chk").unlink()
    assert load_system(seed, spin_order="interlaced").num_wann == 4
    sibling(seed, "_tb.dat").unlink()
    assert load_system(seed, spin_order="interlaced").num_wann == 4


def test_hr_takes_lattice_and_centres_given(seed, sibling, caplog):
    for ending in (".win", ".nnkp", "_centres.xyz"):
        sibling(seed, ending).unlink()
    lattice, centers = 3 * np.eye(3), np.repeat([[0, 0, 0], [1.5, 0, 0]], 2, axis=0)
    with pytest.raises(InputError, match=r"X_hr\.dat: expected real_lattice"):
        load_system(f"{seed}_hr.dat", spin_order="interlaced", wannier_centers=centers)
    with pytest.raises(InputError, match=r"X_hr\.dat: expected wannier_centers.*X_centres\.xyz"):
        load_system(f"{seed}_hr.dat", spin_order="interlaced", real_lattice=lattice)
    with caplog.at_level(logging.WARNING, "wb_conserved.io"):
        system = load_system(f"{seed}_hr.dat", spin_order="interlaced", wannier_centers=centers, real_lattice=lattice)
    assert "no position matrices" in caplog.text
    assert np.allclose(system.real_lattice, lattice)


@pytest.mark.parametrize(("extension", "opener"), [(".xz", lzma.open), (".gz", gzip.open)])
def test_compressed_files(seed, extension, opener):
    plain = {
        route: load_system(f"{seed}{route}", spin_order=order).get_R_mat("Ham")
        for route, order in (("", None), ("_tb.dat", "interlaced"), ("_hr.dat", "interlaced"))
    }
    for path in list(seed.parent.iterdir()):
        with opener(f"{path}{extension}", "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
    assert np.array_equal(load_system(seed).get_R_mat("Ham"), plain[""])
    assert np.array_equal(load_system(f"{seed}.chk{extension}").get_R_mat("Ham"), plain[""])
    for route in ("_tb.dat", "_hr.dat"):
        system = load_system(f"{seed}{route}{extension}", spin_order="interlaced")
        assert np.array_equal(system.get_R_mat("Ham"), plain[route])


def test_without_optional_files(seed, sibling):
    expected = load_system(seed).get_R_mat("AA")
    for ending in (".win", ".nnkp"):
        sibling(seed, ending).unlink()
    assert np.allclose(load_system(seed).get_R_mat("AA"), expected, atol=1e-14)


def test_neighbours_in_another_order(calculation, seed, sibling):
    """Another order of the neighbours at one k point of the .mmn file changes nothing."""
    expected = load_system(seed).get_R_mat("AA")
    path = sibling(seed, ".mmn")
    lines = path.read_text().splitlines()
    blocks = [lines[2 + 37 * i : 2 + 37 * (i + 1)] for i in range(27 * 6)]
    blocks[6], blocks[9] = blocks[9], blocks[6]
    path.write_text("\n".join([*lines[:2], *(line for block in blocks for line in block)]) + "\n")
    assert np.allclose(load_system(seed).get_R_mat("AA"), expected, atol=1e-12)


def test_without_spin(seed, sibling):
    sibling(seed, ".spn").unlink()
    system = load_system(seed, spin=False)
    assert not system.has_R_mat("SS")
    assert load_system(f"{seed}_tb.dat", spin=False).has_R_mat("AA")
    with pytest.raises(InputError, match=r"X\.spn: expected spin matrices.*spin_order.*spin=False.*no such file"):
        load_system(seed)
    assert load_system(seed, spin_order="interlaced").has_R_mat("SS")


def test_periodic(seed):
    with pytest.raises(InputError, match="R vectors without component 3"):
        load_system(seed, periodic=(True, True, False))


@pytest.mark.parametrize(
    ("ending", "options", "name"),
    [
        ("", {"spin_order": "interlaced"}, "spin_order"),
        ("", {"real_lattice": np.eye(3)}, "real_lattice"),
        ("", {"wannier_centers": np.zeros((4, 3))}, "wannier_centers"),
        ("", {"mp_grid": [3, 3, 3]}, "mp_grid"),
        ("", {"ws_distance": "maybe"}, "ws_distance"),
        ("", {"check_overlaps": "no"}, "check_overlaps"),
        ("", {"time_reversal": True}, "time_reversal"),
        ("", {"spin_tolerance": 0.1}, "spin_tolerance"),
        ("", {"time_reversal_tolerance": 0.1}, "time_reversal_tolerance"),
        ("_tb.dat", {"spin_order": "interlaced", "real_lattice": np.eye(3)}, "real_lattice"),
        ("_tb.dat", {"spin_order": "interlaced", "wannier_centers": np.zeros((4, 3))}, "wannier_centers"),
        ("_tb.dat", {"spin_order": "interlaced", "spin": False}, "spin_order"),
        ("_tb.dat", {"spin_order": "interlaced", "ws_distance": "maybe"}, "ws_distance"),
        ("_tb.dat", {"spin_order": "interlaced", "check_overlaps": False}, "check_overlaps"),
        ("_hr.dat", {"spin_order": "interlaced", "wannier_centers": np.zeros((3, 3))}, "wannier_centers"),
        ("_hr.dat", {"spin_order": "interlaced", "real_lattice": "cubic"}, "real_lattice"),
        ("_hr.dat", {"spin_order": "interlaced", "real_lattice": np.zeros((3, 3))}, "real_lattice"),
    ],
)
def test_options_without_use_are_refused(seed, ending, options, name):
    with pytest.raises(InputError) as caught:
        load_system(f"{seed}{ending}", **options)
    assert caught.value.source == name


def test_no_default_for_spin_order(seed):
    for ending in ("_tb.dat", "_hr.dat"):
        with pytest.raises(InputError, match="expected spin_order"):
            load_system(f"{seed}{ending}")


def test_a_record_in_two_parts(tmp_path):
    """gfortran splits records over 2 GiB: the length is negative where more follows or more came before."""
    values = np.arange(5.0)
    first, second = values[:2].tobytes(), values[2:].tobytes()
    path = tmp_path / "records"
    path.write_bytes(
        struct.pack("<i", -len(first))
        + first
        + struct.pack("<i", len(first))
        + struct.pack("<i", len(second))
        + second
        + struct.pack("<i", -len(second))
    )
    with RecordFile(path) as file:
        assert np.array_equal(file.array("values", "f8", (5,)), values)
        file.finish("values")


def test_fortran_numbers(tmp_path):
    path = tmp_path / "numbers"
    table = numbers(path, ["1.0D-5 0.12345678-100", " -2.5d+01 0.1E+00"], 1, 2, "numbers")
    assert np.allclose(table, [[1e-5, 0.12345678e-100], [-25, 0.1]], atol=1e-12)


def test_windows_line_ends(seed, sibling):
    expected = load_system(seed).get_R_mat("Ham")
    for ending in (".eig", ".mmn", ".win", ".nnkp"):
        path = sibling(seed, ending)
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert np.array_equal(load_system(seed).get_R_mat("Ham"), expected)


def test_text_file_lines(tmp_path):
    path = tmp_path / "text"
    path.write_text("one\n1 2 3\n4 5\n6\n")
    with TextFile(path) as file:
        assert file.line("a word") == "one"
        assert file.integers(3, "three") == [1, 2, 3]
        assert file.integer_list(3, "a list").tolist() == [4, 5, 6]
        file.finish("the list")
