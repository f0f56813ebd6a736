"""Gaps: by name, in files, in the band basis, with temperature, and solved for."""

import logging
import sys

import numpy as np
import pytest
from processes import MPIRUN, needs_mpirun, start
from superconductors import CHIRAL_D, CHIRAL_P, calculate, chern, square

from wb_conserved import InputError
from wb_conserved.driver.checkpoint import CheckpointError
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import kane_mele, lattice_system
from wb_conserved.quasiparticles import (
    ConvergenceError,
    Gap,
    attraction,
    band_gap,
    bogoliubov_system,
    pairing,
    solve_gap,
)
from wb_conserved.quasiparticles.pairing import FORMS

K = np.random.default_rng(5).random((30, 3)) * [1, 1, 0]
X, Y = 2 * np.pi * K[:, 0], 2 * np.pi * K[:, 1]


def at_k(gap, kpoints=K):
    """Δ(k), (k, n, n)."""
    return np.tensordot(np.exp(2j * np.pi * (kpoints @ gap.iRvec.T)), gap.delta, axes=1)


class TestNames:
    """Pairings by name."""

    @pytest.mark.parametrize(
        ("name", "shell", "expected"),
        [
            ("s", 0, 1 + 0 * X),
            ("extended s", 1, np.cos(X) + np.cos(Y)),
            ("extended s", 2, np.cos(X + Y) + np.cos(X - Y)),
            ("d_x2-y2", 1, np.cos(X) - np.cos(Y)),
            ("d_xy", 2, -2 * np.sin(X) * np.sin(Y)),
            ("d+id", (1, 2), np.cos(X) - np.cos(Y) - 2j * np.sin(X) * np.sin(Y)),
            ("d-id", (1, 2), np.cos(X) - np.cos(Y) + 2j * np.sin(X) * np.sin(Y)),
        ],
    )
    def test_square_lattice(self, name, shell, expected):
        found = pairing(name, 0.3, shell=shell).on(square(), "singlet")
        np.testing.assert_allclose(at_k(found)[:, 0, 0], 0.3 * expected, atol=1e-13)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("p_x", np.sin(X)), ("p_y", np.sin(Y)), ("p+ip", np.sin(X) + 1j * np.sin(Y)), ("p-ip", np.sin(X) - 1j * np.sin(Y))],
    )
    def test_triplets(self, name, expected):
        found = pairing(name, 0.3).on(square(), "nambu")
        np.testing.assert_allclose(at_k(found)[:, 0, 0], 0.3 * expected, atol=1e-13)

    def test_spin_matrices(self):
        """ψ iσ_y and (d·σ) iσ_y."""
        even = pairing("d_x2-y2", 0.3).on(square(spin=True), "nambu")
        shape = (np.cos(X) - np.cos(Y))[:, None, None]
        np.testing.assert_allclose(at_k(even), 0.3 * shape * [[0, 1], [-1, 0]], atol=1e-13)
        matrices = {(1, 0, 0): [[-1, 0], [0, 1]], (0, 1, 0): [[1j, 0], [0, 1j]], (0, 0, 1): [[0, 1], [1, 0]]}
        for d, matrix in matrices.items():
            odd = pairing("p_x", 0.3, d_vector=d).on(square(spin=True), "nambu")
            np.testing.assert_allclose(at_k(odd), 0.3 * np.sin(X)[:, None, None] * np.array(matrix), atol=1e-13)

    def test_honeycomb(self):
        """Nearest neighbours are on the other sublattice; d+id winds by 4π around K."""
        gap = pairing("d+id", 1.0).on(kane_mele(), "nambu")
        assert np.abs(gap.delta).max() == pytest.approx(0.5)
        both = np.abs(gap.delta).sum(axis=0)
        np.testing.assert_allclose(both[:2, :2], 0)
        np.testing.assert_allclose(both[0, 3], 1.5)
        assert len(gap.iRvec) == 5

    def test_orbitals_at_one_place(self):
        """Each pairs with its like."""
        gap = pairing("extended s", 1.0, shell=1).on(chern(), "singlet")
        np.testing.assert_allclose(at_k(gap), (np.cos(X) + np.cos(Y))[:, None, None] * np.eye(2), atol=1e-13)
        one = pairing("extended s", 1.0, orbitals=[1]).on(chern(), "singlet")
        np.testing.assert_allclose(at_k(one), (np.cos(X) + np.cos(Y))[:, None, None] * np.diag([0, 1]), atol=1e-13)

    @pytest.mark.parametrize("name", FORMS)
    def test_every_name_is_a_gap(self, name):
        """Of the parity that it says."""
        hoppings = {R: [[-1.0]] for R in ((1, 0, 0), (0, 1, 0), (0, 0, 1))}
        fcc = lattice_system(np.eye(3) + 0.3, {(0, 0, 0): [[0.0]]} | hoppings)
        shell = 0 if name == "s" else (1, 2, 3)
        basis, sign = ("nambu", -1) if FORMS[name].odd else ("singlet", 1)
        gap = pairing(name, 0.2, shell=shell).on(fcc, basis)
        values = at_k(gap, np.random.default_rng(0).random((20, 3)))
        np.testing.assert_allclose(values, sign * at_k(gap, -np.random.default_rng(0).random((20, 3))), atol=1e-13)
        assert np.abs(values).max() > 0.01
        bogoliubov_system(fcc, gap, 0.0, basis=basis)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"name": "dxy"}, "pairing: expected one of 's', .*; found 'dxy'; did you mean 'd_xy'"),
            ({"name": "s", "delta0": np.nan}, "delta0: expected a number"),
            ({"name": "s", "shell": [1, 1]}, "shell: expected different integers >= 0"),
            ({"name": "s", "orbitals": []}, "orbitals: expected different numbers"),
            ({"name": "p_x", "d_vector": [0, 0, 0]}, "d_vector: expected three numbers, not all zero"),
        ],
    )
    def test_refused(self, arguments, error):
        with pytest.raises(InputError, match=error):
            pairing(**({"delta0": 0.1} | arguments))

    @pytest.mark.parametrize(
        ("gap", "basis", "error"),
        [
            (pairing("d+id", 0.1), "singlet", r"shell: expected shells on which no part of 'd\+id' vanishes .* the imaginary"),
            (pairing("s", 0.1, orbitals=[1]), "singlet", "orbitals: expected numbers from 0 to 0"),
            (pairing("p_x", 0.1), "singlet", "basis: expected 'nambu' for the triplet pairing"),
            (pairing("s", 0.1), "nambu", "pairing: expected an odd one in the basis 'nambu' for functions without spin"),
            (pairing("p_x", 0.1, d_vector=[0, 0, 1]), "nambu", "d_vector: expected none, as the functions have no spin"),
            (pairing("d_xy", 0.1, shell=(0, 2)), "singlet", "shell: expected 1 or more for the pairing 'd_xy'"),
        ],
    )
    def test_refused_by_the_system(self, gap, basis, error):
        with pytest.raises(InputError, match=error):
            bogoliubov_system(square(), gap, 0.0, basis=basis)


