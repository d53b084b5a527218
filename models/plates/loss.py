"""Which places shall find which plate, and what their answers cost."""

import torch
from torch.nn import functional

import network

# Longer sides of the plates, in pixels, that each stride learns. The ranges overlap, so that no size falls between two.
RANGES = ((0, 96), (48, 224), (144, 10_000))


def overlaps(a, b):
    """Intersection over union and the generalised one, of boxes pair by pair."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    either = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - both
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    iou = both / either.clamp(min=1e-6)
    return iou, iou - (hull - either) / hull.clamp(min=1e-6)


def extents(quads):
    """Boxes around quadrilaterals, `[..., 4]`."""
    return torch.cat([quads.amin(-2), quads.amax(-2)], -1)


def padded(sets, device):
    """Quadrilaterals of each picture in one tensor, `[pictures, most, 4, 2]`, and which of them exist."""
    most = max(1, *(len(quads) for quads in sets))
    whole = torch.zeros(len(sets), most, 4, 2)
    exists = torch.zeros(len(sets), most, dtype=torch.bool)
    for picture, quads in enumerate(sets):
        whole[picture, : len(quads)] = torch.from_numpy(quads)
        exists[picture, : len(quads)] = True
    return whole.to(device, non_blocking=True), exists.to(device, non_blocking=True)


def assign(quads, unsure, side, middles, strides):
    """For each place of each picture the rank of its plate or -1, and whether its score counts. Both sets come from `padded`."""
    quads, exists = quads
    unsure, doubtful = unsure
    box = extents(unsure)[:, :, None]
    near = (middles > box[..., :2] - strides[:, None]) & (middles < box[..., 2:] + strides[:, None])
    counts = ~(near.all(-1) & doubtful[..., None]).any(1)
    box = extents(quads)
    shown = box.clamp(0, side)
    centre, size = (shown[..., :2] + shown[..., 2:]) / 2, box[..., 2:] - box[..., :2]
    longer = size.amax(-1)
    away = (middles - centre[:, :, None]).abs()
    # The middle of the plate: its central half, and at least the nearest cells.
    reach = torch.maximum(torch.minimum(size[:, :, None] * 0.3, 1.5 * strides[:, None]), 0.72 * strides[:, None])
    good = (away <= reach).all(-1) & exists[..., None]
    for stride, (least, most) in zip(network.STRIDES, RANGES):
        fits = (longer >= least) & (longer < most)
        good &= fits[..., None] | (strides != stride)
    distance = torch.where(good, away.pow(2).sum(-1) + longer[..., None] * 1e-3, torch.inf)
    best, rank = distance.min(1)
    owner = torch.where(best.isfinite(), rank, -1)
    return owner, counts | (owner >= 0)


def loss(fields, quads, unsure, side, middles, strides):
    """Sum and parts: scores (quality focal loss), boxes (generalised IoU) and corners (smooth L1 in units of the plate)."""
    owner, counts = assign(quads, unsure, side, middles, strides)
    chosen = owner >= 0
    picture, place = torch.nonzero(chosen, as_tuple=True)
    count = max(1, len(place))
    quad = quads[0][picture, owner[chosen]]
    box = extents(quad)
    positive, middle, stride = fields[chosen], middles[place], strides[place]
    iou, generalised = overlaps(network.boxes(positive, middle, stride), box)
    box_loss = (1 - generalised).sum() / count
    size = (box[:, 2:] - box[:, :2]).amax(1)[:, None, None]
    marks = network.corners(positive, middle, stride)
    corner_loss = functional.smooth_l1_loss(marks / size, quad / size, beta=0.05, reduction="none").mean((1, 2)).sum() / count
    targets = torch.zeros_like(fields[..., 0])
    targets[chosen] = iou.detach().clamp(min=0.25)
    logits = fields[..., 0]
    focal = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none") * (targets - logits.sigmoid()).abs().pow(2)
    score_loss = (focal * counts).sum() / count
    return score_loss * 2 + box_loss * 2 + corner_loss * 4, (score_loss, box_loss, corner_loss)
