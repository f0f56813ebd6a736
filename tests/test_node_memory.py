"""Arrays once per node: same values, truly one memory, errors on all ranks, several nodes imitated on one machine."""

import inspect
import logging
import sys

import numpy as np
import pytest
from data_folder import DATA
from processes import MPIRUN, needs_mpich, needs_mpirun, start

import wb_conserved
from wb_conserved import InputError
from wb_conserved.io import load as load_module
from wb_conserved.io.sharing import share_system
from wb_conserved.models import rashba_gas
from wb_conserved.parallel import NodeMemory, SerialCommunicator, node_memory

TWO_NODES = {"MPIR_CVAR_NUM_CLIQUES": "2"}  # MPICH then takes its ranks for those of two machines
several_nodes = needs_mpich("only it can take the ranks of one machine for those of several")
ONE_OR_TWO_NODES = [{}, pytest.param(TWO_NODES, marks=several_nodes)]

SETUP = """
import sys
import numpy as np
from wb_conserved.parallel import node_memory
from wb_conserved.io.sharing import share_system
from wb_conserved.parallel import NodeMemory
from wb_conserved.parallel import world

def say(text):
    sys.stdout.write(f'{text}\\n')
    sys.stdout.flush()

def same_memory(array):
    # whether all ranks of the node see what its leader writes into the window
    (window,) = memory._windows
    buffer = window.Shared_query(0)[0]
    before = array.flat[0]
    memory._node.Barrier()
    if memory.leads:
        offset = -buffer.address % 64
        np.ndarray(array.shape, array.dtype, buffer, offset).flat[0] = 1000 + memory.node
    memory._node.Barrier()
    return before != 1000 + memory.node and array.flat[0] == 1000 + memory.node

comm = world()
memory = NodeMemory(comm)
expected = np.random.default_rng(1).normal(size=(7, 5, 3)) * (1 + 2j)
"""


@pytest.fixture
def ranks(tmp_path):
    """Function that runs Python code on some ranks and returns the lines that they print, sorted."""

    def run_script(code, number, *arguments, **variables):
        path = tmp_path / "script.py"
        path.write_text(SETUP + code, encoding="utf-8")
        done = start([*MPIRUN, "-n", number, sys.executable, path, *arguments], **variables)
        assert done.returncode == 0, done.stderr
        return sorted(done.stdout.splitlines())

    return run_script


class TestSerial:
    """One process: nothing is shared."""

    @pytest.fixture
    def memory(self):
        memory = NodeMemory(SerialCommunicator())
        yield memory
        memory.free()

    def test_attributes(self, memory):
        assert (memory.ranks, memory.leads, memory.node, memory.nodes) == (1, True, 0, 1)

    @pytest.mark.parametrize("dtype", [float, complex, np.float32, int])
    def test_read_only_and_not_copied(self, memory, dtype):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        for kept in (memory.build(lambda: array), memory.distribute(array)):
            np.testing.assert_array_equal(kept, array)
            assert (kept.dtype, kept.shape) == (array.dtype, array.shape)
            assert np.shares_memory(kept, array)
            with pytest.raises(ValueError, match="read-only"):
                kept[0, 0] = 1
        assert array.flags.writeable
        assert memory.bytes_shared == 0

    def test_c_order(self, memory):
        array = np.arange(6.0).reshape(2, 3).T
        assert memory.build(lambda: array).flags.c_contiguous
        np.testing.assert_array_equal(memory.build(lambda: array), array)

    def test_exception(self, memory):
        with pytest.raises(ZeroDivisionError) as raised:
            memory.build(lambda: 1 / 0)
        assert not hasattr(raised.value, "__notes__")

    @pytest.mark.parametrize(
        ("value", "found"), [(None, "a NoneType"), ([1.0], "a list"), (np.array([None]), "dtype object")]
    )
    def test_no_numbers(self, memory, value, found):
        for call in (lambda: memory.build(lambda: value), lambda: memory.distribute(value)):
            with pytest.raises(TypeError, match=f"expected an array of numbers, found {found}"):
                call()

    def test_free_twice(self, memory):
        """Nothing was shared, so that arrays stay."""
        array = memory.build(lambda: np.arange(3.0))
        memory.free()
        memory.free()
        np.testing.assert_array_equal(array, [0, 1, 2])

    def test_no_mpi4py(self):
        code = (
            "import sys, numpy as np\n"
            "from wb_conserved.parallel.node_memory import NodeMemory\n"
            "from wb_conserved.parallel import SerialCommunicator\n"
            "memory = NodeMemory(SerialCommunicator())\n"
            "memory.build(lambda: np.ones(3))\n"
            "print('mpi4py' in sys.modules)\n"
        )
        done = start([sys.executable, "-c", code])
        assert done.stdout == "False\n", done.stderr


