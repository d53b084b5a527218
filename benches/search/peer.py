"""hnswlib on the vectors and queries of the search bench: peer.py FOLDER NAME DIMS

For each kind of query and number of hits, the time at the least ef that reaches a recall of 0.99, or at the
greatest ef that was tried.
"""

import sys
import time
from pathlib import Path

import hnswlib
import numpy as np

folder, name, dims = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rows = np.fromfile(folder / "rows.f32", dtype=np.float32).reshape(-1, dims)
index = hnswlib.Index(space="ip", dim=dims)
index.init_index(max_elements=len(rows), M=16, ef_construction=200)
index.set_num_threads(2)
started = time.perf_counter()
index.add_items(rows)
print(f"hnswlib {name}: built in {time.perf_counter() - started:.1f} s on two threads")
index.set_num_threads(1)


def recall(queries, k, best):
    near = [index.knn_query(query, k=k)[0][0] for query in queries[: len(best)]]
    return np.mean([len(set(a[:k]) & set(b)) / k for a, b in zip(best, near)])


for file in sorted(folder.glob("*.queries.f32")):
    kind = file.name.split(".")[0]
    queries = np.fromfile(file, dtype=np.float32).reshape(-1, dims)
    best = np.argsort(-(queries[:100] @ rows.T), axis=1)[:, :400]
    for k in (20, 400):
        for ef in (96, 200, 400, 800, 1600, 3200, 6400):
            if ef < k:
                continue
            index.set_ef(ef)
            if (found := recall(queries, k, best)) >= 0.99:
                break
        times = []
        for query in queries:
            started = time.perf_counter()
            index.knn_query(query, k=k)
            times.append(time.perf_counter() - started)
        times = np.array(times) * 1e3
        print(
            f"hnswlib {name:8} {kind:10} 100.0 % of the shots, {k:3} hits: p50 {np.percentile(times, 50):7.3f} ms  "
            f"p99 {np.percentile(times, 99):7.3f} ms  recall@{k} {found:.4f} at ef {ef}"
        )
