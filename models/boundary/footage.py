"""Pictures and videos to make training shots of: luma and both chroma components, 0 to 255, limited range."""

import subprocess
from pathlib import Path

import cv2
import numpy as np

# Stretches of real footage without a cut inside: file, first frame, frame after the last. None of these files, nor any
# picture below, is used by benches/segment, which measures the detectors.
VIDEOS = [
    ("video/intel_bottle-detection.mp4", 0, 1189),
    ("video/intel_car-detection.mp4", 0, 377),
    ("video/fire2.mp4", 0, 25),
    ("grid/bbaf2n.mpg", 0, 75),
    ("grid/brbk7n.mpg", 0, 75),
    ("grid/lbax4n.mpg", 0, 75),
    ("grid/lbbc2a.mpg", 0, 75),
    ("grid/lrwp9a.mpg", 0, 75),
]

# Folders of photographs, which are given camera moves.
PICTURES = [
    "labelled/imagenet_samples",
    "labelled/rclip_images",
    "plates_eu",
    "street",
    "pano360",
    "faces",
]

# Videos are read at twice the size of what the network sees, so that they can be moved as well.
WIDTH, HEIGHT = 128, 72


def limited(bgr):
    """8-bit BGR as Y, Cb, Cr of limited range."""
    y, cr, cb = cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb).astype(np.float32))
    out = np.stack([16 + y * (219 / 255), 128 + (cb - 128) * (224 / 255), 128 + (cr - 128) * (224 / 255)], -1)
    return out.round().astype(np.uint8)


def video(path, first, last):
    """Frames `first..last` of a video, `[frames, HEIGHT, WIDTH, 3]`."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-vf", f"scale={WIDTH}:{HEIGHT}:flags=area"]
    command += ["-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv444p", "-"]
    raw = np.frombuffer(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, np.uint8)
    frames = raw.reshape(-1, 3, HEIGHT, WIDTH)[first:last]
    return np.ascontiguousarray(frames.transpose(0, 2, 3, 1))


def picture(path):
    """A photograph at three sizes (long side 1024, 512, 256), so that any zoom finds one that needs little shrinking."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    sizes = []
    for side in (1024, 512, 256):
        scale = min(1.0, side / max(bgr.shape[:2]))
        sizes.append(limited(cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))
    return sizes


def load(material):
    """All pictures and videos of the folder `material`."""
    material = Path(material)
    videos = [video(material / name, first, last) for name, first, last in VIDEOS]
    paths = sorted(path for folder in PICTURES for path in (material / folder).rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    pictures = [sizes for sizes in map(picture, paths) if sizes is not None]
    return videos, pictures
