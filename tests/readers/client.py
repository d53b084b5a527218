"""Uses the committed Python client and the script for Resolve against a running server, as an integrator would.

client.py SERVER KEY VIDEO prints JSON: what was found, exported and put on a timeline.
"""

import json
import pathlib
import struct
import sys
import zlib

ROOT = pathlib.Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "clients/python"), str(ROOT / "clients/resolve")]

import rushes_picks  # noqa: E402
from rushes_client import Rushes, RushesError  # noqa: E402


class Pool:
    """Stands in for Resolve's media pool: it notes what it is asked for."""

    def __init__(self):
        self.imported, self.appended, self.made = [], [], []

    def ImportMedia(self, paths):
        self.imported += paths
        return [f"item of {path}" for path in paths if pathlib.Path(path).exists()]

    def CreateEmptyTimeline(self, name):
        self.made.append(name)
        return name

    def AppendToTimeline(self, clips):
        self.appended += clips


class Resolve:
    def __init__(self):
        self.pool, self.current = Pool(), None

    def GetProjectManager(self):
        return self

    def GetCurrentProject(self):
        return self

    def GetMediaPool(self):
        return self.pool

    def SetCurrentTimeline(self, timeline):
        self.current = timeline


def main():
    server, key, video = sys.argv[1:]
    rushes = Rushes(server, key)
    form = [("file", pathlib.Path(video)), ("title", 'Größe "1"')]
    made = rushes.register_assets(form=form)["assets"][0]
    # The same bytes again, piece by piece: the answer names what is there, or its second name.
    again = rushes.upload(video, title="Again", piece=20_000)
    assert again["asset"] and again["job"], again
    states = [event["data"]["state"] for event in rushes.follow_job(made["job"])]
    shots = rushes.list_shots(made["asset"])["shots"]
    picks = [{"shot": shot["shot"], "note": "picked"} for shot in shots]
    rushes.create_bin(body={"name": "From a script", "picks": picks})
    otio = json.loads(rushes.export(body={"bin": "From a script", "format": "otio"}))
    try:
        rushes.get_bin("no such bin")
        refused = None
    except RushesError as error:
        refused = [error.status, error.code]
    # Black, 16 by 16, of 8-bit grey samples (PNG, ISO 15948).
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    black = pathlib.Path(video).with_suffix(".png")
    lines = zlib.compress(b"".join(b"\0" * 17 for _ in range(16)))
    head = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    black.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b""))
    form = [("settings", {"classes": ["face"]}), ("picture", black)]
    picture = rushes.redact_picture(form=form, accept="image/*")
    record = rushes.redact_picture(form=form, accept="application/json")
    resolve = Resolve()
    rushes_picks.picks(bin="From a script", server=server, key=key, app=resolve)
    print(
        json.dumps(
            {
                "title": rushes.get_asset(made["asset"])["title"],
                "last": states[-1],
                "clips": len(otio["tracks"]["children"][0]["children"]),
                "refused": refused,
                "redacted": [picture[:4] == b"\x89PNG", isinstance(record, dict)],
                "timeline": resolve.current,
                "cuts": [[clip["startFrame"], clip["endFrame"]] for clip in resolve.pool.appended],
            }
        )
    )


main()
