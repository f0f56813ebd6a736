"""Ranks of MPI: same numbers on any number of them, errors that end all of them, launchers of another MPI."""

import shutil
import sys

import numpy as np
import pytest
from processes import LIMIT, MPIRUN, needs_mpi4py, needs_mpirun, start

from wb_conserved import InputError
from wb_conserved.parallel import SerialCommunicator, abort_on_error, agree


@pytest.fixture
def script(tmp_path):
    """Function that runs Python code, on some ranks of MPI."""

    def run_script(code, ranks=None, *arguments, timeout=LIMIT, **variables):
        path = tmp_path / "script.py"
        path.write_text(code, encoding="utf-8")
        launcher = [] if ranks is None else [*MPIRUN, "-n", ranks]
        return start([*launcher, sys.executable, path, *arguments], timeout, **variables)

    return run_script


class TestSerial:
    """One process, no MPI."""

    def test_communicator(self):
        communicator = SerialCommunicator()
        assert (communicator.rank, communicator.size) == (0, 1)
        assert communicator.bcast(3) == 3
        assert communicator.allgather(3) == [3]

    def test_agree(self):
        agree(SerialCommunicator(), None)
        error = InputError("a.win", "this", "that")
        with pytest.raises(InputError) as raised:
            agree(SerialCommunicator(), error)
        assert raised.value is error

    def test_abort_on_error_only_passes_it_on(self):
        with pytest.raises(KeyError), abort_on_error(SerialCommunicator()):
            raise KeyError("a")

    def test_no_launcher_no_mpi4py(self, script):
        code = (
            "import sys, wb_conserved, wb_conserved.parallel as p\n"
            "assert isinstance(p.world(), p.SerialCommunicator)\n"
            "print(sorted({'mpi4py', 'matplotlib', 'ray'} & set(sys.modules)))\n"
        )
        done = script(code)
        assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


class AbortError(Exception):
    """Raised in place of MPI_Abort."""


class OtherRank(SerialCommunicator):
    """Rank 1 of 2, where rank 0 has some error, or this rank aborts."""

    rank, size = 1, 2

    def __init__(self, error=None):
        self.error = error

    def allgather(self, value):
        from wb_conserved.parallel.communicators import _portable

        return [_portable(self.error), value]

    def Abort(self, code):
        raise AbortError(code)


class AwkwardError(Exception):
    """Does not unpickle: its argument is not what it was made from."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize("error", [ValueError("bad"), InputError("a.win", "this", "that"), AwkwardError(1, 2)])
def test_agree_raises_the_error_of_another_rank(error):
    with pytest.raises((ValueError, RuntimeError)) as raised:
        agree(OtherRank(error), None)
    assert str(error) in str(raised.value)
    assert raised.value.__notes__ == ["raised on rank 0 of 2"]


def test_abort_on_error_says_what_and_ends_all(capsys):
    with pytest.raises(AbortError), abort_on_error(OtherRank()):
        raise ValueError("bad k point")
    assert "rank 1 of 2: ValueError: bad k point; ending all ranks" in capsys.readouterr().err


def test_bad_input_that_one_rank_finds_is_one_line(capsys):
    """With the code of bad input."""
    with pytest.raises(AbortError) as aborted, abort_on_error(OtherRank()):
        raise InputError("extra_rate", "a number > 0", "0")
    assert aborted.value.args == (2,)
    assert capsys.readouterr().err == "rank 1 of 2: InputError: extra_rate: expected a number > 0; found 0; ending all ranks\n"


def test_an_exit_in_compiled_code_keeps_its_code(capsys):
    """Numba turns what a handler raises into an error of its own."""
    with pytest.raises(AbortError) as aborted, abort_on_error(OtherRank()):
        try:
            raise SystemExit(75)
        except SystemExit as error:
            raise SystemError("returned a result with an exception set") from error
    assert aborted.value.args == (75,)
    assert "Traceback" not in capsys.readouterr().err


@needs_mpi4py
class TestLauncherOfAnotherMPI:
    """More ranks started than the MPI under mpi4py sees; see test_launchers.py."""

    @pytest.mark.mpi
    def test_mpirun_of_open_mpi(self, script, tmp_path):
        launcher = shutil.which("mpirun.openmpi")
        if launcher is None:
            pytest.skip("mpirun.openmpi is not installed")
        from mpi4py import MPI

        if "Open MPI" in MPI.Get_library_version():
            pytest.skip("mpi4py belongs to Open MPI")
        path = tmp_path / "script.py"
        path.write_text("import wb_conserved.parallel as p\np.world()\nprint('ran twice')")
        options = ["--allow-run-as-root", "--oversubscribe", "-n", "2"]
        done = start([launcher, *options, sys.executable, path])
        assert done.returncode != 0
        assert "OMPI_COMM_WORLD_SIZE=2" in done.stderr
        assert "ran twice" not in done.stdout


SETUP = """
import sys
import numpy as np
import wb_conserved
from wb_conserved.calculators import static
from wb_conserved.parallel import agree, world