class TestSystemOfOneProcess:
    """`share_system` and `load_system` with a communicator of one rank."""

    def test_read_only(self, platinum):
        system = share_system(platinum, SerialCommunicator())
        assert system is not platinum
        assert sorted(system._XX_R) == sorted(platinum._XX_R)
        for name, matrix in system._XX_R.items():
            np.testing.assert_array_equal(matrix, platinum.get_R_mat(name))
            assert not matrix.flags.writeable
            assert platinum.get_R_mat(name).flags.writeable

    def test_system_without_matrices(self):
        system = rashba_gas()
        shared = share_system(system, SerialCommunicator())
        assert shared is not system
        assert vars(shared) == vars(system)

    def test_load_passes_every_argument_on(self, monkeypatch):
        given = {name: object() for name in inspect.signature(wb_conserved.load_system).parameters if name != "comm"}
        monkeypatch.setattr(load_module, "_load_on_rank_0", lambda arguments, communicator: (arguments, communicator))
        path, options = given["path"], {name: value for name, value in given.items() if name != "path"}
        communicator = SerialCommunicator()
        assert wb_conserved.load_system(path, comm=communicator, **options) == (given, communicator)

    def test_load(self, platinum):
        system = wb_conserved.load_system(DATA / "pt" / "Pt", comm=SerialCommunicator())
        np.testing.assert_array_equal(system.get_R_mat("SS"), platinum.get_R_mat("SS"))
        assert not system.get_R_mat("SS").flags.writeable

    def test_load_error(self):
        with pytest.raises(InputError, match="no such file"):
            wb_conserved.load_system("no_such_seed", comm=SerialCommunicator())

    def test_what_is_done_with_a_system_afterwards(self, platinum):
        system = share_system(platinum, SerialCommunicator())
        system.set_pointgroup(["C2x", "Inversion", "TimeReversal"])
        reference = wb_conserved.load_system(platinum)
        calculators = {
            "conserved": wb_conserved.calculators.static.ConservedSpinConductivity(Efermi=[18.0874], kBT=0.05),
        }
        results = [wb_conserved.run(either, 3, calculators, symmetrize=False, use_irred_kpt=False).results["conserved"]
                   for either in (system, reference)]  # fmt: skip
        np.testing.assert_array_equal(results[0].data, results[1].data)
        assert np.abs(results[0].data).max() > 100


