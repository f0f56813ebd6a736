"""Which launcher started a process: a table of environments and verdicts, and what is done with them."""

import os
import sys

import pytest
from processes import LAUNCHERS, MPIRUN, needs_mpi4py, needs_mpirun, start

from wb_conserved.parallel import LauncherError, SerialCommunicator, launched, world

HYDRA = {"PMI_SIZE": "{n}", "PMI_RANK": "0", "PMI_FD": "9", "MPI_LOCALNRANKS": "{n}", "MPI_LOCALRANKID": "0"}
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "{n}", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0", "PMIX_NAMESPACE": "1420820481"}
BATCH = {
    "SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_NPROCS": "4", "SLURM_TASKS_PER_NODE": "4", "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0", "SLURM_NODEID": "0",
}  # fmt: skip
"""The shell of a batch script of 4 tasks."""
STEP = BATCH | {"SLURM_STEP_ID": "0", "SLURM_STEPID": "0", "SLURM_STEP_NUM_TASKS": "4"}
"""A task of srun -n 4."""
OF_STEP = {"PMI_FD": "9", "PMI_JOBID": "7.0"}
PTY = {"SLURM_PTY_PORT": "40001", "SLURM_PTY_WIN_COL": "80"}


def of(variables, n):
    return {name: value.format(n=n) for name, value in variables.items()}


