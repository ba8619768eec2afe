"""What NumPy does beside the kernel: says "ready", then answers each line of stdin.

multiply SIZE: seconds of one product of two square matrices of float32, and processor seconds.
read BYTES: the same of reading so much memory once, by the fastest of two ways.
loss PATH FOLDER FACTORS WIDTH SCALE CONFIDENCE REGULARIZATION: the objective of `implicit`,
  sum over pairs c (1 - s)^2 + sum over all others s^2 + regularization (|X|^2 + |Y|^2),  s = x.y,
  in float64, of the factors of a folder (see implicitPeer.py) times SCALE.
"""

import sys
import time

import numpy as np


def measured(work):
    began, cpu_began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu_began


def multiply(size):
    random = np.random.default_rng(1)
    a, b = (random.standard_normal((int(size), int(size)), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    return lambda: measured(lambda: np.matmul(a, b, out=out))


def read(size):
    # The vector stays in the cache nearest to the core.
    vector = np.ones(4096, dtype=np.float32)
    matrix = np.ones((int(size) // vector.nbytes, len(vector)), dtype=np.float32)
    share = int(size) / matrix.nbytes

    def measure():
        costs = measured(lambda: matrix @ vector), measured(matrix.sum)
        return tuple(share * cost for cost in min(costs))

    return measure


def loss(path, folder, factors, width, scale, confidence, regularization):
    starts = np.fromfile(f"{path}.starts", dtype="<i4")
    columns = np.fromfile(f"{path}.columns", dtype="<i4")
    users = np.repeat(np.arange(len(starts) - 1), np.diff(starts))

    def factors_of(name):
        rows = np.fromfile(f"{folder}/{name}.f32", dtype="<f4").reshape(-1, int(width))
        return float(scale) * rows[:, : int(factors)].astype(np.float64)

    def evaluate():
        x, y = factors_of("users"), factors_of("items")
        total = float(regularization) * ((x * x).sum() + (y * y).sum())
        # The sum of s^2 over all pairs, of which the observed ones are taken out again.
        total += ((x.T @ x) * (y.T @ y)).sum()
        for at in range(0, len(columns), 100_000):
            part = slice(at, at + 100_000)
            s = np.einsum("nk,nk->n", x[users[part]], y[columns[part]])
            total += (float(confidence) * (1 - s) ** 2 - s**2).sum()
        return (total,)

    return evaluate


answer = {"multiply": multiply, "read": read, "loss": loss}[sys.argv[1]](*sys.argv[2:])
print("ready", flush=True)
for _ in sys.stdin:
    print(*answer(), flush=True)
