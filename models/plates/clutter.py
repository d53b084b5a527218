"""Things that are no plates and look a little like them: signs, lettering, fences, windows, bricks, stickers, timestamps."""

import cv2
import numpy as np

from render import LATIN_FONTS, SERIF_FONTS, fitted, text_mask, stamp

NAMES = ["Bäckerei", "PHARMACY", "Hotel", "EXIT", "Main Street", "Rue de la Paix", "Open", "PIZZA", "Zimmer frei", "Café", "STOP", "One Way",
         "Parking", "Ausfahrt freihalten", "SALE", "Bank", "Supermarket", "No Entry", "Station", "Museum", "Bus", "Kiosk", "Flowers",
         "CAUTION", "Private", "Welcome", "Market", "Town Hall", "Post", "Salon", "Books", "Fresh Fish", "Apotheke", "Ristorante",
         "中华路", "銀座", "출구", "สถานี", "صيدلية", "होटल", "PUSH", "Danger", "Toilets", "Free WiFi", "km", "Est. 1924"]
TIMES = ["{:02d}:{:02d}:{:02d}", "2024-{:02d}-{:02d} {:02d}:{:02d}:{:02d}", "{:02d}/{:02d}/2023 {:02d}:{:02d}", "REC {:02d}:{:02d}:{:02d}:{:02d}", "{:d} km/h", "N {:d}.{:05d} E {:d}.{:05d}"]


def contrast(rng):
    """Two colours that can be told apart."""
    pairs = [((245, 245, 240), (20, 20, 20)), ((20, 60, 150), (245, 245, 245)), ((10, 100, 60), (245, 245, 245)), ((245, 200, 30), (20, 20, 20)),
             ((180, 20, 30), (250, 250, 250)), ((30, 30, 30), (240, 220, 180)), ((250, 250, 250), (180, 20, 20)), ((90, 60, 40), (240, 230, 210))]
    pair = pairs[rng.integers(len(pairs))]
    return np.float32(pair[0]) + rng.normal(0, 12, 3), np.float32(pair[1]) + rng.normal(0, 12, 3)


