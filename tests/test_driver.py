"""Chunks, their distribution and their sum: the tree, grants, files of a checkpoint, fingerprints, plans."""

import functools
import json
import os
import resource
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
from wb_conserved.driver.checkpoint import Checkpoint, CheckpointError, IterationFolder
from wb_conserved.driver.fingerprint import digest
from wb_conserved.driver.schedule import Counter, grants, missing
from wb_conserved.driver.summation import TABLE, PartialSums, chunks_of, root
from wb_conserved.parallel import SerialCommunicator
from wb_conserved.run import estimate

RANDOM = np.random.default_rng(5)


def values_of(chunk):
    """Sums of a chunk whose rounding depends on the order of addition, and a table."""
    generator = np.random.default_rng(chunk)
    return {"sum": generator.normal(size=4) * 10.0 ** generator.integers(-8, 8, 4), TABLE + "k": np.full((1, 2), chunk)}


def total(number, order):
    """Sum of all chunks, inserted in some order."""
    sums = PartialSums(number)
    for chunk in order:
        sums.insert((0, chunk), {name: array.copy() for name, array in values_of(chunk).items()})
    return sums.reduce(SerialCommunicator())


class TestTree:
    """The fixed summation tree."""

    @pytest.mark.parametrize("number", [1, 2, 3, 7, 8, 37])
    def test_any_order_gives_the_same_bits(self, number):
        reference = total(number, range(number))
        plain = sum(values_of(chunk)["sum"] for chunk in range(number))
        np.testing.assert_allclose(reference["sum"], plain, rtol=1e-12)
        np.testing.assert_array_equal(reference[TABLE + "k"], np.repeat(np.arange(number), 2).reshape(-1, 2))
        for _ in range(5):
            again = total(number, RANDOM.permutation(number))
            for name in reference:
                assert again[name].tobytes() == reference[name].tobytes()

    def test_order_matters_to_the_bits_without_the_tree(self):
        sums = {sum(values_of(c)["sum"] for c in RANDOM.permutation(37)).tobytes() for _ in range(5)}
        assert len(sums) > 1

    @pytest.mark.parametrize("number", [1, 5, 8, 13])
    def test_chunks_of_the_nodes(self, number):
        assert list(chunks_of(root(number), number)) == list(range(number))
        for level in range(root(number)[0] + 1):
            found = [c for index in range(number) for c in chunks_of((level, index), number)]
            assert found == list(range(number))

    def test_a_missing_chunk_is_noticed(self):
        sums = PartialSums(5)
        for chunk in (0, 1, 2, 4):
            sums.insert((0, chunk), values_of(chunk))
        with pytest.raises(RuntimeError, match="expected the sum of all 5 chunks"):
            sums.reduce(SerialCommunicator())

    def test_sums_take_no_more_room_than_one_and_tables_stay_apart(self):
        additive, tables = PartialSums(16), PartialSums(16)
        for chunk in range(16):
            additive.insert((0, chunk), {"sum": values_of(chunk)["sum"]})
            tables.insert((0, chunk), {TABLE + "k": np.zeros((1000, 3))})
        assert list(additive.nodes) == [(4, 0)]
        assert len(tables.nodes) == 16