class TestFiles:
    """Δ_ij(R) from files."""

    def test_npz(self, tmp_path):
        gap = CHIRAL_D.on(square(), "singlet").with_Tc(0.3)
        gap.save(tmp_path / "gap.npz")
        read = Gap.load(tmp_path / "gap.npz")
        np.testing.assert_array_equal(read.delta, gap.delta)
        assert read.Tc == 0.3 and read.law == "bcs" and read.converged is None
        system = bogoliubov_system(square(), tmp_path / "gap.npz", 0.0, basis="singlet", kBT=0.1)
        assert system.gap.num_wann == 1

    def test_text(self, tmp_path):
        """In the format of _hr.dat; a gap is not Hermitian."""
        gap = CHIRAL_P.on(square(), "nambu")
        lines = ["gap", "1", f"{len(gap.iRvec)}", " ".join(["1"] * len(gap.iRvec))]
        for R, value in zip(gap.iRvec, gap.delta[:, 0, 0], strict=True):
            lines.append(f"{R[0]} {R[1]} {R[2]} 1 1 {value.real:.8f} {value.imag:.8f}")
        (tmp_path / "gap_hr.dat").write_text("\n".join(lines) + "\n")
        read = Gap.load(tmp_path / "gap_hr.dat")
        np.testing.assert_allclose(at_k(read), at_k(gap), atol=1e-8)

    def test_broken(self, tmp_path):
        np.savez(tmp_path / "a.npz", iRvec=np.zeros((1, 3)))
        with pytest.raises(InputError, match=r"a.npz: expected arrays 'iRvec' and 'delta'; found \['iRvec'\]"):
            Gap.load(tmp_path / "a.npz")
        np.savez(tmp_path / "b.npz", iRvec=np.zeros((1, 3)), delta=np.zeros((2, 1, 1)))
        with pytest.raises(InputError, match=r"b.npz: expected delta: an array \(1, n, n\)"):
            Gap.load(tmp_path / "b.npz")
        with pytest.raises(InputError, match="gap: expected a Gap, a pairing, .*; found int"):
            bogoliubov_system(square(), 3, 0.0, basis="singlet")

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"delta": np.zeros((2, 1, 1))}, r"delta: expected an array \(1, n, n\)"),
            ({"delta": np.full((1, 1, 1), np.inf)}, "delta: expected finite numbers"),
            ({"iRvec": [[0, 0, 0.5]]}, "iRvec: expected integers"),
            ({"law": "bcs"}, "law: expected 'constant' without Tc"),
            ({"law": "linear"}, "law: expected one of constant, bcs"),
            ({"Tc": -1.0}, "Tc: expected a number > 0"),
            ({"kBT": [0.2, 0.1], "delta": np.zeros((2, 1, 1, 1))}, "kBT: expected ascending"),
        ],
    )
    def test_shapes(self, arguments, error):
        with pytest.raises(InputError, match=error):
            Gap(**({"delta": np.ones((1, 1, 1)), "iRvec": [[0, 0, 0]]} | arguments))


