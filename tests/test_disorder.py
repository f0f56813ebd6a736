"""Impurities: exact results on energy shells of continuum models, e = ħ = 1, current along i of s for a field along l."""

import numpy as np
import pytest
from shells import X, Y, Z, circle, cubic_rashba, dirac, model_m4, random_in_pairs, rashba, shell_sum, solved

CHARGE, SECTORS = 0, 1  # observables of `dirac`
PARTS = ("side_jump", "anomalous_distribution", "gaussian_skew")
UNIT = 1 / (8 * np.pi)
DIRAC = [(0.5, 1.0), (1.0, 0.7), (0.3, 1.4)]


def fermi_circle(mass, radius):
    energy = np.hypot(mass, radius)
    return energy, [circle(radius, radius / energy)]


class TestDirac:
    """N. Sinitsyn et al., PRB 75, 045315: all parts of the anomalous Hall effect."""

    @pytest.mark.parametrize(("mass", "radius"), DIRAC)
    def test_parts(self, mass, radius):
        energy, rings = fermi_circle(mass, radius)
        found = solved(dirac(mass), energy, rings, [(0.1, 0.01)])
        intrinsic, x = mass / (4 * np.pi * energy), radius**2
        jump, skew = intrinsic * 2 * x / (4 * mass**2 + x), intrinsic * 3 * x**2 / (4 * mass**2 + x) ** 2
        for name, exact in zip(PARTS, (jump, jump, skew), strict=True):
            for prefix in ("", "conventional_"):  # the charge is conserved
                part = getattr(found, prefix + name)
                assert part[X, Y, CHARGE] == pytest.approx(exact, rel=1e-9), name
                assert part[Y, X, CHARGE] == pytest.approx(-exact, rel=1e-9), name
        tilt = (mass / energy) ** 2
        longitudinal = (radius / energy) ** 2 / (np.pi * 0.01 * 0.1**2 * (1 + 3 * tilt))  # ½νv²/Γ, Γ of transport
        assert found.drift[X, X, CHARGE] == pytest.approx(longitudinal, rel=1e-9)

    def test_printed_numbers(self):
        printed = [0.0355881, 0.0355881, 0.0266911], [0.0142291, 0.0142291, 0.00232926]
        for (mass, radius), numbers in zip(DIRAC[:2], printed, strict=True):
            energy, rings = fermi_circle(mass, radius)
            found = solved(dirac(mass), energy, rings, [(0.3, 0.02)])
            assert [getattr(found, name)[X, Y, CHARGE] for name in PARTS] == pytest.approx(numbers, rel=3e-6)

    @pytest.mark.parametrize("order", ["third", "t-matrix"])
    @pytest.mark.parametrize(("mass", "radius"), DIRAC)
    def test_skew_scattering_of_third_order(self, order, mass, radius):
        """Δx²/(2πnV₀(4Δ²+x)²), with the sign of the potential; corrections of the order of V₀²."""
        energy, rings = fermi_circle(mass, radius)
        x, ratios = radius**2, []
        for V in (0.01, -0.01, 0.02):
            found = solved(dirac(mass), energy, rings, [(V, 0.01)], order)
            assert found.skew[X, Y, CHARGE] == pytest.approx(found.drift[X, Y, CHARGE], rel=1e-7)
            ratios.append(found.skew[X, Y, CHARGE] / (mass * x**2 / (2 * np.pi * 0.01 * V * (4 * mass**2 + x) ** 2)))
        deviations = np.array(ratios) - 1
        assert np.all(np.abs(deviations) < 2e-4)
        assert deviations[1] == pytest.approx(deviations[0], rel=1e-2)
        assert deviations[2] == pytest.approx(4 * deviations[0], rel=2e-2)

    def test_no_skew_scattering_in_born_order(self):
        energy, rings = fermi_circle(0.5, 1.0)
        found = solved(dirac(0.5), energy, rings, [(0.01, 0.01)])
        assert not found.skew.any()
        assert abs(found.drift[X, Y, CHARGE]) < 1e-12 * found.drift[X, X, CHARGE]


