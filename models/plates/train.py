"""Trains the detector from generated pictures alone.

    python train.py PICTURES OUT.pt --minutes 120 [--start WEIGHTS.pt]

PICTURES is the folder that `photographs.py` fills. Training pictures are drawn by processes of their own while the network
learns; each is seen a few times, moved and in another light.
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
from scenes import SIDE, roll_of, scene

BATCH = 16  # pictures a step
FRESH = 0.31  # share of pictures that were never seen
KEPT = 6000  # pictures that are kept to be seen again


class Scenes(IterableDataset):
    """Pictures `[3, SIDE, SIDE]` of bytes, with the corners of their plates and of the doubtful ones."""

    def __init__(self, pictures, seed, fresh, roll_of):
        self.pictures, self.seed, self.fresh, self.roll_of = pictures, seed, fresh, roll_of

    def __iter__(self):
        cv2.setNumThreads(1)
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        room = KEPT // (worker.num_workers if worker else 1) if self.fresh < 1 else 0
        pictures = photographs(self.pictures)
        kept = []
        while True:
            if len(kept) < 20 or rng.random() < self.fresh:
                chosen = scene(rng, pictures, self.roll_of)
                if len(kept) < room:
                    kept.append(chosen)
                elif room:
                    kept[rng.integers(room)] = chosen
            else:
                chosen = kept[rng.integers(len(kept))]
            picture, quads, unsure = moved(rng, *chosen)
            yield np.ascontiguousarray(varied(rng, picture).transpose(2, 0, 1)), quads, unsure


def varied(rng, picture):
    """The picture in another light and colour, with some noise."""
    picture = picture.astype(np.float32) * np.float32(rng.uniform(0.75, 1.25) * rng.normal(1, 0.04, 3)) + rng.uniform(-15, 15)
    if rng.random() < 0.5:
        picture += rng.normal(0, rng.uniform(0, 6), picture.shape).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def moved(rng, picture, quads, unsure):
    """The picture moved by up to 24 pixels, so that no place learns one picture by heart."""
    dx, dy = (int(v) for v in rng.integers(-24, 25, 2))
    out = np.full_like(picture, 114)
    x0, x1, y0, y1 = max(0, dx), SIDE + min(0, dx), max(0, dy), SIDE + min(0, dy)
    out[y0:y1, x0:x1] = picture[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    move = np.float32((dx, dy))
    quads, unsure = quads + move, unsure + move
    inside = np.array([share_inside(quad) >= 0.3 for quad in quads], bool)
    return out, quads[inside], np.concatenate([unsure, quads[~inside]])


def share_inside(quad):
    low, high = quad.min(0), quad.max(0)
    kept = np.maximum(0, np.minimum(high, SIDE) - np.maximum(low, 0))
    return kept.prod() / max(1e-6, (high - low).prod())


def batches(pictures, seed, workers, fresh=FRESH, roll_of=roll_of):
    """Pictures `[BATCH, 3, SIDE, SIDE]`, plates and doubtful plates, without end. `fresh` is the share of pictures never seen before."""

    def joined(drawn):
        return torch.from_numpy(np.stack([each[0] for each in drawn])), [each[1] for each in drawn], [each[2] for each in drawn]

    scenes = Scenes(pictures, seed, fresh, roll_of)
    source = iter(DataLoader(scenes, batch_size=BATCH, collate_fn=joined, num_workers=workers, prefetch_factor=4))
    next(source)  # until then the processes load photographs
    return source


def save(model, path):
    torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures")
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
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = network.Network()
    if options.start:
        model.load_state_dict(torch.load(options.start, weights_only=True))
    model = model.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}], lr=options.rate)
    middles, strides = (tensor.to(device) for tensor in network.places(SIDE, SIDE))
    source = batches(options.pictures, options.seed, options.workers)
    sums = torch.zeros(4, device=device)
    began, step, said = time.time(), 0, time.time()
    while (spent := time.time() - began) < options.minutes * 60:
        part = spent / (options.minutes * 60)
        warm = min(1.0, (step + 1) / 200)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))
        pictures, quads, unsure = next(source)
        pictures = pictures.to(device).float().contiguous(memory_format=torch.channels_last)
        quads, unsure = losses.padded(quads, device), losses.padded(unsure, device)
        model.train()
        with torch.autocast(device.type, torch.bfloat16):
            fields = model(pictures)
        whole, parts = losses.loss(fields.float(), quads, unsure, SIDE, middles, strides)
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
        sums += torch.stack([whole.detach(), *(p.detach() for p in parts)])
        if step % 50 == 0:
            now = time.time()
            print(f"{spent / 60:6.1f} min  step {step}  {50 / (now - said):.2f} steps/s  loss {(sums / 50).tolist()}", flush=True)
            sums.zero_()
            said = now
        if step % 250 == 0:
            save(average, options.out)
    save(average, options.out)


if __name__ == "__main__":
    main()
