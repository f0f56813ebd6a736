"""Accumulation of an observable in a field and in its gradient, torques, and the generalised Středa response."""

import copy
from types import MappingProxyType

import numpy as np
import pytest
import wannierberri
from reference import groups_of
from scipy.stats import unitary_group
from test_geometry import band_geometry, per_multiplet, random_kpoints
from test_proper import of_arrays

import wb_conserved
from wb_conserved import InputError
from wb_conserved.calculators import SUMS, accumulation, equilibrium, static
from wb_conserved.interpolation import WannierInterpolator
from wb_conserved.models import kane_mele, lattice_system, massive_dirac, random_model, rashba_gas, rashba_lattice
from wb_conserved.models.kp import PAULI
from wb_conserved.operators import EXCHANGE_TORQUE, SPIN, TORQUE, exchange_hamiltonian, matrix_operator, on_functions
from wb_conserved.operators.torque import time_reversal
from wb_conserved.units import CONDUCTANCE, HBAR_EV_FS

X, Y, Z = 0, 1, 2
LEVI_CIVITA = np.array([[[(i - l) * (l - s) * (s - i) / 2 for s in range(3)] for l in range(3)] for i in range(3)])


def run(system, mesh, calculators, **options):
    found = wb_conserved.run(system, mesh, calculators, **options).results
    return {name: result.data[0] for name, result in found.items()}


def changed(system, **matrices):
    """The same system with other R-space matrices."""
    other = copy.deepcopy(system)
    for name, matrix in matrices.items():
        other.set_R_mat(name, matrix, reset=True)
    return other


class TestEdelstein:
    """Both parts, against models with exact answers."""

    def test_rashba_gas(self):
        """χ^{xy} = −χ^{yx} = e t mα/4π per area, both bands occupied."""
        system = rashba_gas(mass=1.0, alpha=0.5, half_width=3.0)
        options = {"Efermi": [1.0], "kBT": 0.02, "degen_thresh": 1e-6}
        calculators = {
            "χ": accumulation.Edelstein(**options, relaxation_time=7.0),
            "per fs": accumulation.Edelstein(**options),
            "in": accumulation.IntrinsicEdelstein(**options),
        }
        found = run(system, [240, 240, 1], calculators)
        area = (np.pi / 3.0) ** 2
        expected = -7.0 / HBAR_EV_FS * 0.5 / (4 * np.pi) * area
        assert found["χ"][X, Y] == pytest.approx(expected, rel=1e-3)
        assert found["χ"][Y, X] == pytest.approx(-expected, rel=1e-3)
        np.testing.assert_allclose(found["per fs"] * 7.0, found["χ"], rtol=1e-12)
        np.testing.assert_allclose(found["in"], 0, atol=1e-9 * abs(expected))
        assert calculators["χ"].unit(2) == "ħ Å/V" and calculators["per fs"].unit(2) == "ħ Å/V / fs"

    def test_massive_dirac(self):
        """s_a = v^a/2v in the plane: the intrinsic part is the anomalous Hall conductivity over 2v."""
        system = massive_dirac(mass=0.2, velocity=1.5, half_width=2.0)
        options = {"Efermi": [0.3], "kBT": 0.02, "degen_thresh": 1e-6}
        calculators = {
            "in": accumulation.IntrinsicEdelstein(**options),
            "Hall": static.ConventionalSpinConductivity(**options, operator="identity"),
        }
        found = run(system, [60, 60, 1], calculators)
        per_charge = found["Hall"] / -CONDUCTANCE * (np.pi / 2.0) ** 2  # e = 1, per cell
        assert abs(per_charge[X, Y]) > 1e-3
        np.testing.assert_allclose(found["in"][:2, :2], -per_charge[:2, :2].T / 3.0, atol=1e-12)

    def test_the_identity_does_not_accumulate(self):
        options = {"Efermi": [0.3], "kBT": 0.2, "degen_thresh": 1e-6, "operator": "identity"}
        calculators = {
            "χ": accumulation.Edelstein(**options), "in": accumulation.IntrinsicEdelstein(**options),
            "spin": accumulation.Edelstein(**options | {"operator": "spin"}),
        }  # fmt: skip
        found = run(random_model(2, 2), [80, 80, 1], calculators)
        np.testing.assert_allclose(found["in"], 0, atol=1e-12)
        assert np.abs(found["χ"]).max() < 1e-3 * np.abs(found["spin"]).max()


