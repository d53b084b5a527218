"""Measures over which ranges the activations of a detector lie, so that a CPU can compute it with 8-bit integers.

    python ranges.py NETWORK.onnx PICTURE... > NAME.json

Pictures are photographs of all kinds. Each is shown at 1280 and at 640 pixels along its longer side. A range is the widest
over the pictures, of all but a hundred-thousandth of the values at either end. The program quantises the weights
itself when it opens the network; this file has no part of them. It is compiled in (`models/src/detect/int8.rs`) and
applies to the file with this digest alone.

Python 3.11 with numpy 2.4.6, onnx 1.23.2, onnxruntime 1.32.0 and pillow 13.0.0 wrote the files here.
"""

import hashlib
import json
import sys

import numpy as np
import onnx
import onnxruntime
from PIL import Image

MADE_BY = {"Conv", "ConvTranspose", "Relu", "Add", "Resize"}
READ_BY = {"Conv", "ConvTranspose", "Add", "Resize"}
SIDES = (1280, 640)
# Per cent of the values between a range's ends and the farthest values.
OUTSIDE = 0.001


def held(graph):
    """The activations to hold in bytes: made by a layer and read by one that adds products."""
    read = {name for node in graph.node if node.op_type in READ_BY for name in node.input}
    return [name for node in graph.node if node.op_type in MADE_BY for name in node.output if name in read]


def with_outputs(model, names):
    """The model with these activations as its outputs, for pictures of any size."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    for axis, name in (0, "batch"), (2, "height"), (3, "width"):
        inputs[0].type.tensor_type.shape.dim[axis].dim_param = name
    del model.graph.input[:], model.graph.output[:], model.graph.value_info[:]
    model.graph.input.extend(inputs)
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    return model


def shown(path):
    picture = Image.open(path).convert("RGB")
    for side in SIDES:
        scale = side / max(picture.size)
        size = [max(32, round(length * scale) // 32 * 32) for length in picture.size]
        pixels = np.asarray(picture.resize(size), np.float32)
        yield np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]


def main():
    path, pictures = sys.argv[1], sys.argv[2:]
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    model = onnx.load(path)
    names = held(model.graph)
    model = with_outputs(model, names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    ranges = {name: [0.0, 0.0] for name in names}
    for picture in pictures:
        for pixels in shown(picture):
            for activation, values in zip(names, session.run(None, {name: pixels})):
                low, high = np.percentile(values, [OUTSIDE, 100 - OUTSIDE])
                known = ranges[activation]
                ranges[activation] = [min(known[0], float(low)), max(known[1], float(high))]
    rounded = {name: [float(f"{end:.6g}") for end in ends] for name, ends in ranges.items()}
    json.dump({"sha256": digest, "ranges": rounded}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
