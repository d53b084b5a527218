"""Reads text in pictures with RapidOCR, the common way to run PP-OCR without Paddle; prints a line of JSON each."""

import json
import sys
import time

import cv2
from rapidocr_onnxruntime import RapidOCR

threads, pictures = int(sys.argv[1]), sys.argv[2:]
engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)
for path in pictures:
    picture = cv2.imread(path)
    started = time.perf_counter()
    found, _ = engine(picture)
    ms = (time.perf_counter() - started) * 1000
    print(json.dumps({"picture": path, "ms": ms, "lines": [line[1] for line in found or []]}), flush=True)