class TestTorque:
    """i[H, s], and the part of it that the exchange makes."""

    options = MappingProxyType({"Efermi": [0.3], "kBT": 0.5, "degen_thresh": 1e-6})

    @pytest.mark.parametrize("kramers", [False, True])
    def test_total_torque_in_a_steady_state(self, kramers):
        """None from the shifted occupation; from the bands what relaxation takes from the spin, per time."""
        calculators = {
            "shifted": accumulation.Edelstein(**self.options, operator=TORQUE),
            "bands": accumulation.IntrinsicEdelstein(**self.options, operator="torque"),
            "spin": accumulation.Edelstein(**self.options),
        }
        found = run(random_model(2, 2, kramers=kramers, seed=3), [60, 60, 1], calculators)
        per_time = found["spin"] * HBAR_EV_FS
        scale = max(np.abs(per_time).max(), 1e-2)
        np.testing.assert_allclose(found["shifted"], 0, atol=1e-12)
        np.testing.assert_allclose(found["bands"], per_time, atol=1e-6 * scale)
        assert kramers or np.abs(per_time).max() > 1e-2

    def test_none_in_a_gap(self):
        system = kane_mele(spin_orbit=0.3, rashba=0.2, staggered=0.1)
        H = system.get_R_mat("Ham").copy()
        H[system.rvec.iR0] += np.kron(np.eye(2), 0.2 * PAULI[0] + 0.1 * PAULI[2])
        calculators = {
            name: accumulation.IntrinsicEdelstein([0.0], kBT=0.005, degen_thresh=1e-6, operator=operator)
            for name, operator in (("total", TORQUE), ("exchange", EXCHANGE_TORQUE))
        }
        found = run(changed(system, Ham=H), [36, 36, 1], calculators)
        assert np.abs(found["exchange"]).max() > 1e-3
        np.testing.assert_allclose(found["total"], 0, atol=1e-6 * np.abs(found["exchange"]).max())

    def test_precession_in_an_exchange_field(self):
        """H_xc = Δ·s gives T = Δ × s; none without a magnet."""
        system, field = kane_mele(spin_orbit=0.3, rashba=0.2), np.array([0.3, -0.1, 0.2])
        H = system.get_R_mat("Ham").copy()
        H[system.rvec.iR0] += np.kron(np.eye(2), 0.5 * np.einsum("a,aij->ij", field, PAULI))
        magnet = changed(system, Ham=H)
        exchange = exchange_hamiltonian(magnet).matrix.matrix[magnet.rvec.iR0][:, :, 0]
        np.testing.assert_allclose(exchange, np.kron(np.eye(2), 0.5 * np.einsum("a,aij->ij", field, PAULI)), atol=1e-14)
        k = random_kpoints() * [1, 1, 0]
        g = band_geometry(magnet, k, operator=EXCHANGE_TORQUE.of_system(magnet))
        spin = g.matrix_of(SPIN)
        expected = np.einsum("abc,b,kncm->knam", LEVI_CIVITA, field, spin)
        np.testing.assert_allclose(g.operator, expected, atol=1e-12)
        plain = band_geometry(system, k, operator=EXCHANGE_TORQUE.of_system(system))
        np.testing.assert_allclose(plain.operator, 0, atol=1e-14)

    def test_reversed_magnet(self):
        """The shifted occupation gives the part that is odd, the bands the part that is even."""
        magnet = random_model(3)
        U, H = time_reversal(magnet), magnet.get_R_mat("Ham")
        turned = changed(magnet, Ham=U @ H.conj() @ U.conj().T)
        options = {"Efermi": [0.3], "kBT": 0.1, "degen_thresh": 1e-4, "operator": "exchange_torque"}
        calculators = {"odd": accumulation.Edelstein(**options), "even": accumulation.IntrinsicEdelstein(**options)}
        here, there = (run(system, 4, calculators) for system in (magnet, turned))
        for name, sign in (("odd", -1), ("even", 1)):
            scale = np.abs(here[name]).max()
            assert scale > 1e-3
            np.testing.assert_allclose(there[name], sign * here[name], atol=1e-10 * scale, err_msg=name)

    def test_exchange_of_iron(self, iron_physics, iron):
        """About 2.2 eV between up and down d functions, along z."""
        exchange = exchange_hamiltonian(iron_physics).matrix.matrix[iron_physics.rvec.iR0][:, :, 0]
        spin = iron_physics.get_R_mat("SS")[iron_physics.rvec.iR0]
        splitting = [np.trace(exchange @ spin[:, :, a]).real / 9 for a in range(3)]
        assert abs(splitting[Z]) == pytest.approx(1.5, abs=0.3) and np.abs(splitting[:2]).max() < 1e-3
        d_functions = np.sort(np.abs(np.linalg.eigvalsh(exchange)))[-10:]
        np.testing.assert_allclose(2 * d_functions, 2.4, atol=0.4)
        with pytest.raises(InputError, match="system: expected Wannier functions of pure spin, in pairs"):
            exchange_hamiltonian(iron)  # whose functions are not

    def test_refused(self):
        with pytest.raises(InputError, match="operator: expected a system of R-space matrices for the exchange torque"):
            run(rashba_gas(), [2, 2, 1], {"x": accumulation.Edelstein(**self.options, operator="exchange_torque")})
        mixed = random_model()
        mixed.set_R_mat("SS", 0.5 * mixed.get_R_mat("SS"), reset=True)
        with pytest.raises(InputError, match="system: expected Wannier functions of pure spin, in pairs"):
            exchange_hamiltonian(mixed)


