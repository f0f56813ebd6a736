"""Chunks, their distribution and their sum: the tree, grants, files of a checkpoint, fingerprints, K points."""

import functools
import resource
import types

import numpy as np
import pytest
from wannierberri.grid import Grid
from wannierberri.symmetry.point_symmetry import PointGroup

from wb_conserved.calculators.contract import JOIN, SUM, Largest
from wb_conserved.driver.checkpoint import Checkpoint, CheckpointError, IterationFolder
from wb_conserved.driver.fingerprint import digest
from wb_conserved.driver.kpoints import KPoints, contents
from wb_conserved.driver.schedule import Counter, grants, missing
from wb_conserved.driver.summation import PartialSums, chunks_of, root
from wb_conserved.parallel import SerialCommunicator

RANDOM = np.random.default_rng(5)
MERGES = {"sum": SUM, "k": JOIN, "largest": Largest(4)}


def values_of(chunk):
    """Sums of a chunk whose rounding depends on the order of addition, a table, and the largest of some rows."""
    generator = np.random.default_rng(chunk)
    rows = np.stack([generator.integers(-3, 4, 6).astype(float), np.full(6, chunk), np.arange(6)], axis=1)
    return {
        "sum": generator.normal(size=4) * 10.0 ** generator.integers(-8, 8, 4),
        "k": np.full((1, 2), chunk),
        "largest": MERGES["largest"].of(rows),
    }


def total(number, order):
    """Sum of all chunks, inserted in some order."""
    sums = PartialSums(number, MERGES)
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
        np.testing.assert_array_equal(reference["k"], np.repeat(np.arange(number), 2).reshape(-1, 2))
        rows = np.concatenate([values_of(chunk)["largest"] for chunk in range(number)])
        largest = sorted(rows.tolist(), key=lambda row: (-abs(row[0]), row[1], row[2]))[:4]
        np.testing.assert_array_equal(reference["largest"], largest)
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
        sums = PartialSums(5, MERGES)
        for chunk in (0, 1, 2, 4):
            sums.insert((0, chunk), values_of(chunk))
        with pytest.raises(RuntimeError, match="expected the sum of all 5 chunks"):
            sums.reduce(SerialCommunicator())

    def test_sums_take_no_more_room_than_one_and_tables_stay_apart(self):
        additive, tables = PartialSums(16, MERGES), PartialSums(16, MERGES)
        for chunk in range(16):
            additive.insert((0, chunk), {"sum": values_of(chunk)["sum"]})
            tables.insert((0, chunk), {"k": np.zeros((1000, 3))})
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


class TestKPoints:
    """The list that WannierBerri makes."""

    @staticmethod
    def grid(lattice, symmetries, div):
        group = PointGroup(symmetries, real_lattice=lattice)
        system = types.SimpleNamespace(
            pointgroup=group, periodic=np.ones(3, bool), NKFFT_recommended=np.ones(3, int), real_lattice=lattice
        )
        return Grid(system, NKdiv=div, NKFFT=(2, 2, 2))

    @pytest.mark.parametrize(
        "lattice, symmetries, div",
        [
            (np.diag([1.0, 2, 3]), [], (3, 4, 5)),
            (np.diag([1.0, 2, 3]), ["TimeReversal", "C2x"], (3, 4, 6)),
            (np.eye(3), ["C4z", "C4x", "Inversion"], (6, 6, 6)),
            (np.ones((3, 3)) - np.eye(3), ["C4z", "C4x", "TimeReversal"], (7, 7, 7)),
            (np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 2]]), ["C3z", "C2x"], (6, 6, 4)),
        ],
    )
    def test_same_as_wannierberri(self, lattice, symmetries, div):
        grid = self.grid(lattice, symmetries, div)
        ours, theirs = KPoints(grid, True), grid.get_K_list(use_symmetry=True)
        assert len(ours) == len(theirs)
        assert (len(ours) < np.prod(div)) == bool(symmetries)
        for (Kpoint, factor), expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(Kpoint.Kp_fullBZ, expected.Kp_fullBZ, atol=1e-15)
            assert factor == Kpoint.factor == pytest.approx(expected.factor)
        assert len(KPoints(grid, False)) == np.prod(div)
        with pytest.raises(IndexError):
            ours[len(ours)]

    def test_contents_tell_lists_apart(self):
        symmetric = self.grid(np.eye(3), ["C4z"], (4, 4, 4))
        lists = [KPoints(symmetric, True), KPoints(symmetric, False), KPoints(self.grid(np.eye(3), [], (4, 4, 2)), True)]
        lists.append(list(lists[0]))
        lists.append([(Kpoint, 2 * factor) for Kpoint, factor in lists[0]])
        assert len({digest(contents(Kpoints)) for Kpoints in lists}) == len(lists)


class TestCheckpointFiles:
    """The folder and its files."""

    @pytest.fixture
    def folder(self, tmp_path):
        Checkpoint(tmp_path, {"system": "a" * 32, "mesh": 4}).close()
        return IterationFolder(tmp_path, "iteration-0000", "run")

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
            reader = IterationFolder(folder.folder.parent, "iteration-0000", "another")
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
        kept = folder.read((0, 0))
        assert {name: array.tobytes() for name, array in kept.items()} == {
            name: array.tobytes() for name, array in values_of(0).items()
        }

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