class TestTemperature:
    """Laws, tables, derivatives."""

    gap = Gap(np.full((1, 1, 1), 0.4 + 0.1j), [[0, 0, 0]])

    def test_bcs(self):
        gap = self.gap.with_Tc(0.1)
        assert gap.depends_on_temperature and not self.gap.depends_on_temperature
        for t, expected in ((0.0, 1.0), (0.05, np.tanh(1.74)), (0.09, np.tanh(1.74 / 3)), (0.1, 0.0), (0.2, 0.0)):
            np.testing.assert_allclose(gap.at(t), expected * self.gap.delta, atol=1e-14)

    @pytest.mark.parametrize("kind", ["bcs", "table", "solved"])
    def test_rate(self, kind):
        nodes = np.append(np.linspace(0.01, 0.09, 9), 0.1)
        factors = np.tanh(1.74 * np.sqrt(np.abs(0.1 / nodes - 1)))
        gap = {
            "bcs": self.gap.with_Tc(0.1),
            "table": self.gap.with_temperatures(nodes, factors),
            "solved": Gap(factors[:-1, None, None, None] * self.gap.delta, self.gap.iRvec, nodes[:-1], Tc=0.1),
        }[kind]
        for t in (0.033, 0.071, 0.095):
            slope = (gap.at(t + 1e-6) - gap.at(t - 1e-6)) / 2e-6
            np.testing.assert_allclose(gap.rate(t), slope, rtol=1e-5)
        np.testing.assert_allclose(gap.at(0.055), self.gap.with_Tc(0.1).at(0.055), rtol=1e-2)
        np.testing.assert_allclose(gap.at(0.2), 0)

    def test_above_a_table(self):
        table = self.gap.with_temperatures([0.1, 0.2], [1.0, 0.5])
        np.testing.assert_allclose(table.at(0.05), self.gap.delta)
        with pytest.raises(InputError, match="kBT: expected temperatures up to 0.2 eV, .*; found 0.3"):
            table.at(0.3)


