"""Runs of the driver: interrupted and continued, planned, refined, with calculators that fail."""

import json
import os
import signal
import tracemalloc

import numpy as np
import pytest
from wannierberri.calculators import static as wannierberri_static
from wannierberri.calculators import tabulate as wannierberri_tabulate

import wb_conserved
from wb_conserved import models, run
from wb_conserved.calculators import static
from wb_conserved.driver import checkpoint as checkpoint_module
from wb_conserved.driver.checkpoint import CheckpointError, IterationFolder
from wb_conserved.driver.run import estimate


def options(**others):
    return {"Efermi": np.linspace(-1, 1, 5), "degen_thresh": 1e-4, "kBT": 0.1} | others


def calculators(**others):
    return {
        "kubo": static.KuboConservedSpinConductivity(**options(**others)),
        "AHC": wannierberri_static.AHC(Efermi=np.linspace(-1, 1, 5)),
        "table": wannierberri_tabulate.TabulatorAll({"Energy": wannierberri_tabulate.Energy()}),
    }


@pytest.fixture(scope="module")
def system():
    return models.random_model(4, seed=1)


def same_bits(first, second):
    for name in first.results:
        one, two = first.results[name], second.results[name]
        if name == "table":
            one, two = one.results["Energy"], two.results["Energy"]
        assert one.data.tobytes() == two.data.tobytes()


class CountedError(Exception):
    """Raised in the middle of a run."""


class Interrupted(static.ConventionalSpinConductivity):
    """Counts its calls, and raises after some."""

    allowed, calls = 10**6, 0

    def accumulate(self, states, weight=1.0, out=None):
        type(self).calls += out is None and len(states.kpoints) > 1  # of a chunk, not the one that prepares
        if type(self).calls > type(self).allowed:
            raise CountedError
        return super().accumulate(states, weight, out)


