"""Trains the boundary network and writes its weights.

    python train.py MATERIAL OUT.safetensors [--minutes 40] [--shots 3000] [--seed 1]

MATERIAL is the folder with the footage and pictures of `footage.py`. Needs torch, numpy, opencv-python and safetensors, and the
program ffmpeg.
"""

import argparse
import multiprocessing as mp
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import footage
import shots
import windows
from network import Network

FRAMES, BATCH, SHOT = 128, 12, 168


def make_shots(seed, count, material):
    rng = np.random.default_rng(seed)
    videos, pictures = footage.load(material)
    singles = [shots.shot(rng, videos, pictures, SHOT) for _ in range(count)]
    twins = [shots.sibling(rng, pictures, SHOT) for _ in range(count // 8)]
    return np.stack(singles + [shot for pair in twins for shot in pair]), [(count + 2 * n, count + 2 * n + 1) for n in range(len(twins))]


def make_pool(path, options):
    halves = [(options.seed * 100 + k, options.shots // 2, options.material) for k in range(2)]
    with mp.Pool(2) as workers:
        (shots_a, pairs_a), (shots_b, pairs_b) = workers.starmap(make_shots, halves)
    np.save(path.with_suffix(".shots.npy"), np.concatenate([shots_a, shots_b]))
    np.save(path.with_suffix(".pairs.npy"), pairs_a + [(a + len(shots_a), b + len(shots_a)) for a, b in pairs_b])


def batch(rng, pool, size):
    parts = zip(*(windows.window(rng, pool, FRAMES) for _ in range(size)))
    return [torch.from_numpy(np.stack(part)) for part in parts]


def feed(seed, pool, queue):
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while True:
        queue.put([part.numpy() for part in batch(rng, pool, BATCH)])


def loss_of(logits, cut, gradual, kinds):
    weight = torch.ones(FRAMES)
    weight[:4] = weight[-4:] = 0
    cuts = F.binary_cross_entropy_with_logits(logits[..., 0], cut, pos_weight=torch.tensor(4.0), reduction="none")
    graduals = F.binary_cross_entropy_with_logits(logits[..., 1], gradual, pos_weight=torch.tensor(1.5), reduction="none")
    loss = ((cuts * 4 + graduals) * weight).mean()
    if (kinds >= 0).any():
        loss = loss + 0.2 * F.cross_entropy(logits[..., 2:].flatten(0, 1), kinds.flatten(), ignore_index=-1)
    return loss


def check(network, batches):
    """Share of cuts found exactly, of those reported that are true, of gradual frames alike, of kinds right."""
    network.eval()
    hits = found = true = both = either = right = of = 0
    losses = []
    with torch.no_grad():
        for images, cut, gradual, kinds in batches:
            logits = network(images)
            losses.append(loss_of(logits, cut, gradual, kinds).item())
            says, truth = logits[..., 0] > 0, cut > 0
            hits, found, true = hits + (says & truth).sum().item(), found + says.sum().item(), true + truth.sum().item()
            says, truth = logits[..., 1] > 0, gradual > 0
            both, either = both + (says & truth).sum().item(), either + (says | truth).sum().item()
            right, of = right + (logits[..., 2:].argmax(-1) == kinds)[kinds >= 0].sum().item(), of + (kinds >= 0).sum().item()
    network.train()
    return f"loss {np.mean(losses):.4f} cut recall {hits / max(true, 1):.3f} precision {hits / max(found, 1):.3f} gradual overlap {both / max(either, 1):.3f} kind {right / max(of, 1):.3f}"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("material")
    arguments.add_argument("out")
    arguments.add_argument("--minutes", type=float, default=40)
    arguments.add_argument("--shots", type=int, default=3000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--start", help="weights to begin with")
    arguments.add_argument("--pool", default="boundary-pool", help="where the shots are kept for the next time: two files begin with this")
    arguments.add_argument("--rate", type=float, default=2e-3)
    arguments.add_argument("--threads", type=int, default=2, help="of the training; another one makes the windows")
    options = arguments.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    pool = Path(options.pool)
    if not pool.with_suffix(".pairs.npy").exists():
        make_pool(pool, options)
    # Mapped, so that both processes share it.
    everything = np.load(pool.with_suffix(".shots.npy"), mmap_mode="r")
    pairs = np.load(pool.with_suffix(".pairs.npy")).tolist()
    pool = windows.Pool(everything, pairs)
    print(f"{len(everything)} shots", flush=True)
    queue = mp.Queue(8)
    mp.Process(target=feed, args=(options.seed * 1000, pool, queue), daemon=True).start()
    network = Network()
    if options.start:
        network.load_state_dict({name: value.float() for name, value in load_file(options.start).items()})
    print(sum(p.numel() for p in network.parameters()), "weights", flush=True)
    trial = [batch(np.random.default_rng(77 + n), pool, BATCH) for n in range(8)]
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=1e-3)
    begun, steps, average = time.time(), 0, None
    shadow = {name: value.clone() for name, value in network.state_dict().items()}
    said = 0
    while (part := (time.time() - begun) / (60 * options.minutes)) < 1:
        rate = options.rate * min(1, (steps + 1) / 200) * (0.5 * (1 + np.cos(np.pi * part)) + 0.01)
        for group in optimiser.param_groups:
            group["lr"] = rate
        images, cut, gradual, kinds = (torch.from_numpy(part) for part in queue.get(timeout=300))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(images)
        loss = loss_of(logits.float(), cut, gradual, kinds)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        steps += 1
        average = loss.item() if average is None else 0.99 * average + 0.01 * loss.item()
        decay = min(0.998, steps / (steps + 10))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                shadow[name].lerp_(value, 1 - decay)
        if time.time() - said > 120:
            said = time.time()
            now = {name: value.clone() for name, value in network.state_dict().items()}
            network.load_state_dict(shadow)
            print(f"{part:.2f} step {steps} loss {average:.4f} rate {rate:.1e} trial: {check(network, trial)}", flush=True)
            save_file({name: value.half().contiguous() for name, value in shadow.items()}, options.out)
            network.load_state_dict(now)
    network.load_state_dict(shadow)
    print(f"step {steps} {check(network, trial)}", flush=True)
    save_file({name: value.half().contiguous() for name, value in shadow.items()}, options.out)


if __name__ == "__main__":
    main()
