"""The paraunitary eigensolver against a plain loop over k points and against `numpy.linalg.eigh` of the same size, in one run.

    python tests/benchmarks/paraunitary.py [--repeat 5]

Processor times, medians; the sides take turns.
"""

import argparse
import os
import time

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np

from wb_conserved.interpolation import PARAUNITARY
from wb_conserved.interpolation.eigen import packed

SIZES = (2, 4, 6, 8, 12, 24)
KPOINTS = 20000


def plain(matrices):
    """Cholesky factor, eigenvectors and T of each k point, as textbooks have it."""
    half = matrices.shape[-1] // 2
    eta = np.diag(np.repeat([1.0, -1.0], half))
    energies, states = [], []
    for H in matrices:
        K = np.linalg.cholesky(H).conj().T
        values, U = np.linalg.eigh(K @ eta @ K.conj().T)
        energies.append(values)
        states.append(np.linalg.solve(K, U * np.sqrt(np.abs(values))))
    return np.array(energies), np.array(states)


def measure(size, repeat):
    """Microseconds per k point of plain loop, ours, numpy.linalg.eigh."""
    generator = np.random.default_rng(size)
    number = max(500, KPOINTS * 4 // size)
    root = generator.normal(size=(number, size, size)) + 1j * generator.normal(size=(number, size, size))
    matrices = root @ root.conj().swapaxes(1, 2) + np.eye(size)
    real, few = packed(matrices), matrices[: number // 10]
    np.testing.assert_allclose(PARAUNITARY.solve(real[: len(few)])[0], plain(few)[0], atol=1e-10 * size)
    sides = (
        (lambda: plain(few), len(few)),
        (lambda: PARAUNITARY.solve(real), number),
        (lambda: np.linalg.eigh(matrices), number),
    )
    times = [[] for _ in sides]
    for _ in range(repeat):
        for side, (function, points) in enumerate(sides):
            start = time.process_time()
            function()
            times[side].append(1e6 * (time.process_time() - start) / points)
    return [float(np.median(values)) for values in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    print("2N    plain    ours   eigh  µs per k point; plain / ours, ours / eigh")
    for size in SIZES:
        loop, ours, eigh = measure(size, repeat)
        print(f"{size:2d} {loop:8.2f} {ours:7.3f} {eigh:6.2f}  {loop / ours:6.1f}  {ours / eigh:5.2f}")


if __name__ == "__main__":
    main()