class TestRestart:
    """In one process."""

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch):
        """Many chunks on a small mesh."""
        monkeypatch.setattr("wb_conserved.interpolation.bloch._ELEMENTS_PER_MATRIX", 128)
        monkeypatch.setattr(Interrupted, "calls", 0)
        monkeypatch.setattr(Interrupted, "allowed", 10**6)

    @pytest.mark.parametrize("adpt_num_iter", [0, 2])
    def test_interrupted_runs_go_on(self, system, tmp_path, monkeypatch, adpt_num_iter):
        def go(folder):
            every = calculators() | {"last": Interrupted(**options())}
            return run(system, (4, 4, 12), every, checkpoint=folder, adpt_num_iter=adpt_num_iter)

        reference = go(None)
        needed = Interrupted.calls
        assert needed > 20
        attempts, total, result = 0, 0, None
        while result is None and attempts < 40:
            monkeypatch.setattr(Interrupted, "calls", 0)
            monkeypatch.setattr(Interrupted, "allowed", 8)
            attempts += 1
            try:
                result = go(tmp_path / "checkpoint")
            except CountedError as error:
                assert any("at the k points [" in note for note in error.__notes__)
                total += Interrupted.calls - 1  # one failed
                continue
            total += Interrupted.calls
        same_bits(result, reference)
        assert attempts > 3
        assert total == needed  # nothing was lost, nothing done twice
        monkeypatch.setattr(Interrupted, "calls", 0)
        monkeypatch.setattr(Interrupted, "allowed", 0)
        same_bits(go(tmp_path / "checkpoint"), reference)  # complete: nothing left to do

    def test_a_damaged_file_is_computed_again(self, system, tmp_path, caplog, monkeypatch):
        every = {"last": Interrupted(**options())}
        reference = run(system, (4, 4, 6), every)
        monkeypatch.setattr(Interrupted, "calls", 0)
        monkeypatch.setattr(Interrupted, "allowed", 11)
        with pytest.raises(CountedError):
            run(system, (4, 4, 6), every, checkpoint=tmp_path)
        monkeypatch.setattr(Interrupted, "allowed", 10**6)
        files = sorted((tmp_path / "iteration-0000").iterdir())
        assert len(files) > 1
        files[0].write_bytes(files[0].read_bytes()[:-1])
        same_bits(run(system, (4, 4, 6), every, checkpoint=tmp_path), reference)
        assert len([message for message in caplog.messages if "is damaged" in message]) == 1

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"grid": 5}, r"mesh \(4 × 4 × 4 there, 5 × 5 × 5 here\);"),
            ({"calculators": calculators(kBT=0.2)}, r"kBT \(0.1 there, 0.2 here\) of calculator 'kubo'"),
            ({"calculators": calculators(degen_thresh=0.02)}, r"threshold \(degen_thresh\) \(0.0001 there, 0.02 here\) of "),
            ({"symmetrize": False, "use_irred_kpt": False}, "symmetrize"),
            ({"system": models.random_model(4, seed=2)}, "system"),
            ({"grid": 4}, "k points of a batch"),
            ({"adpt_num_iter": 1}, "refinement"),
        ],
    )
    def test_a_checkpoint_of_another_input_is_refused(self, system, tmp_path, change, said, monkeypatch):
        arguments = {"system": system, "grid": 4, "calculators": calculators()}
        run(**arguments, checkpoint=tmp_path)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        if said == "k points of a batch":
            monkeypatch.setattr("wb_conserved.interpolation.bloch._ELEMENTS_PER_MATRIX", 1024)
            change = {}
        with pytest.raises(CheckpointError, match=f"differs in .*{said}"):
            run(**arguments | change, checkpoint=tmp_path)
        assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def test_another_version_is_refused(self, system, tmp_path):
        run(system, 4, calculators(), checkpoint=tmp_path)
        header = tmp_path / "checkpoint.json"
        content = json.loads(header.read_text())
        content["fingerprint"]["version of numpy"] = "1.0"
        header.write_text(json.dumps(content))
        with pytest.raises(CheckpointError, match=r"version of numpy \(1\.0 there, "):
            run(system, 4, calculators(), checkpoint=tmp_path)

    def test_a_full_disk_ends_the_run_and_loses_nothing(self, system, tmp_path, monkeypatch):
        reference = run(system, (4, 4, 6), calculators())
        write, calls = checkpoint_module.os.fsync, []

        def full(descriptor):
            calls.append(1)
            if len(calls) > 6:
                raise OSError(28, os.strerror(28))
            return write(descriptor)

        monkeypatch.setattr(checkpoint_module.os, "fsync", full)
        with pytest.raises(OSError, match=r"cannot write: No space left on device.*sum-"):
            run(system, (4, 4, 6), calculators(), checkpoint=tmp_path)
        monkeypatch.setattr(checkpoint_module.os, "fsync", write)
        assert len(IterationFolder(tmp_path, "iteration-0000", "").stored()) >= 2
        assert not list(tmp_path.rglob("*.unfinished"))
        same_bits(run(system, (4, 4, 6), calculators(), checkpoint=tmp_path), reference)

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
    def test_a_signal_ends_the_run_with_a_code_of_its_own(self, system, tmp_path, name, capsys):
        class Signalled(static.ConventionalSpinConductivity):
            def accumulate(self, states, weight=1.0, out=None):
                if len(states.kpoints) > 1:
                    os.kill(os.getpid(), getattr(signal, name))
                return super().accumulate(states, weight, out)

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as raised:
            run(system, (4, 4, 6), {"signalled": Signalled(**options())}, checkpoint=tmp_path)
        assert raised.value.code == 75
        (line,) = capsys.readouterr().err.splitlines()
        assert line == f"stopped by {name}; no part was finished yet, and the same command begins anew"
        assert signal.getsignal(signal.SIGTERM) == before

    def test_output_is_checked_before_the_first_k_point(self, system, tmp_path):
        every = {"last": Interrupted(**options())}
        with pytest.raises(OSError, match="fout_name .*expected a folder that can be written to"):
            run(system, 4, every, fout_name=str(tmp_path / "missing" / "name"))
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="checkpoint .*file.*: expected a folder that can be written to"):
            run(system, 4, every, checkpoint=tmp_path / "file")
        assert Interrupted.calls == 0


class TestPlan:
    """Memory and time told beforehand."""

    def test_batch_follows_the_budget(self, platinum):
        every = {"kubo": static.KuboConservedSpinConductivity(**options())}
        free = estimate(platinum, 20, every)
        limit = free.bytes_per_rank - free.working / 2
        tight = estimate(platinum, 20, every, memory_per_rank=limit)
        assert 1 <= tight.batch < free.batch
        assert tight.bytes_per_rank - tight.matrices <= limit
        with pytest.raises(ValueError, match=r"memory_per_rank: expected at least .* one k point .*; found 0 MiB"):
            estimate(platinum, 20, every, memory_per_rank=1000)

    def test_memory_is_what_a_run_takes(self, platinum):
        every = {"kubo": static.KuboConservedSpinConductivity(**options(Efermi=np.linspace(10, 20, 1001)))}
        plan = estimate(platinum, 12, every)
        tracemalloc.start()
        run(platinum, 12, every)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        told = plan.bytes_per_rank - plan.interpreter
        assert 0.4 * told < peak < 1.1 * told

    def test_text(self, system):
        text = str(estimate(system, 4, {"kubo": static.KuboConservedSpinConductivity(**options())}))
        assert "k points  64 in" in text
        assert "ms per k point" in text
        assert "MiB per process" in text


