"""Reads exported timelines with opentimelineio and its adapters, which share no code with rushes.

timelines.py RATE FILE... prints one JSON object: per file the name and, per clip of the first video track, its name, its
first frame and frame count on the clock of its media, its frames per second, the URL of its media and its markers.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import opentimelineio as otio

ADAPTERS = {
    "otio": ("otio_json", {}),
    "otioz": ("otioz", {}),
    "edl": ("cmx_3600", {"ignore_timecode_mismatch": False}),
    "xml": ("fcp_xml", {}),
    "fcpxml": ("fcpx_xml", {}),
    "ale": ("ale", {}),
}


def clips(timeline):
    """The clips of the first video track; an ALE is read as a plain collection of clips."""
    if isinstance(timeline, otio.schema.SerializableCollection):
        first = next(iter(timeline), None)
        if isinstance(first, otio.schema.Timeline):
            return clips(first)
        return list(timeline.find_clips())
    return [child for child in timeline.video_tracks()[0] if isinstance(child, otio.schema.Clip)]


def whole(value):
    """A frame count is an integer; one that is none stays a float, which no test takes for a count."""
    return int(value) if float(value).is_integer() else value


def facts(clip):
    source = clip.source_range
    media = clip.media_reference
    return {
        "name": clip.name,
        "first": whole(source.start_time.value),
        "frames": whole(source.duration.value),
        "rate": source.start_time.rate,
        "duration_rate": source.duration.rate,
        "url": getattr(media, "target_url", None),
        "available": [whole(time.value) for time in (media.available_range.start_time, media.available_range.duration)]
        if media and media.available_range
        else None,
        "markers": [f"{marker.name} {marker.comment} {marker.metadata}" for marker in clip.markers],
    }


def seconds(text):
    return Fraction(text.removesuffix("s"))


def fractions(file):
    """The clips of an FCPXML, by its fractions of seconds: the adapter cuts 24000/1001 frames per second down to 23."""
    root = ElementTree.parse(file).getroot()
    resources = {element.get("id"): element for element in root.find("resources")}
    read = []
    for clip in root.iter("asset-clip"):
        asset = resources[clip.get("ref")]
        rate = 1 / seconds(resources[clip.get("format")].get("frameDuration"))
        frames = [seconds(clip.get(key)) * rate for key in ("start", "duration")]
        available = [seconds(asset.get(key)) * rate for key in ("start", "duration")]
        assert all(frame.denominator == 1 for frame in frames + available), (clip.attrib, asset.attrib)
        read.append(
            {
                "name": clip.get("name"),
                "first": whole(frames[0]),
                "frames": whole(frames[1]),
                "rate": float(rate),
                "url": asset.find("media-rep").get("src"),
                "available": [whole(frame) for frame in available],
                "markers": [marker.get("value") for marker in clip.findall("marker")],
            }
        )
    return read


def main():
    rate, *files = sys.argv[1:]
    found = {}
    for file in files:
        name, options = ADAPTERS[file.rsplit(".", 1)[1]]
        if name in ("cmx_3600", "ale"):
            options = {**options, "rate" if name == "cmx_3600" else "fps": float(rate)}
        timeline = otio.adapters.read_from_file(file, adapter_name=name, **options)
        read = [facts(clip) for clip in clips(timeline)]
        if name == "fcpx_xml":
            exact = fractions(file)
            if float(rate).is_integer():
                for one, other in zip(read, exact, strict=True):
                    # The adapter computes with floats and cuts them off.
                    near = all(abs(one[key] - other[key]) <= 1 for key in ("first", "frames"))
                    assert near and one["rate"] == other["rate"] and one["name"] == other["name"], (one, other)
            read = exact
        found[file.rsplit(".", 1)[1]] = {"name": timeline.name, "clips": read}
    json.dump(found, sys.stdout)


main()