@needs_mpirun
class TestRanks:
    """Under the environment's own mpirun."""

    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    def test_build(self, ranks, number):
        code = (
            "calls = []\n"
            "array = memory.build(lambda: calls.append(1) or expected)\n"
            "assert (array.shape, array.dtype) == (expected.shape, expected.dtype)\n"
            "assert (array == expected).all() and array.flags.aligned and array.flags.c_contiguous\n"
            "assert not array.flags.writeable\n"
            "assert len(calls) == memory.leads\n"
            "shared = memory.bytes_shared == array.nbytes and same_memory(array)\n"
            "say(f'{memory.ranks} {memory.nodes} {memory.leads} {shared}')\n"
        )
        shared = number > 1
        expected = [f"{number} 1 True {shared}"] + [f"{number} 1 False {shared}"] * (number - 1)
        assert ranks(code, number) == sorted(expected)

    def test_several_arrays(self, ranks):
        """Of odd shapes too, aligned, and apart from each other."""
        code = (
            "arrays = [memory.build(lambda: np.full(5, float(i))) for i in range(3)]\n"
            "assert all((array == i).all() for i, array in enumerate(arrays))\n"
            "assert all(array.ctypes.data % 64 == 0 for array in arrays)\n"
            "for shape in (), (0, 3), (1,):\n"
            "    for array in memory.build(lambda: np.ones(shape)), memory.distribute(np.ones(shape)):\n"
            "        assert array.shape == shape and (array == 1).all() and not array.flags.writeable\n"
            "say(memory.bytes_shared)\n"
        )
        assert ranks(code, 2) == [str(8 * (3 * 5 + 2 + 2))] * 2

    @pytest.mark.parametrize("nodes", ONE_OR_TWO_NODES)
    def test_distribute(self, ranks, nodes):
        """In parts much smaller than the array, and of different lengths."""
        code = (
            "node_memory._BYTES_PER_MESSAGE = 100\n"
            "array = memory.distribute(expected if comm.rank == 0 else None)\n"
            "assert (array == expected).all() and array.dtype == expected.dtype and not array.flags.writeable\n"
            "assert not np.shares_memory(array, expected)\n"
            "say(f'{memory.nodes} {memory.ranks} {memory.bytes_shared == array.nbytes and same_memory(array)}')\n"
        )
        assert ranks(code, 4, **nodes) == ["2 2 True" if nodes else "1 4 True"] * 4

    @several_nodes
    def test_two_nodes(self, ranks):
        """Once per node: what a leader writes, its own node sees, the other not."""
        code = (
            "array = memory.build(lambda: np.full(4, float(memory.node)))\n"
            "assert (array == memory.node).all()\n"
            "seen = same_memory(array)\n"
            "say(f'{memory.node} of {memory.nodes}: {memory.leads} {seen} {array[0]}')\n"
        )
        assert ranks(code, 4, **TWO_NODES) == [
            "0 of 2: False True 1000.0",
            "0 of 2: True True 1000.0",
            "1 of 2: False True 1001.0",
            "1 of 2: True True 1001.0",
        ]

    @several_nodes
    def test_nodes_of_one_rank_and_of_several(self, ranks):
        code = (
            "arrays = memory.distribute(expected), memory.build(lambda: expected)\n"
            "assert all((array == expected).all() and not array.flags.writeable for array in arrays)\n"
            "say(f'{memory.nodes} {memory.ranks} {memory.bytes_shared // expected.nbytes}')\n"
        )
        assert ranks(code, 3, **TWO_NODES) == ["2 1 0", "2 2 2", "2 2 2"]

    @several_nodes
    def test_every_rank_alone_on_its_node(self, ranks):
        code = (
            "arrays = memory.distribute(expected), memory.build(lambda: expected)\n"
            "assert all((array == expected).all() and not array.flags.writeable for array in arrays)\n"
            "say(f'{memory.nodes} {memory.ranks} {memory.bytes_shared}')\n"
        )
        assert ranks(code, 3, MPIR_CVAR_NOLOCAL="1") == ["3 1 0"] * 3

    @pytest.mark.parametrize(("nodes", "note"), [({}, ""), pytest.param(TWO_NODES, "of node", marks=several_nodes)])
    def test_exception_of_the_leader(self, ranks, nodes, note):
        code = (
            "from wb_conserved import InputError\n"
            "def compute():\n    raise InputError('a.win', 'this', 'that', 3)\n"
            "for call in (lambda: memory.build(compute)), (lambda: memory.distribute(None)):\n"
            "    try:\n        call()\n"
            "    except (InputError, TypeError) as error:\n        say(f'{error} {error.__notes__}')\n"
            "assert (memory.build(lambda: expected) == expected).all()\n"
        )
        lines = ranks(code, 4, **nodes)
        of_compute = [line for line in lines if "a.win, line 3: expected this; found that" in line]
        of_distribute = [line for line in lines if "expected an array of numbers, found a NoneType" in line]
        assert (len(of_compute), len(of_distribute)) == (4, 4)
        assert all("raised on rank 0 of 2" in line if nodes else "raised on rank 0 of 4" in line for line in of_compute)
        assert all(note in line for line in of_compute)

    def test_free(self, ranks):
        """Windows and communicators are given back, as many of them would use up MPI's; nothing keeps the object."""
        code = (
            "import weakref\n"
            "from mpi4py import MPI\n"
            "again = NodeMemory(comm)\n"
            "for i in range(3):\n"
            "    assert again.build(lambda: np.full(1000, i))[-1] == i\n"
            "windows, communicators = list(again._windows), [again._node, again._leaders]\n"
            "again.free()\n"
            "again.free()\n"
            "assert len(windows) == 3 and all(window == MPI.WIN_NULL for window in windows)\n"
            "assert all(communicator == MPI.COMM_NULL for communicator in communicators)\n"
            "assert again.bytes_shared == 0\n"
            "reference = weakref.ref(again)\n"
            "del again\n"
            "say(reference() is None)\n"
        )
        assert ranks(code, 2) == ["True"] * 2

    def test_freed_at_the_end_of_the_process(self, ranks):
        """Before MPI is finalized."""
        code = (
            "class Watched(NodeMemory):\n"
            "    def free(self):\n"
            "        before = len(self._windows)\n"
            "        super().free()\n"
            "        say(f'{before} {len(self._windows)} {self._MPI.Is_finalized()}')\n"
            "watched = Watched(comm)\n"
            "array = watched.build(lambda: expected)\n"
        )
        assert ranks(code, 2) == ["1 0 False"] * 2

    def test_nothing_is_freed_after_mpi_is_finalized(self, ranks):
        """By the user's own program, say: MPI would abort."""
        code = "array = memory.build(lambda: expected)\nmemory._MPI.Finalize()\nmemory.free()\nsay('done')\n"
        assert ranks(code, 2) == ["done"] * 2

    def test_too_little_space(self, ranks):
        """One warning, by the leader; every rank has a copy."""
        code = (
            "import logging\n"
            "logging.basicConfig(format='%(levelname)s %(message)s', stream=sys.stdout)\n"
            "node_memory._free_space = lambda: 64_000_000 if memory.leads else 10**12\n"
            "large = np.arange(5_000_000.0)\n"
            "array = memory.build(lambda: large)\n"
            "assert (array == large).all() and not array.flags.writeable and memory.bytes_shared == 0\n"
            "array = memory.distribute(large)\n"
            "assert (array == large).all() and not array.flags.writeable and memory.bytes_shared == 0\n"
            "small = memory.build(lambda: expected)\n"
            "assert (small == expected).all() and same_memory(small)\n"
        )
        warning = (
            "WARNING no shared memory for an array of 40 MB on node 0 (/dev/shm has 64 MB free): "
            "each of its 3 ranks keeps copies of its own"
        )
        assert ranks(code, 3) == [warning]

    def test_mpi_without_shared_windows(self, ranks):
        code = (
            "import logging\n"
            "logging.basicConfig(format='%(levelname)s %(message)s', stream=sys.stdout)\n"
            "class Win:\n"
            "    @staticmethod\n"
            "    def Allocate_shared(*arguments, comm):\n"
            "        raise MPI.Exception(MPI.ERR_RMA_SHARED)\n"
            "from types import SimpleNamespace\n"
            "from mpi4py import MPI\n"
            "memory._MPI = SimpleNamespace(Win=Win, Exception=MPI.Exception, Is_finalized=MPI.Is_finalized)\n"
            "array = memory.build(lambda: expected)\n"
            "assert (array == expected).all() and memory.bytes_shared == 0\n"
            "say('done')\n"
        )
        warning, *done = ranks(code, 2)
        assert warning.startswith("WARNING no shared memory for an array of 0 MB on node 0 (MPI: "), warning
        assert done == ["done"] * 2

    def test_windows_at_odd_addresses(self, ranks):
        """As those of Open MPI: arrays in them are aligned nevertheless, and the same ones on all ranks."""
        code = (
            "from types import SimpleNamespace\n"
            "from mpi4py import MPI\n"
            "class Win:\n"
            "    def __init__(self, *arguments, comm):\n"
            "        self.window = MPI.Win.Allocate_shared(*arguments, comm=comm)\n"
            "        self.Fence, self.Free = self.window.Fence, self.window.Free\n"
            "    def Shared_query(self, rank):\n"
            "        memory, unit = self.window.Shared_query(rank)\n"
            "        return memory[8:], unit\n"
            "names = {name: getattr(MPI, name) for name in ('Exception', 'MODE_NOPRECEDE', 'MODE_NOSUCCEED', 'Is_finalized')}\n"
            "memory._MPI = SimpleNamespace(Win=SimpleNamespace(Allocate_shared=Win), **names)\n"
            "array = memory.build(lambda: expected)\n"
            "assert memory._windows[0].Shared_query(0)[0].address % 16 == 8\n"
            "assert array.ctypes.data % 64 == 0 and (array == expected).all() and same_memory(array)\n"
            "say('done')\n"
        )
        assert ranks(code, 2) == ["done"] * 2


