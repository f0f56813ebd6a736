"""Types of arguments that several public functions take, for annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import wannierberri
from wannierberri.system.system import System

AnySystem: TypeAlias = System
"""A system of WannierBerri or of `wb_conserved.models`."""
Mesh: TypeAlias = int | Sequence[int] | np.ndarray
"""Numbers of k points, one or three."""
Grid: TypeAlias = Mesh | wannierberri.Grid | wannierberri.Path
"""A mesh, or WannierBerri's grid or path."""
Communicator: TypeAlias = Any
"""An mpi4py.MPI.Comm, or None for this process alone."""
