"""Every example of docs/extending.md runs in a process of its own and does what the text says.

As a program with the title of a section and the number of the block it runs one, and the checks that belong to it.
"""

import ast
import inspect
import os
import re
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from processes import start

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
LONGEST = 20


def blocks():
    """Section and number of every Python block, and its code."""
    found = {}
    for section in TEXT.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        for i, code in enumerate(re.findall(r"^```python\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)):
            found[title, i] = code
    return found


BLOCKS = blocks()


def check_quantity(names, folder):
    import wb_conserved
    from wb_conserved import InputError
    from wb_conserved.calculators import CATALOGUE, SUMS, register
    from wb_conserved.calculators.band_quantities import per_band
    from wb_conserved.calculators.static import ConventionalSpinConductivity
    from wb_conserved.models import massive_dirac, random_model
    from wb_conserved.units import CONDUCTANCE

    Accumulation = names["Accumulation"]
    # s_a = v^a/2v: the anomalous Hall conductivity (of carriers) over 2v, area and units apart
    velocity, system = 1.7, massive_dirac(0.3, 1.7, half_width=3.0)
    options = {"Efermi": [0.0, 0.5], "kBT": 0.05}
    results = wb_conserved.run(
        system,
        [20, 20, 1],
        {
            "a": Accumulation(**options),
            "hall": ConventionalSpinConductivity(operator="identity", **options),
            "one": Accumulation(operator="identity", **options),
        },
    ).results
    area = np.linalg.det(system.real_lattice[:2, :2])
    hall = results["hall"].data / CONDUCTANCE * area / (2 * velocity)
    assert np.abs(hall).max() > 1e-3
    # a[level, l, s] = σ[level, i = s, l] / 2v
    np.testing.assert_allclose(results["a"].data[:, :2, :2], hall[:, :2, :2].swapaxes(1, 2), atol=1e-9)
    assert np.abs(results["a"].data[:, :2, :2] - hall[:, :2, :2]).max() > 1e-3
    np.testing.assert_allclose(results["one"].data, 0, atol=1e-12)
    # behaviour under the operations of a crystal: those of a magnetic sheet
    from wb_conserved.models import rashba_lattice

    sheet = rashba_lattice(zeeman=0.4)
    full = wb_conserved.run(sheet, [8, 8, 1], {"a": Accumulation(**options)}).results["a"].data
    assert np.abs(full).max() > 1e-3
    sheet.set_pointgroup(["C4z", "TimeReversal*Mx"])
    reduced = wb_conserved.run(sheet, [8, 8, 1], {"a": Accumulation(**options)}).results["a"].data
    np.testing.assert_allclose(reduced, full, atol=1e-9)
    # the catalogue
    assert SUMS["accumulation"].calculator is Accumulation and list(CATALOGUE)[-1] == "accumulation"
    assert SUMS["accumulation"].unit == "ħ Å/V" and not SUMS["accumulation"].tabulated
    for arguments, message in (
        (("accumulation", Accumulation), "name: expected one that is not in the catalogue; found 'accumulation', Accum"),
        (("kubo", Accumulation), "found 'kubo', KuboConserved"),
        (("of two", Accumulation), "name: expected letters, digits and underscores; found 'of two'"),
        (("other", dict), "calculator: expected a complete subclass of OccupationCalculator or BandTabulator; found dict"),
        (("other", Accumulation.__mro__[1]), "complete subclass"),
    ):
        with pytest.raises(InputError, match=message):
            register(*arguments)
    assert "other" not in CATALOGUE
    with pytest.raises(InputError, match="name: expected one that no other quantity has; found 'polarizability_of_s'"):
        per_band(names["polarizability_of_s"])
    # the command line, imported after it
    from wb_conserved.cli import main

    (folder / "model").mkdir()
    model = random_model(num_orbitals=1)
    model.set_R_mat("AA", np.zeros((model.rvec.nRvec, 2, 2, 3)))
    model.to_npz(str(folder / "model"))
    (folder / "model.toml").write_text(
        '[system]\npath = "model"\n[grid]\nmesh = 4\n[fermi]\nlevel = 0.5\nwindow = [-1.0, 1.0]\npoints = 5\n'
        "[temperature]\nkBT = 0.1\n[multiplets]\nthreshold = 1e-3\n"
        '[quantities]\nnames = ["kubo", "accumulation"]\n[output]\nfolder = "out"\n'
    )
    main(["run", str(folder / "model.toml")], standalone_mode=False)
    found = tomllib.loads((folder / "out" / "result.toml").read_text(encoding="utf-8"))["quantities"]["accumulation"]
    assert found["column"] == "accumulation [ħ Å/V]" and found["axes"].startswith("l: direction of the field")
    assert (found["symbol"], found["long_name"]) == ("a", "accumulation of s per cell, intrinsic")
    assert (folder / "out" / "scan.png").stat().st_size > 0


def check_observable(names, folder):
    import wb_conserved
    from wb_conserved.calculators.static import ConventionalSpinConductivity

    options = {"Efermi": [18.0874], "degen_thresh": 0.01}
    parts = {"L": ConventionalSpinConductivity(operator=names["L"], **options), "S": ConventionalSpinConductivity(**options)}
    names["system"].set_pointgroup(["C4z", "C4x", "Inversion", "TimeReversal"])
    run = wb_conserved.run(names["system"], 4, parts | {"moment": names["conductivity"]})
    results = {name: result.data for name, result in run.results.items()}
    scale = np.abs(results["moment"]).max()
    assert min(np.abs(results[name]).max() for name in "LS") > 0.05 * scale
    np.testing.assert_allclose(results["moment"], -results["L"] - 2 * results["S"], atol=1e-6 * scale)
    assert names["conductivity"].unit(3) == "(μ_B/|e|) S/cm"


def check_file_format(names, folder):
    import wb_conserved
    from wb_conserved.calculators.static import DriftSpinConductivity
    from wb_conserved.io import InputError, load_system, register
    from wb_conserved.models import random_model

    for spin in (1, 2):
        write_tb(folder / f"X.{spin}_tb.dat", random_model(num_orbitals=1, seed=spin))
    both = load_system(folder / "X")
    assert both.num_wann == 4
    assert load_system(folder / "X.1_tb.dat").num_wann == 4  # the longest ending
    spins = [load_system(folder / f"X.{spin}_tb.dat", spin=False) for spin in (2, 2)]
    assert [system.num_wann for system in spins] == [2, 2]  # this one is no first file, but a _tb.dat
    options = {"Efermi": [0.3], "kBT": 0.1}

    def drift(system, operator):
        calculator = DriftSpinConductivity(operator=operator, **options)
        return wb_conserved.run(system, 4, {"drift": calculator}).results["drift"].data[0]

    write_tb(folder / "up_tb.dat", random_model(num_orbitals=1, seed=1))
    up, down = (drift(load_system(folder / name, spin=False), "identity") for name in ("up", "X.2_tb.dat"))
    found = drift(both, "spin")
    assert np.abs(up - down).max() > 0.1 * np.abs(up).max()
    np.testing.assert_allclose(found[..., 2], 0.5 * (up - down), atol=1e-8 * np.abs(up).max())
    np.testing.assert_array_equal(found[..., :2], 0)
    from wb_conserved.cli import main

    (folder / "X.toml").write_text(
        '[system]\npath = "X"\n[grid]\nmesh = 4\n[fermi]\nlevel = 0.3\n[temperature]\nkBT = 0.1\n'
        '[multiplets]\nthreshold = 1e-3\n[quantities]\nnames = ["drift"]\n[output]\nfolder = "out"\n'
    )
    main(["run", str(folder / "X.toml")], standalone_mode=False)
    rows = np.genfromtxt(folder / "out" / "result.csv", delimiter=",", usecols=5, skip_header=1)
    np.testing.assert_allclose(rows.reshape(found.shape), found, rtol=1e-8, atol=1e-9)
    # what load_system does for it
    with pytest.raises(InputError, match="ws_distance: expected not to be given for .*X.1_tb.dat, which has its own"):
        load_system(folder / "X", ws_distance=True)
    with pytest.raises(InputError, match="spin_current: expected 'projected' where there are no .chk"):
        load_system(folder / "X", spin_current="qiao")
    (folder / "X.2_tb.dat").rename(folder / "Y.2_tb.dat")
    with pytest.raises(InputError, match=r"X\.2_tb\.dat: expected this file, or it with .xz or .gz, for both spins"):
        load_system(folder / "X")
    with pytest.raises(InputError, match=r"X\.chk, .*X_tb\.dat, .*X_hr\.dat, .*X\.1_tb\.dat"):
        load_system(folder / "Y")
    for arguments, message in (
        (("_tb.dat", names["read_collinear"]), r"ending: expected one besides \.chk, .*\.1_tb\.dat; found '_tb"),
        (("", names["read_collinear"]), "ending: expected one besides"),
        (("_x", names["read_collinear"], ["spin"]), "options: expected some of wannier_centers, .*; found 'spin'"),
    ):
        with pytest.raises(InputError, match=message):
            register(*arguments)


def write_tb(path, system):
    """Hamiltonian and centres of a system, as Wannier90 writes them."""
    n, vectors = system.num_wann, system.rvec.iRvec
    lines = ["of a test", *(" ".join(map(repr, row)) for row in system.real_lattice.tolist()), f"{n}", f"{len(vectors)}"]
    lines.append(" ".join("1" for _ in vectors))
    position = np.zeros((len(vectors), n, n, 3), dtype=complex)
    position[system.rvec.iR0, range(n), range(n)] = system.wannier_centers_cart
    for matrices in (system.get_R_mat("Ham")[..., None], position):
        for vector, matrix in zip(vectors.tolist(), matrices, strict=True):
            lines += ["", " ".join(map(str, vector))]
            for j in range(n):
                for i in range(n):
                    numbers = " ".join(f"{part:.15e}" for z in matrix[i, j] for part in (z.real, z.imag))
                    lines.append(f"{i + 1} {j + 1} {numbers}")
    path.write_text("\n".join(lines) + "\n")


def check_statistics(names, folder):
    import wb_conserved
    from wb_conserved import InputError
    from wb_conserved.calculators.static import ConventionalSpinConductivity
    from wb_conserved.models import random_model
    from wb_conserved.occupations import Electrons

    system, levels, widths, mesh = random_model(seed=2), np.linspace(-3, 3, 7), [0.05, 0.2], 5
    Smeared = names["SmearedConductivity"]
    calculators = {
        "both": Smeared(levels, kBT=widths),
        "one": Smeared(levels, kBT=widths[1]),
        "Fermi": ConventionalSpinConductivity(levels, kBT=widths[1]),
    }
    run = wb_conserved.run(system, mesh, calculators)
    results = {name: result.data for name, result in run.results.items()}
    # the sum over bands, each with its occupation
    from test_geometry import band_geometry

    grid = np.stack(np.meshgrid(*[np.arange(mesh) / mesh] * 3, indexing="ij"), -1).reshape(-1, 3)
    g = band_geometry(system, grid, 1e-4)
    x = (g.multiplets.energies[..., None, None] - levels[:, None]) / widths
    direct = np.einsum("knef,kn...->ef...", names["occupation"](x), g.operator_berry_curvature)
    direct *= calculators["both"].factor(system) / mesh**3
    scale = np.abs(g.operator_berry_curvature).max() * abs(calculators["both"].factor(system))
    np.testing.assert_allclose(results["both"], direct, rtol=0, atol=1e-8 * scale)
    np.testing.assert_allclose(results["one"], results["both"][:, 1], rtol=0, atol=1e-8 * scale)
    assert np.abs(results["one"] - results["Fermi"]).max() > 1e-3 * np.abs(results["Fermi"]).max()
    assert run.to_dataset()["one"].attrs["kBT_eV"] == widths[1]
    # what the smearing is for: powers of the energy up to the second are integrated as with a step
    energies = np.linspace(-9, 9, 180001)
    step = (energies < 0) + 0.5 * (energies == 0)
    for power in range(3):
        error = np.sum((names["occupation"](energies) - step) * energies**power) * (energies[1] - energies[0])
        assert abs(error) < 1e-9, power
    # electrons are counted with the Fermi function
    counted = {"one": Smeared(Electrons(3.0), kBT=0.2), "Fermi": ConventionalSpinConductivity(Electrons(3.0), kBT=0.2)}
    run = wb_conserved.run(system, mesh, counted)
    mu = [run.calculators[name].statistics.coordinates["mu"][1] for name in counted]
    np.testing.assert_array_equal(*mu)
    with pytest.raises(InputError, match="kBT: expected a number > 0"):
        Smeared(levels)
    with pytest.raises(InputError, match="weight: expected one of sea with Methfessel-Paxton smearing; found 'surface'"):
        calculators["one"].statistics.weigh("surface", [])


def check_kp(names, folder):
    import wb_conserved
    from wb_conserved.calculators import static
    from wb_conserved.units import CONDUCTANCE

    k, step = np.random.default_rng(0).normal(size=(5, 3)), 1e-5
    for a in range(3):
        shift = step * np.eye(3)[a]
        difference = (names["hamiltonian"](k + shift) - names["hamiltonian"](k - shift)) / (2 * step)
        np.testing.assert_allclose(names["derivative"](k)[..., a], difference, atol=1e-8)
    options = {"Efermi": [1.0], "kBT": 0.02}
    calculators = {
        "conv": static.ConventionalSpinConductivity(**options),
        "in": static.ConservedSpinConductivity(**options),
        "K": static.KuboConservedSpinConductivity(**options),
    }
    results = wb_conserved.run(names["holes"], [200, 200, 1], calculators).results
    for name, expected in (("conv", 9), ("in", -9), ("K", -9)):
        found = results[name].data[0, 0, 1, 2] / -CONDUCTANCE * 8 * np.pi
        assert found == pytest.approx(expected, rel=1e-2), name


def check_eigensolver(names, folder):
    from wb_conserved import geometry
    from wb_conserved.interpolation import WannierInterpolator
    from wb_conserved.interpolation.batches import interpolated_batch

    H = names["magnons"].get_R_mat("Ham")  # [[A, B], [B*, A*]] in every cell
    np.testing.assert_array_equal(H[:, 2:, 2:], H[:, :2, :2].conj())
    np.testing.assert_array_equal(H[:, 2:, :2], H[:, :2, 2:].conj())
    k = np.random.default_rng(0).random((6, 3)) * [1, 1, 0]
    batch = interpolated_batch(WannierInterpolator(names["magnons"]), k)
    turn = np.exp(-2j * np.pi * k)
    gamma = (1 + turn[:, 0]) * (1 + turn[:, 1])
    expected = np.sqrt(10.01**2 - np.abs(2.5 * gamma) ** 2)
    np.testing.assert_allclose(batch.energies, expected[:, None] * [-1, -1, 1, 1], rtol=1e-12)
    assert batch.metric.tolist() == [-1, -1, 1, 1]
    from wb_conserved.calculators.static import BerrySpinConductivity
    from wb_conserved.occupations import Bose

    class OfMagnons(BerrySpinConductivity):
        def make_statistics(self, scan):
            return Bose(self.kBT)

    import wb_conserved

    calculator = OfMagnons(0.0, kBT=[1.0, 2.0], degen_thresh=1e-6)
    result = wb_conserved.run(names["magnons"], [6, 6, 1], {"B": calculator}).results["B"]
    assert result.data.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(result.data, 0, atol=1e-12)  # real hoppings: no Berry curvature
    assert "metric" in inspect.signature(geometry.proper_curvature).parameters


def check_kernel(names, folder):
    from test_geometry import band_geometry

    import wb_conserved
    from wb_conserved.calculators.band_quantities import QUANTITIES
    from wb_conserved.calculators.static import ProperSpinConductivity
    from wb_conserved.interpolation import ArrayBatch
    from wb_conserved.models import random_model

    kpoints = np.random.default_rng(0).random((21, 3))
    for kramers, threshold in ((False, 1e-6), (True, 1e-6), (True, 0.8)):
        g = band_geometry(random_model(kramers=kramers), kpoints, threshold)
        assert g.batch.kernels["proper_curvature"] is names["proper_curvature"]
        expected = QUANTITIES["proper_curvature"].compute(g)
        np.testing.assert_allclose(g.proper_curvature, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
        assert np.abs(expected).max() > 1e-2
        some = band_geometry(random_model(kramers=kramers), kpoints[3:5], threshold)
        np.testing.assert_array_equal(some.proper_curvature, g.proper_curvature[3:5])
    calls, kernel = [], names["proper_curvature"]
    names["KERNELS"]["proper_curvature"] = lambda g: calls.append(len(g.energies)) or kernel(g)
    calculators = {"P": ProperSpinConductivity([0.3], kBT=0.1)}
    compiled = wb_conserved.run(random_model(), 4, calculators).results["P"].data
    assert sum(calls) >= 64  # all k points
    calls.clear()
    os.environ["WB_CONSERVED_COMPILED"] = "0"
    plain = wb_conserved.run(random_model(), 4, calculators).results["P"].data
    assert not calls and ArrayBatch.kernels == {}
    np.testing.assert_allclose(compiled, plain, rtol=0, atol=1e-10 * np.abs(plain).max())


CHECKS = {
    ("A quantity", 0): check_quantity,
    ("An observable", 0): check_observable,
    ("A file format", 0): check_file_format,
    ("A statistics", 0): check_statistics,
    ("A kind of system", 0): check_kp,
    ("A kind of system", 1): check_eigensolver,
    ("A kernel", 0): check_kernel,
}


def test_every_block_has_checks():
    assert list(BLOCKS) == list(CHECKS)
    assert TEXT.count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block[0]} {block[1]}")
def test_blocks_are_short(block):
    lines = [line for line in BLOCKS[block].splitlines() if line.strip()]
    assert len(lines) <= LONGEST
    assert max(map(len, lines)) <= 128


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block[0]} {block[1]}")
def test_blocks_do_what_the_text_says(block, tmp_path):
    done = start([sys.executable, __file__, block[0], block[1], tmp_path])
    assert done.returncode == 0, done.stdout + done.stderr


def lines_of_code(thing):
    """Lines of a function or class without docstrings, comments and blank lines."""
    source = textwrap.dedent(inspect.getsource(thing))
    tree = ast.parse(source)
    dropped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            dropped.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = source.splitlines()
    kept = [line for i, line in enumerate(lines, 1) if i not in dropped and line.strip() and not line.strip().startswith("#")]
    return len(kept), len(lines)


def test_what_a_quantity_costs():
    """The numbers that the page states for σ_P."""
    from wb_conserved import geometry
    from wb_conserved.calculators import band_quantities, static

    parts = geometry.proper_curvature, band_quantities.proper_curvature, static.ProperSpinConductivity
    code, whole = zip(*map(lines_of_code, parts), strict=True)
    entries = 0
    for path in sorted((ROOT / "wb_conserved").rglob("*.py")):
        names = re.findall(r'^ +"?proper_curvature"?,$|^ +"proper": ', path.read_text(encoding="utf-8"), re.MULTILINE)
        entries += len(names)
    assert entries == 3  # in the list of public functions twice, and in the catalogue
    total = re.search(r"(\d+) lines with all docstrings and (\d+) of code", TEXT)
    assert (int(total[1]), int(total[2])) == (sum(whole) + entries, sum(code) + entries)
    stated = re.search(r"which are (\d+) in .*? (\d+) in the list .*? (\d+) in\s.*? (\d+) in .*? (\d+) in", TEXT, re.DOTALL)
    assert [int(number) for number in stated.groups()] == [code[0], 2, code[1], code[2], 1]


if __name__ == "__main__":
    os.chdir(ROOT)
    key, namespace = (sys.argv[1], int(sys.argv[2])), {"__name__": "example"}
    exec(compile(BLOCKS[key], f"{key}", "exec"), namespace)
    CHECKS[key](namespace, Path(sys.argv[3]))
