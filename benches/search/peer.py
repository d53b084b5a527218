"""hnswlib on the vectors and queries of the search bench: peer.py <folder>"""

import sys
import time
from pathlib import Path

import hnswlib
import numpy as np

DIMS = 384
folder = Path(sys.argv[1])
vectors = np.fromfile(folder / "vectors.f32", dtype=np.float32).reshape(-1, DIMS)
queries = np.fromfile(folder / "queries.f32", dtype=np.float32).reshape(-1, DIMS)

index = hnswlib.Index(space="ip", dim=DIMS)
index.init_index(max_elements=len(vectors), M=16, ef_construction=200)
index.set_num_threads(1)
started = time.perf_counter()
index.add_items(vectors)
print(f"hnswlib, one thread: built in {time.perf_counter() - started:.1f} s")
for k, ef in ((20, 96), (100, 200), (400, 800)):
    index.set_ef(ef)
    times = []
    for query in queries:
        started = time.perf_counter()
        index.knn_query(query, k=k)
        times.append(time.perf_counter() - started)
    times = np.array(times) * 1e3
    print(
        f"hnswlib, {k} hits at ef {ef:<15} p50 {np.percentile(times, 50):7.2f} ms   "
        f"p99 {np.percentile(times, 99):7.2f} ms   {1e3 / times.mean():8.0f} queries/s"
    )
index.set_ef(96)
exact = np.argsort(-(queries[:100] @ vectors.T), axis=1)[:, :10]
near = [index.knn_query(query, k=10)[0][0] for query in queries[:100]]
print(f"hnswlib recall@10: {np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, near)]):.4f}")
