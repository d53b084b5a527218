"""Recall, coverage and false regions of weights on annotated photographs, by score.

    python evaluate.py WEIGHTS.pt FOLDER [--part dev|test|all] [--sheet OUT.png]

The sheet shows the 20 plates with the lowest scores and the 20 regions without a plate with the highest.

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

SHOWN, ACROSS, TILE = 20, 10, 160  # pictures of each kind in a sheet, in a row, and their side in pixels
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


def tile_of(rgb, box, score, colour):
    """What is around a box, with its score."""
    x0, y0, x1, y1 = box
    half = max(x1 - x0, y1 - y0) * 1.1 + 4
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    to = np.float32([[TILE / (2 * half), 0, TILE / 2 - x * TILE / (2 * half)], [0, TILE / (2 * half), TILE / 2 - y * TILE / (2 * half)]])
    tile = cv2.warpAffine(rgb, to, (TILE, TILE), flags=cv2.INTER_AREA)
    corners = (to @ np.float32([[x0, x1], [y0, y1], [1, 1]])).T.astype(int)
    cv2.rectangle(tile, corners[0].tolist(), corners[1].tolist(), colour, 1)
    cv2.putText(tile, f"{score:.2f}", (4, 16), 0, 0.5, colour, 1)
    return tile


def noted(rgb, truth, found):
    """Plates with their scores, and regions without a plate with theirs, negative: lists of score and picture."""
    plates = []
    for box in truth:
        fits = overlap(box, found[:, :4]) >= 0.5
        score = found[fits, 4].max() if fits.any() else 0.0
        plates.append((score, tile_of(rgb, box, score, (0, 255, 0))))
    wrong = [(-score, tile_of(rgb, box, score, (255, 60, 60))) for *box, score in found if score >= 0.2 and not (overlap(np.array(box), truth) > 0.1).any()]
    return plates, wrong


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
    results, sheet = [], ([], [])
    for path, truth in annotations(options.folder, options.part):
        rgb = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        found = detect(model, rgb)
        results.append((path.name, truth, found, rgb.shape))
        if options.sheet:
            for kind, seen in enumerate(noted(rgb, truth, found)):
                sheet[kind].extend(seen)
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
        faint, wrong = (sorted(kind, key=lambda noted: noted[0])[:SHOWN] for kind in sheet)
        print("lowest scores of plates:", [round(float(score), 2) for score, _ in faint])
        print("highest scores without a plate:", [round(float(-score), 2) for score, _ in wrong])
        tiles = [tile for _, tile in faint] + [np.zeros_like(faint[0][1])] * (SHOWN - len(faint)) + [tile for _, tile in wrong]
        tiles += [np.zeros_like(faint[0][1])] * (2 * SHOWN - len(tiles))
        rows = [np.hstack(tiles[i : i + ACROSS]) for i in range(0, len(tiles), ACROSS)]
        cv2.imwrite(options.sheet, np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
