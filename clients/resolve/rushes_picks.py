"""Search from DaVinci Resolve: what is found goes into the media pool and onto a new timeline, cut to the frame.

Copy this file and `../python/rushes_client.py` into Resolve's folder for scripts, and start it from
Workspace > Scripts, or from the console:

    picks("a car exploding", server="https://rushes.example:7420", key="rk_…")

It uses Resolve's scripting API and rushes' REST API, nothing else. The files must be reachable on this machine under the
paths that rushes knows; `paths={"/footage": "/Volumes/footage"}` maps what is mounted elsewhere.

It has been run against a stand-in for Resolve's objects, not yet inside Resolve: that `endFrame` names the last frame, and
not the frame after it, follows Resolve's documentation of 2024 and is unverified.
"""

import json
import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)) if "__file__" in globals() else ".")

from rushes_client import Rushes  # noqa: E402


def mapped(path, paths):
    for ours, theirs in (paths or {}).items():
        if path == ours or path.startswith(ours.rstrip("/") + "/"):
            return theirs.rstrip("/") + path[len(ours.rstrip("/")) :]
    return path


def clips(found, pool, paths):
    """What `AppendToTimeline` takes, one per pick; files that Resolve cannot import are reported and left out."""
    items, ready = {}, []
    for pick in found["picks"]:
        path = mapped(pick["path"], paths)
        if path not in items:
            imported = pool.ImportMedia([path])
            items[path] = imported[0] if imported else None
            if items[path] is None:
                print(f"{path}: Resolve cannot import it; is it mounted here?")
        if items[path] is not None:
            ready.append(
                {"mediaPoolItem": items[path], "startFrame": pick["start_frame"], "endFrame": pick["end_frame"] - 1}
            )
    return ready


def picks(text=None, bin=None, server="http://127.0.0.1:7420", key=None, limit=12, handles=0, paths=None, app=None):
    """Puts the hits of a search, or a bin, onto a new timeline of the open project."""
    body = {"format": "json", "handles": handles}
    body.update({"bin": bin} if bin else {"search": {"text": text, "limit": limit}})
    found = json.loads(Rushes(server, key).export(body=body))
    app = app or globals()["resolve"]
    project = app.GetProjectManager().GetCurrentProject()
    pool = project.GetMediaPool()
    ready = clips(found, pool, paths)
    if not ready:
        print("nothing to put on a timeline")
        return None
    timeline = pool.CreateEmptyTimeline(found["name"])
    project.SetCurrentTimeline(timeline)
    pool.AppendToTimeline(ready)
    print(f"{len(ready)} clips on {found['name']}")
    return timeline