class TestSectors:
    """Two sectors of opposite mass, and their degenerate pairs in any basis."""

    energy, rings = fermi_circle(0.5, 1.0)

    def of(self, potential, order="born", mass=0.5, sectors=1, unitary=None):
        return solved(dirac(mass, sectors), self.energy, self.rings, [(potential, 0.01)], order, unitary)

    def test_twice_the_single_values(self):
        single = self.of(0.1)
        for unitary in (None, random_in_pairs(3)):
            both = self.of(0.1, sectors=2, unitary=unitary)
            for name in PARTS:
                of_sectors, of_one = getattr(both, name)[X, Y], getattr(single, name)[X, Y, CHARGE]
                assert of_sectors[SECTORS] == pytest.approx(2 * of_one, rel=1e-10)
                assert of_sectors[CHARGE] == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("order", ["born", "third", "t-matrix"])
    def test_potential_of_each_sector(self, order):
        both = self.of(np.diag([0.23, 0.23, 0.17, 0.17]), order, sectors=2, unitary=random_in_pairs(4))
        first, second = self.of(0.23, order), self.of(0.17, order, mass=-0.5)
        for name in ("drift", "skew", *PARTS):
            one, other = getattr(first, name)[..., CHARGE], getattr(second, name)[..., CHARGE]
            scale = np.abs(getattr(both, name)).max()
            np.testing.assert_allclose(getattr(both, name)[..., CHARGE], one + other, atol=1e-9 * scale, err_msg=name)
            np.testing.assert_allclose(getattr(both, name)[..., SECTORS], one - other, atol=1e-9 * scale, err_msg=name)
        assert abs(both.drift[X, Y, SECTORS]) > (1e-3 if order != "born" else -1)


def of_rashba(found, prefix=""):
    """Side jump, anomalous distribution, Gaussian skew and drift of s_z, l = x and i = y, in units of e/8π."""
    return [getattr(found, prefix + name)[X, Y, Z] / UNIT for name in (*PARTS, "drift")]


