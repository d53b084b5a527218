"""Draws number plates: a design, its characters, what years on the road do to them."""

import functools

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from designs import DESIGNS, WHITE

FONTS = "/usr/share/fonts/"
LATIN_FONTS = [
    FONTS + path
    for path in (
        "truetype/dejavu/DejaVuSansCondensed-Bold.ttf",
        "truetype/dejavu/DejaVuSansMono-Bold.ttf",
        "truetype/liberation/LiberationSansNarrow-Bold.ttf",
        "truetype/liberation/LiberationSans-Bold.ttf",
        "truetype/liberation/LiberationMono-Bold.ttf",
        "truetype/roboto/unhinted/RobotoCondensed-Bold.ttf",
        "truetype/roboto/unhinted/RobotoCondensed-Medium.ttf",
        "truetype/roboto/unhinted/RobotoTTF/Roboto-Bold.ttf",
        "opentype/urw-base35/NimbusSansNarrow-Bold.otf",
        "opentype/urw-base35/NimbusSansNarrow-Regular.otf",
        "opentype/urw-base35/NimbusMonoPS-Bold.otf",
        "opentype/ocr-b/OCRB.otf",
        "truetype/play/Play-Bold.ttf",
        "truetype/hack/Hack-Bold.ttf",
        "truetype/lato/Lato-Bold.ttf",
    )
]
SERIF_FONTS = [
    FONTS + path
    for path in (
        "truetype/dejavu/DejaVuSerif-Bold.ttf",
        "truetype/liberation/LiberationSerif-Bold.ttf",
        "truetype/lato/Lato-BlackItalic.ttf",
        "truetype/roboto/unhinted/RobotoTTF/Roboto-Light.ttf",
    )
]
# For the signs of a range of code points that the Latin fonts lack.
OTHER_FONTS = [
    (0x0600, 0x06FF, FONTS + "truetype/noto/NotoSansArabic-Bold.ttf"),
    (0x0900, 0x097F, FONTS + "truetype/noto/NotoSansDevanagari-Bold.ttf"),
    (0x0980, 0x09FF, FONTS + "truetype/noto/NotoSansBengali-Bold.ttf"),
    (0x0E00, 0x0E7F, FONTS + "truetype/noto/NotoSansThai-Bold.ttf"),
    (0x2E80, 0xFFFF, FONTS + "opentype/noto/NotoSansCJK-Bold.ttc"),
]


@functools.lru_cache(4096)
def font(path, size):
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def font_of(sign, path):
    for first, last, other in OTHER_FONTS:
        if first <= ord(sign) <= last:
            return other
    return path


@functools.lru_cache(20000)
def glyph(sign, path, height):
    """A sign as a mask, `height` pixels high if it is a capital; small letters and marks keep their proportion."""
    path = font_of(sign, path)
    probe = font(path, 100)
    top, bottom = (probe.getbbox(sign) if ord(sign) > 0x7F else probe.getbbox("H"))[1::2]
    face = font(path, max(4, round(100 * height / max(1, bottom - top))))
    left, upper, right, lower = face.getbbox(sign)
    if right <= left or lower <= upper:
        return None
    base = face.getbbox(sign if ord(sign) > 0x7F else "H")[1]
    mask = Image.new("L", (right - left + 2, height), 0)
    ImageDraw.Draw(mask).text((1 - left, -base), sign, fill=255, font=face)
    return np.asarray(mask)


def text_mask(signs, path, height, spacing, gap):
    """A line of signs as a mask of `height` rows."""
    pieces = []
    for sign in signs:
        if sign == " ":
            pieces.append(np.zeros((height, gap), np.uint8))
        elif (drawn := glyph(sign, path, height)) is not None:
            pieces += [drawn, np.zeros((height, spacing), np.uint8)]
    return np.concatenate(pieces[:-1], 1) if len(pieces) > 1 else (pieces or [np.zeros((height, 1), np.uint8)])[0]


def fill(rng, design, pattern):
    """The signs of one pattern."""
    choose = lambda signs: signs[rng.integers(len(signs))]
    kinds = {"L": design.letters, "D": "0123456789", "A": design.alphabet, "N": design.digits, "P": design.places or design.letters}
    return "".join(choose(kinds[sign]) if sign in kinds else sign for sign in pattern)


