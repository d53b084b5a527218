"""Composes training pictures: a photograph, clutter, vehicles with plates in perspective, and what a camera does to all of it."""

import cv2
import numpy as np

from clutter import clutter, timestamp
from render import cloud, plate
from vehicles import vehicle

SIDE = 320  # of a training picture, in pixels
LEAST_SHOWN = 0.35  # share of a plate inside the picture from which on it counts


def background(rng, photographs):
    """A part of a photograph, or a scene of shapes, as floats."""
    if rng.random() < 0.12:
        picture = np.empty((SIDE, SIDE, 3), np.float32)
        picture[:] = rng.uniform(20, 230, 3)
        horizon = int(rng.uniform(0.2, 0.7) * SIDE)
        picture[horizon:] = rng.uniform(40, 150) + rng.normal(0, 6, 3)
        picture += (cloud(rng, SIDE, SIDE) - 0.5) * rng.uniform(10, 120)
        return picture
    photograph = photographs[rng.integers(len(photographs))]
    height, width = photograph.shape[:2]
    part = int(min(height, width) * rng.uniform(0.35, 1.0))
    x, y = rng.integers(0, width - part + 1), rng.integers(0, height - part + 1)
    crop = photograph[y : y + part, x : x + part]
    crop = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA if part > SIDE else cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return np.ascontiguousarray(crop, np.float32)


def turned(rng, width, height, tilt, roll):
    """The corners of a `width` by `height` board turned in space, around its middle; perspective as at a few metres."""
    yaw, pitch = np.radians(rng.normal(0, tilt)), np.radians(rng.normal(0, tilt * 0.45))
    yaw, pitch = np.clip(yaw, -1.2, 1.2), np.clip(pitch, -0.8, 0.8)
    roll = np.radians(roll)
    corners = np.float64([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]) * (width, height)
    points = np.concatenate([corners, np.zeros((4, 1))], 1)
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    points = points @ (about_z @ about_x @ about_y).T
    distance = width * rng.uniform(2.0, 9.0)
    return points[:, :2] * (distance / (distance + points[:, 2:]))


def paste(picture, drawn, mask, quad, strength=1.0):
    """Puts a flat drawing into the picture so that its corners come to lie on `quad`. Drawn finely and averaged, so that small ones keep their look."""
    height, width = drawn.shape[:2]
    low = np.floor(quad.min(0)).astype(int) - 1
    high = np.ceil(quad.max(0)).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, SIDE)
    if (high <= low).any():
        return
    size = high - low
    longest = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0]))
    fine = int(np.clip(np.ceil(max(width, height) / max(4.0, longest)), 1, 4))
    target = np.float32((quad - low) * fine)
    source = np.float32([(0, 0), (width, 0), (width, height), (0, height)])
    homography = cv2.getPerspectiveTransform(source, target)
    canvas = (int(size[0] * fine), int(size[1] * fine))
    shown = cv2.warpPerspective(mask, homography, canvas, flags=cv2.INTER_LINEAR)
    colours = cv2.warpPerspective(drawn, homography, canvas, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if fine > 1:
        shown = cv2.resize(shown, tuple(int(v) for v in size), interpolation=cv2.INTER_AREA)
        colours = cv2.resize(colours, tuple(int(v) for v in size), interpolation=cv2.INTER_AREA)
    shown = shown[..., None] * strength
    region = picture[low[1] : high[1], low[0] : high[0]]
    region *= 1 - shown
    region += colours * shown


def roll_of(rng):
    """Degrees: mostly level, sometimes slanted, seldom upside down."""
    kind = rng.random()
    if kind < 0.78:
        return rng.normal(0, 4)
    if kind < 0.95:
        return rng.uniform(-45, 45)
    return 180 + rng.normal(0, 15)


def shown_share(quad):
    """Share of a quadrilateral inside the picture."""
    whole = abs(cv2.contourArea(np.float32(quad)))
    edge = np.float32([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)])
    inside, _ = cv2.intersectConvexConvex(cv2.convexHull(np.float32(quad)), edge)
    return inside / max(whole, 1e-6)


