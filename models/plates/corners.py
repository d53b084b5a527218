"""Trains the corners of a network on plates that stand slanted. Its scores and boxes stay as they are.

    python corners.py PICTURES WEIGHTS.pt OUT.pt --minutes 15

Half of the time draws pictures and keeps what the network makes of the places that find a plate. The other half trains the
corners' own path on these, without the pictures. In the end it prints by how much corners are off in pictures that it kept for that.
"""

import argparse
import time

import torch
from torch import nn
from torch.nn import functional

import loss as losses
import network
from scenes import SIDE
from train import batches, save

PLACES = 384  # places of each stride at a time
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

    def __init__(self, device):
        self.device = device
        self.rows = [[] for _ in network.STRIDES]

    @torch.no_grad()
    def add(self, model, pictures, quads, unsure):
        middles, strides = (tensor.to(self.device) for tensor in network.places(SIDE, SIDE))
        pictures = pictures.to(self.device).float().contiguous(memory_format=torch.channels_last)
        quads, unsure = losses.padded(quads, self.device), losses.padded(unsure, self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            levels = model.pyramid(pictures)
        owner, _ = losses.assign(quads, unsure, SIDE, middles, strides)
        for level, stride in zip(range(len(levels)), network.STRIDES):
            picture, place = torch.nonzero((owner >= 0) & (strides == stride), as_tuple=True)
            quad = quads[0][picture, owner[picture, place]]
            column, row = (middles[place] / stride).floor().long().T
            windows = functional.pad(levels[level].half(), (REACH,) * 4).unfold(2, 2 * REACH + 1, 1).unfold(3, 2 * REACH + 1, 1)
            around = windows[picture, :, row, column]
            longer = (quad.amax(1) - quad.amin(1)).amax(1)
            self.rows[level].append((around, ((quad - middles[place, None]) / stride).flatten(1), longer / stride))

    def stacked(self):
        return [[torch.cat(column) for column in zip(*rows)] for rows in self.rows]


def path_of(model, level):
    """The corners' path of a level without padding: from features around one place to its corners."""
    first, second, last = model.slant[level]

    def run(around):
        inner = first[2](first[1](functional.conv2d(around.float(), first[0].weight)))
        inner = second[2](second[1](functional.conv2d(inner, second[0].weight, dilation=2)))
        return last(inner)[:, :, 0, 0]

    return run


def gathered(model, device, options, seconds, seed):
    places = Places(device)
    source = batches(options.pictures, seed, options.workers, fresh=1.0, roll_of=roll_of)
    began = time.time()
    while time.time() - began < seconds:
        places.add(model, *next(source))
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
    parser.add_argument("pictures")
    parser.add_argument("weights")
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    model = network.Network()
    model.load_state_dict(torch.load(options.weights, weights_only=True))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device, memory_format=torch.channels_last).eval()
    kept = gathered(model, device, options, options.minutes * 1.5, 2)
    known = gathered(model, device, options, options.minutes * 28.5, 1)
    print("places to learn from, by stride:", [len(rows[0]) for rows in known], flush=True)
    model.slant.train()
    optimizer = torch.optim.AdamW(model.slant.parameters(), lr=options.rate, weight_decay=1e-3)
    began, step = time.time(), 0
    while (part := (time.time() - began) / (options.minutes * 30)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (1 - part))
        whole = 0.0
        for level, (around, corners, longer) in enumerate(known):
            some = torch.randint(len(around), (PLACES,), device=device)
            found = path_of(model, level)(around[some]) / longer[some, None]
            whole = whole + functional.smooth_l1_loss(found, corners[some] / longer[some, None], beta=0.03)
        optimizer.zero_grad()
        whole.backward()
        optimizer.step()
        step += 1
        if step % 500 == 0:
            print(f"step {step}  loss {float(whole.detach()):.4f}", flush=True)
    report(model, kept)
    save(model, options.out)


if __name__ == "__main__":
    main()