class TestLocal:
    """Parts of the cell add up to all of it."""

    @pytest.mark.parametrize("name", ["kubo", "conserved", "conventional", "edelstein", "edelstein_intrinsic", "streda"])
    @pytest.mark.parametrize("operator", ["spin", "orbital_moment"])
    def test_sum_of_parts(self, name, operator):
        system = random_model(3)
        parts = {"a": [0, 1], "b": [2], "c": [3, 4, 5]}
        options = {"Efermi": [0.3], "kBT": 0.2, "degen_thresh": 1e-6}
        calculators = {
            part: SUMS[name].calculator(**options, operator=on_functions(operator, members))
            for part, members in parts.items()
        }
        found = run(system, 3, calculators | {"all": SUMS[name].calculator(**options, operator=operator)})
        scale = np.abs(found["all"]).max()
        np.testing.assert_allclose(sum(found[part] for part in parts), found["all"], atol=1e-10 * scale)
        assert min(np.abs(found[part]).max() for part in parts) > 1e-3 * scale

    def test_atoms(self, tellurium):
        assert list(wb_conserved.operators.atoms_of(tellurium)) == ["Te_1", "Te_2", "Te_3"]
        one = on_functions("spin", list(range(8)))
        with pytest.raises(ValueError, match="expected the full k mesh without symmetrisation for the operator spin on 0, 1"):
            system = copy.copy(tellurium)
            system.set_pointgroup(["C3z", "TimeReversal"])
            run(system, 3, {"x": accumulation.Edelstein([5.5], kBT=0.1, operator=one)})
        with pytest.raises(InputError, match="members: expected labels of atoms, Te, or numbers of functions"):
            run(tellurium, 2, {"x": accumulation.Edelstein([5.5], kBT=0.1, operator=on_functions("spin", ["Se"]))})

    def test_bad_members(self):
        for members in ([], [0, 0], [0.5]):
            with pytest.raises(InputError, match="members: expected different numbers of functions or labels of atoms"):
                on_functions("spin", members)
        with pytest.raises(InputError, match="members: expected functions from 0 to 5"):
            run(random_model(), 2, {"x": accumulation.Edelstein([0.0], kBT=0.1, operator=on_functions("spin", [6]))})


