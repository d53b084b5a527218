"""Trains the corners of a network on plates that stand slanted. Its scores and boxes stay as they are.

    python corners.py MATERIAL WEIGHTS.pt OUT.pt --minutes 15

Half of the time draws pictures and keeps what the network makes of the places that find a plate. The other half trains the
corners' own path on these, without the pictures. In the end it prints by how much corners are off in pictures that it kept for that.
"""

import argparse
import time

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

import loss as losses
import network
from photographs import photographs
from scenes import SIDE, scene

BATCH, PLACES = 16, 384  # pictures, and places of each stride, at a time
REACH = 3  # cells that the path sees on each side of its own


def roll_of(rng):
    """Degrees: anything between level and steep, sometimes upside down."""
    kind = rng.random()
    if kind < 0.3:
        return rng.normal(0, 6)
    if kind < 0.9:
        return rng.uniform(-60, 60)
    return 180 + rng.uniform(-40, 40)


class Places:
    """What the network makes of places that find a plate, by stride: features around, corners, the plate's longer side."""

    def __init__(self):
        self.rows = [[] for _ in network.STRIDES]

    @torch.no_grad()
    def add(self, model, scenes):
        middles, strides = network.places(SIDE, SIDE)
        pictures = torch.from_numpy(np.stack([picture for picture, _, _ in scenes])).permute(0, 3, 1, 2).float()
        with torch.autocast("cpu", torch.bfloat16):
            levels = model.pyramid(pictures.contiguous(memory_format=torch.channels_last))
        levels = [functional.pad(level.float(), (REACH,) * 4) for level in levels]
        for number, (_, quads, _) in enumerate(scenes):
            quads = torch.from_numpy(np.ascontiguousarray(quads, np.float32))
            owner, _ = losses.assign(quads, torch.zeros(0, 4, 2), SIDE, middles, strides)
            for place in torch.nonzero(owner >= 0)[:, 0].tolist():
                quad, stride = quads[owner[place]], float(strides[place])
                level = network.STRIDES.index(int(stride))
                column, row = (int(v) for v in (middles[place] / stride).floor())
                around = levels[level][number, :, row : row + 2 * REACH + 1, column : column + 2 * REACH + 1]
                longer = (quad.amax(0) - quad.amin(0)).max()
                self.rows[level].append((around.half(), ((quad - middles[place]) / stride).flatten(), longer / stride))

    def stacked(self):
        return [[torch.stack(column) for column in zip(*rows)] for rows in self.rows]


def path_of(model, level):
    """The corners' path of a level without padding: from features around one place to its corners."""
    first, second, last = model.slant[level]

    def run(around):
        inner = first[2](first[1](functional.conv2d(around.float(), first[0].weight)))
        inner = second[2](second[1](functional.conv2d(inner, second[0].weight, dilation=2)))
        return last(inner)[:, :, 0, 0]

    return run


def gathered(model, material, seconds, seed):
    cv2.setNumThreads(1)
    rng, pictures, places = np.random.default_rng(seed), photographs(material), Places()
    began = time.time()
    while time.time() - began < seconds:
        drawn = [scene(rng, pictures, roll_of) for _ in range(BATCH)]
        places.add(model, [each for each in drawn if len(each[1])])
    return places.stacked()


def angles(corners):
    quads = corners.view(-1, 4, 2)
    along = quads[:, 1] + quads[:, 2] - quads[:, 0] - quads[:, 3]
    return torch.rad2deg(torch.atan2(along[:, 1], along[:, 0]))


@torch.no_grad()
def report(model, kept):
    model.eval()
    for level, (around, corners, longer) in enumerate(kept):
        found = path_of(model, level)(around)
        off = ((found - corners).abs() / longer[:, None]).mean(1)
        roll = angles(corners)
        turn = ((angles(found) - roll + 180) % 360 - 180).abs()
        for low, high in ((0, 10), (10, 30), (30, 60)):
            part = (roll.abs() >= low) & (roll.abs() < high)
            print(f"stride {network.STRIDES[level]:2}  rolled {low:2} to {high}: {int(part.sum()):5} places, corners off by {off[part].mean():.3f} of the longer side, turned wrong by {turn[part].median():.1f} degrees (median)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("material")
    parser.add_argument("weights")
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    model = network.Network()
    model.load_state_dict(torch.load(options.weights, weights_only=True))
    model = model.to(memory_format=torch.channels_last).eval()
    kept = gathered(model, options.material, options.minutes * 1.5, 2)
    known = gathered(model, options.material, options.minutes * 28.5, 1)
    print("places to learn from, by stride:", [len(rows[0]) for rows in known], flush=True)
    model.slant.train()
    optimizer = torch.optim.AdamW(model.slant.parameters(), lr=options.rate, weight_decay=1e-3)
    began, step = time.time(), 0
    while (part := (time.time() - began) / (options.minutes * 30)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (1 - part))
        whole = 0.0
        for level, (around, corners, longer) in enumerate(known):
            some = torch.randint(len(around), (PLACES,))
            found = path_of(model, level)(around[some]) / longer[some, None]
            whole = whole + functional.smooth_l1_loss(found, corners[some] / longer[some, None], beta=0.03)
        optimizer.zero_grad()
        whole.backward()
        optimizer.step()
        step += 1
        if step % 500 == 0:
            print(f"step {step}  loss {float(whole.detach()):.4f}", flush=True)
    report(model, kept)
    torch.save(model.state_dict(), options.out)


if __name__ == "__main__":
    main()
