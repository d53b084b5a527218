"""Plays an OTIO timeline with MLT, and reads back which source frame every rendered picture shows.

render.py MELT TIMELINE prints the numbers as a JSON list. The sources are made by the tests: 16 bars across each picture
are the bits of its frame number, black or white, lowest first.

MLT counts frames of a file from its first, so a clip begins at the start of its range less that of its media.
"""

import json
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import opentimelineio as otio

WIDTH, HEIGHT, BITS = 320, 180, 16


def path(url, timeline):
    """The file behind a URL, or behind a path beside the timeline."""
    parsed = urllib.parse.urlparse(url)
    name = urllib.parse.unquote(parsed.path)
    return name if parsed.scheme == "file" else str(Path(timeline).parent / name)


def document(timeline, file):
    rate = timeline.metadata["rushes"]["rate"].split("/")
    root = ElementTree.Element("mlt", {"producer": "cut"})
    profile = {"frame_rate_num": rate[0], "frame_rate_den": rate[1], "width": str(WIDTH), "height": str(HEIGHT)}
    profile |= {"progressive": "1", "sample_aspect_num": "1", "sample_aspect_den": "1", "colorspace": "601"}
    ElementTree.SubElement(root, "profile", profile)
    entries = []
    for number, clip in enumerate(timeline.video_tracks()[0]):
        media, span = clip.media_reference, clip.source_range
        producer = ElementTree.SubElement(root, "producer", {"id": f"p{number}"})
        for key, value in {"mlt_service": "avformat", "resource": path(media.target_url, file)}.items():
            ElementTree.SubElement(producer, "property", {"name": key}).text = value
        first = round(span.start_time.value - media.available_range.start_time.value)
        entries.append((f"p{number}", first, first + round(span.duration.value) - 1))
    playlist = ElementTree.SubElement(root, "playlist", {"id": "cut"})
    for producer, first, last in entries:
        ElementTree.SubElement(playlist, "entry", {"producer": producer, "in": str(first), "out": str(last)})
    return ElementTree.tostring(root)


def number(picture):
    """The frame number that a grey picture shows."""
    row = picture[HEIGHT // 2 * WIDTH :][:WIDTH]
    step = WIDTH // BITS
    return sum(1 << bit for bit in range(BITS) if row[bit * step + step // 2] > 127)


def main():
    melt, file = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        numbers = rendered(melt, file, folder)
    json.dump(numbers, sys.stdout)


def rendered(melt, file, folder):
    if file.endswith(".otioz"):
        with zipfile.ZipFile(file) as bundle:
            bundle.extractall(folder)
        # The adapter reads the bundle for itself; the media are where the archive has them.
        timeline = otio.adapters.read_from_file(file)
        file = str(Path(folder) / "content.otio")
    else:
        timeline = otio.adapters.read_from_file(file)
    cut, raw = Path(folder) / "cut.mlt", Path(folder) / "out.raw"
    cut.write_bytes(document(timeline, file))
    consumer = f"avformat:{raw}", "f=rawvideo", "vcodec=rawvideo", "pix_fmt=gray", "an=1", "real_time=-1"
    # It takes commands from standard input, and may stop before the first picture where that is at its end.
    command = [melt, "-quiet", str(cut), "-consumer", *consumer]
    # On a busy machine it now and then never starts to play, or ends before the first picture.
    pictures = b""
    for _ in range(4):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr) as player:
            try:
                assert player.wait(timeout=60) == 0, player.returncode
            except subprocess.TimeoutExpired:
                player.kill()
                continue
        pictures = raw.read_bytes()
        if pictures:
            break
    assert pictures, "melt rendered nothing"
    size = WIDTH * HEIGHT
    assert len(pictures) % size == 0, len(pictures)
    return [number(pictures[at : at + size]) for at in range(0, len(pictures), size)]


main()