comm = world()
system = wb_conserved.load_system(sys.argv[1])
system.set_pointgroup(["C2x", "Inversion", "TimeReversal"])
options = dict(Efermi=[17.0, 18.0874], degen_thresh=0.01, kBT=0.05)
calculators = dict(
    kubo=static.KuboConservedSpinConductivity(**options), conserved=static.ConservedSpinConductivity(**options)
)
"""


@pytest.fixture(scope="module")
def stored(platinum, tmp_path_factory):
    """Platinum in a form that loads at once."""
    folder = tmp_path_factory.mktemp("stored") / "Pt"
    platinum.to_npz(folder)
    return folder


@needs_mpirun
class TestRanks:
    """Under the environment's own mpirun."""

    def test_same_bits_on_any_number_of_ranks(self, script, stored, tmp_path):
        code = SETUP + (
            "result = wb_conserved.run(system, 7, calculators, comm)\n"
            "values = np.stack([result.results[name].data for name in calculators])\n"
            "assert all((part == values).all() for part in comm.allgather(values))\n"
            "if comm.rank == 0:\n    np.save(sys.argv[0] + f'.{comm.size}.npy', values)\n"
        )
        saved = []
        for ranks in (None, 2, 3, 4):
            done = script(code, ranks, stored)
            assert done.returncode == 0, done.stderr
            saved.append(np.load(tmp_path / f"script.py.{ranks or 1}.npy"))
        assert np.abs(saved[0]).max() > 100
        for values in saved[1:]:
            np.testing.assert_array_equal(values, saved[0])

    def test_exception_in_the_k_loop_ends_all_ranks(self, script, stored):
        code = SETUP + (
            "class Broken(static.ConventionalSpinConductivity):\n"
            "    def terms(self, band_geometry):\n"
            "        if comm.rank == 1:\n"
            "            raise ArithmeticError('a bad k point')\n"
            "        return super().terms(band_geometry)\n"
            "wb_conserved.run(system, 6, {'broken': Broken(**options)}, comm)\n"
            "print('finished')\n"
        )
        done = script(code, 2, stored)
        assert done.returncode != 0
        assert "rank 1 of 2: ArithmeticError: a bad k point, at the k points [" in done.stderr
        assert "of the K point coord" in done.stderr
        assert "Traceback" in done.stderr
        assert "finished" not in done.stdout

    def test_argument_error_is_raised_on_all_ranks(self, script, stored):
        code = SETUP + (
            "try:\n"
            "    wb_conserved.run(system, (6, 7, 8), calculators, comm)\n"
            "except ValueError as error:\n"
            "    sys.stdout.write(f'caught {str(error)[:4]}\\n')\n"
        )
        done = script(code, 2, stored)
        assert (done.returncode, done.stdout) == (0, "caught mesh\n" * 2), done.stderr

    def test_error_of_one_rank_is_raised_on_all(self, script):
        code = SETUP.split("system =")[0] + (
            "from wb_conserved import InputError\n"
            "try:\n"
            "    agree(comm, InputError('a.win', 'this', 'that', 3) if comm.rank == 2 else None)\n"
            "except Exception as error:\n"
            "    sys.stdout.write(f'{error} {error.__notes__}\\n')\n"
        )
        done = script(code, 3)
        lines = done.stdout.splitlines()
        assert len(lines) == 3, done.stderr
        assert all("a.win, line 3: expected this; found that" in line for line in lines)
        assert all("['raised on rank 2 of 3']" in line for line in lines)