@pytest.mark.usefixtures("kernels")
class TestGradient:
    """The accumulation coefficient γ."""

    @pytest.mark.parametrize(("kramers", "threshold"), [(False, 1e-6), (True, 1e-6)])
    def test_finite_q(self, kramers, threshold):
        """i ∂_q of tr_M over both ends, differentiated numerically, multiplet by multiplet."""
        system = random_model(num_orbitals=3, kramers=kramers)
        interpolator, to_reduced = WannierInterpolator(system), np.linalg.inv(system.recip_lattice)
        centers = system.wannier_centers_cart

        def states(k):
            phases, phase = interpolator.phases(k[None] @ to_reduced), np.exp(1j * centers @ k)
            H = phase.conj()[:, None] * interpolator(phases, "Ham")[0] * phase
            dH = phase.conj()[:, None, None] * interpolator(phases, "∂Ham")[0] * phase
            return *np.linalg.eigh(H), np.moveaxis(dH, 1, 0)

        k, spins = np.array([0.31, -0.52, 1.13]), 0.5 * system.get_R_mat("SS")[system.rvec.iR0]
        g = band_geometry(system, (k @ to_reduced)[None], threshold)

        def over_both_ends(q, i, M):
            shift = 0.5 * q * np.eye(3)[i]
            (_, minus, dH_minus), (_, plus, dH_plus) = states(k - shift), states(k + shift)
            s = np.einsum("pn,pqs,qm->snm", minus[:, M].conj(), spins, plus[:, M])
            v = np.einsum("pm,lpq,qn->lmn", plus[:, M].conj(), 0.5 * (dH_minus + dH_plus), minus[:, M])
            return np.einsum("snm,lmn->ls", s, v)

        step = 1e-3
        for M in groups_of(g.energies[0], threshold):
            for i in range(3):
                slope = (over_both_ends(step, i, M) - over_both_ends(-step, i, M)) / (2 * step)
                found = g.accumulation_in_gradient[0, M].sum(axis=0)[i]
                np.testing.assert_allclose(found, (1j * slope).real, rtol=1e-5, atol=1e-5)
        assert np.abs(g.accumulation_in_gradient).max() > 0.1

    def test_of_single_bands(self):
        """The published form, written out."""
        g = band_geometry(random_model(), random_kpoints())
        moment = np.einsum("knim,kmln,knm->knil", g.velocity, g.velocity, g.gap).imag
        v, s = g.mean_velocity, g.expectation
        published = np.einsum("knis,knl->knils", g.operator_dipole, v) - np.einsum("kns,knil->knils", s, moment)
        np.testing.assert_allclose(g.accumulation_in_gradient, published, atol=1e-10)

    def test_basis_inside_multiplets_does_not_matter(self):
        g = band_geometry(random_model(kramers=True), random_kpoints())
        energies, unitaries = np.repeat(g.energies.reshape(5, -1, 2).mean(-1), 2, axis=1), np.zeros((5, 6, 6), complex)
        for k in range(5):
            for n in (0, 2, 4):
                unitaries[k, n : n + 2, n : n + 2] = unitary_group.rvs(2, random_state=10 * k + n)

        def sums(turn):
            velocity, operator = (np.einsum("kpn,kp...q,kqm->kn...m", turn.conj(), X, turn) for X in (g.velocity, g.operator))
            h = of_arrays(energies, velocity, operator)
            return per_multiplet(h.accumulation_in_gradient, h.multiplets.same)

        before = sums(np.broadcast_to(np.eye(6, dtype=complex), (5, 6, 6)))
        assert np.abs(before).max() > 1e-2
        np.testing.assert_allclose(sums(unitaries), before, rtol=0, atol=1e-10)
        assert np.abs(sums(np.broadcast_to(unitary_group.rvs(6, random_state=3), (5, 6, 6))) - before).max() > 1e-3

    def test_conserved_spin(self):
        """[H, s] = 0: no dipole; s times the coefficient of the charge, sector by sector."""
        up, down = (random_model(1, 2, seed=seed, centers=False) for seed in (1, 2))
        blocks = {}
        for R, a, b in zip(up.rvec.iRvec, up.get_R_mat("Ham"), down.get_R_mat("Ham"), strict=True):
            if tuple(R) >= tuple(-R):
                blocks[tuple(R.tolist())] = np.block([[a, 0 * a], [0 * a, b]])
        both = lattice_system(up.real_lattice, blocks, periodic=(True, True, False))
        s = matrix_operator(np.diag([0.5, 0.5, -0.5, -0.5]), odd_under_time_reversal=False)
        kind, options = accumulation.SpinAccumulationCoefficient, {"kBT": 0.3, "degen_thresh": 1e-6}
        total = run(both, [12, 12, 1], {"γ": kind([0.3], operator=s, **options)})["γ"]
        charges = [run(one, [12, 12, 1], {"γ": kind([0.3], operator="identity", **options)})["γ"] for one in (up, down)]
        assert np.abs(total).max() > 1e-6 * CONDUCTANCE
        np.testing.assert_allclose(total, 0.5 * (charges[0] - charges[1]), atol=1e-10 * np.abs(charges).max())

    def test_rashba_gas(self):
        """No moment without exchange field: γ = −σ_dp, −1 e/8π with both bands occupied."""
        options = {"Efermi": [1.0], "kBT": 0.02, "degen_thresh": 1e-6}
        calculators = {"γ": accumulation.SpinAccumulationCoefficient(**options)}
        found = run(rashba_gas(half_width=3.0), [200, 200, 1], calculators)["γ"] / -CONDUCTANCE * 8 * np.pi
        assert found[X, Y, Z] == pytest.approx(-1, abs=2e-3) and found[Y, X, Z] == pytest.approx(1, abs=2e-3)