class TestRashba:
    """XN's null result, and that of J. Inoue et al., PRB 70, 041303."""

    @pytest.mark.parametrize("order", ["born", "t-matrix"])
    @pytest.mark.parametrize(("level", "conventional"), [(1.0, -1.0), (-0.05, -0.774597)])
    def test_nothing_remains(self, order, level, conventional):
        """Both bands, and below the crossing, where the two circles belong to the lower band: with x = √(1 + 2μ/(mα²)) the
        conventional intrinsic part is −x along yx, and what impurities add +x, all of it side jump.  The T matrix enters the
        distribution, not the side jump: with it the sum is off by (πVA)², of second order in V."""
        system, rings = rashba(level)
        found = solved(system, level, rings, [(0.1, 0.02)], order)
        extrinsic = of_rashba(found, "conventional_")
        spectrum = found.known.scattering.spectrum[0, 0, 0].real
        higher = (0.1 * np.pi * spectrum) ** 2 if order == "t-matrix" else 0
        assert sum(extrinsic) == pytest.approx(-conventional * (1 + higher), abs=2e-6)
        assert extrinsic[0] == pytest.approx(np.sqrt(min(1, 1 + 2 * level / 0.25)) * (1 + higher), abs=1e-7)
        assert of_rashba(found) == pytest.approx([0] * 4, abs=1e-7)
        for name in PARTS:
            part = getattr(found, name)
            np.testing.assert_allclose(part, 0, atol=1e-9, err_msg=name)

    @pytest.mark.parametrize(("level", "intrinsic"), [(1.0, 1.0), (-0.05, 0.0)])
    def test_dipole_part(self, level, intrinsic):
        """σ_dp = −Σ w v̄ d cancels σ_in, which is 1 along yx with both bands and 0 below the crossing."""
        system, rings = rashba(level)
        dipole = -shell_sum(solved(system, level, rings, [(0.1, 0.02)]), "dipole_velocity")[..., Z] / UNIT
        assert dipole[Y, X] == pytest.approx(-intrinsic, abs=1e-9)
        assert dipole[X, Y] == pytest.approx(intrinsic, abs=1e-9)

    def test_ferromagnet(self):
        level, zeeman = 1.0, 0.3
        system, rings = rashba(level, zeeman=zeeman)
        found = solved(system, level, rings, [(0.1, 0.02)])
        conserved, conventional = of_rashba(found), of_rashba(found, "conventional_")
        assert conserved == pytest.approx([-0.0646366, 0.215772, -0.215772, 0], abs=1e-6)
        assert conventional == pytest.approx([0.847458, 0.224327, -0.224327, 0], abs=1e-6)
        assert conserved[1] == pytest.approx(-conserved[2], abs=1e-8)
        lower, upper = (np.sqrt(zeeman**2 + 0.25 * (points[0] ** 2).sum()) for points, _ in rings)
        intrinsic = -2 * (lower + zeeman**2 / lower - upper - zeeman**2 / upper)  # of models.rashba_ferromagnet
        assert intrinsic == pytest.approx(-0.847458, abs=1e-6)
        assert sum(conventional) == pytest.approx(-intrinsic, abs=1e-7)
        dipole = -shell_sum(found, "dipole_velocity")[Y, X, Z] / UNIT  # all of σ_B, as σ_in = 0
        assert dipole == pytest.approx(-1 + 0.5 * zeeman**2 * (1 / upper**2 + 1 / lower**2), abs=1e-9)

    def test_no_anomalous_hall_effect_with_both_bands(self):
        level, zeeman = 1.0, 0.3
        system, rings = rashba(level, zeeman=zeeman)
        found = solved(system, level, rings, [(0.1, 0.02)], operator="identity")
        parts = [getattr(found, name)[X, Y, 0] / UNIT for name in (*PARTS, "drift")]
        assert parts == pytest.approx([-0.508474576, -0.508474576, 0.508474576, 0], abs=1e-8)
        lower, upper = (np.sqrt(zeeman**2 + 0.25 * (points[0] ** 2).sum()) for points, _ in rings)
        assert sum(parts) + 2 * zeeman * (1 / upper - 1 / lower) == pytest.approx(0, abs=1e-7)
        found = solved(system, level, rings, [(0.1, 0.02)], "t-matrix", operator="identity")
        assert found.skew[X, Y, 0] == pytest.approx(0, abs=1e-8 * found.drift[X, X, 0])

    @pytest.mark.parametrize("order", ["born", "t-matrix"])
    def test_cubic(self, order):
        system, rings = cubic_rashba(1.0)
        found = solved(system, 1.0, rings, [(0.1, 0.02)], order)
        for name in PARTS:
            for prefix in ("", "conventional_"):
                np.testing.assert_allclose(getattr(found, prefix + name), 0, atol=1e-10, err_msg=prefix + name)
        assert np.abs(found.drift[..., 0]).max() < 1e-9 < 1e-2 < np.abs(found.charge).max()


class TestMagneticPotential:
    """Matrix distributions in degenerate pairs that W mixes: numbers of another implementation, checked with ladder Kubo."""

    @pytest.mark.parametrize(
        ("options", "numbers"),
        [
            ({}, (4.47267, 0.04418, -0.14343, 0.03799)),
            ({"first_order": False}, (5.39822, -0.08413, -0.19459, None)),
            ({"levels_shift": False}, (5.40184, -0.09776, -0.18587, None)),
        ],
    )
    def test_model(self, options, numbers):
        system, rings, potential = model_m4()
        for unitary in (None, random_in_pairs(7)):
            found = solved(system, 1.2, rings, [(potential, 1e-3)], "t-matrix", unitary, degen_thresh=1e-6, **options)
            parts = [found.charge[X, X], found.charge[X, Y], found.conventional_drift[X, Y, 0], found.drift[X, Y, 0]]
            for number, exact in zip(parts, numbers, strict=True):
                if exact is not None:
                    assert 1e-3 * number == pytest.approx(exact, abs=6e-6)
