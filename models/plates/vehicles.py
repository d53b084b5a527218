"""Draws the part of a vehicle around a plate, seen straight on: body, lights, grille, bumper, window, lettering."""

import cv2
import numpy as np

from render import LATIN_FONTS, SERIF_FONTS, cloud, fitted, stamp, text_mask

PAINTS = [(235, 235, 235), (20, 20, 22), (120, 122, 126), (180, 182, 186), (150, 20, 24), (24, 44, 110), (40, 70, 50),
          (200, 190, 160), (60, 60, 64), (230, 160, 20), (90, 130, 170), (250, 250, 250), (70, 30, 30)]
WORDS = ["TDI", "GTI", "Sport", "4x4", "Hybrid", "Auto Centre", "www.cars-and-vans.com", "turbo", "Classic", "SERVICE 24h", "V6",
         "Tel. 0800 123", "How am I driving?", "express", "TAXI", "POLICE", "Garage Miller", "XL", "Van Rental", "i20", "Ambiente"]


def plain(colour):
    """A colour as the numbers that OpenCV takes."""
    return tuple(float(value) for value in colour)


def coloured(rng):
    return np.clip(np.float32(PAINTS[rng.integers(len(PAINTS))]) * rng.uniform(0.6, 1.1) + rng.normal(0, 8, 3), 0, 255)


