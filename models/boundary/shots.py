"""Shots without a boundary inside, as the network sees them: `[frames, 36, 64, 3]`, 8 bits."""

import cv2
import numpy as np

from footage import HEIGHT as BIG_H
from footage import WIDTH as BIG_W

WIDTH, HEIGHT = 64, 36


def smooth(rng, frames, speed):
    """A wandering value: white noise through a low pass; its steps are about `speed`."""
    steps = rng.normal(0, speed, frames)
    for index in range(1, frames):
        steps[index] = 0.85 * steps[index - 1] + 0.5 * steps[index]
    return np.cumsum(steps)


def camera(rng, frames):
    """A camera's path: x and y in widths of the view, logarithm of the zoom, turn in radians."""
    x = np.zeros(frames)
    y = np.zeros(frames)
    zoom = np.zeros(frames)
    turn = np.zeros(frames)
    time = np.arange(frames)
    kind = rng.choice(["still", "hand", "pan", "zoom", "whip", "shake", "drift", "reframe"], p=[0.18, 0.18, 0.14, 0.12, 0.07, 0.07, 0.08, 0.16])
    if kind == "hand":
        speed = rng.uniform(0.0005, 0.006)
        x, y, turn = smooth(rng, frames, speed), smooth(rng, frames, speed), smooth(rng, frames, speed / 3)
    elif kind in {"pan", "drift"}:
        speed = rng.uniform(0.001, 0.03) if kind == "pan" else rng.uniform(0.0005, 0.004)
        angle = rng.choice([0, np.pi, rng.uniform(0, 2 * np.pi)])
        ease = np.clip((time - rng.uniform(-40, frames)) / rng.uniform(1, 25), 0, 1) if rng.random() < 0.5 else np.ones(frames)
        path = np.cumsum(ease) * speed
        x, y = path * np.cos(angle), path * np.sin(angle)
    elif kind == "zoom":
        zoom = np.cumsum(np.full(frames, rng.uniform(-0.012, 0.012)))
        if rng.random() < 0.2:
            zoom *= 3
    elif kind == "whip":
        middle, width = rng.uniform(0, frames), rng.uniform(3, 10)
        path = rng.uniform(0.6, 3.5) / (1 + np.exp(-(time - middle) / width * 4))
        x = path * rng.choice([-1, 1])
        y = path * rng.uniform(-0.2, 0.2)
    elif kind == "reframe":  # From one place to the next, with pauses.
        at = rng.integers(-20, 40)
        while at < frames:
            length = rng.integers(6, 45)
            ease = np.clip((time - at) / length, 0, 1)
            ease = ease * ease * (3 - 2 * ease)
            far, angle = rng.uniform(0.2, 1.3), rng.choice([0, np.pi / 2, np.pi, 1.5 * np.pi, rng.uniform(0, 2 * np.pi)])
            x, y, zoom = x + far * np.cos(angle) * ease, y + far * np.sin(angle) * ease, zoom + rng.choice([0, rng.normal(0, 0.4)]) * ease
            at += length + rng.integers(0, 60)
    elif kind == "shake":
        size = rng.uniform(0.01, 0.08)
        gate = (np.abs(time - rng.uniform(0, frames)) < rng.uniform(5, 60)) if rng.random() < 0.6 else 1
        x, y = rng.normal(0, size, frames) * gate, rng.normal(0, size, frames) * gate
    if kind != "still" and rng.random() < 0.3:
        x = x + smooth(rng, frames, 0.001)
        y = y + smooth(rng, frames, 0.001)
    return x, y, np.clip(zoom, -1.5, 1.5), turn


