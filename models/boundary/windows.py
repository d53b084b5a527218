"""Windows of videos: shots joined by transitions, with what is no boundary strewn over them, and their truth.

Truth of each frame: `cut` is 1 at the first frame of a shot that begins with a cut; `gradual` is 1 on each frame of a
dissolve, fade or wipe, that is each that is a mixture of both shots or of a shot and an even colour, with the black or
white between two fades; `kind` is 0, 1 or 2 there.
"""

import cv2
import numpy as np

from shots import HEIGHT, WIDTH, grade

DISSOLVE, FADE, WIPE = 0, 1, 2
BLACK, WHITE = np.array([16, 128, 128], np.float32), np.array([235, 128, 128], np.float32)
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
ROWS, COLUMNS = (ROWS + 0.5) / HEIGHT, (COLUMNS + 0.5) / WIDTH


def pace(rng, frames):
    """How far a transition of `frames` frames is at each of them: strictly between 0 and 1."""
    time = np.arange(1, frames + 1) / (frames + 1)
    style = rng.random()
    if style < 0.65:
        return time
    if style < 0.85:
        return time * time * (3 - 2 * time)
    return time ** np.exp(rng.normal(0, 0.3))


def distance(rng):
    """A picture of when each place is reached by a wipe, 0 to 1, and whether the pictures are pushed along."""
    style = rng.choice(["line", "line", "axis", "axis", "axis", "iris", "clock", "doors", "blinds"])
    if style == "line":
        angle = rng.uniform(0, 2 * np.pi)
        field = (COLUMNS - 0.5) * np.cos(angle) + (ROWS - 0.5) * np.sin(angle)
    elif style == "axis":
        field = [COLUMNS, -COLUMNS, ROWS, -ROWS][rng.integers(4)]
    elif style == "iris":
        x, y = rng.uniform(0.3, 0.7, 2)
        field = np.hypot((COLUMNS - x) * rng.uniform(1, 1.78), ROWS - y) * rng.choice([-1, 1])
    elif style == "clock":
        field = (np.arctan2(ROWS - 0.5, COLUMNS - 0.5) + rng.uniform(0, 6.28)) % (2 * np.pi) * rng.choice([-1, 1])
    elif style == "doors":
        field = np.abs([COLUMNS, ROWS][rng.integers(2)] - 0.5) * rng.choice([-1, 1])
    else:
        field = ([COLUMNS, ROWS][rng.integers(2)] * rng.integers(2, 9)) % 1
    low, high = field.min(), field.max()
    return (field - low) / (high - low)


def wipe(rng, old, new, progress):
    """Old gives way to new from place to place."""
    style = rng.random()
    if style < 0.4:  # Push, slide in, or slide out.
        axis, sign, moves = rng.integers(1, 3), rng.choice([-1, 1]), rng.choice([0, 0, 1, 2])
        out = old.copy()
        length = old.shape[axis]
        for number, part in enumerate(progress):
            shift = int(round(part * length))
            place = np.arange(length)
            covered = place >= length - shift if sign > 0 else place < shift
            old_at = (place + sign * shift) if moves in (0, 2) else place
            new_at = (place - sign * (length - shift)) if moves in (0, 1) else place
            if moves == 2:  # The old picture slides away and uncovers the new one.
                new_at = place
            index = np.clip(np.where(covered, new_at, old_at), 0, length - 1)
            picked = [np.take(images[number], index, axis - 1) for images in (old, new)]
            mask = covered[:, None, None] if axis == 1 else covered[None, :, None]
            out[number] = np.where(mask, picked[1], picked[0])
        return out
    field = distance(rng)
    soft = rng.choice([0.02, rng.uniform(0.03, 0.25)])
    weight = np.clip((progress[:, None, None] * (1 + soft) - field) / soft, 0, 1)[..., None].astype(np.float32)
    return (old * (1 - weight) + new * weight).astype(np.uint8)