def words(rng, picture, height, place, colour):
    """Lettering at a place given as shares of the picture, unless it is too small to be drawn."""
    height = int(height)
    if height < 4:
        return
    paths = SERIF_FONTS + LATIN_FONTS
    mask = text_mask(WORDS[rng.integers(len(WORDS))], paths[rng.integers(len(paths))], height, max(1, height // 10), height // 3)
    mask = fitted(mask, picture.shape[1] * 0.4)
    stamp(picture, mask, place[0] * picture.shape[1] - mask.shape[1] / 2, place[1] * picture.shape[0], colour)


def lines(picture, box, count, colour, thickness, upright=False):
    x0, y0, x1, y1 = box
    for i in range(count):
        share = (i + 0.5) / count
        if upright:
            x = int(x0 + (x1 - x0) * share)
            cv2.line(picture, (x, y0), (x, y1), colour, thickness, cv2.LINE_AA)
        else:
            y = int(y0 + (y1 - y0) * share)
            cv2.line(picture, (x0, y), (x1, y), colour, thickness, cv2.LINE_AA)


def lamp(rng, picture, centre, size, colour):
    cv2.ellipse(picture, centre, size, rng.uniform(-15, 15), 0, 360, plain(colour), -1, cv2.LINE_AA)
    inner = (max(1, size[0] // 2), max(1, size[1] // 2))
    cv2.ellipse(picture, centre, inner, 0, 0, 360, plain(np.clip(colour + rng.uniform(-40, 90), 0, 255)), -1, cv2.LINE_AA)
    if rng.random() < 0.3:
        cv2.circle(picture, centre, max(1, inner[1] // 2), (255, 250, 235), -1, cv2.LINE_AA)


def vehicle(rng, width, height, plate_box):
    """A vehicle of `width` by `height` pixels with room for a plate at `plate_box`: picture and mask, floats."""
    x0, y0, x1, y1 = (int(v) for v in plate_box)
    plate_height = y1 - y0
    paint = coloured(rng)
    shade = np.linspace(rng.uniform(0.9, 1.25), rng.uniform(0.55, 0.95), height, dtype=np.float32)[:, None, None]
    body = np.empty((height, width, 3), np.float32)
    body[:] = paint
    body *= shade
    if rng.random() < 0.5:
        body += (cloud(rng, height, width) - 0.5) * rng.uniform(10, 70)
    mask = np.zeros((height, width), np.float32)
    points = np.float32([(rng.uniform(0.08, 0.25), 0), (1 - rng.uniform(0.08, 0.25), 0), (1, rng.uniform(0.3, 0.5)), (1, 0.97), (0, 0.97), (0, rng.uniform(0.3, 0.5))])
    cv2.fillPoly(mask, [np.int32(points * (width, height))], 1.0, cv2.LINE_AA)
    dark = tuple(rng.uniform(8, 50, 3))
    front = rng.random() < 0.5
    # The rear window or windscreen, with something mirrored in it.
    if rng.random() < 0.75:
        top, low = rng.uniform(0.03, 0.1) * height, min(y0 - 0.3 * plate_height, rng.uniform(0.2, 0.38) * height)
        if low > top + 4:
            inset = rng.uniform(0.12, 0.24)
            glass = np.int32([(width * (inset + 0.05), top), (width * (0.95 - inset), top), (width * (1 - inset / 2), low), (width * inset / 2, low)])
            cv2.fillPoly(body, [glass], tuple(rng.uniform(10, 110, 3)), cv2.LINE_AA)
            if rng.random() < 0.5:
                cv2.line(body, tuple(int(v) for v in glass[0]), tuple(int(v) for v in glass[2]), tuple(rng.uniform(80, 200, 3)), max(1, width // 60), cv2.LINE_AA)
    # Creases, bumper, grille.
    for _ in range(rng.integers(1, 5)):
        y = int(rng.uniform(0.3, 1) * height)
        change = rng.uniform(-50, 50)
        cv2.line(body, (0, y), (width, int(y + rng.normal(0, 0.01) * height)), plain(np.clip(paint + change, 0, 255)), max(1, int(height * rng.uniform(0.004, 0.02))), cv2.LINE_AA)
    if rng.random() < 0.6:
        bumper = int(rng.uniform(max(0.55, y0 / height - 0.2), 0.9) * height)
        body[bumper:] = (np.float32(dark) if rng.random() < 0.5 else paint * rng.uniform(0.7, 1.1)) * rng.uniform(0.8, 1.2)
    if front and rng.random() < 0.85:
        box = (int(width * rng.uniform(0.15, 0.35)), int(y0 - plate_height * rng.uniform(0.2, 2.2)), int(width * rng.uniform(0.65, 0.85)), int(y1 + plate_height * rng.uniform(-0.8, 1.5)))
        cv2.rectangle(body, box[:2], box[2:], dark, -1)
        bright = plain(np.clip(np.float32(dark) + rng.uniform(15, 150), 0, 255))
        lines(body, box, int(rng.integers(3, 12)), bright, max(1, height // 150), rng.random() < 0.4)
        if rng.random() < 0.3:
            lines(body, box, int(rng.integers(4, 16)), bright, max(1, height // 200), True)
    if rng.random() < 0.7:
        badge = (width // 2 + int(rng.normal(0, 0.03) * width), int(y0 - plate_height * rng.uniform(0.6, 1.6)))
        cv2.circle(body, badge, max(2, int(plate_height * rng.uniform(0.2, 0.5))), tuple(rng.uniform(120, 230, 3)), -1 if rng.random() < 0.5 else max(1, plate_height // 10), cv2.LINE_AA)
    # Lamps: white in front, red and orange behind.
    colours = [(235, 235, 230), (200, 210, 220), (250, 240, 200)] if front else [(170, 16, 20), (200, 30, 30), (120, 10, 16)]
    colour = np.float32(colours[rng.integers(3)])
    size = (max(2, int(width * rng.uniform(0.05, 0.12))), max(2, int(height * rng.uniform(0.03, 0.12))))
    y = int(rng.uniform(0.32, 0.6) * height)
    for x in (rng.uniform(0.04, 0.14), 1 - rng.uniform(0.04, 0.14)):
        lamp(rng, body, (int(x * width), y), size, colour)
        if rng.random() < 0.4:
            lamp(rng, body, (int(x * width), y + size[1] * 2), (max(1, size[0] // 2), max(1, size[1] // 2)), np.float32((230, 120, 20)))
    for _ in range(rng.integers(0, 4)):
        place = (rng.choice([0.2, 0.8, 0.5]) + rng.normal(0, 0.05), rng.choice([y0 / height - 0.15, y1 / height + 0.05, rng.uniform(0.1, 0.9)]))
        words(rng, body, plate_height * rng.uniform(0.2, 0.7), place, rng.uniform(0, 255, 3))
    if rng.random() < 0.6:  # wheels or a shadow below
        for x in (rng.uniform(0.02, 0.12), 1 - rng.uniform(0.02, 0.12)):
            cv2.rectangle(body, (int((x - 0.07) * width), int(0.86 * height)), (int((x + 0.07) * width), height), (14, 14, 15), -1)
            cv2.rectangle(mask, (int((x - 0.07) * width), int(0.86 * height)), (int((x + 0.07) * width), height), 1.0, -1)
    # The place of the plate: a recess, a frame, nothing.
    kind = rng.random()
    grow = rng.uniform(0.05, 0.5)
    recess = (int(x0 - plate_height * grow), int(y0 - plate_height * grow), int(x1 + plate_height * grow), int(y1 + plate_height * grow))
    if kind < 0.3:
        cv2.rectangle(body, recess[:2], recess[2:], plain(paint * rng.uniform(0.4, 0.9)), -1)
        cv2.line(body, recess[:2], (recess[2], recess[1]), dark, max(1, plate_height // 12), cv2.LINE_AA)
    elif kind < 0.45:
        cv2.rectangle(body, recess[:2], recess[2:], dark, -1)
    if rng.random() < 0.5:  # a holder, often with the dealer's name
        edge = max(1, int(plate_height * rng.uniform(0.02, 0.09)))
        low = int(plate_height * rng.uniform(0.05, 0.22))
        cv2.rectangle(body, (x0 - edge, y0 - edge), (x1 + edge, y1 + low), dark, -1)
        if low > 5:
            words(rng, body, low * 0.6, ((x0 + x1) / 2 / width, (y1 + low * 0.15) / height), (210, 210, 210))
    return np.clip(body, 0, 255), mask
