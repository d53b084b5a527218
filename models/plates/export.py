"""Writes weights as the ONNX file that `rushes` reads, and checks it against torch.

    python export.py WEIGHTS.pt plates.onnx
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

import network


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("out")
    options = parser.parse_args()
    model = network.Network()
    model.load_state_dict(torch.load(options.weights, weights_only=True))
    exported = network.Exported(model).eval()
    sample = torch.randint(0, 256, (2, 3, 96, 160)).float()
    axes = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        exported, (sample,), options.out, input_names=["pictures"], output_names=["places"], opset_version=17,
        dynamic_axes={"pictures": axes, "places": {0: "batch", 1: "places"}}, dynamo=False,
    )
    onnx.checker.check_model(options.out)
    session = onnxruntime.InferenceSession(options.out, providers=["CPUExecutionProvider"])
    other = torch.randint(0, 256, (3, 3, 224, 320)).float()
    with torch.no_grad():
        expected = exported(other).numpy()
    found = session.run(None, {"pictures": other.numpy()})[0]
    worst = float(np.abs(found - expected).max())
    assert worst < 1e-2, f"the graph differs from torch by {worst}"
    data = Path(options.out).read_bytes()
    print(f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}, differs from torch by at most {worst:.1e}")


if __name__ == "__main__":
    main()
