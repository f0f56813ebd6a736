"""Notebooks of the tutorials run as they are, on smaller meshes, and hold no output."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "tutorials").rglob("*.ipynb"))
SMALLER = {r"^MESH = \d+": "MESH = 12", r"^MESHES = .*": "MESHES = (20, 160, 24)"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    text = "\n".join("".join(cell["source"]) for cell in code)
    for pattern, smaller in SMALLER.items():
        text = re.sub(pattern, smaller, text, flags=re.MULTILINE)
    script = tmp_path / "notebook.py"
    script.write_text("import matplotlib\n\nmatplotlib.use('Agg')\n" + text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_there_are_some():
    assert {path.stem for path in NOTEBOOKS} >= {"honeycomb", "jarosite", "iron"}