def add_plate(rng, picture, span, centre, roll):
    """A plate about `span` pixels wide, on a vehicle or bare. Returns its four corners, clockwise from its own upper left."""
    drawn_height = int(np.clip(span * 0.45, 16, 150))
    face, shape, _ = plate(rng, drawn_height)
    ratio = face.shape[1] / face.shape[0]
    span_height = span / ratio
    tilt = rng.choice([6, 20, 38], p=[0.35, 0.4, 0.25])
    light = rng.uniform(0.45, 1.12) if rng.random() < 0.85 else rng.uniform(0.2, 0.5)
    face *= light
    if rng.random() < 0.68:
        # The vehicle is drawn in the plate's own plane, so that both share one perspective.
        wide = rng.uniform(2.2, 4.6) if ratio > 2.4 else rng.uniform(1.6, 6.5)
        scale = min(1.0, 900 / (wide * face.shape[1]))
        face = face if scale == 1 else cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        shape = shape if scale == 1 else cv2.resize(shape, (face.shape[1], face.shape[0]), interpolation=cv2.INTER_AREA)
        height, width = face.shape[:2]
        whole_width = int(wide * width)
        whole_height = int(whole_width * rng.uniform(0.6, 1.1))
        x = int((whole_width - width) * np.clip(rng.normal(0.5, 0.05 if rng.random() < 0.8 else 0.25), 0.05, 0.95))
        y = int((whole_height - height) * rng.uniform(0.45, 0.9))
        body, mask = vehicle(rng, whole_width, whole_height, (x, y, x + width, y + height))
        body *= light * rng.uniform(0.75, 1.15)
        part = body[y : y + height, x : x + width]
        part *= 1 - shape[..., None]
        part += face * shape[..., None]
        mask[y : y + height, x : x + width] = np.maximum(mask[y : y + height, x : x + width], shape)
        outer = turned(rng, span * wide, span * wide * whole_height / whole_width, tilt, roll)
        homography = cv2.getPerspectiveTransform(np.float32([(0, 0), (whole_width, 0), (whole_width, whole_height), (0, whole_height)]), np.float32(outer))
        inner = cv2.perspectiveTransform(np.float32([[(x, y), (x + width, y), (x + width, y + height), (x, y + height)]]), homography)[0]
        move = centre - inner.mean(0)
        paste(picture, np.clip(body, 0, 255), mask, outer + move)
        return inner + move
    quad = turned(rng, span, span_height, tilt, roll) + centre
    if rng.random() < 0.6:  # a dark or painted surface around it
        around = (quad - quad.mean(0)) * rng.uniform(1.1, 2.2, (1, 2)) + quad.mean(0)
        board = np.empty((8, 8, 3), np.float32)
        board[:] = rng.uniform(5, 120, 3) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
        paste(picture, board, np.ones((8, 8), np.float32), around, rng.uniform(0.6, 1))
    paste(picture, np.clip(face, 0, 255), shape, quad)
    return quad