def look(sizes, x, y, span, turn):
    """The view of a photograph centred at `x`, `y` (parts of its size), `span` of its width wide, at 128 by 72."""
    wanted = BIG_W / span
    image = min(sizes, key=lambda image: abs(np.log(image.shape[1] / wanted)))
    height, width = image.shape[:2]
    scale = span * width / BIG_W
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    matrix = np.float32([[cos, -sin, x * width - cos * BIG_W / 2 + sin * BIG_H / 2], [sin, cos, y * height - sin * BIG_W / 2 - cos * BIG_H / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (BIG_W, BIG_H), flags=flags, borderMode=cv2.BORDER_REFLECT)


def photograph(rng, sizes, frames, framing=None):
    """A photograph under a moving camera, at 128 by 72. `framing` is a centre and span to begin at."""
    x, y, zoom, turn = camera(rng, frames)
    cx, cy, span = framing or (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.95))
    out = np.empty((frames, BIG_H, BIG_W, 3), np.uint8)
    at = lambda n: (cx + span * x[n], cy + span * y[n], span * np.exp(zoom[n]), turn[n])
    before = at(0)
    for number in range(frames):
        now = at(number)
        moved = np.hypot(now[0] - before[0], now[1] - before[1]) / span * BIG_W
        steps = int(np.clip(moved / 2, 1, 5))
        views = [look(sizes, *(np.array(before) + (np.array(now) - before) * (1 - 0.5 * step / steps))) for step in range(steps)]
        out[number] = views[0] if steps == 1 else np.mean(views, 0)
        before = now
    return out


def objects(rng, big, pictures):
    """Pieces of other photographs that move through the picture; in traffic all go the same way, large and fast."""
    frames = len(big)
    traffic = rng.random() < 0.3
    way = rng.choice([-1, 1])
    for _ in range(rng.integers(1, 6 if traffic else 4)):
        sizes = pictures[rng.integers(len(pictures))]
        patch = cv2.resize(sizes[-1], (96, 96), interpolation=cv2.INTER_AREA)
        large = traffic and rng.random() < 0.6
        size = rng.uniform(0.7, 2.5) if large else rng.uniform(0.12, 0.75)
        speed = rng.choice([0.002, 0.01, 0.03, 0.08], p=[0.1, 0.2, 0.4, 0.3] if traffic else [0.3, 0.4, 0.2, 0.1]) * rng.uniform(0.5, 1.7)
        speed *= way if traffic else rng.choice([-1, 1])
        start = rng.uniform(-0.3, 1.3)
        if traffic or rng.random() < 0.4:  # Crosses the picture once.
            start = 0.5 - speed * rng.uniform(-0.1, 1.1) * frames
        y0, sway, rate = rng.uniform(0.2, 0.9), rng.uniform(0, 0.05) * (not large), rng.uniform(0.05, 0.6)
        grow = rng.normal(0, 0.003)
        yy, xx = np.mgrid[0:96, 0:96] / 47.5 - 1
        power = rng.choice([2, 4, 12])
        mask = np.clip((1 - (np.abs(xx) ** power + np.abs(yy) ** power)) * 6, 0, 1).astype(np.float32)
        tall = rng.uniform(0.6, 1.6) * min(1, 1.2 / size)
        for number in range(frames):
            width = BIG_W * size * np.exp(np.clip(grow * number, -1, 1))
            height = width * tall
            left = (start + speed * number) * BIG_W - width / 2
            top = (y0 + sway * np.sin(rate * number)) * BIG_H - height / 2
            if left > BIG_W or left + width < 0:
                continue
            matrix = np.float32([[width / 96, 0, left], [0, height / 96, top]])
            seen = cv2.warpAffine(patch, matrix, (BIG_W, BIG_H))
            weight = cv2.warpAffine(mask, matrix, (BIG_W, BIG_H))[..., None]
            smear = int(abs(speed) * BIG_W * 0.5)
            if smear > 1:  # As long as the shutter is open.
                seen, weight = cv2.blur(seen, (smear, 1)), cv2.blur(weight, (smear, 1))[..., None]
            big[number] = (big[number] * (1 - weight) + seen * weight).astype(np.uint8)
    return big


def ripple(rng, big):
    """Local motion: water, cloth, leaves."""
    yy, xx = np.mgrid[0:BIG_H, 0:BIG_W].astype(np.float32)
    size, rate, length = rng.uniform(0.5, 5), rng.uniform(0.05, 0.8), rng.uniform(10, 60)
    for number in range(len(big)):
        dx = size * np.sin(yy / length * 6.28 + rate * number)
        dy = size * np.cos(xx / length * 6.28 + rate * 1.3 * number)
        big[number] = cv2.remap(big[number], xx + dx, yy + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return big


def colour(rng):
    return np.array([rng.uniform(16, 235), rng.uniform(70, 190), rng.uniform(70, 190)], np.float32)


def cloud(rng, height, width, cells):
    """Smooth noise of about 0 to 1."""
    small = rng.random((max(2, cells), max(2, int(cells * 16 / 9)))).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def smoke(rng, frames):
    """Turbulence between two colours: fire, smoke, water, abstract backgrounds."""
    layers = [(cloud(rng, 256, 512, cells), rng.uniform(-4, 4), rng.uniform(-4, 4), weight) for cells, weight in ((6, 0.5), (16, 0.3), (40, 0.2))]
    dark, light = colour(rng), colour(rng)
    contrast = rng.uniform(1, 3)
    out = np.empty((frames, BIG_H, BIG_W, 3), np.uint8)
    for number in range(frames):
        value = sum(weight * np.roll(layer, (int(dy * number), int(dx * number)), (0, 1))[:BIG_H, :BIG_W] for layer, dx, dy, weight in layers)
        value = np.clip((value - 0.5) * contrast + 0.5, 0, 1)[..., None]
        out[number] = dark * (1 - value) + light * value
    return out


def cartoon(rng, frames):
    """Flat shapes that move over a flat or shaded background."""
    top, bottom = colour(rng), colour(rng)
    shade = np.linspace(0, 1, BIG_H)[:, None, None] if rng.random() < 0.5 else np.zeros((BIG_H, 1, 1))
    back = np.broadcast_to(top * (1 - shade) + bottom * shade, (BIG_H, BIG_W, 3)).astype(np.uint8)
    shapes = [(rng.random(2), rng.normal(0, rng.choice([0.001, 0.01, 0.03]), 2), rng.uniform(0.04, 0.35), colour(rng), rng.integers(3, 8), rng.normal(0, 0.05)) for _ in range(rng.integers(1, 12))]
    out = np.empty((frames, BIG_H, BIG_W, 3), np.uint8)
    for number in range(frames):
        image = back.copy()
        for centre, speed, size, fill, corners, spin in shapes:
            angles = np.arange(corners) * (2 * np.pi / corners) + spin * number
            where = (centre + speed * number) % 1.4 - 0.2
            points = (where + size * np.stack([np.cos(angles), np.sin(angles) * 1.6], -1)) * [BIG_W, BIG_H]
            cv2.fillPoly(image, [points.astype(np.int32)], fill.tolist(), cv2.LINE_AA)
        out[number] = image
    return out


def particles(rng, frames):
    """Snow, rain, confetti, stars."""
    count = int(rng.integers(20, 300))
    place, speed = rng.random((count, 2)), rng.normal([0, 0.02], rng.uniform(0.002, 0.03), (count, 2))
    back, fill = colour(rng), [colour(rng).tolist() for _ in range(4)]
    size = int(rng.integers(1, 4))
    out = np.empty((frames, BIG_H, BIG_W, 3), np.uint8)
    for number in range(frames):
        image = np.full((BIG_H, BIG_W, 3), back, np.float32).astype(np.uint8)
        for index, (x, y) in enumerate(((place + speed * number) % 1) * [BIG_W, BIG_H]):
            cv2.circle(image, (int(x), int(y)), size, fill[index % 4], -1)
        out[number] = image
    return out


def write(rng, image, fill, lines):
    """Writing: bars of the size of words, and letters."""
    for line in range(lines):
        words = "".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ   "), rng.integers(4, 22)))
        scale = rng.uniform(0.25, 0.8)
        (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
        left = int((BIG_W - width) / 2) if rng.random() < 0.7 else int(rng.integers(0, 40))
        top = int(rng.uniform(0.2, 0.9) * BIG_H) + line * (height + 4)
        cv2.putText(image, words, (left, top), cv2.FONT_HERSHEY_DUPLEX, scale, fill, 1, cv2.LINE_AA)


def title(rng, frames):
    """Writing on an even background, still or slowly growing."""
    back = np.array([16, 128, 128]) if rng.random() < 0.6 else colour(rng)
    image = np.full((BIG_H, BIG_W, 3), back, np.float32).astype(np.uint8)
    write(rng, image, colour(rng).tolist() if rng.random() < 0.4 else [235, 128, 128], int(rng.integers(1, 5)))
    grow = rng.choice([0, rng.uniform(-0.002, 0.003)])
    move = rng.choice([0, rng.uniform(-0.8, 0.8)])
    out = np.empty((frames, BIG_H, BIG_W, 3), np.uint8)
    for number in range(frames):
        scale = np.exp(grow * number)
        matrix = np.float32([[scale, 0, BIG_W / 2 * (1 - scale)], [0, scale, BIG_H / 2 * (1 - scale) + move * number]])
        out[number] = cv2.warpAffine(image, matrix, (BIG_W, BIG_H), borderMode=cv2.BORDER_REPLICATE)
    return out


def footage(rng, videos, frames):
    """A stretch of a real video, at some speed, perhaps backwards, to and fro where it is too short."""
    video = videos[rng.choice(len(videos), p=np.sqrt([len(video) for video in videos]) / np.sqrt([len(video) for video in videos]).sum())]
    stride = rng.choice([1, 1, 1, 2, 3])
    start = rng.integers(len(video))
    numbers = (start + stride * np.arange(frames)) % (2 * len(video) - 2)
    numbers = np.where(numbers < len(video), numbers, 2 * len(video) - 2 - numbers)
    big = video[numbers[:: rng.choice([-1, 1])]]
    if rng.random() < 0.6:  # A part of the picture, perhaps moving.
        span = rng.uniform(0.45, 0.95)
        x, y, zoom, _turn = camera(rng, frames)
        x0, y0 = rng.uniform(0, 1 - span, 2)
        out = np.empty_like(big)
        for number in range(frames):
            scale = min(span * np.exp(zoom[number]), 1.2)
            matrix = np.float32([[scale, 0, (x0 + x[number] * 0.5) * BIG_W], [0, scale, (y0 + y[number] * 0.5) * BIG_H]])
            out[number] = cv2.warpAffine(big[number], matrix, (BIG_W, BIG_H), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)
        big = out
    return big


def shrink(big):
    return np.stack([cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for frame in big])


def grade(rng, shot):
    """Exposure, contrast, saturation and tint of a whole shot, by tables."""
    ramp = (np.arange(256) - 16) / 219
    gamma = np.exp(rng.normal(0, 0.3))
    gain = rng.uniform(0.6, 1.15) if rng.random() < 0.8 else rng.uniform(0.05, 0.4)  # A fifth is dark.
    lift = rng.choice([0, rng.uniform(0, 0.15)])
    luma = 16 + 219 * (lift + gain * np.clip(ramp, 0, None) ** gamma)
    saturation = rng.choice([0, rng.uniform(0.3, 1.4)], p=[0.1, 0.9]) * min(1, gain * 1.3)
    tint = rng.normal(0, 6, 2)
    tables = [luma] + [128 + (np.arange(256) - 128) * saturation + shift for shift in tint]
    table = np.clip(np.stack(tables, -1), 0, 255).astype(np.uint8)[None]
    return cv2.LUT(shot.reshape(-1, WIDTH, 3), table).reshape(shot.shape)


def shot(rng, videos, pictures, frames):
    """One shot; with it the photograph it shows and how it is framed, if it is one."""
    origin = None
    kind = rng.random()
    if kind < 0.58:
        sizes = pictures[rng.integers(len(pictures))]
        framing = (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.95))
        big = photograph(rng, sizes, frames, framing)
        if rng.random() < 0.5:
            big = objects(rng, big, pictures)
        if rng.random() < 0.15:
            big = ripple(rng, big)
    elif kind < 0.83:
        big = footage(rng, videos, frames)
        if rng.random() < 0.25:
            big = objects(rng, np.ascontiguousarray(big), pictures)
    else:
        big = [smoke, cartoon, particles, title][rng.choice(4, p=[0.2, 0.35, 0.15, 0.3])](rng, frames)
        if rng.random() < 0.3:
            big = objects(rng, big, pictures)
    return shrink(big)


def sibling(rng, pictures, frames):
    """Two shots of one photograph, framed too differently to be one: a wide and a close one."""
    sizes = pictures[rng.integers(len(pictures))]
    wide = (rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6), rng.uniform(0.7, 0.95))
    close = (rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.45))
    pair = [shrink(objects(rng, big, pictures) if rng.random() < 0.3 else big) for big in (photograph(rng, sizes, frames, framing) for framing in (wide, close))]
    return pair
