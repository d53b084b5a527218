"""Videos with known boundaries, made of real clips: `python videos.py MATERIAL FOLDER`.

Each video becomes `NAME.mp4` and `NAME.json`: its boundaries (`kind`, `start`, `end`; a gradual transition is all frames in
which both shots, or a shot and an even colour, are mixed), and its length. Everything is drawn with fixed seeds.
"""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

import footage
from footage import HEIGHT, WIDTH

Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
X, Y = (X + 0.5) / WIDTH, (Y + 0.5) / HEIGHT


def mix(old, new, weight):
    return (old * (1 - weight) + new * weight).astype(np.uint8)


def dissolve(rng, old, new):
    frames = len(old)
    return [mix(old[n], new[n], np.float32((n + 1) / (frames + 1))) for n in range(frames)]


def fade(rng, old, new, level):
    """Out until nothing is seen, sometimes a while of that, and in."""
    frames = len(old)
    hold = int(frames * rng.choice([0, 0.2, 0.5]))
    out = (frames - hold) // 2
    images = []
    for n in range(frames):
        if n < out:
            images.append(mix(old[n], level, np.float32((n + 1) / out)))
        elif n < out + hold:
            images.append(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
        else:
            images.append(mix(new[n], level, np.float32((frames - n) / (frames - out - hold + 1))))
    return images


def edge(rng):
    """When a wipe reaches each place."""
    fields = [X, 1 - X, Y, 1 - Y, (X + Y) / 2, (1 - X + Y) / 2, np.hypot(X - 0.5, Y - 0.5) / 0.7072, 1 - np.hypot(X - 0.5, Y - 0.5) / 0.7072]
    fields += [(np.arctan2(Y - 0.5, X - 0.5) / (2 * np.pi)) % 1, np.abs(X - 0.5) * 2, 1 - np.abs(Y - 0.5) * 2]
    return fields[rng.integers(len(fields))]


def wipe(rng, old, new):
    frames = len(old)
    if rng.random() < 0.25:  # A push.
        images = []
        for n in range(frames):
            shift = round(WIDTH * (n + 1) / (frames + 1))
            images.append(np.concatenate([old[n][:, shift:], new[n][:, :shift]], 1))
        return images
    field, soft = edge(rng), rng.choice([0.005, 0.1])
    weight = lambda n: np.clip(((n + 1) / (frames + 1) * (1 + soft) - field) / soft, 0, 1)[..., None]
    return [mix(old[n], new[n], weight(n)) for n in range(frames)]


def transition(rng, kind, old, new):
    if kind == "dissolve":
        return dissolve(rng, old, new)
    if kind == "fade":
        return fade(rng, old, new, 0 if rng.random() < 0.7 else 255)
    return wipe(rng, old, new)


def piece(rng, clips, length, not_like):
    """A stretch of `length` frames, to and fro where the clip is shorter, of a clip other than the last."""
    while (which := int(rng.integers(len(clips)))) == not_like or len(clips[which]) < 30:
        pass
    clip = clips[which]
    start = int(rng.integers(max(1, len(clip) - length)))
    numbers = np.arange(start, start + length) % (2 * len(clip) - 2)
    return which, clip[np.where(numbers < len(clip), numbers, 2 * len(clip) - 2 - numbers)]


def joined(rng, clips, count, kinds, length=(85, 130), span=(4, 49), disturb=None):
    """Frames of a video of `count` shots, and its boundaries."""
    which, current = piece(rng, clips, int(rng.integers(*length)), -1)
    frames, truth = [], []
    for _ in range(count - 1):
        kind = kinds[rng.integers(len(kinds))]
        which, following = piece(rng, clips, int(rng.integers(*length)), which)
        current = [image for image in current]
        if disturb:
            disturb(rng, current)
        if kind == "cut":
            frames += current
            truth.append({"kind": "cut", "start": len(frames), "end": len(frames)})
            current = following
            continue
        width = min(int(rng.integers(*span)), len(current) - REST, len(following) - REST)
        frames += current[: len(current) - width]
        truth.append({"kind": kind, "start": len(frames), "end": len(frames) + width})
        frames += transition(rng, kind, current[len(current) - width :], following[:width])
        current = following[width:]
    current = [image for image in current]
    if disturb:
        disturb(rng, current)
    return frames + current, truth


def flash(rng, shot, at):
    for n in range(int(rng.integers(1, 5))):
        shot[at + n] = mix(shot[at + n], np.float32(255), np.float32(rng.uniform(0.5, 1) * 0.75**n))


def strobe(rng, shot, at):
    period = int(rng.integers(2, 8))
    for n in range(0, 40, period):
        shot[at + n] = mix(shot[at + n], np.float32(rng.choice([0, 255])), np.float32(0.8))


def explosion(rng, shot, at):
    x, y = rng.uniform(0.3, 0.7, 2)
    fire = np.array([255, 190, 90], np.float32)
    for n in range(36):
        size = min(1, n / 4) * np.exp(-max(0, n - 4) / 10)
        shake = rng.integers(-12, 13, 2)
        image = np.roll(shot[at + n], tuple(shake), (0, 1))
        shot[at + n] = mix(image, fire, np.clip((0.9 * size - np.hypot(X - x, Y - y)) * 4, 0, 1)[..., None])


def shake(rng, shot, at):
    """The camera is shaken for 40 frames; the whole shot is framed as closely, so that only the shake is new."""
    for n in range(len(shot)):
        size = 0.03 if at <= n < at + 40 else 0.001
        shot[n] = crop(shot[n], 0.15 + rng.normal(0, size), 0.15 + rng.normal(0, size), 0.7)


def crop(image, x, y, span):
    """The part of a picture, enlarged by repeating pixels."""
    rows = np.clip(((y + span * Y[:, 0]) * HEIGHT).astype(int), 0, HEIGHT - 1)
    columns = np.clip(((x + span * X[0]) * WIDTH).astype(int), 0, WIDTH - 1)
    return image[rows][:, columns]


def pan(rng, shot, at):
    """A fast pan across the picture and back, blurred as a camera would."""
    for n in range(len(shot)):
        far = np.clip((n - at) / 12, 0, 1) if n < at + 30 else np.clip((at + 44 - n) / 12, 0, 1)
        speed = 0.5 / 12 if 0 < far < 1 else 0
        views = [crop(shot[n], 0.5 * far + speed * part, 0.2, 0.45) for part in ((0, 0.25, 0.5, 0.75) if speed else (0,))]
        shot[n] = np.mean(views, 0).astype(np.uint8)


def subtitle(rng, shot, at):
    rows, x = int(rng.integers(285, 320)), int(rng.integers(60, 200))
    letters = rng.random((1, 90)) < 0.7
    mask = np.repeat(np.repeat(letters, 22, 0), 4, 1)
    for n in range(40):
        image = shot[at + n].copy()
        image[rows : rows + 22, x : x + 360][mask] = 255
        shot[at + n] = image


def logo(rng, shot, at):
    size, x, y = int(rng.integers(50, 150)), int(rng.integers(0, 480)), int(rng.integers(0, 200))
    colour = rng.integers(0, 256, 3)
    for n in range(at, len(shot)):
        image = shot[n].copy()
        image[y : y + size, x : x + size] = colour
        shot[n] = image


def letterbox(rng, shot, at):
    size = int(rng.integers(20, 50))
    for n in range(at, len(shot)):
        image = shot[n].copy()
        image[:size] = image[-size:] = 0
        shot[n] = image


def repeats(rng, shot, at):
    for n in range(at, at + 40):
        shot[n] = shot[at + (n - at) // 3 * 3]


def freeze(rng, shot, at):
    """The picture stands still for 35 frames and goes on where it stopped."""
    shot[at + 35 :] = shot[at : len(shot) - 35]
    for n in range(1, 35):
        shot[at + n] = shot[at]


def lamp(rng, shot, at):
    """The light goes down and comes back; the picture stays visible."""
    for n in range(40):
        shot[at + n] = mix(shot[at + n], np.float32(0), np.float32(0.6 * np.sin(np.pi * n / 40)))


def dark(rng, shot, at):
    for n in range(len(shot)):
        shot[n] = (shot[n] * np.float32(0.12)).astype(np.uint8)


def passing(rng, shot, at):
    """Something dark and large passes close to the camera."""
    for n in range(24):
        middle = -0.4 + 1.8 * n / 23
        weight = np.clip((0.35 - np.abs(X - middle)) * 10, 0, 1)[..., None]
        shot[at + n] = mix(shot[at + n], np.float32(30), weight)


DISTURBANCES = [flash, flash, strobe, explosion, shake, pan, subtitle, logo, letterbox, repeats, freeze, lamp, dark, passing]


def disturbed(which):
    """Each shot gets one disturbance, in turn, in its middle."""
    state = {"next": which}

    def disturb(rng, shot):
        kind = DISTURBANCES[state["next"] % len(DISTURBANCES)]
        state["next"] += 1
        kind(rng, shot, int(rng.integers(15, len(shot) - 60)))

    return disturb


def encode(frames, path, rate="25", extra=(), quality=23):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "-"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(quality), "-pix_fmt", "yuv420p", *extra, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    for frame in frames:
        process.stdin.write(np.ascontiguousarray(frame).tobytes())
    process.stdin.close()
    if process.wait():
        raise SystemExit(f"ffmpeg could not write {path}")


def encode_variable(frames, path):
    """Frames shown for 20, 33, 40 and 80 ms in turn."""
    shown = "floor(N/4)*173+20*gte(mod(N,4),1)+33*gte(mod(N,4),2)+40*gte(mod(N,4),3)"
    times = ["-vf", f"settb=1/1000,setpts='{shown}'"]
    encode(frames, path, "25", [*times, "-vsync", "passthrough", "-enc_time_base", "1:1000", "-video_track_timescale", "1000"])


def fields(frames):
    """Pairs of frames woven into frames of two fields."""
    woven = []
    for first, second in zip(frames[::2], frames[1::2]):
        image = first.copy()
        image[1::2] = second[1::2]
        woven.append(image)
    return woven


def halved(truth):
    """Boundaries in frames of two fields: a frame is in a transition if one of its fields is."""
    return [{"kind": b["kind"], "start": (b["start"] + (b["kind"] == "cut")) // 2, "end": (b["end"] + 1) // 2} for b in truth]


# Frames of a shot between two transitions, at least.
REST = 30

KINDS = ["cut", "dissolve", "fade", "wipe"]

# Name: seed, shots, kinds, and how it is written.
VIDEOS = {
    "cuts": (1, 60, ["cut"], "steady"),
    "dissolves": (2, 50, ["dissolve"], "steady"),
    "fades": (3, 50, ["fade"], "steady"),
    "wipes": (4, 50, ["wipe"], "steady"),
    "mixed-23.976": (5, 40, KINDS, "24000/1001"),
    "mixed-low-bitrate": (6, 40, KINDS, "low"),
    "mixed-variable": (7, 30, KINDS, "variable"),
    "mixed-interlaced": (8, 40, KINDS, "interlaced"),
    "mixed-59.94": (9, 40, KINDS, "60000/1001"),
    "distractors-1": (11, 42, ["cut"], "disturbed"),
    "distractors-2": (12, 42, ["cut"], "disturbed"),
    "distractors-3": (13, 42, ["cut"], "disturbed"),
}


def make(name, clips, folder):
    seed, count, kinds, how = VIDEOS[name]
    rng = np.random.default_rng(seed)
    path = folder / f"{name}.mp4"
    long = (100, 150)
    if how == "disturbed":
        frames, truth = joined(rng, clips, count, kinds, long, disturb=disturbed(seed))
    elif how == "interlaced":
        frames, truth = joined(rng, clips, count, kinds, (170, 260), (8, 97))
        truth, frames = halved(truth), fields(frames)
    else:
        frames, truth = joined(rng, clips, count, kinds)
    partial = path.with_suffix(".part.mp4")
    if how == "variable":
        encode_variable(frames, partial)
    elif how == "interlaced":
        encode(frames, partial, "25", ["-flags", "+ildct+ilme", "-x264-params", "tff=1"])
    elif how == "low":
        encode(frames, partial, "25", quality=36)
    else:
        encode(frames, partial, how if "/" in how else "25")
    rate = float(Fraction(how)) if "/" in how else 25.0
    path.with_suffix(".json").write_text(json.dumps({"frames": len(frames), "rate": rate, "boundaries": truth}))
    partial.rename(path)


def main():
    material, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[3:] or [name for name in VIDEOS if not (folder / f"{name}.mp4").exists()]
    if not wanted:
        return
    clips = footage.load(material)
    for name in wanted:
        make(name, clips, folder)
        print(name, flush=True)


if __name__ == "__main__":
    main()