class TestRefinement:
    """WannierBerri's rule, and the estimate of the error."""

    @pytest.mark.parametrize("symmetric", [False, True])
    def test_same_as_wannierberri(self, tmp_path, symmetric):
        import wannierberri

        system = models.random_model(3, seed=4)
        if symmetric:
            system.set_pointgroup(["Inversion"])  # of the mesh: the model itself has none, which both must treat alike
        grid = wannierberri.Grid(system, NKdiv=(6, 6, 1), NKFFT=(2, 2, 1))
        arguments = {"Efermi": np.linspace(-1, 1, 5), "degen_thresh": 1e-4, "kBT": 0.1}
        every = {
            "AHC": wannierberri_static.AHC(Efermi=np.linspace(-1, 1, 5), kwargs_formula={"external_terms": False}),
            "kubo": static.KuboConservedSpinConductivity(**arguments),
        }
        rule = {"adpt_num_iter": 4, "adpt_mesh": 2, "adpt_fac": 2}
        theirs = wannierberri.run(system, grid, every, parallel=False, fout_name=str(tmp_path / "a"), **rule)
        ours = run(system, grid, every, check_symmetry=False, **rule)
        coarse = run(system, grid, every, check_symmetry=False)
        for name in every:
            expected, found = theirs.results[name].data, ours.results[name].data
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, atol=1e-10 * scale)
            assert np.abs(coarse.results[name].data - expected).max() > 1e-4 * scale
        assert len(ours.refinement.divided) == 4
        total = coarse.results["kubo"].data + ours.refinement.changes["kubo"].sum(axis=0)
        np.testing.assert_allclose(total, ours.results["kubo"].data, atol=1e-10 * np.abs(total).max())

    def test_error_estimate_is_of_the_right_size(self):
        system = models.rashba_ferromagnet()
        every = {"AHC": static.ConventionalSpinConductivity(np.linspace(-0.5, 0.5, 5), operator="identity", kBT=0.02)}
        exact = run(system, (400, 400, 1), every).results["AHC"].data[:, 0, 1]
        ratios = []
        for iterations in (2, 5, 10):
            refined = run(system, (20, 20, 1), every, adpt_num_iter=iterations, adpt_fac=3)
            error = np.linalg.norm(refined.results["AHC"].data[:, 0, 1] - exact)
            ratios.append(np.linalg.norm(refined.refinement.error["AHC"][:, 0, 1]) / error)
        assert all(0.1 < ratio < 30 for ratio in ratios), ratios

    def test_bad_arguments(self, system):
        every = {"kubo": static.KuboConservedSpinConductivity(**options())}
        table = {"table": calculators()["table"]}
        for arguments, message in [
            ({"adpt_num_iter": 1.5}, "adpt_num_iter: expected an integer"),
            ({"adpt_num_iter": 1, "adpt_mesh": 0}, "adpt_mesh: expected a positive integer"),
            ({"adpt_num_iter": 1, "adpt_fac": 0}, "adpt_fac: expected a positive integer"),
        ]:
            with pytest.raises(ValueError, match=message):
                run(system, 4, every, **arguments)
        with pytest.raises(ValueError, match="found tabulators only"):
            run(system, 4, table, adpt_num_iter=1)


def test_a_nan_is_named_with_its_k_point(system):
    class NotANumber(static.ConventionalSpinConductivity):
        def terms(self, band_geometry):
            terms = super().terms(band_geometry)
            if len(band_geometry.multiplets.energies) > 1:
                terms[0].values[1, 0] = np.nan
            return terms

    with pytest.raises(FloatingPointError, match=r"NaN or infinite at the k point \[0\.0, 0\.0, 0\.25\]") as raised:
        run(system, 4, {"bad": NotANumber(**options())})
    assert "of the K point coord" in raised.value.__notes__[0]


def test_names_of_calculators_differ_as_text(system):
    every = {1: calculators()["kubo"], "1": calculators()["kubo"]}
    with pytest.raises(ValueError, match="names that differ as text"):
        wb_conserved.run(system, 4, every)
