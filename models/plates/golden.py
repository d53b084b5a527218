"""Writes golden.json: what the network finds in a picture made by a formula, for the tests of the program that runs it.

    python golden.py WEIGHTS.pt golden.json

Each row is a place with a score of at least 0.05: the score, then the box in pixels.
"""

import json
import sys

import numpy as np
import torch

import network


def picture():
    """A grey slope with a pale board on a dark panel, and seven dark bars on the board."""
    y, x = np.mgrid[0:160, 0:224]
    grey = 60 + (x + 2 * y) // 6
    grey = np.where((x >= 40) & (x < 184) & (y >= 50) & (y < 116), 35, grey)
    grey = np.where((x >= 64) & (x < 160) & (y >= 72) & (y < 96), 225, grey)
    bar = ((x - 68) % 13 < 5) & (x >= 68) & (x < 157) & (y >= 76) & (y < 92)
    grey = np.where(bar, 25, grey)
    return np.stack([grey, grey, grey], -1).astype(np.uint8)


@torch.no_grad()
def main():
    model = network.Network()
    model.load_state_dict(torch.load(sys.argv[1], weights_only=True))
    model.eval()
    pixels = torch.from_numpy(picture()).permute(2, 0, 1)[None].float()
    fields = model(pixels)[0]
    middles, strides = network.places(*pixels.shape[2:])
    scores, boxes = fields[:, 0].sigmoid(), network.boxes(fields, middles, strides)
    rows = torch.cat([scores[:, None], boxes], 1)[scores >= 0.05]
    rows = rows[rows[:, 0].argsort(descending=True)]
    print(rows[:5])
    with open(sys.argv[2], "w") as out:
        json.dump([[round(value, 4) for value in row] for row in rows.tolist()], out)
        out.write("\n")


if __name__ == "__main__":
    main()
