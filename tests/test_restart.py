"""Under mpirun: killed, signalled and failing ranks end all of them, and the same command goes on where it stopped."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from processes import LAUNCHERS, LIMIT, MPIRUN, needs_mpirun, start

SCRIPT = """
import os, signal, sys, time
import numpy as np
import wb_conserved
from wannierberri.calculators.tabulate import Energy, TabulatorAll
from wb_conserved import models
from wb_conserved.calculators import static
from wb_conserved.interpolation import bloch
from wb_conserved.parallel import world

folder, output, failure, iterations = sys.argv[1:5]
comm = world()
bloch._ELEMENTS_PER_MATRIX = 8 * 8 * 8  # many batches on a small mesh
options = dict(Efermi=np.linspace(-1, 1, 11), degen_thresh=1e-4, kBT=0.1)
done = 0

class Slow(static.ConventionalSpinConductivity):
    "Takes its time, says what it has done, and fails on the last rank after some batches."

    def accumulate(self, states, weight=1.0, out=None):
        global done
        if failure != "none":
            time.sleep(0.02)
        done += 1
        if failure != "none" and done == 12 and comm.rank == comm.size - 1:
            if failure == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if failure == "error":
                raise ArithmeticError("a bad k point")
            if failure == "memory":
                np.empty(2**50)
        return super().accumulate(states, weight, out)

    def terms(self, band_geometry):
        terms = super().terms(band_geometry)
        if failure == "nan" and done == 12 and comm.rank == comm.size - 1:
            terms[0].values[0] = np.nan
        return terms

calculators = dict(
    slow=Slow(**options), kubo=static.KuboConservedSpinConductivity(**options), table=TabulatorAll({"Energy": Energy()})
)
result = wb_conserved.run(
    models.random_model(4, seed=1), (6, 6, 6), calculators, comm,
    checkpoint=None if folder == "none" else folder, adpt_num_iter=int(iterations),
)
if comm.rank == 0:
    values = [result.results[name].data.tobytes() for name in ("slow", "kubo")]
    values.append(result.results["table"].results["Energy"].data.tobytes())
    with open(output, "wb") as file:
        file.write(b"".join(values))
sys.stdout.write(f"batches {done}\\n")
"""


@pytest.fixture
def go(tmp_path):
    """Function that runs the script above."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")

    def run_script(ranks, failure="none", folder="none", iterations=0):
        output = tmp_path / f"result-{ranks}"
        output.unlink(missing_ok=True)
        launcher = [] if ranks is None else [*MPIRUN, "-n", ranks]
        done = start([*launcher, sys.executable, path, folder, output, failure, iterations])
        return done, output.read_bytes() if output.exists() else None

    return run_script


def stored(folder):
    return list(folder.glob("iteration-*/sum-*"))


@needs_mpirun
@pytest.mark.parametrize("iterations", [0, 2])
def test_same_bytes_on_any_number_of_ranks(go, iterations):
    results = {}
    for ranks in (None, 2, 3, 4):
        done, results[ranks] = go(ranks, iterations=iterations)
        assert done.returncode == 0, done.stderr
    assert len(results[None]) > 1000
    assert all(result == results[None] for result in results.values())


@needs_mpirun
@pytest.mark.parametrize("iterations", [0, 2])
def test_a_killed_rank_ends_all_and_the_same_command_goes_on(go, tmp_path, iterations):
    done, reference = go(None, iterations=iterations)
    needed = int(re.search(r"batches (\d+)", done.stdout)[1]) - 1  # one prepares
    folder = tmp_path / "checkpoint"
    done, result = go(2, "kill", folder, iterations)
    assert done.returncode != 0
    assert result is None
    assert stored(folder)
    done, result = go(3, folder=folder, iterations=iterations)
    assert done.returncode == 0, done.stderr
    assert result == reference
    evaluated = sum(int(number) - 1 for number in re.findall(r"batches (\d+)", done.stdout))
    assert evaluated < needed  # something was left from before
    done, result = go(None, folder=folder, iterations=iterations)
    assert result == reference
    assert done.stdout == "batches 1\n"  # nothing left to do


