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
    """Boxes around quadrilaterals, `[n, 4]`."""
    return torch.cat([quads.amin(1), quads.amax(1)], -1)


def assign(quads, unsure, side, middles, strides):
    """For each place the rank of its plate or -1, and whether its score counts."""
    owner = torch.full((len(middles),), -1)
    counts = torch.ones(len(middles), dtype=torch.bool)
    if len(unsure):
        box = extents(unsure)
        near = ((middles[None] > box[:, None, :2] - strides[:, None]) & (middles[None] < box[:, None, 2:] + strides[:, None])).all(-1).any(0)
        counts &= ~near
    if len(quads) == 0:
        return owner, counts
    box = extents(quads)
    shown = box.clamp(0, side)
    centre, size = (shown[:, :2] + shown[:, 2:]) / 2, box[:, 2:] - box[:, :2]
    longer = size.amax(1)
    away = (middles[None] - centre[:, None]).abs()
    # The middle of the plate: its central half, and at least the nearest cells.
    reach = torch.maximum(torch.minimum(size[:, None] * 0.3, 1.5 * strides[None, :, None]), 0.72 * strides[None, :, None])
    good = (away <= reach).all(-1)
    for stride, (least, most) in zip(network.STRIDES, RANGES):
        fits = (longer >= least) & (longer < most)
        good &= fits[:, None] | (strides != stride)[None]
    distance = torch.where(good, away.pow(2).sum(-1) + longer[:, None] * 1e-3, torch.inf)
    best, rank = distance.min(0)
    owner = torch.where(best.isfinite(), rank, owner)
    return owner, counts | (owner >= 0)


def loss(fields, truth, side, middles, strides):
    """Sum and parts: scores (quality focal loss), boxes (generalised IoU) and corners (smooth L1 in units of the plate)."""
    found, marks = network.boxes(fields, middles, strides), network.corners(fields, middles, strides)
    targets = torch.zeros(fields.shape[:2])
    weight = torch.ones(fields.shape[:2])
    box_losses, corner_losses, positives = [], [], 0
    for picture, (quads, unsure) in enumerate(truth):
        owner, counts = assign(quads, unsure, side, middles, strides)
        weight[picture] = counts.float()
        chosen = owner >= 0
        if not chosen.any():
            continue
        quad = quads[owner[chosen]]
        box = extents(quad)
        iou, generalised = overlaps(found[picture, chosen], box)
        targets[picture, chosen] = iou.detach().clamp(min=0.25)
        box_losses.append(1 - generalised)
        size = (box[:, 2:] - box[:, :2]).amax(1)[:, None, None]
        corner_losses.append(functional.smooth_l1_loss(marks[picture, chosen] / size, quad / size, beta=0.05, reduction="none").mean((1, 2)))
        positives += int(chosen.sum())
    logits = fields[..., 0]
    score = logits.sigmoid()
    focal = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none") * (targets - score).abs().pow(2)
    count = max(1, positives)
    score_loss = (focal * weight).sum() / count
    box_loss = torch.cat(box_losses).sum() / count if box_losses else fields.sum() * 0
    corner_loss = torch.cat(corner_losses).sum() / count if corner_losses else fields.sum() * 0
    return score_loss * 2 + box_loss * 2 + corner_loss * 4, (score_loss, box_loss, corner_loss)
