"""Gathers the photographs behind plates, and frames of real video, in a folder: pictures in which no plate can be read.

    python photographs.py MATERIAL PICTURES

Long sides are at most 900 pixels. ffmpeg decodes the videos.
"""

import argparse
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


def found(material):
    for folder in FOLDERS:
        for path in sorted((material / folder).iterdir()):
            if path.name not in WITH_PLATES:
                bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
                if bgr is not None:
                    yield bgr
    for name, *stretch in VIDEOS:
        yield from frames(material / name, *stretch)


def photographs(folder):
    """All pictures of a folder as RGB."""
    pictures = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in sorted(Path(folder).glob("*.jpg"))]
    return [np.ascontiguousarray(bgr[..., ::-1]) for bgr in pictures]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("material", type=Path)
    parser.add_argument("pictures", type=Path)
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    for number, bgr in enumerate(found(options.material)):
        scale = min(1.0, 900 / max(bgr.shape[:2]))
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(options.pictures / f"{number:04}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])


if __name__ == "__main__":
    main()