class TestStreda:
    """−ε_{ila} ∂M_a/∂h of metals, against the magnetization of H + hs."""

    @pytest.mark.parametrize("kramers", [False, True])
    def test_derivative_of_the_magnetization(self, kramers):
        system, mesh, step = random_model(2, 2, kramers=kramers, seed=3), [64, 64, 1], 1e-3
        options = {"Efermi": [0.3], "kBT": 0.4, "degen_thresh": 1e-9}
        ones = matrix_operator(np.eye(4), odd_under_time_reversal=False)  # M per cell in eV Å², charge 1
        magnetization = {"M": equilibrium.SpinOrbitalMagnetization(**options, operator=ones)}
        options["degen_thresh"] = 1e-6
        found = run(system, mesh, {"σ": accumulation.StredaSpinConductivity(**options),
                                   "K": static.KuboConservedSpinConductivity(**options)})  # fmt: skip
        spins, area = 0.5 * system.get_R_mat("SS")[system.rvec.iR0], np.linalg.det(system.real_lattice[:2, :2])
        sigma = found["σ"] / -CONDUCTANCE
        scale = np.abs(sigma).max()
        assert scale > 1e-3
        np.testing.assert_allclose(sigma, -sigma.swapaxes(0, 1), atol=1e-6 * scale)
        assert np.abs(found["K"] / -CONDUCTANCE - sigma).max() > 1e-2 * scale
        for s in range(3):

            def of_field(h, s=s):
                H = system.get_R_mat("Ham").copy()
                H[system.rvec.iR0] += h * spins[:, :, s]
                return run(changed(system, Ham=H), mesh, magnetization)["M"][Z] / area

            slope = (of_field(step) - of_field(-step)) / (2 * step)
            assert sigma[X, Y, s] == pytest.approx(-slope, abs=2e-5 * scale)


class TestSymmetry:
    """The full mesh equals the mesh that symmetry reduces, of every kind and operator."""

    @pytest.fixture(scope="class")
    def crystals(self, iron_physics):
        sheet = rashba_lattice()
        sheet.set_pointgroup(symmetry_gen=["C4z", "Mx", "TimeReversal"])
        return {"sheet": (sheet, 1.0, (6, 6, 1)), "iron": (iron_physics, 17.4, (4, 4, 4))}

    @pytest.mark.parametrize("crystal", ["sheet", "iron"])
    def test_full_mesh_equals_reduced_mesh(self, crystals, crystal):
        system, level, mesh = crystals[crystal]
        names = ["edelstein", "edelstein_intrinsic", "accumulation_coefficient", "streda"]
        operators = ["spin", "torque", "orbital_moment", *(["exchange_torque"] if crystal == "iron" else [])]
        calculators = {
            (name, operator): SUMS[name].calculator([level], kBT=0.1, operator=operator, degen_thresh=1e-3)
            for name in names
            for operator in operators
        }
        grid = wannierberri.Grid(system, NKdiv=mesh, NKFFT=(2, 2, 2 if crystal == "iron" else 1))
        full = wb_conserved.run(system, grid, calculators, use_irred_kpt=False, symmetrize=False)
        reduced = wb_conserved.run(system, grid, calculators)
        assert reduced.number_of_k_points < full.number_of_k_points
        found = []
        for key in calculators:
            here, there = full.results[key].data[0], reduced.results[key].data[0]
            scale = np.abs(here).max()
            found += [key[1]] if scale > 1e-6 else []
            tolerance = (1e-6 if crystal == "sheet" else 1e-2) * max(scale, 1e-3)  # iron has its symmetry to 1e-3
            np.testing.assert_allclose(here, there, atol=tolerance, err_msg=str(key))
        assert {"spin", "torque", "orbital_moment"} <= {*found} or crystal == "sheet"
        assert len(found) >= 4