class TestBandBasis:
    """A function of k and band."""

    def test_constant(self):
        """An isotropic gap in the bands of two coupled orbitals: E² = ξ² + Δ²."""
        normal = kane_mele(spin_orbit=0.2, rashba=0.1)
        system = bogoliubov_system(normal, band_gap(lambda k, e: np.full(e.shape, 0.3), 6), 0.2, basis="nambu")
        energies = WannierInterpolator(system).band_energies(K)
        xi = WannierInterpolator(normal).band_energies(K) - 0.2
        expected = np.sort(np.concatenate([np.sqrt(xi**2 + 0.09), -np.sqrt(xi**2 + 0.09)], axis=1), axis=1)
        np.testing.assert_allclose(energies, expected, atol=1e-10)
        assert system.gap.residual < 1e-10

    def test_of_energy(self):
        """Without spin: Δ_η = g(ξ_η)."""
        normal = kane_mele(spin_orbit=0.0)

        def function(kpoints, energies):
            return 0.2 / (1 + 0.05 * energies**2)

        system = bogoliubov_system(normal, band_gap(function, 24), 0.2, basis="singlet")
        xi = WannierInterpolator(normal).band_energies(K)[:, ::2]
        expected = np.sqrt((xi - 0.2) ** 2 + function(K, xi) ** 2)
        found = WannierInterpolator(system).band_energies(K)[:, 2:]
        np.testing.assert_allclose(found, np.sort(expected, axis=1), atol=1e-6)

    def test_residual_is_said(self, caplog):
        system = bogoliubov_system(square(), band_gap(lambda k, e: np.sign(e), 4), 0.1, basis="singlet")
        assert system.gap.residual > 0.1
        assert "the Fourier sum differs by up to" in caplog.text and "take a denser mesh" in caplog.text

    @pytest.mark.parametrize(
        ("gap", "normal", "basis", "error"),
        [
            (band_gap(lambda k, e: e[:, :1], 2), chern(), "singlet", r"system: expected H\(k\) = UH\(−k\)\*U† .*time reversal"),
            (band_gap(lambda k, e: 0.1, 2), square(), "singlet", r"function: expected finite numbers of shape \(.*, 1\)"),
            (band_gap(lambda k, e: e, 2), square(), "nambu", "basis: expected 'singlet' for a gap between time-"),
        ],
    )
    def test_refused(self, gap, normal, basis, error):
        with pytest.raises(InputError, match=error):
            bogoliubov_system(normal, gap, 0.0, basis=basis)