@needs_mpirun
@pytest.mark.parametrize(("name", "everyone"), [("SIGKILL", True), ("SIGUSR1", False), ("SIGTERM", False)])
def test_all_ranks_are_signalled(go, tmp_path, name, everyone):
    """SIGKILL to all processes of the job, as a queue ends it; SIGUSR1 and SIGTERM to the ranks, or to the launcher."""
    reference = go(None)[1]
    folder, output = tmp_path / "checkpoint", tmp_path / "result"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LAUNCHERS)}
    process = subprocess.Popen(
        [*MPIRUN, "-n", "2", sys.executable, tmp_path / "script.py", folder, output, "slow", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=kept | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + LIMIT
        while len(stored(folder)) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        if everyone:
            for pid in [*children(process.pid), process.pid]:
                os.kill(pid, signal.SIGKILL)
        else:
            for pid in ranks_of(process.pid):
                os.kill(pid, getattr(signal, name))
        _, errors = process.communicate(timeout=LIMIT)
    finally:
        for pid in [*children(process.pid), process.pid]:
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
    assert process.returncode != 0
    if not everyone:
        assert process.returncode == 75
        assert f"stopped by {name}; finished parts are in {folder}" in errors
    done, result = go(2, folder=folder)
    assert done.returncode == 0, done.stderr
    assert result == reference


def children(pid):
    """Processes that a process started, and those that these did."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def ranks_of(pid):
    """Those of the children that run the script."""
    found = []
    for child in children(pid):
        with open(f"/proc/{child}/cmdline") as file:
            arguments = file.read().split("\0")
        if "python" in arguments[0] and any(argument.endswith("script.py") for argument in arguments):
            found.append(child)
    return found


@needs_mpirun
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("error", "ArithmeticError: a bad k point"),
        ("nan", "FloatingPointError: "),
        ("memory", "MemoryError: Unable to allocate"),
    ],
)
def test_a_failing_rank_ends_all(go, failure, said):
    done, result = go(2, failure)
    assert done.returncode == 1
    assert result is None
    line = next(line for line in done.stderr.splitlines() if line.startswith("rank 1 of 2: "))
    assert said in line
    assert "at the k points [" in line
    assert "of the K point coord in rec.lattice" in line
    assert line.endswith("ending all ranks")


@needs_mpirun
def test_a_checkpoint_of_another_input_is_refused_by_all_ranks(go, tmp_path):
    folder = tmp_path / "checkpoint"
    assert go(2, folder=folder)[0].returncode == 0
    done, result = go(2, folder=folder, iterations=1)
    assert done.returncode != 0
    assert result is None
    assert "CheckpointError" in done.stderr
    assert "differs in calculator" not in done.stderr
    assert "refinement" in done.stderr


@needs_mpirun
def test_more_ranks_than_chunks(go, tmp_path):
    script = (
        "import numpy as np, sys, wb_conserved\n"
        "from wb_conserved import models\n"
        "from wb_conserved.calculators import static\n"
        "from wb_conserved.parallel import world\n"
        "comm = world()\n"
        "calculators = dict(kubo=static.KuboConservedSpinConductivity([0.0], degen_thresh=1e-4, kBT=0.1))\n"
        "result = wb_conserved.run(models.random_model(2), 2, calculators, comm)\n"
        "if comm.rank == 0:\n    np.save(sys.argv[1], result.results['kubo'].data)\n"
        "    print((result.busy_seconds > 0).sum(), len(result.busy_seconds))\n"
    )
    (tmp_path / "few.py").write_text(script)
    saved = []
    for ranks in (1, 4):
        done = start([*MPIRUN, "-n", ranks, sys.executable, tmp_path / "few.py", tmp_path / f"{ranks}.npy"])
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"1 {ranks}\n"
        saved.append(np.load(tmp_path / f"{ranks}.npy"))
    np.testing.assert_array_equal(*saved)
