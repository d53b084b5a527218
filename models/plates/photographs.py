"""The photographs behind plates, and the frames of real video: pictures in which no plate can be read."""

import subprocess
from pathlib import Path

import cv2
import numpy as np

# Folders of photographs, and stretches of video of which every n-th frame is taken: file, first second, seconds, frames a second.
FOLDERS = ["labelled/imagenet_samples", "labelled/rclip_images", "faces"]
VIDEOS = [
    ("video/big_buck_bunny_0_30.webm", 2, 26, 0.5),
    ("video/chaplin.mp4", 0, 20, 0.5),
    ("video/intel_bottle-detection.mp4", 0, 40, 0.2),
    ("video/intel_one-by-one-person-detection.mp4", 0, 30, 0.3),
    ("video/fire2.mp4", 0, 10, 0.5),
]
# Photographs with plates in them, found by eye.
WITH_PLATES = {
    "n02701002_ambulance.JPEG",
    "n03345487_fire_engine.JPEG",
    "n03538406_horse_cart.JPEG",
    "n03670208_limousine.JPEG",
    "n03796401_moving_van.JPEG",
    "n04467665_trailer_truck.JPEG",
    "deface_city.jpg",
}


def frames(path, start, seconds, rate):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-ss", str(start), "-t", str(seconds), "-i", str(path)]
    command += ["-vf", f"fps={rate},scale=640:-2", "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "2", "-"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    for part in raw.split(b"\xff\xd8\xff")[1:]:
        yield cv2.imdecode(np.frombuffer(b"\xff\xd8\xff" + part, np.uint8), cv2.IMREAD_COLOR)


def photographs(material):
    """All of them as RGB, with long sides of at most 900 pixels."""
    found = []
    for folder in FOLDERS:
        for path in sorted((Path(material) / folder).iterdir()):
            if path.name in WITH_PLATES:
                continue
            bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if bgr is not None:
                found.append(bgr)
    for name, *stretch in VIDEOS:
        path = Path(material) / name
        if path.exists():
            found += list(frames(path, *stretch))
    sized = []
    for bgr in found:
        scale = min(1.0, 900 / max(bgr.shape[:2]))
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        sized.append(np.ascontiguousarray(bgr[..., ::-1]))
    return sized