def label(rng, height):
    """A sign with a word or two: picture and mask."""
    ground, ink = contrast(rng)
    paths = LATIN_FONTS + SERIF_FONTS
    count = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))
    line_height = max(5, int(height / (count * 1.35 + 0.3)))
    masks = [text_mask(NAMES[rng.integers(len(NAMES))], paths[rng.integers(len(paths))], line_height, max(1, line_height // 12), line_height // 3) for _ in range(count)]
    width = max(mask.shape[1] for mask in masks) + int(line_height * rng.uniform(0.5, 3))
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = ground
    y = (height - count * line_height * 1.35) / 2 + line_height * 0.17
    for mask in masks:
        stamp(picture, mask, (width - mask.shape[1]) / 2 if rng.random() < 0.7 else line_height * 0.3, y, ink)
        y += line_height * 1.35
    if rng.random() < 0.4:
        cv2.rectangle(picture, (1, 1), (width - 2, height - 2), tuple(float(v) for v in ink), max(1, height // 30))
    bare = rng.random() < 0.25  # letters on a wall, without a board
    mask = np.ones((height, width), np.float32)
    if bare:
        mask = (np.abs(picture - ground).mean(-1) / max(1.0, float(np.abs(ink - ground).mean()))).clip(0, 1)
    return picture, mask


def round_sign(rng, height):
    """A road sign: disc, triangle or octagon, often with a number."""
    picture = np.full((height, height, 3), 245, np.float32)
    mask = np.zeros((height, height), np.float32)
    middle, radius = height // 2, height // 2 - 1
    red = (190, 24, 32) if rng.random() < 0.7 else (20, 60, 160)
    kind = rng.integers(3)
    corners = {0: 60, 1: 3, 2: 8}[int(kind)]
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) - np.pi / 2 + (np.pi / 8 if kind == 2 else 0)
    outline = np.int32(np.stack([middle + radius * np.cos(angles), middle + radius * np.sin(angles)], 1))
    cv2.fillPoly(mask, [outline], 1.0, cv2.LINE_AA)
    cv2.fillPoly(picture, [outline], red, cv2.LINE_AA)
    inner = np.int32((outline - middle) * rng.uniform(0.6, 0.85) + middle)
    if rng.random() < 0.75:
        cv2.fillPoly(picture, [inner], (245, 245, 240), cv2.LINE_AA)
    signs = str(rng.choice(["30", "50", "80", "120", "STOP", "!", "P", "3.5t", "4.2 m"]))
    text = text_mask(signs, LATIN_FONTS[3], max(5, int(height * rng.uniform(0.25, 0.4))), 1, 3)
    text = fitted(text, height * 0.6)
    stamp(picture, text, (height - text.shape[1]) / 2, (height - text.shape[0]) / 2, (20, 20, 20) if rng.random() < 0.8 else (245, 245, 245))
    return picture, mask


def pattern(rng, height):
    """Fences, windows, bricks, shutters, vents, zebra crossings, keyboards."""
    width = int(height * rng.uniform(0.6, 4))
    ground, ink = rng.uniform(20, 240, 3), rng.uniform(10, 245, 3)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = ground
    across, down = int(rng.integers(2, 22)), int(rng.integers(1, 12))
    kind = rng.integers(4)
    thick = max(1, int(height * rng.uniform(0.01, 0.06)))
    colour = tuple(float(v) for v in ink)
    if kind == 0:
        for i in range(across):
            x = int((i + 0.5) * width / across)
            cv2.line(picture, (x, 0), (x, height), colour, thick, cv2.LINE_AA)
    if kind in (0, 1):
        for i in range(down):
            y = int((i + 0.5) * height / down)
            cv2.line(picture, (0, y), (width, y), colour, thick, cv2.LINE_AA)
    if kind in (2, 3):
        for row in range(down):
            for column in range(across + 1):
                x = (column + (0.5 * (row % 2) if kind == 2 else 0)) * width / across
                box = (int(x + thick), int(row * height / down + thick), int(x + width / across - thick), int((row + 1) * height / down - thick))
                cv2.rectangle(picture, box[:2], box[2:], tuple(float(v) for v in np.clip(ink + rng.normal(0, 14, 3), 0, 255)), -1)
    return picture, np.ones((height, width), np.float32)


def blank(rng, height):
    """A plain board, a box, a reflector: a plate's shape with nothing on it."""
    width = int(height * rng.uniform(1.2, 5))
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = np.float32((240, 240, 236) if rng.random() < 0.5 else rng.uniform(0, 255, 3))
    picture *= np.linspace(rng.uniform(0.6, 1), rng.uniform(0.8, 1.1), height, dtype=np.float32)[:, None, None]
    if rng.random() < 0.4:
        cv2.rectangle(picture, (1, 1), (width - 2, height - 2), tuple(rng.uniform(0, 255, 3)), max(1, height // 20))
    return picture, np.ones((height, width), np.float32)


KINDS, SHARES = [label, round_sign, pattern, blank], [0.45, 0.15, 0.25, 0.15]


def clutter(rng, height):
    """One of them, `height` pixels high: picture and mask."""
    return KINDS[rng.choice(len(KINDS), p=SHARES)](rng, height)


def timestamp(rng, picture):
    """The writing of a camera in a corner, in place."""
    form = TIMES[rng.integers(len(TIMES))]
    signs = form.format(*(int(v) for v in rng.integers(0, 60, form.count("{"))))
    height = int(rng.integers(7, 22))
    mask = text_mask(signs, LATIN_FONTS[rng.integers(len(LATIN_FONTS))], height, 1, height // 2)
    x = rng.choice([6, max(6, picture.shape[1] - mask.shape[1] - 6)])
    y = rng.choice([6, picture.shape[0] - height - 6])
    if rng.random() < 0.3:
        cv2.rectangle(picture, (int(x) - 3, int(y) - 3), (int(x) + mask.shape[1] + 3, int(y) + height + 3), (0, 0, 0), -1)
    stamp(picture, mask, x, y, (250, 250, 250) if rng.random() < 0.6 else rng.uniform(120, 255, 3))