def fade(rng, old, new):
    """Out to an even colour, a while of it, and in again. Returns the frames; `old` and `new` are as long as all of it."""
    frames = len(old)
    level = BLACK if rng.random() < 0.75 else WHITE if rng.random() < 0.8 else np.array([rng.uniform(16, 235), rng.uniform(90, 170), rng.uniform(90, 170)], np.float32)
    hold = int(frames * rng.choice([0, rng.uniform(0, 0.9)]))
    ramps = frames - hold
    out = int(ramps * (rng.uniform(0.3, 0.7) if rng.random() < 0.8 else rng.choice([0, 1])))
    weight = np.concatenate([1 - pace(rng, out), np.zeros(hold), pace(rng, ramps - out)])
    if hold == 0 and 0 < out < frames:
        weight[out - 1] = 0  # It reaches the colour once.
    source = np.concatenate([old[:out], new[out:]]).astype(np.float32)
    return (level + (source - level) * weight[:, None, None, None]).astype(np.uint8)


def join(rng, kind, old, new):
    """A transition of as many frames as `old` and `new` have."""
    if kind == DISSOLVE:
        weight = pace(rng, len(old))[:, None, None, None].astype(np.float32)
        return (old * (1 - weight) + new * weight).astype(np.uint8)
    if kind == FADE:
        return fade(rng, old, new)
    return wipe(rng, old, new, pace(rng, len(old)))


