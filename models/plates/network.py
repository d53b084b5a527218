"""The detector: a small convolutional network without anchors, with one head over three strides.

Input: RGB from 0 to 255, `[batch, 3, height, width]`, sides multiples of 32. Output: `[batch, places, 13]`, where the places
are the cells of the grids with strides 8, 16 and 32, row by row, one grid after the other. A place holds a score (0 to 1),
the box's centre from the cell's middle and the logarithm of its size (both in strides), and the plate's four corners from
the cell's middle (x and y by turns, in strides), clockwise from the corner where its writing begins.
"""

import torch
from torch import nn

STRIDES = (8, 16, 32)
FIELDS = 13
BOX_FIELDS = 5  # the score and the box; the rest are corners


def step(inner, outer, stride=1, kernel=3, dilation=1):
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2 * dilation, dilation, bias=False),
        nn.BatchNorm2d(outer, momentum=0.03),
        nn.ReLU(inplace=True),
    )


class Block(nn.Module):
    """Two convolutions beside a path that leaves their input as it is."""

    def __init__(self, width, middle):
        super().__init__()
        self.first = step(width, middle)
        self.second = step(middle, width)

    def forward(self, x):
        return x + self.second(self.first(x))


class Network(nn.Module):
    def __init__(self, widths=(16, 24, 48, 80, 112), head=40, slant=24):
        super().__init__()
        a, b, c, d, e = widths
        self.stem = nn.Sequential(step(3, a, 2), step(a, b, 2), Block(b, 16))
        self.to8 = nn.Sequential(step(b, c, 2), Block(c, 32), Block(c, 32))
        self.to16 = nn.Sequential(step(c, d, 2), Block(d, 48), Block(d, 48))
        self.to32 = nn.Sequential(step(d, e, 2), Block(e, 64), Block(e, 64))
        self.side8, self.side16, self.side32 = step(c, head, kernel=1), step(d, head, kernel=1), step(e, head, kernel=1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.mix = nn.ModuleList(step(head, head) for _ in STRIDES)
        self.trunk = nn.ModuleList(step(head, head) for _ in STRIDES)
        self.out = nn.ModuleList(nn.Conv2d(head, BOX_FIELDS, 1) for _ in STRIDES)
        # Corners have a path of their own, which sees three cells each way: how a plate slants shows at its ends.
        self.slant = nn.ModuleList(
            nn.Sequential(step(head, slant), step(slant, slant, dilation=2), nn.Conv2d(slant, FIELDS - BOX_FIELDS, 1)) for _ in STRIDES
        )
        for out in self.out:
            nn.init.normal_(out.weight, std=0.01)
            nn.init.zeros_(out.bias)
            out.bias.data[0] = -4.6  # a score of 0.01 to begin with

    def pyramid(self, pictures):
        """Features at the three strides."""
        x = self.stem((pictures - 127.5) / 64)
        x8 = self.to8(x)
        x16 = self.to16(x8)
        x32 = self.to32(x16)
        y32 = self.side32(x32)
        y16 = self.side16(x16) + self.up(y32)
        y8 = self.side8(x8) + self.up(y16)
        return y8, y16, y32

    def forward(self, pictures):
        """Raw fields: the score as a logit."""
        fields = []
        for level, y in enumerate(self.pyramid(pictures)):
            out = torch.cat([self.out[level](self.trunk[level](self.mix[level](y))), self.slant[level](y)], 1)
            fields.append(out.flatten(2).transpose(1, 2))
        return torch.cat(fields, 1)


class Exported(nn.Module):
    """The network as it is shipped: the score is a probability."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pictures):
        fields = self.network(pictures)
        return torch.cat([fields[..., :1].sigmoid(), fields[..., 1:]], -1)


def places(height, width):
    """Middles and strides of all places of a picture: `[places, 2]` in pixels and `[places]`."""
    middles, strides = [], []
    for stride in STRIDES:
        ys, xs = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        middles.append((torch.stack([xs, ys], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((len(middles[-1]),), float(stride)))
    return torch.cat(middles), torch.cat(strides)


def boxes(fields, middles, strides):
    """Boxes in pixels, `[..., places, 4]`: left, top, right, bottom."""
    centre = middles + fields[..., 1:3] * strides[:, None]
    half = fields[..., 3:5].clamp(-6, 6).exp() * strides[:, None] / 2
    return torch.cat([centre - half, centre + half], -1)


def corners(fields, middles, strides):
    """Corners in pixels, `[..., places, 4, 2]`."""
    offsets = fields[..., 5:13].unflatten(-1, (4, 2))
    return middles[:, None] + offsets * strides[:, None, None]
