#!/usr/bin/env bash
# Three libraries that tell how long a video is tell nothing of a fragmented one.
#
# Expected: five seconds are five seconds, however the MP4 is laid out. A fragmented file, as
# it is made for streaming, has an empty index at its beginning and its samples in pieces.
# mutagen and tinytag then answer 0.0, like for an empty video, hachoir has no answer, and
# PyAV, whose other figures are right, counts 0 frames without decoding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  imageio-ffmpeg==0.8.1 mutagen==1.48.1 tinytag==2.3.2 hachoir==3.4.0 pymediainfo==7.0.1 av==18.1.0
cd "$folder"
venv/bin/python - 2>/dev/null <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version

import av
import imageio_ffmpeg
import mutagen.mp4
import pymediainfo
import tinytag
from hachoir.metadata import extractMetadata
from hachoir.parser import createParser

LAYOUTS = {"plain": [], "fragmented": ["-movflags", "+frag_keyframe+empty_moov"]}


def by_pyav(path: str) -> tuple[float, int]:
    with av.open(path) as video:
        return video.duration / av.time_base, video.streams.video[0].frames


READERS = {
    "mutagen": lambda path: mutagen.mp4.MP4(path).info.length,
    "tinytag": lambda path: tinytag.TinyTag.get(path).duration,
    "hachoir": lambda path: extractMetadata(createParser(path)).has("duration"),
    "pymediainfo": lambda path: pymediainfo.MediaInfo.parse(path).tracks[0].duration,
    "av": by_pyav,
}

found = {}
for layout, options in LAYOUTS.items():
    path = f"{layout}.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=duration=5:size=320x240:rate=25"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-g", "25", *options, path], check=True)
    found[layout] = {name: read(path) for name, read in READERS.items()}
for name in READERS:
    print(f"{name} {version(name)}: " + ", ".join(f"{k} {v[name]}" for k, v in found.items()))
expected = {
    "plain": {
        "mutagen": 5.0, "tinytag": 5.0, "hachoir": True, "pymediainfo": 5000, "av": (5.0, 125)
    },
    "fragmented": {
        "mutagen": 0.0, "tinytag": 0.0, "hachoir": False, "pymediainfo": 5000, "av": (5.0, 0)
    },
}
print("as found" if found == expected else "CHANGED")
sys.exit(found != expected)
PYTHON
