"""Recall, coverage and false regions of weights on annotated photographs, by score.

    python evaluate.py WEIGHTS.pt FOLDER [--part dev|test|all] [--sheet OUT.png]

FOLDER holds pictures and, beside each, a text file with `file x y width height text` per plate. Recipes are chosen by the part
`dev`, a third of the pictures by the digest of their names; `test` is the rest.
"""

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch

import network

LONGEST = (1280, 640, 320)  # long sides at which a picture is looked at, as `rushes redact` does


def part_of(name):
    return "dev" if hashlib.sha256(name.encode()).digest()[0] % 3 == 0 else "test"


def overlap(box, boxes):
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.maximum(0, high - low).prod(1)
    return both / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - both)


def distinct(found, threshold=0.4):
    """Without the worse of two that overlap."""
    found = found[np.argsort(-found[:, 4])]
    kept = []
    while len(found):
        kept.append(found[0])
        found = found[1:][overlap(found[0, :4], found[1:, :4]) < threshold]
    return np.array(kept).reshape(-1, 5)


@torch.no_grad()
def detect(model, rgb, least=0.05):
    """Boxes and scores, `[n, 5]`, in the picture's pixels."""
    found = []
    tried = set()
    for longest in LONGEST:
        scale = min(1.0, longest / max(rgb.shape[:2]))
        if scale in tried:
            continue
        tried.add(scale)
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
        height, width = (-(-n // 32) * 32 for n in small.shape[:2])
        padded = np.zeros((height, width, 3), np.float32)
        padded[: small.shape[0], : small.shape[1]] = small
        fields = model(torch.from_numpy(padded).permute(2, 0, 1)[None])[0]
        middles, strides = network.places(height, width)
        scores = fields[:, 0].sigmoid()
        good = scores >= least
        boxes = network.boxes(fields[good], middles[good], strides[good]) / scale
        found.append(torch.cat([boxes, scores[good, None]], 1).numpy())
    return distinct(np.concatenate(found))


def annotations(folder, part):
    for path in sorted(Path(folder).glob("*.jpg")):
        if part in ("all", part_of(path.name)):
            lines = path.with_suffix(".txt").read_text().split("\n")
            boxes = [[float(v) for v in line.split()[1:5]] for line in lines if line.strip()]
            yield path, np.array([[x, y, x + w, y + h] for x, y, w, h in boxes])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("folder")
    parser.add_argument("--part", default="dev", choices=["dev", "test", "all"])
    parser.add_argument("--sheet")
    options = parser.parse_args()
    model = network.Network()
    model.load_state_dict(torch.load(options.weights, weights_only=True))
    model.eval()
    results, tiles = [], []
    for path, truth in annotations(options.folder, options.part):
        rgb = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        found = detect(model, rgb)
        results.append((path.name, truth, found, rgb.shape))
        if options.sheet:
            shown = rgb.copy()
            for x0, y0, x1, y1 in truth.astype(int):
                cv2.rectangle(shown, (x0, y0), (x1, y1), (0, 255, 0), 1)
            for *box, score in found:
                if score > 0.2:
                    x0, y0, x1, y1 = (int(v) for v in box)
                    cv2.rectangle(shown, (x0, y0), (x1, y1), (255, 60, 60), 1)
                    cv2.putText(shown, f"{score:.2f}", (x0, y0 - 2), 0, 0.5, (255, 60, 60), 1)
            scale = 300 / max(shown.shape[:2])
            shown = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            tile = np.zeros((300, 300, 3), np.uint8)
            tile[: shown.shape[0], : shown.shape[1]] = shown
            tiles.append(tile)
    plates = sum(len(truth) for _, truth, _, _ in results)
    print(f"{len(results)} pictures, {plates} plates\nscore  recall@0.5  covered>=0.95  mean covered  false/picture")
    for least in (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.6):
        hit = covered = whole = false = 0
        for _, truth, found, shape in results:
            kept = found[found[:, 4] >= least, :4]
            for box in truth:
                hit += bool(len(kept)) and overlap(box, kept).max() >= 0.5
                mask = np.zeros(shape[:2], bool)
                for x0, y0, x1, y1 in kept.clip(0).astype(int):
                    mask[y0 : y1 + 1, x0 : x1 + 1] = True
                x0, y0, x1, y1 = box.astype(int)
                share = mask[y0:y1, x0:x1].mean()
                covered += share
                whole += share >= 0.95
            false += sum(overlap(box, truth).max() < 0.1 for box in kept) if len(truth) else len(kept)
        print(f"{least:5.2f}  {hit / plates:10.3f}  {whole / plates:13.3f}  {covered / plates:12.3f}  {false / len(results):13.2f}")
    if options.sheet:
        while len(tiles) % 6:
            tiles.append(np.zeros((300, 300, 3), np.uint8))
        cv2.imwrite(options.sheet, np.vstack([np.hstack(tiles[i : i + 6]) for i in range(0, len(tiles), 6)])[..., ::-1])


if __name__ == "__main__":
    main()
