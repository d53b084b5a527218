"""The network: from small frames to what each frame is. All of it is products of matrices over patches, cells and moments.

Its idea of many scales in time and of a table of likenesses follows TransNet V2 (Souček & Lokoč, 2020); it has far less work
to do because it sees pictures in patches that do not overlap.
"""

import torch
from torch import nn
from torch.nn import functional as F

LAGS = 32  # Likeness is looked up to this many frames before and after.


def shifted(x, by):
    """`x` `by` moments later (earlier where negative); zeros where there is nothing."""
    frames = x.shape[1]
    if by > 0:
        return F.pad(x[:, : frames - by], [0, 0] * (x.dim() - 2) + [by, 0])
    return F.pad(x[:, -by:], [0, 0] * (x.dim() - 2) + [0, -by])


def merge(x, rows, columns):
    """Cells of a grid joined: `[B, T, H, W, C]` to `[B, T, H/rows, W/columns, rows*columns*C]`."""
    b, t, h, w, c = x.shape
    x = x.reshape(b, t, h // rows, rows, w // columns, columns, c)
    return x.permute(0, 1, 2, 4, 3, 5, 6).reshape(b, t, h // rows, w // columns, rows * columns * c)


class Moments(nn.Module):
    """What changes, at several paces at once: convolutions over time of three moments each, with several dilations.

    One product makes the three taps of all branches, which are then shifted and added.
    """

    def __init__(self, width, branch, dilations):
        super().__init__()
        self.branch, self.dilations = branch, dilations
        self.taps = nn.Linear(width, 3 * branch * len(dilations), bias=False)
        self.bias = nn.Parameter(torch.zeros(branch * len(dilations)))
        self.join = nn.Linear(branch * len(dilations), width)

    def forward(self, x):
        taps = self.taps(x).split(self.branch, -1)
        found = [
            taps[3 * k + 1] + shifted(taps[3 * k], dilation) + shifted(taps[3 * k + 2], -dilation)
            for k, dilation in enumerate(self.dilations)
        ]
        return x + self.join(F.relu(torch.cat(found, -1) + self.bias))


def likeness(d):
    """How alike each frame is to those around it: unit vectors `[B, T, C]` to cosines `[B, T, 2 * LAGS + 1]`."""
    frames = d.shape[1]
    wide = F.pad(d, [0, 0, LAGS, LAGS])
    table = d @ wide.transpose(1, 2)
    number = torch.arange(frames, device=d.device)[:, None] + torch.arange(2 * LAGS + 1, device=d.device)
    return table.gather(2, number.expand(d.shape[0], -1, -1))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Linear(48, 32)
        self.patch_before = nn.Linear(48, 32, bias=False)
        self.cell = nn.Linear(6 * 32, 64)
        self.near = Moments(64, 24, (1, 2, 4, 8))
        self.part = nn.Linear(6 * 64, 96)
        self.far = Moments(96, 32, (1, 2, 4, 8, 16))
        self.whole = nn.Linear(4 * 96, 128)
        self.describe = nn.Linear(9 * 16 * 3, 64)
        self.alike = nn.Linear(2 * (2 * LAGS + 1), 64)
        self.enter = nn.Linear(192, 128)
        self.head = nn.ModuleList(Moments(128, 64, (1, d)) for d in (2, 4, 8))
        self.leave = nn.Linear(128, 5)

    def forward(self, frames):
        """`[B, T, 36, 64, 3]`, 0 to 255, to `[B, T, 5]`: logits of cut and of gradual, and of each kind of it."""
        x = (frames.float() - 128) / 64
        patches = merge(x, 4, 4)
        x = self.patch_before(patches)
        x = F.relu(self.patch(patches) + torch.cat([x[:, :1], x[:, :-1]], 1))
        x = F.relu(self.cell(merge(x, 3, 2)))
        x = F.relu(self.near(x))
        x = F.relu(self.part(merge(x, 3, 2)))
        x = F.relu(self.far(x))
        x = F.relu(self.whole(x.flatten(2)))
        means = patches.unflatten(-1, (16, 3)).mean(-2).flatten(2)
        plain = F.normalize(means - means.mean(-1, keepdim=True), dim=-1, eps=0.1)
        learned = F.normalize(self.describe(means), dim=-1, eps=0.1)
        alike = F.relu(self.alike(torch.cat([likeness(plain), likeness(learned)], -1)))
        x = F.relu(self.enter(torch.cat([x, alike], -1)))
        for block in self.head:
            x = F.relu(block(x))
        return self.leave(x)