def stamp(picture, mask, x, y, colour):
    """Puts `colour` where the mask is, as far as both are inside."""
    height, width = picture.shape[:2]
    x, y = int(x), int(y)
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + mask.shape[1]), min(height, y + mask.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = mask[y0 - y : y1 - y, x0 - x : x1 - x, None].astype(np.float32) / 255
    picture[y0:y1, x0:x1] = picture[y0:y1, x0:x1] * (1 - part) + np.float32(colour) * part


def fitted(mask, width):
    """The mask within a width: characters that are too wide are made narrower, as on plates."""
    if mask.shape[1] > width:
        return cv2.resize(mask, (max(1, int(width)), mask.shape[0]), interpolation=cv2.INTER_AREA)
    return mask


WEIGHTS = np.array([design.weight for design in DESIGNS]) / sum(design.weight for design in DESIGNS)


def plate(rng, height):
    """A plate seen straight on: `[rows, columns, 3]` in 0 to 255, and its mask (rounded corners), both floats."""
    design = DESIGNS[rng.choice(len(DESIGNS), p=WEIGHTS)]
    ratio = design.size[0] / design.size[1] * rng.uniform(0.93, 1.07)
    width = max(8, round(height * ratio))
    kind = rng.integers(len(design.ground))
    ground = np.float32(design.ground[kind]) + rng.normal(0, 8, 3)
    ink = np.float32(design.ink[min(kind, len(design.ink) - 1)]) + rng.normal(0, 12, 3)
    if rng.random() < 0.04:  # a design that is in no list
        ground, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
        if abs(ground.mean() - ink.mean()) < 70:
            ink = np.float32([25] * 3) if ground.mean() > 128 else np.float32([235] * 3)
    face = np.empty((height, width, 3), np.float32)
    face[:] = ground
    if not design.border and rng.random() < 0.25 and ground.mean() > 150:
        # A picture or a run of colour behind the characters, as in America.
        tint = rng.uniform(120, 255, 3)
        run = np.linspace(0, 1, height)[:, None, None] ** rng.uniform(0.5, 3)
        face = face * (1 - 0.5 * run) + tint * (0.5 * run)
        face = np.ascontiguousarray(np.broadcast_to(face, (height, width, 3)), np.float32)
        if rng.random() < 0.4:
            centre = (int(rng.uniform(0.2, 0.8) * width), int(height * rng.uniform(0.3, 0.9)))
            cv2.ellipse(face, centre, (width // 5, height // 4), 0, 0, 360, tuple(rng.uniform(100, 250, 3)), -1, cv2.LINE_AA)
    path = LATIN_FONTS[rng.integers(len(LATIN_FONTS))]
    left, right = 0.03 * width, 0.97 * width
    if design.band and rng.random() < 0.92:
        band = max(2, round(height * rng.uniform(0.32, 0.45) * (1 if ratio > 2.5 else 0.5)))
        blue = np.float32((20, 60, 160)) + rng.normal(0, 15, 3)
        face[:, :band] = blue
        left += band
        if design.right:
            face[:, width - band :] = blue
            right -= band
        if len(design.band) > 0 and design.band != "-" and height > 20:
            code = text_mask(design.band, LATIN_FONTS[3], max(4, round(height * 0.2)), 1, 1)
            code = fitted(code, band * 0.8)
            stamp(face, code, (band - code.shape[1]) / 2, height * 0.68, WHITE)
            if rng.random() < 0.7:
                cv2.circle(face, (band // 2, int(height * 0.32)), max(1, int(band * 0.3)), (250, 210, 40), max(1, height // 40), cv2.LINE_AA)
    lines = fill(rng, design, design.patterns[rng.integers(len(design.patterns))]).split("/")
    top, bottom = rng.uniform(0.08, 0.15), rng.uniform(0.08, 0.15)
    for words, above in ((design.header, True), (design.footer, False)):
        if words and rng.random() < 0.9:
            share = rng.uniform(0.11, 0.18)
            label = text_mask(words[rng.integers(len(words))], (SERIF_FONTS + LATIN_FONTS)[rng.integers(19)], max(3, round(height * share)), 1, max(2, height // 14))
            label = fitted(label, (right - left) * 0.8)
            at = height * (0.04 if above else 0.95 - share)
            stamp(face, label, (left + right - label.shape[1]) / 2, at, ink if rng.random() < 0.7 else rng.uniform(0, 200, 3))
            top, bottom = (share + 0.1, bottom) if above else (top, share + 0.1)
    room = height * (1 - top - bottom)
    y = height * top
    shares = [1.0] if len(lines) == 1 else [0.36, 0.56] if rng.random() < 0.5 and len(lines[0]) > 3 else [0.47, 0.47]
    for line, share in zip(lines, shares):
        line_height = max(4, round(room * share))
        spacing = max(1, round(line_height * rng.uniform(0.05, 0.16)))
        mask = text_mask(line.replace("|", " "), path, line_height, spacing, round(line_height * rng.uniform(0.2, 0.55)))
        span = (right - left) * rng.uniform(0.88, 0.97)
        # Plates fill their width: narrow lines are stretched a little.
        wish = np.clip(span / max(1, mask.shape[1]), 0.1, rng.uniform(1.0, 1.35))
        mask = cv2.resize(mask, (max(2, round(mask.shape[1] * wish)), line_height), interpolation=cv2.INTER_AREA if wish < 1 else cv2.INTER_LINEAR)
        stamp(face, mask, (left + right - mask.shape[1]) / 2, y, ink)
        y += line_height + room * (0.06 if len(lines) > 1 else 0)
        if "|" in line:
            x = int(left + (right - left) * 0.8)
            cv2.line(face, (x, 0), (x, height), tuple(float(c) for c in ink), max(1, height // 40))
    if rng.random() < 0.35 and ratio > 2.5:  # a seal or an inspection sticker between the groups
        centre = (int(rng.uniform(0.25, 0.6) * width), int(height * rng.uniform(0.3, 0.7)))
        cv2.circle(face, centre, max(1, int(height * rng.uniform(0.08, 0.16))), tuple(rng.uniform(40, 240, 3)), -1, cv2.LINE_AA)
    round_by = int(height * rng.uniform(0.03, 0.12))
    shape = np.zeros((height, width), np.float32)
    cv2.rectangle(shape, (round_by, 0), (width - 1 - round_by, height - 1), 1.0, -1)
    cv2.rectangle(shape, (0, round_by), (width - 1, height - 1 - round_by), 1.0, -1)
    for x in (round_by, width - 1 - round_by):
        for row in (round_by, height - 1 - round_by):
            cv2.circle(shape, (x, row), round_by, 1.0, -1)
    if design.border and rng.random() < 0.85 and height > 14:
        inset = max(1, int(height * 0.03))
        cv2.rectangle(face, (inset, inset), (width - 1 - inset, height - 1 - inset), tuple(float(c) for c in ink), max(1, round(height * 0.025)), cv2.LINE_AA)
    worn(rng, face)
    return face, shape, design.name


def worn(rng, face):
    """Bolts, dirt, scratches, shadows and glare, in place."""
    height, width = face.shape[:2]
    if rng.random() < 0.5:
        colour = tuple(rng.uniform(40, 200, 3))
        y = int(height * rng.choice([0.5, 0.12, 0.88], p=[0.5, 0.3, 0.2]))
        for x in (0.12, 0.88) if rng.random() < 0.7 else (0.25, 0.75):
            cv2.circle(face, (int(width * x), y), max(1, height // 18), colour, -1, cv2.LINE_AA)
    if rng.random() < 0.35:
        face *= 1 - cloud(rng, height, width) * rng.uniform(0.1, 0.5) * (1 - np.float32(rng.uniform(0, 0.3, 3)))
    if rng.random() < 0.15:  # a shadow's edge
        a, b = rng.uniform(-1, 1), rng.uniform(-0.5, 0.5)
        ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
        side = ((xs / width - 0.5) * a + (ys / height - 0.5) * b + rng.uniform(-0.2, 0.2)) > 0
        face *= np.where(side, 1.0, rng.uniform(0.35, 0.75))[..., None]
    if rng.random() < 0.12:  # glare
        spot = np.zeros((height, width), np.float32)
        cv2.ellipse(spot, (int(rng.uniform(0, 1) * width), int(rng.uniform(0, 1) * height)), (max(1, width // 6), max(1, height // 3)), rng.uniform(0, 180), 0, 360, 1.0, -1)
        spot = cv2.GaussianBlur(spot, (0, 0), max(1.0, height / 5))
        face += spot[..., None] * rng.uniform(60, 220)
    np.clip(face, 0, 255, out=face)


def cloud(rng, height, width):
    """Soft noise between 0 and 1, `[height, width, 1]`."""
    small = rng.random((int(rng.integers(2, 8)), int(rng.integers(3, 14)))).astype(np.float32)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)[..., None]
