"""Writes golden.json: what the network says of frames made by a formula, for the tests of the program that runs it.

    python golden.py boundary.safetensors golden.json
"""

import json
import sys

import numpy as np
import torch
from safetensors.torch import load_file

from network import Network

FRAMES = 120


def frames():
    """Two patterns that move, the second from frame 50 on, which dissolve into a third from frame 80 to 91."""
    t, y, x = np.mgrid[0:FRAMES, 0:36, 0:64]
    first = (x * 3 + y * 2 + t) % 180 + 20
    second = ((x // 8 + y // 6) % 2) * 120 + (x + 2 * t) % 50 + 30
    third = (y * 5 + t) % 100 + 100
    luma = np.where(t < 50, first, second)
    part = np.clip(t - 79, 0, 13)
    luma = (luma * (13 - part) + third * part) // 13
    blue, red = 128 + (x - 32) // 2, 128 + (y - 18) // 2
    return np.stack([luma, blue, red], -1).astype(np.uint8)


def main():
    network = Network()
    network.load_state_dict({name: value.float() for name, value in load_file(sys.argv[1]).items()})
    network.eval()
    with torch.no_grad():
        logits = network(torch.from_numpy(frames())[None])[0]
    answers = torch.cat([logits[:, :2].sigmoid(), logits[:, 2:].softmax(-1)], -1)
    with open(sys.argv[2], "w") as out:
        json.dump([[round(value, 5) for value in row] for row in answers.tolist()], out)
        out.write("\n")


if __name__ == "__main__":
    main()
