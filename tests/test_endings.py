"""How a command ends that is stopped: one line, what is kept, how to go on, and a code that says so; at any moment."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time

import pytest
from data_folder import DATA
from processes import LAUNCHERS, LIMIT, MPIRUN, needs_mpirun, start
from test_restart import children, ranks_of

from wb_conserved.driver.interruption import NOTHING_KEPT

INPUT = f"""
[system]
path = "{DATA / "pt" / "Pt"}"
[grid]
mesh = MESH
[fermi]
level = 18.0874
[temperature]
kBT = 0.1
[multiplets]
threshold = 0.01
[quantities]
names = ["conserved", "kubo"]
[output]
folder = "results"
plot = false
[convergence]
meshes = [140, 160, 180]
"""
SCRIPT = "import sys\nfrom wb_conserved.cli import main\nsys.stderr.write('begins\\n')\nmain()\n"
BEGINS, LOADED, RUNS = "begins", "Pt.chk.xz", "processes"
"""What is printed when the command begins, when it has read the data, and when it is about to compute."""
AGAIN = "the same command begins anew"


_started = []


@pytest.fixture
def source(tmp_path):
    """Input file of a run that takes longer than a test; what was started with it is ended."""
    path = tmp_path / "pt.toml"
    path.write_text(INPUT.replace("MESH", "160"), encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    yield path
    while _started:
        process = _started.pop()
        for pid in (process.pid, *children(process.pid)):
            if process.poll() is None or pid != process.pid:
                os.kill(pid, signal.SIGKILL)
        process.wait()


def started(source, *arguments, ranks=None, **options):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LAUNCHERS)}
    launcher = [] if ranks is None else [*MPIRUN, "-n", str(ranks)]
    process = subprocess.Popen(
        [*launcher, sys.executable, "-u", source.parent / "script.py", *arguments, source], text=True, cwd=source.parent,
        env=kept | {"OMP_NUM_THREADS": "1"},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True} | options,
    )  # fmt: skip
    _started.append(process)
    return process


def until(process, text):
    """What was printed before a text, and it."""
    found = ""
    while text not in found:
        line = process.stdout.readline()
        assert line, found
        found += line
    return found


def stop(process, number, to=()):
    for pid in to or [process.pid]:
        os.kill(pid, number)
    output, _ = process.communicate(timeout=LIMIT)
    assert "Traceback" not in output
    return [line for line in output.splitlines() if "stopped by" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=["SIGTERM", "SIGUSR1"])
@pytest.mark.parametrize(
    ("arguments", "moment", "seconds", "kept"),
    [
        (["run"], LOADED, 0.0, NOTHING_KEPT),
        (["run", "--overwrite"], RUNS, 0.3, f"nothing is kept without [run] checkpoint, and {AGAIN}"),
        (["convergence"], LOADED, 5.0, f"nothing is kept without [run] checkpoint, and {AGAIN}"),
        (["check", "--verbose"], LOADED, 0.0, NOTHING_KEPT),
        (["run", "--dry-run"], LOADED, 0.0, NOTHING_KEPT),
    ],
    ids=["loads", "computes", "convergence", "check", "dry run"],
)
def test_stopped_at_any_moment(source, arguments, moment, seconds, kept, number):
    process = started(source, *arguments)
    until(process, moment)
    time.sleep(seconds)
    lines = stop(process, number)
    assert process.returncode == 75
    assert lines == [f"stopped by {number.name}; {kept}"]
    assert not [path for path in source.parent.rglob("results/*") if path.is_file()]


def test_a_mesh_that_is_finished_is_kept(source):
    """Also without a checkpoint: the sums of a whole mesh lie beside the results, and are named."""
    source.write_text(INPUT.replace("MESH", "160").replace("140", "4"), encoding="utf-8")
    process = started(source, "convergence")
    until(process, LOADED)
    while not list(source.parent.glob("results/convergence/unfinished-*/mesh-4x4x4/*/sum-*")):
        assert process.poll() is None
        time.sleep(0.01)
    (line,) = stop(process, signal.SIGTERM)
    (folder,) = source.parent.glob("results/convergence/unfinished-*")
    assert process.returncode == 75
    assert line == (
        f"stopped by SIGTERM; finished parts are in {folder.relative_to(source.parent)}, and the same command goes on with them"
    )


@pytest.mark.parametrize("module", ["wb_conserved.cli.commands", "wannierberri", "numba.core.types", "xarray", "pydantic"])
def test_stopped_while_modules_are_imported(source, module):
    """The signal comes when a module is looked for."""
    hook = (
        "import os, signal, sys\n"
        "class Hook:\n"
        "    def find_spec(name, path, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "from wb_conserved.cli import main\n"
        "sys.meta_path.insert(0, Hook)\n"
        "main()\n"
    )
    (source.parent / "script.py").write_text(hook, encoding="utf-8")
    process = started(source, "run")
    output, _ = process.communicate(timeout=LIMIT)
    assert (process.returncode, output) == (75, f"stopped by SIGTERM; {NOTHING_KEPT}\n")


def test_the_checkpoint_is_named_where_there_is_something_in_it(source):
    with open(source, "a") as file:
        file.write('[run]\ncheckpoint = "parts"\n')
    process = started(source, "run")
    until(process, RUNS)
    while not list(source.parent.glob("parts/*/sum-*")):
        assert process.poll() is None
        time.sleep(0.01)
    (line,) = stop(process, signal.SIGUSR1)
    assert process.returncode == 75
    assert line == "stopped by SIGUSR1; finished parts are in parts, and the same command goes on with them"
    process = started(source, "run")  # what is kept is known from the beginning of the next start on
    until(process, RUNS)
    (line,) = stop(process, signal.SIGTERM)
    assert line == "stopped by SIGTERM; finished parts are in parts, and the same command goes on with them"


@needs_mpirun
@pytest.mark.parametrize("everyone", [True, False], ids=["all ranks", "launcher"])
@pytest.mark.parametrize(("moment", "kept"), [(BEGINS, NOTHING_KEPT), (RUNS, "nothing is kept without [run] ")])
def test_all_ranks_end(source, moment, kept, everyone):
    process = started(source, "run", ranks=2)
    until(process, moment)
    time.sleep(1.5 if moment == BEGINS else 0.3)
    lines = stop(process, signal.SIGUSR1, ranks_of(process.pid) if everyone else ())
    assert process.returncode == 75
    assert len(lines) == 1 and f"stopped by SIGUSR1; {kept}" in lines[0], lines


@needs_mpirun
def test_a_signal_to_one_rank_while_another_is_in_mpi_init(source):
    """It waits until MPI is there, and then ends both."""
    script = (
        "import os, signal, time\n"
        "from wb_conserved.cli import main\n"
        "class Hook:\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name == 'wannierberri' and '0' in map(os.environ.get, ('PMI_RANK', 'OMPI_COMM_WORLD_RANK')):\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            time.sleep(5)\n"
        "import sys\n"
        "sys.meta_path.insert(0, Hook)\n"
        "main()\n"
    )
    (source.parent / "script.py").write_text(script, encoding="utf-8")
    process = started(source, "run", ranks=2)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 75, output
    assert output.count("stopped by SIGTERM; " + NOTHING_KEPT) == 1, output


@needs_mpirun
@pytest.mark.parametrize("checkpoint", ["", '[run]\ncheckpoint = "parts"\n'], ids=["nothing kept", "checkpoint"])
@pytest.mark.parametrize(("ranks", "compiled"), [(None, True), (2, True), (2, False)], ids=["alone", "ranks", "one rank"])
def test_stopped_while_the_run_is_prepared(source, ranks, compiled, checkpoint):
    """In compiled code, which makes an error of its own of it; and with memory that ranks give back together, or wait."""
    with open(source, "a") as file:
        file.write(checkpoint)
    script = (
        "import os, signal\n"
        "from wb_conserved.cli import main\n"
        "from wb_conserved.driver.task import Task\n"
        "original = Task._prepare\n"
        "def prepare(self, calculators):\n"
        "    original(self, calculators)\n"
        "    if self._communicator.rank == 0:\n"
        "        try:\n"
        "            os.kill(os.getpid(), signal.SIGUSR1)\n"
        "        except SystemExit as error:\n"
        f"            if not {compiled}:\n"
        "                raise\n"
        "            raise SystemError('returned a result with an exception set') from error\n"
        f"    elif {compiled}:\n"
        "        os.kill(os.getpid(), signal.SIGUSR1)\n"
        "Task._prepare = prepare\n"
        "main()\n"
    )
    (source.parent / "script.py").write_text(script, encoding="utf-8")
    process = started(source, "run", ranks=ranks)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 75, output
    assert output.count("stopped by SIGUSR1; ") == 1
    assert ranks is None or "Traceback" not in output


def test_control_c(source):
    # what is started in the background is deaf to it
    process = started(source, "run", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    until(process, RUNS)
    (line,) = stop(process, signal.SIGINT)
    assert process.returncode == 130
    assert line == f"stopped by SIGINT; nothing is kept without [run] checkpoint, and {AGAIN}"


def test_handlers_of_python_users_stay(tmp_path, monkeypatch):
    """Importing, loading and running leave them as they were; the command gives them back."""
    from click.testing import CliRunner

    import wb_conserved
    from wb_conserved import models
    from wb_conserved.calculators.static import ConventionalSpinConductivity
    from wb_conserved.cli import main

    def own(number, frame):
        raise AssertionError

    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = [signal.signal(number, own) for number in numbers]
    try:
        calculators = {"a": ConventionalSpinConductivity([0.0], degen_thresh=1e-4, kBT=0.1)}
        wb_conserved.run(models.random_model(2), 2, calculators, checkpoint=tmp_path / "parts")
        assert CliRunner().invoke(main, ["check", str(tmp_path / "none.toml")]).exit_code == 2
        assert [signal.getsignal(number) for number in numbers] == [own, own]
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_a_missing_pyfftw_is_no_news(source):
    """WannierBerri warns of it when it is imported, where nobody has set up messages too."""
    source.write_text(INPUT.replace("MESH", "4"), encoding="utf-8")
    process = started(source, "run", "--verbose", "--dry-run")
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0 and LOADED in output
    assert "pyfftw" not in output
    done = start([sys.executable, "-c", "import logging\nlogging.basicConfig(level=0)\nimport wb_conserved\nwb_conserved.run"])
    assert (done.returncode, "pyfftw" in done.stderr) == (0, False)


class TestProgressBar:
    """On a terminal, and nowhere else."""

    def test_terminal(self, source):
        source.write_text(INPUT.replace("MESH", "12"), encoding="utf-8")
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 120))
        process = started(source, "run", stderr=theirs)
        os.close(theirs)
        shown = b""
        with open(ours, "rb", buffering=0) as terminal:
            try:
                while part := terminal.read(4096):
                    shown += part
            except OSError:  # its other end is closed
                pass
        assert process.wait(LIMIT) == 0
        assert b"k points: 100%" in shown

    def test_file(self, source):
        source.write_text(INPUT.replace("MESH", "12"), encoding="utf-8")
        process = started(source, "run")
        output, _ = process.communicate(timeout=LIMIT)
        assert process.returncode == 0
        assert "%|" not in output and "\r" not in output