def camera(rng, picture):
    """Light, lens, sensor and file, on floats of 0 to 255; returns bytes."""
    if rng.random() < 0.14:  # night: all dark but what shines
        picture = 255 * (np.clip(picture, 0, 255) / 255) ** rng.uniform(1.3, 2.4) * rng.uniform(0.3, 0.9)
    else:
        picture = (picture - 128) * rng.uniform(0.6, 1.25) + 128 + rng.uniform(-30, 30)
    picture = picture * np.float32(rng.normal(1, 0.05, 3))
    if rng.random() < 0.3:
        picture = picture * (0.6 + 0.7 * cloud(rng, SIDE, SIDE))
    if rng.random() < 0.05:
        picture = np.repeat(picture.mean(-1, keepdims=True), 3, -1)
    kind = rng.random()
    if kind < 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.4))
    elif kind < 0.47:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        middle = (length - 1) / 2
        ends = [(int(round(middle + side * middle * np.cos(angle))), int(round(middle + side * middle * np.sin(angle)))) for side in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    elif kind < 0.6:  # a small picture that was made larger
        scale = rng.uniform(0.4, 0.8)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    elif kind < 0.75:  # a camera's sharpening
        picture = picture + (picture - cv2.GaussianBlur(picture, (0, 0), 1.0)) * rng.uniform(0.3, 1.3)
    if rng.random() < 0.04:  # rain
        for _ in range(60):
            x, y = rng.uniform(0, SIDE, 2)
            cv2.line(picture, (int(x), int(y)), (int(x + rng.normal(0, 2)), int(y + rng.uniform(6, 24))), (190, 195, 200), 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        picture = picture + rng.normal(0, rng.uniform(1, 12), picture.shape).astype(np.float32)
    bytes_ = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.uniform(25, 92))
        bytes_ = cv2.imdecode(cv2.imencode(".jpg", bytes_[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(bytes_)


def hide(rng, picture, quad):
    """Something in front of a plate: a bar, a branch, a person. Returns about how much of the plate it hides."""
    low, high = quad.min(0), quad.max(0)
    size = high - low
    share = rng.uniform(0.05, 0.3)
    upright = rng.random() < 0.7
    start = rng.uniform(0, 1 - share)
    if upright:
        box = (low[0] + size[0] * start, low[1] - size[1], low[0] + size[0] * (start + share), high[1] + size[1])
    else:
        box = (low[0] - size[0] * 0.2, low[1] + size[1] * start, high[0] + size[0] * 0.2, low[1] + size[1] * (start + share))
    x0, y0, x1, y1 = (int(v) for v in box)
    cv2.rectangle(picture, (x0, y0), (x1, y1), tuple(rng.uniform(0, 230, 3)), -1)
    return share


def scene(rng, photographs, roll_of=roll_of):
    """One training picture: `[SIDE, SIDE, 3]` bytes, and the corners of its plates, `[n, 4, 2]`, in pixels.

    Plates that lie mostly outside are returned as a second array: what they show is neither right nor wrong. `roll_of` draws by
    how many degrees a plate is turned.
    """
    picture = background(rng, photographs)
    for _ in range(rng.choice([0, 1, 2, 4, 7], p=[0.25, 0.25, 0.25, 0.15, 0.1])):
        drawn, mask = clutter(rng, int(rng.integers(20, 110)))
        span = np.exp(rng.uniform(np.log(14), np.log(320)))
        height = span * drawn.shape[0] / drawn.shape[1]
        if height > SIDE * 0.9:
            continue
        quad = turned(rng, span, height, 22, rng.normal(0, 5)) + rng.uniform(0, SIDE, 2)
        paste(picture, np.clip(drawn * rng.uniform(0.4, 1.1), 0, 255), mask, quad)
    quads, unsure = [], []
    for _ in range(rng.choice([0, 1, 2, 3, 6], p=[0.2, 0.42, 0.2, 0.12, 0.06])):
        span = np.exp(rng.uniform(np.log(10), np.log(210))) if rng.random() < 0.9 else rng.uniform(200, 520)
        centre = rng.uniform(-0.02, 1.02, 2) * SIDE
        # Vehicles must not cover earlier plates.
        if any(np.abs(centre - other.mean(0)).max() < (span + np.ptp(other, 0).max()) * 1.6 for other in quads + unsure):
            continue
        quad = add_plate(rng, picture, span, centre, roll_of(rng))
        hidden = hide(rng, picture, quad) if rng.random() < 0.06 else 0.0
        tiny = np.ptp(quad, 0).min() < 2.5 or np.ptp(quad, 0).max() < 7
        kept = shown_share(quad) >= LEAST_SHOWN and not tiny and hidden < 0.5
        (quads if kept else unsure).append(quad)
    if rng.random() < 0.12:
        timestamp(rng, picture)
    picture = camera(rng, picture)
    shape = (-1, 4, 2)
    return picture, np.float32(quads).reshape(shape), np.float32(unsure).reshape(shape)