TABLE = [
    ("a shell", {}, None, None),
    ("MPICH, -n 4", of(HYDRA, 4), "mpirun of MPICH or Intel MPI", 4),
    ("MPICH, -n 1", of(HYDRA, 1), "mpirun of MPICH or Intel MPI", 1),
    ("Open MPI, -n 4", of(OPEN_MPI, 4), "mpirun of Open MPI", 4),
    ("Open MPI, -n 1", of(OPEN_MPI, 1), "mpirun of Open MPI", 1),
    ("MVAPICH2, -n 2", {"MV2_COMM_WORLD_SIZE": "2", "MV2_COMM_WORLD_RANK": "0"}, "mpirun of MVAPICH", 2),
    ("jsrun -n 6", {"JSM_NAMESPACE_SIZE": "6", "JSM_NAMESPACE_RANK": "0", "PMIX_RANK": "0"}, "jsrun", 6),
    ("serial in a batch script", BATCH, None, None),
    ("the same, with its number", BATCH | {"SLURM_STEPID": "4294967291", "SLURM_STEP_ID": "4294967291"}, None, None),
    ("serial in salloc", {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_NPROCS": "4"}, None, None),
    ("its interactive step", BATCH | {"SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "1"}, None, None),
    ("MPICH -n 1 in a batch script", BATCH | of(HYDRA, 1), "mpirun of MPICH or Intel MPI", 1),
    ("Open MPI -n 1 in a batch script", BATCH | of(OPEN_MPI, 1), "mpirun of Open MPI", 1),
    ("MPICH -n 4 in a batch script", BATCH | of(HYDRA, 4), "mpirun of MPICH or Intel MPI", 4),
    ("daemons of MPICH through srun", STEP | {"SLURM_STEP_NUM_TASKS": "2"} | of(HYDRA, 8), "mpirun of MPICH or Intel MPI", 8),
    ("daemons of Open MPI through srun", STEP | {"SLURM_STEP_NUM_TASKS": "2"} | of(OPEN_MPI, 8), "mpirun of Open MPI", 8),
    ("Open MPI -n 2 in a step with pmi2", STEP | OF_STEP | {"PMI_SIZE": "1"} | of(OPEN_MPI, 2), "mpirun of Open MPI", 2),
    ("MPICH -n 1 in a step", STEP | of(HYDRA, 1), "mpirun of MPICH or Intel MPI", 1),
    ("srun --mpi=none", STEP, "srun", 4),
    ("srun --mpi=none -n 1 of 4", STEP | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"}, "srun", 1),
    ("srun --mpi=pmi2", STEP | OF_STEP | {"PMI_SIZE": "4", "PMI_RANK": "0"}, "srun", 4),
    ("srun --mpi=pmix", STEP | {"PMIX_RANK": "0", "PMIX_NAMESPACE": "slurm.pmix.7.0"}, "srun", 4),
    ("the same from a shell with pmi2", STEP | OF_STEP | {"PMI_SIZE": "1", "PMIX_RANK": "0"}, "srun", 4),
    ("an old Slurm, with less to tell", {"SLURM_STEPID": "0", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, "srun", 4),
    ("the terminal of srun -n 4 --pty", STEP | PTY, "srun", None),
    ("task 3 from there", STEP | PTY | {"SLURM_PROCID": "3"}, "srun", 4),
    ("Cray, srun", STEP | {"PALS_RANKID": "0", "PALS_APID": "a", "PMI_CONTROL_PORT": "1"}, "srun", 4),
    ("Cray, PALS", {"PALS_RANKID": "0", "PMI_SIZE": "4", "PMI_RANK": "0"}, "mpirun of MPICH or Intel MPI", 4),
    ("Cray, PALS without PMI", {"PALS_RANKID": "3", "PALS_APID": "a"}, "mpiexec of Cray PALS", None),
    ("Cray, ALPS", {"ALPS_APP_PE": "0"}, "aprun", None),
    ("PMIx alone", {"PMIX_RANK": "1", "PMIX_NAMESPACE": "prterun-a-1@1"}, "a launcher with PMIx", None),
    ("no numbers", {"PMI_SIZE": "", "SLURM_STEP_ID": "x", "OMPI_COMM_WORLD_SIZE": "many"}, None, None),
]


@pytest.mark.parametrize(("environment", "launcher", "size"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_innermost_launcher_counts(environment, launcher, size):
    found = launched(environment)
    assert (found and found.launcher, found and found.size) == (launcher, size)


def test_what_there_must_be_where_no_number_is_told():
    assert launched({"PALS_RANKID": "3"}).at_least == 4
    assert launched({"ALPS_APP_PE": "0"}).at_least == 1


@pytest.fixture
def environment(monkeypatch):
    """Function that sets the variables of a launcher, and no others."""

    def set_variables(variables):
        for name in list(os.environ):
            if name.startswith(LAUNCHERS):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.mark.parametrize("variables", [BATCH, BATCH | {"SLURM_STEPID": "4294967291"}, {}])
def test_a_shell_needs_no_mpi4py(environment, monkeypatch, variables):
    environment(variables)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert isinstance(world(), SerialCommunicator)


@pytest.mark.parametrize(
    ("variables", "told"),
    [(STEP, "SLURM_STEP_NUM_TASKS=4"), (of(HYDRA, 4), "PMI_SIZE=4"), ({"PALS_RANKID": "3"}, "PALS_RANKID=3")],
)
def test_missing_mpi4py(environment, monkeypatch, variables, told):
    environment(variables)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(LauncherError, match=r"expected mpi4py, as .* started 4 (or more )?processes") as error:
        world()
    assert told in str(error.value)
    assert "pip install '.[mpi]' in the folder of wb_conserved that has pyproject.toml" in str(error.value)
    assert "wb_conserved[" not in str(error.value)


@needs_mpi4py
class TestAlone:
    """Several processes, each of which MPI tells that it is alone: refused with the launcher's name and the way out."""

    @pytest.mark.parametrize(
        ("variables", "said", "way"),
        [
            (STEP, "a world of 4 ranks, as srun started 4 processes (SLURM_STEP_NUM_TASKS=4); found 1", "srun --mpi=list"),
            (of(OPEN_MPI, 2), "mpirun of Open MPI started 2 processes (OMPI_COMM_WORLD_SIZE=2); found 1", "next to its python"),
            ({"PALS_RANKID": "1"}, "as mpiexec of Cray PALS started 2 or more processes (PALS_RANKID=1)", "another MPI"),
        ],
    )
    def test_refused(self, variables, said, way):
        done = start([sys.executable, "-c", "import wb_conserved.parallel as p\np.world()"], **variables)
        assert done.returncode == 1
        assert said in done.stderr
        assert "every process would do the whole work" in done.stderr
        assert way in done.stderr

    def test_the_first_of_them_says_it(self, tmp_path):
        """The command, whose other processes end without a word."""
        command = [sys.executable, "-c", "from wb_conserved.cli import main; main()", "run", tmp_path / "none.toml"]
        first, other = (start(command, **STEP | {"SLURM_PROCID": rank}) for rank in "02")
        assert (first.returncode, other.returncode) == (2, 2)
        assert first.stderr.count("\n") == 1 and first.stderr.startswith("wb-conserved: expected a world of 4 ranks")
        assert other.stderr == ""

    @pytest.mark.parametrize("variables", [BATCH, STEP | {"SLURM_STEP_NUM_TASKS": "1"}, STEP | PTY], ids=["batch", "1", "pty"])
    def test_one_process_is_fine(self, variables):
        done = start([sys.executable, "-c", "import wb_conserved.parallel as p\nprint(p.world().size)"], **variables)
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


@needs_mpirun
@pytest.mark.parametrize(("ranks", "variables"), [(1, BATCH), (2, BATCH), (1, STEP), (2, STEP | {"SLURM_STEP_NUM_TASKS": "1"})])
def test_mpirun_inside_a_job(ranks, variables):
    code = "import wb_conserved.parallel as p\nimport sys\nsys.stdout.write(f'{p.world().size}\\n')"
    done = start([*MPIRUN, "-n", ranks, sys.executable, "-c", code], HYDRA_LAUNCHER="fork", HYDRA_RMK="user", **variables)
    assert (done.returncode, done.stdout) == (0, f"{ranks}\n" * ranks), done.stderr
