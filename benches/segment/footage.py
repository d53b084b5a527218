"""The real clips that the bench's videos are made of: none of them was used to train the network."""

import subprocess
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 640, 360

# Stretches without a boundary inside: file, first frame, frame after the last.
CLIPS = [
    ("video/big_buck_bunny_0_30.webm", 60, 282),
    ("video/big_buck_bunny_0_30.webm", 284, 375),
    ("video/big_buck_bunny_0_30.webm", 377, 549),
    ("video/big_buck_bunny_0_30.webm", 552, 719),
    ("video/bikes.mp4", 31, 75),
    ("video/bikes.mp4", 77, 136),
    ("video/bikes.mp4", 138, 186),
    ("video/bikes.mp4", 188, 241),
    ("video/carphone_pristine.mp4", 0, 120),
    ("video/chaplin.mp4", 0, 241),
    ("video/mapillary_sample-5s.mp4", 0, 171),
    ("video/egoblur_gen1_test_video.mp4", 0, 40),
    ("video/egoblur_gen1_test_video.mp4", 60, 480),
    ("video/egoblur_gen1_test_video.mp4", 500, 600),
    ("video/intel_one-by-one-person-detection.mp4", 0, 700),
    ("grid/pwij3p.mpg", 0, 75),
    ("grid/sbia1a.mpg", 0, 75),
    ("grid/sbwe5n.mpg", 0, 75),
    ("grid/swiz3n.mpg", 0, 75),
    ("grid/lwbsza.mpg", 0, 75),
    ("grid/id2_vcd_swwp2s.mpg", 0, 75),
]


def read(path, first, last):
    """Frames of a video that fill 640 by 360, RGB."""
    fill = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}"
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path), "-vf", f"trim=start_frame={first}:end_frame={last},{fill}"]
    command += ["-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def load(material):
    """All stretches, in the order of `CLIPS`."""
    return [read(Path(material) / name, first, last) for name, first, last in CLIPS]
