"""What PySceneDetect's detectors find, with their defaults: `python scenes.py VIDEO...` prints an object a line."""

import json
import sys

from scenedetect import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector, ThresholdDetector, detect

DETECTORS = {
    "Content": ContentDetector,
    "Adaptive": AdaptiveDetector,
    "Hash": HashDetector,
    "Histogram": HistogramDetector,
    "Threshold": ThresholdDetector,
}

for video in sys.argv[1:]:
    found = {}
    for name, detector in DETECTORS.items():
        scenes = detect(video, detector())
        found[name] = [start.frame_num for start, _end in scenes[1:]]
    print(json.dumps({"file": video, "found": found}), flush=True)