class TestGrants:
    """Who gets what."""

    @pytest.mark.parametrize(("number", "ranks"), [(1, 1), (100, 1), (100, 3), (3, 8), (1000, 16), (32768, 4096)])
    def test_every_chunk_once_and_shrinking(self, number, ranks):
        handed_out = grants(number, missing(number, []), ranks)
        chunks = [chunk for node in handed_out for chunk in chunks_of(node, number)]
        assert chunks == list(range(number))
        remaining = number
        for node in handed_out:
            size = len(chunks_of(node, number))
            assert size <= max(1, remaining // (3 * ranks))
            remaining -= size
        if number > 10 * ranks:
            assert len(chunks_of(handed_out[0], number)) > len(chunks_of(handed_out[-1], number)) == 1

    def test_what_is_done_is_not_handed_out_again(self):
        number = 45
        done = [(0, 3), (2, 2), (0, 44), (3, 3)]
        finished = {chunk for node in done for chunk in chunks_of(node, number)}
        todo = grants(number, missing(number, done), 2)
        chunks = [chunk for node in todo for chunk in chunks_of(node, number)]
        assert sorted(chunks) == sorted(set(range(number)) - finished)
        assert missing(number, [root(number)]) == []

    def test_counter_of_one_process(self):
        counter = Counter(SerialCommunicator())
        assert [counter.next() for _ in range(3)] == [0, 1, 2]
        counter.free()


class TestCheckpointFiles:
    """The folder and its files."""

    @pytest.fixture
    def folder(self, tmp_path):
        Checkpoint(tmp_path, {"system": "a" * 32, "mesh": 4}).close()
        return IterationFolder(tmp_path, 0, "run")

    def test_what_is_written_is_read(self, folder):
        values = values_of(3) | {"(σ, 0.1)/x": np.arange(3) * 1j}
        folder.write((1, 2), values, [])
        assert folder.stored() == [(1, 2)]
        read = folder.read((1, 2))
        assert list(read) == list(values)
        for name in values:
            assert read[name].tobytes() == values[name].tobytes()

    def test_a_sum_replaces_its_parts(self, folder):
        for node in ((0, 0), (0, 1), (0, 2)):
            folder.write(node, values_of(0), [])
        folder.write((1, 0), values_of(1), [(0, 0)])
        assert sorted(path.name for path in folder.folder.iterdir()) == [
            "sum-00-00000001", "sum-00-00000002", "sum-01-00000000"]  # fmt: skip
        assert folder.stored() == [(0, 2), (1, 0)]  # (0, 1) was left by an interruption

    @pytest.mark.parametrize("damage", ["truncated", "bit", "empty", "other node", "other run"])
    def test_damage_is_said_and_removed(self, folder, damage, caplog):
        folder.write((0, 1), values_of(1), [])
        path = folder.folder / "sum-00-00000001"
        content = bytearray(path.read_bytes())
        if damage == "bit":
            content[len(content) // 2] ^= 1
        elif damage == "truncated":
            content = content[:-9]
        elif damage == "empty":
            content = b""
        reader = folder
        if damage == "other node":
            path = path.rename(folder.folder / "sum-00-00000002")
        elif damage == "other run":
            reader = IterationFolder(folder.folder.parent, 0, "another")
        path.write_bytes(content)
        assert reader.read((0, 2) if damage == "other node" else (0, 1)) is None
        assert len(caplog.messages) == 1
        assert f"{path} is damaged" in caplog.text
        assert not path.exists()

    def test_nothing_is_unpickled(self, folder, monkeypatch):
        folder.write((0, 0), {"object": np.array([{"a": 1}], dtype=object)}, [])
        assert folder.read((0, 0)) is None

    def test_a_full_disk_leaves_what_was_there(self, folder):
        folder.write((0, 0), values_of(0), [])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            with pytest.raises(OSError, match=r"cannot write.*sum-01-00000000"):
                folder.write((1, 0), {"sum": np.zeros(10**5)}, [(0, 0)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert [path.name for path in folder.folder.iterdir()] == ["sum-00-00000000"]
        assert folder.read((0, 0)) is not None

    def test_another_run_is_refused(self, tmp_path, folder):
        with pytest.raises(CheckpointError, match=r"differs in mesh \(4 there, 5 here\); system; choose another folder"):
            Checkpoint(tmp_path, {"system": "b" * 32, "mesh": 5})
        Checkpoint(tmp_path, {"system": "a" * 32, "mesh": 4}).close()

    def test_a_folder_with_other_files_is_refused(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("x")
        with pytest.raises(CheckpointError, match=r"empty folder; found thesis\.tex without checkpoint\.json"):
            Checkpoint(tmp_path, {})

    def test_a_damaged_header_is_refused(self, tmp_path, folder):
        (tmp_path / "checkpoint.json").write_text("{")
        with pytest.raises(CheckpointError, match="found a damaged file"):
            Checkpoint(tmp_path, {})

    def test_two_runs_at_once_are_refused(self, tmp_path):
        first = Checkpoint(tmp_path, {})
        with pytest.raises(CheckpointError, match="found one that uses it"):
            Checkpoint(tmp_path, {})
        first.close()
        Checkpoint(tmp_path, {}).close()

    def test_unfinished_files_are_removed(self, tmp_path, folder):
        (folder.folder / "sum-00-00000000.abcd.unfinished").write_text("x")
        Checkpoint(tmp_path, {"system": "a" * 32, "mesh": 4}).close()
        assert list(folder.folder.iterdir()) == []

    def test_a_file_in_place_of_the_folder(self, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(OSError, match="expected a folder that can be written to"):
            Checkpoint(tmp_path / "file", {})


class Thing:
    """With a cached property, which is no part of its contents."""

    def __init__(self, value):
        self.value = value

    @functools.cached_property
    def cached(self):
        return 3


class TestDigest:
    """Contents of objects."""

    def test_equal_contents(self):
        first, second = Thing(np.arange(3)), Thing(np.arange(3))
        assert first.cached == 3
        assert digest(first) == digest(second)
        assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        loop = [1]
        loop.append(loop)
        assert digest(loop) == digest(loop)

    def test_different_contents(self):
        def power(n):
            return lambda x: x**n

        things = [
            0, 0.0, "0", None, False, [], (), {}, [0], [[0]], [0, 0], np.zeros(1), np.zeros(1, int), np.zeros((1, 1)),
            Thing(1), Thing(2), power(2), power(3), lambda x: x + 1, lambda x: x + 2, functools.partial(max, 1), max, Thing,
            {"a": 1}, {"a": 2}, {"b": 1},
        ]  # fmt: skip
        assert len({digest(thing) for thing in things}) == len(things)

    def test_what_cannot_be_told_is_refused(self):
        with pytest.raises(TypeError, match=r"expected calculators\['x'\]\.value\.0 to be made of numbers"):
            digest(Thing([iter([])]), "calculators['x']")


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

    def accumulate(self, data_K, weight=1.0, out=None):
        type(self).calls += out is None and len(data_K.kpoints_all) > 1  # of a chunk, not the one that prepares
        if type(self).calls > type(self).allowed:
            raise CountedError
        return super().accumulate(data_K, weight, out)


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
            return run(system, (4, 4, 6), every, checkpoint=folder, adpt_num_iter=adpt_num_iter)

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
        assert [message for message in caplog.messages if "is damaged" in message] == [caplog.messages[0]]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"grid": 5}, "grid"),
            ({"calculators": calculators(kBT=0.2)}, "calculator 'kubo'"),
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
        assert len(IterationFolder(tmp_path, 0, "").stored()) >= 2
        assert not list(tmp_path.rglob("*.unfinished"))
        same_bits(run(system, (4, 4, 6), calculators(), checkpoint=tmp_path), reference)

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
    def test_a_signal_ends_the_run_with_a_code_of_its_own(self, system, tmp_path, name, capsys):
        class Signalled(static.ConventionalSpinConductivity):
            def accumulate(self, data_K, weight=1.0, out=None):
                if len(data_K.kpoints_all) > 1:
                    os.kill(os.getpid(), getattr(signal, name))
                return super().accumulate(data_K, weight, out)

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as raised:
            run(system, (4, 4, 6), {"signalled": Signalled(**options())}, checkpoint=tmp_path)
        assert raised.value.code == 75
        assert f"stopped by {name}; finished parts are in {tmp_path}" in capsys.readouterr().err
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
        ours = run(system, grid, every, **rule)
        coarse = run(system, grid, every)
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
