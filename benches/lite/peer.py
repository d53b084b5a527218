"""Our lite model beside its originals: PyTorch for the numbers, Python's onnxruntime for the speed.

peer.py <lite_report> <store> <labelled pictures>
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

THREADS, BATCH, ROUNDS = 2, 8, 7
HERE = Path(__file__).resolve().parent
TABLE = HERE / "../../models/src/lite/imagenet_classes.tsv"


def preprocess(image):
    """Shorter side 256 bicubic, centre crop 224, (x - 127) / 128: the original's recipe."""
    width, height = image.size
    shorter = min(width, height)
    width, height = width * 256 // shorter, height * 256 // shorter
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    square = image.resize((width, height), Image.BICUBIC).crop((left, top, left + 224, top + 224))
    return ((np.asarray(square, dtype=np.float32) - 127) / 128).transpose(2, 0, 1)


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def recall(scores, right, k):
    """Share of the queries (rows) with a right picture among the first k."""
    best = np.argsort(-scores, axis=1)[:, :k]
    return np.mean([right(query, picture) for query, picture in enumerate(best)])


def main():
    report, store, labelled = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(THREADS)
    samples = sorted((labelled / "imagenet_samples").iterdir())
    described = sorted(p for p in (labelled / "rclip_images").iterdir() if p.suffix != ".ppm")
    rows = [line.split("\t") for line in TABLE.read_text().splitlines()]
    index = {wordnet: int(number) for number, wordnet, *_ in rows}
    labels = np.array([index[p.name.split("_")[0]] for p in samples])
    classes = sorted(set(labels))
    words = [re.sub("[^a-z]+", " ", p.stem.lower()).strip() for p in described]

    with tempfile.TemporaryDirectory() as out:
        out = Path(out)
        (out / "list.txt").write_text("\n".join(map(str, samples + described)))
        (out / "queries.txt").write_text("\n".join([rows[c][2] for c in classes] + words))
        ours = subprocess.Popen(
            [report, store, out / "list.txt", out], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        texts_per_second = ours.stdout.readline().strip()
        logits, images, texts = (
            np.fromfile(out / f"{name}.f32", dtype=np.float32).reshape(-1, columns)
            for name, columns in [("logits", 1000), ("images", 384), ("texts", 384)]
        )
        pictures = [Image.open(p).convert("RGB") for p in samples + described]

        weights = store / "lite/0.1.0/efficientnet-lite0.pth"
        original = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights)).eval()
        with torch.no_grad():
            planes = [torch.from_numpy(preprocess(p))[None] for p in pictures]
            expected = torch.cat([original(p) for p in planes]).numpy()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(str(out / "lite.onnx"), options)

        def theirs():
            for start in range(0, len(pictures), BATCH):
                batch = np.stack([preprocess(p) for p in pictures[start : start + BATCH]])
                yield session.run(None, {"pixels": batch})[0]

        n = len(samples)
        same_input = np.concatenate(list(theirs()))
        print(f"top-1 of {n}: ours {(logits[:n].argmax(1) == labels).sum()}, original {(expected[:n].argmax(1) == labels).sum()}")
        print(f"cosine of logits, our graph on the original's input: min {cosines(same_input, expected).min():.6f}")
        ends = cosines(logits, expected)
        print(f"cosine of logits, our reading and resizing too: min {ends.min():.6f}, median {np.median(ends):.6f}")

        scores = texts[: len(classes)] @ images[:n].T
        right = lambda query, best: classes[query] in labels[best]
        print(f"class name to photograph: R@1 {recall(scores, right, 1):.3f}, R@5 {recall(scores, right, 5):.3f}")
        scores = texts[len(classes) :] @ images[n:].T
        right = lambda query, best: query in best
        print(f"file name to picture, among {len(words)}: R@1 {recall(scores, right, 1):.3f}, R@5 {recall(scores, right, 5):.3f}")
        print(f"texts a second: {texts_per_second}")

        from time import perf_counter

        rates = {"ours": [], "theirs": []}
        for _ in range(ROUNDS):
            ours.stdin.write("\n")
            ours.stdin.flush()
            rates["ours"].append(float(ours.stdout.readline()))
            start = perf_counter()
            for _ in theirs():
                pass
            rates["theirs"].append(len(pictures) / (perf_counter() - start))
        ours.stdin.close()
        ours.wait()
        a, b = (statistics.median(rates[name]) for name in ("ours", "theirs"))
        print(f"pictures a second, resize and network, {THREADS} threads: ours {a:.0f}, Python's onnxruntime {b:.0f}, ratio {a / b:.2f}")


if __name__ == "__main__":
    main()
