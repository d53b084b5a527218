"""What several benches need: a long video of the clips, and the memory of a process and its children."""

import os
import subprocess
import threading
import time
from pathlib import Path


def run(*args, **more):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True, **more)


def video(clips, out, height, seconds):
    """A video of `seconds`: every clip in turn, scaled, 25 fps, with sound, then repeated."""
    clips = [p for p in sorted(clips.iterdir()) if p.suffix in (".mp4", ".webm")]
    width = height * 16 // 9
    inputs, graph = [], ""
    for n, clip in enumerate(clips):
        inputs += ["-t", "12", "-i", clip]
        graph += (
            f"[{n}:v]fps=25,scale={width}:{height}:force_original_aspect_ratio=decrease,"
            f"pad={width}:{height}:-1:-1,setsar=1,format=yuv420p[v{n}];"
        )
    graph += "".join(f"[v{n}]" for n in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=0[v]"
    once = out.with_name("once.mp4")
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, "-filter_complex", graph, "-map", "[v]",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-g", "60", once)
    run("ffmpeg", "-nostdin", "-v", "error", "-y", "-stream_loop", "-1", "-i", once, "-f", "lavfi", "-i",
        "anoisesrc=a=0.01", "-t", str(seconds), "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a",
        "aac", "-b:a", "96k", out)
    return out


class Memory(threading.Thread):
    """Peak of the resident memory of a process and all its descendants, sampled 20 times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.largest, self.done = pid, 0, 0, False

    def run(self):
        page = os.sysconf("SC_PAGESIZE")
        while not self.done:
            total, todo = 0, [self.pid]
            while todo:
                pid = todo.pop()
                try:
                    own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        todo += [int(c) for c in (task / "children").read_text().split()]
                except (OSError, IndexError):
                    continue
                total += own
                self.largest = max(self.largest, own)
            self.peak = max(self.peak, total)
            time.sleep(0.05)