class Pool:
    """Shots to take from."""

    def __init__(self, shots, pairs):
        self.shots, self.pairs = shots, pairs
        # The middle of each shot, very small, to find shots that are hard to tell apart.
        self.middles = np.stack([cv2.resize(shot[len(shot) // 2], (16, 9), interpolation=cv2.INTER_AREA) for shot in shots]).astype(np.int16)

    def like(self, rng, index):
        """Of some shots, the one that looks most like shot `index` and can still be told from it."""
        some = rng.integers(len(self.shots), size=60)
        far = np.abs(self.middles[some] - self.middles[index]).mean((1, 2, 3))
        far[far < 6] = np.inf
        return int(some[far.argmin()])

    def take(self, rng, frames, index=None, grading=None):
        """A stretch of a shot, turned, mirrored and graded by chance."""
        source = self.shots[rng.integers(len(self.shots)) if index is None else index]
        frames = min(frames, len(source))
        start = rng.integers(len(source) - frames + 1)
        piece = source[start : start + frames]
        if rng.random() < 0.5:
            piece = piece[::-1]
        if rng.random() < 0.5:
            piece = piece[:, :, ::-1]
        return grade(np.random.default_rng(grading) if grading else rng, np.array(piece, order="C"))


def bars(shot, size, upright):
    cells = int(size * (WIDTH if upright else HEIGHT))
    if cells:
        for part in (slice(0, cells), slice(-cells, None)):
            if upright:
                shot[:, :, part] = BLACK
            else:
                shot[:, part] = BLACK


def video(rng, pool, frames):
    """A video of `frames` frames, and its truth."""
    out = np.empty((frames, HEIGHT, WIDTH, 3), np.uint8)
    cut, gradual, kinds = np.zeros(frames, np.float32), np.zeros(frames, np.float32), np.full(frames, -1, np.int64)
    letterbox = (rng.uniform(0.04, 0.16), rng.random() < 0.3) if rng.random() < 0.2 else (0, False)
    longest = len(pool.shots[0])

    def take(index=None, grading=None):
        shot = pool.take(rng, int(rng.integers(70, longest)), index, grading)
        bars(shot, *(letterbox if rng.random() < 0.9 else (0, False)))
        if rng.random() < 0.15:
            sway(rng, shot)
        if rng.random() < 0.45:
            disturb(rng, shot, pool)
        return shot

    def following(old):
        """A shot that one can tell from the end of `old`."""
        for _ in range(6):
            new = take()
            step = np.abs(new[0].astype(np.int16) - old).mean((0, 1))
            if step[0] + 0.5 * (step[1] + step[2]) > 5:
                return new
        return None

    style = rng.random()
    pair, grading = None, None
    if style < 0.2:  # Back and forth between two framings of one picture.
        pair = pool.pairs[rng.integers(len(pool.pairs))]
    elif style < 0.4:  # Between two that look alike, lit alike.
        first = int(rng.integers(len(pool.shots)))
        pair, grading = (first, pool.like(rng, first)), int(rng.integers(1, 1 << 30))
    current = take(pair and pair[0], grading)
    used, at = 0, 0
    swap = 1
    while at < frames:
        length = int(rng.integers(6, 90)) if rng.random() < 0.8 else int(rng.integers(90, 160))
        length = min(length, len(current) - used, frames - at)
        out[at : at + length] = current[used : used + length]
        at, used = at + length, used + length
        if at >= frames:
            break
        if rng.random() < 0.12 and (leap := jump(rng, current, used)):
            cut[at] = 1
            used = leap
            continue
        new = take(pair[swap], grading) if pair and rng.random() < 0.8 else following(current[used - 1])
        swap = 1 - swap
        if new is None:
            new = take()
        left = len(current) - used
        kind = rng.choice([-1, DISSOLVE, FADE, WIPE], p=[0.46, 0.2, 0.12, 0.22])
        span = int(rng.integers(2, 14)) if rng.random() < 0.4 else int(rng.integers(10, 56))
        if kind == DISSOLVE:
            span = max(span, 3)
        if kind == FADE and rng.random() < 0.2:
            span += int(rng.integers(10, 50))
        span = min(span, frames - at, len(new) - 5, left if left > 1 else 60)
        if kind >= 0 and span >= 2:
            old = current[used : used + span]
            if len(old) < span:  # The old shot freezes on its last frame.
                old = np.concatenate([old, np.repeat(current[-1:], span - len(old), 0)])
            if kind != FADE and np.abs(old[-1].astype(np.int16) - new[span - 1]).mean() < 4:
                kind = FADE
            out[at : at + span] = join(rng, kind, old, new[:span])
            gradual[at : at + span], kinds[at : at + span] = 1, kind
            at, used = at + span, span
        else:
            cut[at] = 1
            used = 0
        current = new
    finish(rng, out)
    return out, cut, gradual, kinds


def jump(rng, shot, used):
    """A later frame of the same shot at which it can go on with a cut one sees: the frame differs far more than frames do."""
    if used < 3 or used + 20 > len(shot):
        return None
    leap = int(rng.integers(used + 10, len(shot) - 8))
    change = lambda a, b: np.abs(shot[a].astype(np.int16) - shot[b]).mean()
    around = max(change(n, n - 1) for n in (used - 1, used - 2, leap + 1, leap + 2))
    step = change(leap, used - 1)
    moved = np.abs(shot[leap, ..., 0].astype(np.int16) - shot[used - 1, ..., 0]) > 5
    return leap if step > 4 * around and moved.mean() > 0.3 else None


def disturb(rng, shot, pool):
    """Strews over a shot what is no boundary."""
    for _ in range(rng.integers(1, 3)):
        kind = rng.choice(["flash", "flash", "strobe", "explosion", "explosion", "exposure", "exposure", "exposure", "exposure", "caption", "caption", "caption", "bars", "bars", "bars", "bars", "hold", "pulldown", "twos", "drop", "inset", "blur", "occlude", "bump"])
        DISTURBANCES[kind](rng, shot, pool)


def flash(rng, shot, _pool):
    at, length = rng.integers(len(shot)), int(rng.integers(1, 6))
    light = WHITE if rng.random() < 0.8 else np.array([rng.uniform(120, 235), rng.uniform(90, 160), rng.uniform(90, 160)], np.float32)
    shape = 1 - rng.uniform(0, 1) * np.hypot(COLUMNS - rng.random(), ROWS - rng.random())[..., None]
    power = rng.uniform(0.4, 1.0)
    for number in range(at, min(at + length, len(shot))):
        weight = np.clip(power * shape, 0, 1)
        shot[number] = shot[number] * (1 - weight) + light * weight
        power *= rng.uniform(0.3, 1.0)


def strobe(rng, shot, _pool):
    period, on = int(rng.integers(2, 12)), int(rng.integers(1, 4))
    at, length = rng.integers(len(shot)), int(rng.integers(8, 70))
    power = rng.uniform(0.3, 1.0)
    light = WHITE if rng.random() < 0.6 else BLACK if rng.random() < 0.5 else np.array([128, rng.uniform(60, 200), rng.uniform(60, 200)], np.float32)
    for number in range(at, min(at + length, len(shot))):
        if (number - at) % period < on:
            shot[number] = shot[number] * (1 - power) + light * power


def explosion(rng, shot, _pool):
    at, rise, fall = rng.integers(len(shot)), int(rng.integers(1, 8)), rng.uniform(6, 30)
    x, y, size = rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.9)
    fire = np.array([rng.uniform(180, 235), rng.uniform(50, 110), rng.uniform(140, 190)], np.float32)
    far = np.hypot(COLUMNS - x, ROWS - y)
    for number in range(at, min(at + rise + int(2 * fall), len(shot))):
        power = min(1, (number - at + 1) / rise) * np.exp(-max(0, number - at - rise) / fall)
        edge = cv2.resize(rng.random((5, 8)).astype(np.float32), (WIDTH, HEIGHT)) * 0.3
        weight = np.clip((size * power - far + edge) * 3, 0, 1)[..., None] * min(1, 1.3 * power)
        shot[number] = shot[number] * (1 - weight) + fire * weight


def exposure(rng, shot, _pool):
    """Light that changes: clouds, a lamp, an iris. The picture stays to be seen."""
    at, length, gain = rng.integers(len(shot)), int(rng.integers(1, 60)), np.exp(rng.uniform(-1.6, 0.6))
    back = rng.random() < 0.5
    for number in range(at, len(shot)):
        part = min(1, (number - at + 1) / length)
        if back:
            part = np.sin(min(1, (number - at + 1) / (2 * length)) * np.pi)
        luma = 16 + (shot[number, ..., 0].astype(np.float32) - 16) * gain**part
        shot[number, ..., 0] = np.clip(luma, 0, 255)
        colours = 128 + (shot[number, ..., 1:].astype(np.float32) - 128) * min(1, gain) ** part
        shot[number, ..., 1:] = colours


def caption(rng, shot, _pool):
    """Subtitles, logos, lower thirds, titles: they appear, stay and go."""
    at, length = rng.integers(-20, len(shot)), int(rng.integers(10, 90))
    canvas = np.zeros((HEIGHT * 4, WIDTH * 4), np.uint8)
    style = rng.random()
    if style < 0.6:
        scale = rng.uniform(0.3, 1.6)
        for line in range(rng.integers(1, 4)):
            words = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz    "), rng.integers(3, 30)))
            where = (int(rng.integers(0, 80)), int(rng.uniform(0.3, 0.95) * HEIGHT * 4) - line * int(30 * scale))
            cv2.putText(canvas, words, where, cv2.FONT_HERSHEY_DUPLEX, scale, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    else:
        x, y = int(rng.integers(0, WIDTH * 3)), int(rng.integers(0, HEIGHT * 3))
        width, height = int(rng.integers(10, 200)), int(rng.integers(8, 50))
        cv2.rectangle(canvas, (x, y), (x + width, y + height), 255, -1)
    mask = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[..., None] / np.float32(255)
    fill = WHITE if rng.random() < 0.7 else np.array([rng.uniform(16, 235), rng.uniform(60, 190), rng.uniform(60, 190)], np.float32)
    ramp = int(rng.choice([1, 1, rng.integers(2, 20)]))
    for number in range(max(0, at), min(at + length, len(shot))):
        weight = mask * min(1, (number - at + 1) / ramp, (at + length - number) / ramp)
        shot[number] = shot[number] * (1 - weight) + fill * weight


def change_bars(rng, shot, _pool):
    """Bars appear, go or slide in: a change of the picture's shape."""
    at, length, size = rng.integers(len(shot)), int(rng.choice([1, rng.integers(2, 30)])), rng.uniform(0.05, 0.2)
    upright, inwards = rng.random() < 0.3, rng.random() < 0.5
    for number in range(len(shot)):
        part = np.clip((number - at) / length, 0, 1)
        bars(shot[number : number + 1], size * (part if inwards else 1 - part), upright)


def hold(rng, shot, _pool):
    at, length = rng.integers(len(shot)), int(rng.integers(2, 40))
    shot[at : at + length] = shot[at]


def pulldown(rng, shot, _pool):
    """Telecine: of five frames two are made of fields of two frames; or fields of two moments in every frame."""
    later = np.concatenate([shot[1:], shot[-1:]])
    woven = ((shot.astype(np.uint16) + later) // 2).astype(np.uint8)
    pick = np.arange(len(shot)) % 5
    which = np.isin(pick, (2, 3)) if rng.random() < 0.5 else np.ones(len(shot), bool)
    shot[which] = woven[which]


def twos(rng, shot, _pool):
    """Drawn, or filmed, at a half or a third of the rate, or with every fifth frame twice."""
    number = np.arange(len(shot))
    each = int(rng.choice([2, 3, 5]))
    shot[:] = shot[number - number % each] if each < 5 else shot[number - number // 5]


def drop(rng, shot, _pool):
    """A few frames are missing."""
    at, missing = rng.integers(len(shot)), int(rng.integers(1, 5))
    rest = shot[at + missing :].copy()
    shot[at : at + len(rest)] = rest


def inset(rng, shot, pool):
    """A screen or a window in the picture, in which there are cuts."""
    width, height = int(rng.uniform(0.12, 0.5) * WIDTH), int(rng.uniform(0.12, 0.5) * HEIGHT)
    x, y = rng.integers(0, WIDTH - width), rng.integers(0, HEIGHT - height)
    at = rng.integers(-30, len(shot))
    while at < len(shot):
        length = int(rng.integers(8, 80))
        other = pool.take(rng, length)
        for number in range(max(at, 0), min(at + len(other), len(shot))):
            shot[number, y : y + height, x : x + width] = cv2.resize(other[number - at], (width, height), interpolation=cv2.INTER_AREA)
        at += len(other)
        if rng.random() < 0.5:
            break


def blur(rng, shot, _pool):
    """The focus is pulled."""
    at, length, size = rng.integers(len(shot)), rng.uniform(3, 30), rng.uniform(1, 6)
    for number in range(len(shot)):
        sigma = size * np.exp(-(((number - at) / length) ** 2))
        if sigma > 0.3:
            shot[number] = cv2.GaussianBlur(shot[number], (0, 0), sigma)


def occlude(rng, shot, pool):
    """Something large passes close to the camera."""
    at, speed, size = rng.integers(len(shot)), rng.uniform(0.03, 0.25) * rng.choice([-1, 1]), rng.uniform(0.3, 0.8)
    fill = colour_of(rng)
    texture = rng.normal(0, 8, (HEIGHT, WIDTH, 1))
    for number in range(len(shot)):
        middle = 0.5 + speed * (number - at)
        weight = np.clip((size / 2 - np.abs(COLUMNS - middle + 0.1 * ROWS)) * 12, 0, 1)[..., None]
        if weight.any():
            shot[number] = np.clip(shot[number] * (1 - weight) + (fill + texture) * weight, 0, 255)


def colour_of(rng):
    return np.array([rng.uniform(16, 200), rng.uniform(100, 160), rng.uniform(100, 160)], np.float32)


def bump(rng, shot, _pool):
    """The camera is knocked."""
    at, length = rng.integers(len(shot)), int(rng.integers(1, 12))
    for number in range(at, min(at + length, len(shot))):
        shift = rng.normal(0, [4, 3])
        shot[number] = cv2.warpAffine(shot[number], np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


def sway(rng, shot):
    """A part of the picture, from which the camera goes to other parts at once or by and by, now and then back again."""
    span = rng.uniform(0.35, 0.8)
    place = rng.uniform(0, 1 - span, 2)
    at, path = 0, np.empty((len(shot), 2))
    while at < len(shot):
        rest, length = int(rng.integers(0, 70)), int(rng.integers(4, 30))
        path[at : at + rest] = place
        at += rest
        goal = rng.uniform(0, 1 - span, 2) if rng.random() < 0.3 else place.copy()
        axis = rng.integers(2)
        goal[axis] = rng.choice([0, 1 - span, rng.uniform(0, 1 - span)])
        part = np.arange(1, length + 1)[:, None] / length
        if rng.random() < 0.5:
            part = part * part * (3 - 2 * part)
        legs = place + (goal - place) * part
        path[at : at + length] = legs[: max(0, len(shot) - at)]
        at, place = at + length, goal
    shutter = rng.uniform(0.3, 1)
    before = path[0]
    for number, now in enumerate(path):
        steps = int(np.clip(np.abs(now - before).max() / span * WIDTH, 1, 5))
        views = []
        for step in range(steps):
            x, y = (before + (now - before) * (1 - shutter * step / steps)) * [WIDTH, HEIGHT]
            matrix = np.float32([[span, 0, x], [0, span, y]])
            views.append(cv2.warpAffine(shot[number], matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT))
        shot[number] = views[0] if steps == 1 else np.mean(views, 0)
        before = now


DISTURBANCES = {
    "flash": flash, "strobe": strobe, "explosion": explosion, "exposure": exposure, "caption": caption, "bars": change_bars,
    "hold": hold, "pulldown": pulldown, "twos": twos, "drop": drop, "inset": inset, "blur": blur, "occlude": occlude, "bump": bump,
}  # fmt: skip


def finish(rng, video):
    """What coding does to a whole video: noise that stays for a group of pictures, noise that does not, a tone curve."""
    grain, stays = rng.choice([0, rng.uniform(0, 1.5), rng.uniform(0, 6)]), rng.uniform(0, 1.5)
    group = int(rng.integers(8, 250))
    lasting, fresh = np.empty(video.shape[1:], np.int16), np.empty(video.shape[1:], np.int16)
    for number in range(len(video)):
        if number % group == 0:
            cv2.randn(lasting, 0, stays)
        cv2.add(video[number], lasting, video[number], dtype=cv2.CV_8U)
        if grain:
            if number % 8 == 0:
                cv2.randn(fresh, 0, grain)
            moved = np.roll(fresh.reshape(-1), int(rng.integers(fresh.size))).reshape(fresh.shape)
            cv2.add(video[number], moved, video[number], dtype=cv2.CV_8U)
    if rng.random() < 0.15:  # Full range.
        video[..., 0] = cv2.LUT(video[..., 0], np.clip((np.arange(256) - 16) * 255 / 219, 0, 255).astype(np.uint8))


def woven(images, cut, gradual, kinds):
    """Two fields in each frame, so that half the frames are left; a cut between two fields leaves a frame of both shots."""
    count = len(images) // 2
    mixed = cv2.addWeighted(images[0 : 2 * count : 2], 0.5, images[1 : 2 * count : 2], 0.5, 0)
    cuts = np.zeros(count + 1, np.float32)
    cuts[(np.flatnonzero(cut[: 2 * count]) + 1) // 2] = 1
    either = np.maximum(gradual[0 : 2 * count : 2], gradual[1 : 2 * count : 2])
    return mixed, cuts[:count], either, np.maximum(kinds[0 : 2 * count : 2], kinds[1 : 2 * count : 2])


def window(rng, pool, frames, around=24):
    """A window out of a longer video, so that it may begin and end within a transition."""
    if rng.random() < 0.1:
        images, *truth = woven(*video(rng, pool, 2 * (frames + around)))
    else:
        images, *truth = video(rng, pool, frames + around)
    start = rng.integers(around + 1)
    return images[start : start + frames], *(part[start : start + frames] for part in truth)