LOAD = """
import wb_conserved
from wb_conserved import InputError
reference = wb_conserved.load_system(sys.argv[1])
"""


@pytest.fixture(scope="module")
def stored(platinum, tmp_path_factory):
    """Platinum in a form that loads at once."""
    folder = tmp_path_factory.mktemp("stored") / "Pt"
    platinum.to_npz(folder)
    return folder


@needs_mpirun
class TestSystems:
    """`share_system` and `load_system` on ranks."""

    @pytest.mark.parametrize("nodes", ONE_OR_TWO_NODES)
    def test_load(self, ranks, stored, nodes):
        code = LOAD + (
            "system = wb_conserved.load_system(sys.argv[1] if comm.rank == 0 else 'elsewhere', comm=comm)\n"
            "assert sorted(system._XX_R) == sorted(reference._XX_R)\n"
            "for name, matrix in reference._XX_R.items():\n"
            "    assert (system.get_R_mat(name) == matrix).all()\n"
            "    assert not system.get_R_mat(name).flags.writeable\n"
            "assert (system.wannier_centers_cart == reference.wannier_centers_cart).all()\n"
            "assert (system.rvec.iRvec == reference.rvec.iRvec).all()\n"
            "group = ['C2x', 'Inversion', 'TimeReversal']\n"
            "values = []\n"
            "for either in system, reference:\n"
            "    either.set_pointgroup(group)\n"
            "    conserved = wb_conserved.calculators.static.ConservedSpinConductivity(Efermi=[18.0874], kBT=0.05)\n"
            "    values.append(wb_conserved.run(either, 4, {'conserved': conserved}, comm).results['conserved'].data)\n"
            "assert (values[0] == values[1]).all() and abs(values[0]).max() > 100\n"
            "say('done')\n"
        )
        assert ranks(code, 4, stored, **nodes) == ["done"] * 4

    def test_error_of_rank_0(self, ranks, stored):
        code = LOAD + (
            "try:\n"
            "    wb_conserved.load_system('no_such_seed' if comm.rank == 0 else sys.argv[1], comm=comm)\n"
            "except InputError as error:\n"
            "    say(f'{error.source} {error.__notes__}')\n"
        )
        assert ranks(code, 3, stored) == ["no_such_seed ['raised on rank 0 of 3']"] * 3

    def test_system_given(self, ranks, stored):
        code = LOAD + (
            "system = wb_conserved.load_system(reference if comm.rank == 0 else None, comm=comm)\n"
            "assert (system.get_R_mat('AA') == reference.get_R_mat('AA')).all()\n"
            "assert reference.get_R_mat('AA').flags.writeable\n"
            "say(system is reference)\n"
        )
        assert ranks(code, 2, stored) == ["False"] * 2

    def test_system_without_matrices(self, ranks):
        code = (
            "from wannierberri.system import System\n"
            "system = System(name='a') if comm.rank == 0 else None\n"
            "system = share_system(system, comm)\n"
            "assert system.name == 'a'\n"
            "if comm.rank == 0:\n"
            "    system.function = lambda k: k\n"
            "try:\n"
            "    share_system(system, comm)\n"
            "except TypeError as error:\n"
            "    say('expected one that can be copied to other ranks, found a System' in str(error))\n"
        )
        assert ranks(code, 2) == ["True"] * 2


def test_information(platinum, caplog):
    with caplog.at_level(logging.INFO, logger="wb_conserved"):
        share_system(platinum, SerialCommunicator())
    size = sum(matrix.nbytes for matrix in platinum._XX_R.values()) / 1e6
    assert size > 1
    assert caplog.messages == [f"R-space matrices: {size:.1f} MB, once on each of 1 nodes"]


def test_free_space_that_is_not_known(monkeypatch):
    """Then MPI is asked."""
    monkeypatch.setattr(node_memory, "_FOLDER", "/no such folder")
    assert node_memory._free_space() is None
