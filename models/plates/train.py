"""Trains the detector from generated pictures alone.

    python train.py MATERIAL OUT.pt --minutes 120 [--start WEIGHTS.pt]

MATERIAL is a folder with the photographs that `photographs.py` names. Pictures are drawn by a process of their own while the
network learns; each is seen a few times, with its light and colours changed.
"""

import argparse
import copy
import math
import time

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

import loss as losses
import network
from photographs import photographs
from scenes import SIDE, scene

BATCH, FRESH = 16, 5  # pictures a step, and how many of them are new
KEPT = 6000  # pictures that are kept to be seen again


class Scenes(IterableDataset):
    def __init__(self, material, seed):
        self.material, self.seed = material, seed

    def __iter__(self):
        cv2.setNumThreads(1)
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        pictures = photographs(self.material)
        while True:
            yield scene(rng, pictures)


def varied(rng, picture):
    """The picture in another light and colour, with some noise."""
    picture = picture.astype(np.float32) * np.float32(rng.uniform(0.75, 1.25) * rng.normal(1, 0.04, 3)) + rng.uniform(-15, 15)
    if rng.random() < 0.5:
        picture += rng.normal(0, rng.uniform(0, 6), picture.shape).astype(np.float32)
    return np.clip(picture, 0, 255)


def moved(rng, picture, quads, unsure):
    """The picture moved by up to 24 pixels, so that no place learns one picture by heart."""
    dx, dy = (int(v) for v in rng.integers(-24, 25, 2))
    out = np.full_like(picture, 114)
    x0, x1, y0, y1 = max(0, dx), SIDE + min(0, dx), max(0, dy), SIDE + min(0, dy)
    out[y0:y1, x0:x1] = picture[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    move = np.float32((dx, dy))
    quads, unsure = quads + move, unsure + move
    inside = [share_inside(quad) >= 0.3 for quad in quads]
    unsure = np.concatenate([unsure, quads[[not kept for kept in inside]]]) if len(quads) else unsure
    return out, quads[inside] if len(quads) else quads, unsure


def share_inside(quad):
    low, high = quad.min(0), quad.max(0)
    kept = np.maximum(0, np.minimum(high, SIDE) - np.maximum(low, 0))
    return kept.prod() / max(1e-6, (high - low).prod())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("material")
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(options.seed)
    model = network.Network()
    if options.start:
        model.load_state_dict(torch.load(options.start, weights_only=True))
    model = model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}], lr=options.rate)
    middles, strides = network.places(SIDE, SIDE)
    source = iter(DataLoader(Scenes(options.material, options.seed), batch_size=None, collate_fn=list, num_workers=options.workers, prefetch_factor=32))
    kept = []
    began, step, sums, said = time.time(), 0, np.zeros(4), time.time()
    while (spent := time.time() - began) < options.minutes * 60:
        part = spent / (options.minutes * 60)
        warm = min(1.0, (step + 1) / 200)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))
        fresh = [next(source) for _ in range(FRESH if len(kept) > 200 else BATCH)]
        again = [kept[rng.integers(len(kept))] for _ in range(BATCH - len(fresh))]
        for picture in fresh:
            if len(kept) < KEPT:
                kept.append(picture)
            else:
                kept[rng.integers(KEPT)] = picture
        batch = [moved(rng, *scene_) for scene_ in fresh + again]
        pictures = np.stack([varied(rng, picture) for picture, _, _ in batch])
        pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        truth = [(torch.from_numpy(np.ascontiguousarray(q, np.float32)), torch.from_numpy(np.ascontiguousarray(u, np.float32))) for _, q, u in batch]
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            fields = model(pictures)
        whole, parts = losses.loss(fields.float(), truth, SIDE, middles, strides)
        optimizer.zero_grad(set_to_none=True)
        whole.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        step += 1
        keep = min(0.999, step / (step + 20))
        with torch.no_grad():
            for mean, now in zip(average.state_dict().values(), model.state_dict().values()):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)
        sums += [float(whole.detach())] + [float(p.detach()) for p in parts]
        if step % 50 == 0:
            now = time.time()
            print(f"{spent / 60:6.1f} min  step {step}  {50 / (now - said):.2f} steps/s  loss {sums / 50}", flush=True)
            sums[:], said = 0, now
        if step % 250 == 0:
            torch.save(average.state_dict(), options.out)
    torch.save(average.state_dict(), options.out)


if __name__ == "__main__":
    main()