class TestGapEquation:
    """Self-consistent gaps."""

    def test_number(self):
        gap = solve_gap(square(level=1.0), attraction(3.0), 0.0, 0.1, 64)
        assert gap.delta.ravel()[0].real == pytest.approx(0.709835, abs=5e-7)
        assert gap.converged.all()

    @pytest.mark.parametrize(
        ("strength", "kBT", "mesh", "ratio"), [(3, 0.02, 64, 3.568), (2, 0.01, 160, 3.512), (1.5, 0.004, 320, 3.524)]
    )
    def test_ratio_of_weak_coupling(self, strength, kBT, mesh, ratio):
        gap = solve_gap(square(level=1.0), attraction(strength), 0.0, kBT, mesh)
        assert 2 * gap.largest / gap.Tc == pytest.approx(ratio, abs=1e-3)

    def test_solution_and_critical_temperature(self):
        """The equation, written out; Δ goes as the root below T_c; nothing above."""
        k = np.stack(np.meshgrid(*2 * [2 * np.pi * np.arange(48) / 48], indexing="ij"), axis=-1).reshape(-1, 2)
        xi = -2 * np.cos(k).sum(axis=1) + 1

        def right_side(delta, kBT):
            E = np.sqrt(xi**2 + delta**2)
            return 2.5 * (delta * np.tanh(E / (2 * kBT)) / (2 * E)).mean()

        gap = solve_gap(square(level=1.0), attraction(2.5), 0.0, [0.05, 0.2, 0.3], 48)
        for t, kBT in enumerate(gap.kBT):
            delta = abs(gap.delta[t].ravel()[0])
            assert delta == pytest.approx(right_side(delta, kBT), abs=1e-7)
        linear = 2.5 * (np.tanh(xi / (2 * gap.Tc)) / (2 * xi)).mean()
        assert linear == pytest.approx(1, abs=1e-6)
        near = solve_gap(square(level=1.0), attraction(2.5), 0.0, gap.Tc * np.array([0.99, 0.996, 1.001]), 48)
        squares = np.abs(near.delta.reshape(3, -1)[:, 0]) ** 2
        assert squares[0] / squares[1] == pytest.approx(2.5, rel=0.02) and squares[2] == 0

    def test_full_basis_and_singlet_agree(self):
        normal = square(level=1.0, spin=True)
        solved = [solve_gap(normal, attraction(3.0), 0.0, 0.1, 32, basis=basis) for basis in ("singlet", "nambu")]
        assert solved[0].Tc == pytest.approx(solved[1].Tc, rel=1e-6)
        assert solved[0].largest == pytest.approx(solved[1].largest, abs=1e-7)
        np.testing.assert_allclose(solved[1].delta[0, 0], -solved[1].delta[0, 0].T, atol=1e-12)

    def test_chiral_triplet(self):
        """p+ip from an attraction of neighbours, one spin species: both components, of which p_x alone is a solution too."""
        normal = square(level=1.0)
        found = {
            name: solve_gap(normal, attraction(4.0, shell=1), 0.0, 0.02, 32, basis="nambu", initial=pairing(name, 0.2))
            for name in ("p+ip", "p_x")
        }
        x = found["p+ip"].iRvec.tolist().index([1, 0, 0]), found["p+ip"].iRvec.tolist().index([0, 1, 0])
        first, second = (found["p+ip"].delta[0, place, 0, 0] for place in x)
        assert second / first == pytest.approx(1j, abs=1e-5)
        first, second = (found["p_x"].delta[0, place, 0, 0] for place in x)
        assert abs(second / first) < 1e-6
        assert found["p+ip"].Tc == pytest.approx(found["p_x"].Tc, rel=1e-9)

    def test_d_wave_from_neighbours(self):
        """Close to half filling attraction of neighbours makes d_x2-y2, found by itself."""
        gap = solve_gap(square(level=0.0), attraction(1.0, shell=1), 0.1, 0.01, 64)
        x, y = (gap.delta[0, gap.iRvec.tolist().index(R), 0, 0] for R in ([1, 0, 0], [0, 1, 0]))
        assert x == pytest.approx(-y, abs=1e-7) and abs(x) > 1e-3

    def test_used_at_several_temperatures(self):
        """Specific heat jumps at T_c by about 1.43 times its normal value."""
        normal, strength = square(level=1.0), attraction(2.0)
        gap = solve_gap(normal, strength, 0.0, np.linspace(0.02, 0.0615, 12), 120)
        kBT = [0.999 * gap.Tc, 1.001 * gap.Tc]
        system = bogoliubov_system(normal, gap, 0.0, basis="singlet", kBT=kBT)
        below, above = calculate(system, ["specific_heat"], 120, kBT)["specific_heat"]
        assert 1.1 < (below - above) / above < 1.8

    def test_no_attraction_no_gap(self, caplog):
        gap = solve_gap(square(level=1.0), {(0, 0, 0): [[-1e-3]]}, 0.0, 0.1, 4)
        assert gap.Tc is None and not np.any(gap.delta)
        assert "above T_c, normal state" in caplog.text

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"interaction": {(0, 0, 0): [[1.0]]}}, "interaction: expected V < 0 somewhere"),
            ({"interaction": {(0, 0, 0): [[-1.0, 0], [0, 0]]}}, r"interaction: expected real numbers of shape \(1, 1, 1\)"),
            ({"interaction": 3}, "interaction: expected attraction"),
            ({"kBT": 0.0}, "kBT: expected numbers > 0"),
            ({"tolerance": 0.0}, "tolerance: expected a number > 0"),
            ({"Efermi": -50.0}, "Efermi: expected a level within the bands"),
            ({"initial": pairing("extended s", 0.1)}, "initial: expected a gap on pairs that interact"),
        ],
    )
    def test_refused(self, arguments, error):
        given = {"interaction": attraction(2.0), "Efermi": 0.0, "kBT": 0.1, "grid": 4}
        with pytest.raises(InputError, match=error):
            solve_gap(square(level=1.0), **(given | arguments))

    @pytest.mark.parametrize("strength", [-1.0, 0, "strong", np.nan])
    def test_attraction_that_is_none(self, strength):
        with pytest.raises(InputError if not isinstance(strength, str) else (InputError, TypeError)):
            attraction(strength)


