"""The peer of the benchmarks: says "ready", then measures once more for each line of stdin and
answers with the seconds.

sweep PATH USERS ITEMS FACTORS THREADS: one iteration of ALS with conjugate gradients.
topk FOLDER USERS FACTORS LINES RESULTS THREADS: the best users of the first items of a model.
"""

import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.topk import topk
from scipy.sparse import csr_matrix


def sweep(path, users, items, factors, threads):
    starts = np.fromfile(f"{path}.starts", dtype="<i4")
    columns = np.fromfile(f"{path}.columns", dtype="<i4")
    ones = np.ones(len(columns), dtype=np.float32)
    pairs = csr_matrix((ones, columns, starts), shape=(int(users), int(items)))
    model = AlternatingLeastSquares(
        factors=int(factors), iterations=1, use_cg=True, num_threads=int(threads)
    )

    def measure():
        seconds = []
        model.fit(pairs, show_progress=False, callback=lambda _, took, __: seconds.append(took))
        return seconds[0]

    return measure


def best_users(folder, users, factors, lines, results, threads):
    shape = (-1, int(factors))
    user_factors = np.fromfile(f"{folder}/users.f32", dtype="<f4").reshape(shape)
    item_factors = np.fromfile(f"{folder}/items.f32", dtype="<f4").reshape(shape)
    assert len(user_factors) == int(users)

    def measure():
        began = time.perf_counter()
        topk(user_factors, item_factors[: int(lines)], int(results), num_threads=int(threads))
        return time.perf_counter() - began

    return measure


measure = {"sweep": sweep, "topk": best_users}[sys.argv[1]](*sys.argv[2:])
print("ready", flush=True)
for _ in sys.stdin:
    print(measure(), flush=True)
