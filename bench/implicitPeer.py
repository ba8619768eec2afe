"""The peer `implicit` of the benchmarks: says "ready", then obeys the commands of stdin.

"next" measures once more and answers with the seconds, and those of all its threads' processors.

als PATH USERS ITEMS FACTORS THREADS [FOLDER WIDTH SCALE CONFIDENCE REGULARIZATION OUT]: one
  iteration of ALS with conjugate gradients, from random factors or those of a folder times SCALE.
  "save" writes the factors to the folder OUT, rows of FACTORS floats.
topk FOLDER FACTORS WIDTH QUERIES RESULTS THREADS: the best users of the first items of a folder.

A folder of factors has users.f32 and items.f32, rows of WIDTH floats whose first FACTORS count.
"""

import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.topk import topk
from scipy.sparse import csr_matrix


def measured(work):
    def measure():
        began, cpu_began = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - began, time.process_time() - cpu_began

    return measure


def factors_of(path, factors, width):
    rows = np.fromfile(path, dtype="<f4").reshape(-1, int(width))
    return np.ascontiguousarray(rows[:, : int(factors)])


def als(path, users, items, factors, threads, *start):
    folder, width, scale, confidence, regularization, out = start or (None, 0, 1, 1, 0.01, None)
    starts = np.fromfile(f"{path}.starts", dtype="<i4")
    columns = np.fromfile(f"{path}.columns", dtype="<i4")
    ones = np.ones(len(columns), dtype=np.float32)
    pairs = csr_matrix((ones, columns, starts), shape=(int(users), int(items)))
    model = AlternatingLeastSquares(
        factors=int(factors),
        alpha=float(confidence),
        regularization=float(regularization),
        iterations=0,
        use_cg=True,
        num_threads=int(threads),
    )
    if folder is not None:
        scale = np.float32(scale)
        model.user_factors = scale * factors_of(f"{folder}/users.f32", factors, width)
        model.item_factors = scale * factors_of(f"{folder}/items.f32", factors, width)
    # No iterations: it makes the factors that are not set.
    model.fit(pairs, show_progress=False)
    by_user = np.float32(confidence) * pairs
    by_item = by_user.T.tocsr()
    threads = model.num_threads

    # What `fit` does in an iteration.
    def iteration():
        x, y = model.user_factors, model.item_factors
        model.solver(by_user, x, y, model.regularization, num_threads=threads)
        model.solver(by_item, y, x, model.regularization, num_threads=threads)

    def save():
        model.user_factors.tofile(f"{out}/users.f32")
        model.item_factors.tofile(f"{out}/items.f32")
        return (0,)

    return {"next": measured(iteration), "save": save}


def best_users(folder, factors, width, queries, results, threads):
    users = factors_of(f"{folder}/users.f32", factors, width)
    items = factors_of(f"{folder}/items.f32", factors, width)[: int(queries)]
    assert len(items) == int(queries)
    return {"next": measured(lambda: topk(users, items, int(results), num_threads=int(threads)))}


commands = {"als": als, "topk": best_users}[sys.argv[1]](*sys.argv[2:])
print("ready", flush=True)
for line in sys.stdin:
    print(*commands[line.strip()](), flush=True)