class TestCheckpoints:
    """Δ is kept, and a solution goes on from it."""

    def solve(self, folder=None, **options):
        given = {"kBT": [0.05, 0.3], "interaction": attraction(2.5)} | options
        return solve_gap(square(level=1.0), given.pop("interaction"), 0.0, given.pop("kBT"), 24, checkpoint=folder, **given)

    def test_not_converged_and_resumed(self, tmp_path):
        with pytest.raises(ConvergenceError, match=r"gap equation at kBT = 0.05 eV: expected changes of Δ below") as error:
            self.solve(tmp_path, max_iterations=1, tolerance=1e-12)
        assert f"the last Δ is in {tmp_path / 'gap.npz'}, and the same call goes on from it" in str(error.value)
        assert error.value.residual > 0 and error.value.gap.largest > 0.1
        resumed = self.solve(tmp_path)
        np.testing.assert_allclose(resumed.delta, self.solve().delta, atol=1e-7)
        again = self.solve(tmp_path)  # at once
        np.testing.assert_array_equal(again.delta, resumed.delta)

    def test_without_a_checkpoint(self):
        with pytest.raises(ConvergenceError, match="with checkpoint=FOLDER the last Δ is kept"):
            self.solve(max_iterations=1, tolerance=1e-12)

    def test_of_another_problem(self, tmp_path):
        self.solve(tmp_path)
        with pytest.raises(CheckpointError, match=r"expected one of this system, interaction, mesh and temperatures"):
            self.solve(tmp_path, interaction=attraction(2.6))

    @needs_mpirun
    def test_two_processes(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "import sys\nsys.path.insert(0, sys.argv[1])\nimport numpy as np\nfrom superconductors import square\n"
            "from wb_conserved.parallel import world\nfrom wb_conserved.quasiparticles import attraction, solve_gap\n"
            "comm = world()\ngap = solve_gap(square(level=1.0), attraction(2.5), 0.0, [0.05, 0.3], 24, comm=comm, "
            "checkpoint=sys.argv[2] + '/c')\nif comm.rank == 1:\n    gap.save(sys.argv[2] + '/gap.npz')\n"
        )
        done = start([*MPIRUN, "-n", "2", sys.executable, script, __file__.rpartition("/")[0], tmp_path])
        assert done.returncode == 0, done.stderr
        found, alone = Gap.load(tmp_path / "gap.npz"), self.solve()
        np.testing.assert_array_equal(found.delta, alone.delta)
        assert found.Tc == alone.Tc


def test_temperatures_below_a_kelvin_are_no_doubt(caplog):
    """Of a superconductor the gap has to be resolved, not the temperature."""
    with caplog.at_level(logging.WARNING, logger="wb_conserved.driver"):
        calculate(bogoliubov_system(square(), pairing("s", 0.01), 0.0, basis="singlet"), ["smallest_energy"], 4, 1e-5)
    assert "which no mesh resolves" not in caplog.text
