"""The same picture tower in Python, measured once a line of standard input: see models/examples/encode.rs.

    peer.py torch-f32|torch-bf16 MODEL_DIR THREADS SECONDS [OUT]
    peer.py ort-f32|ort-openvino-bf16|ort-int8 GRAPH.onnx THREADS SECONDS [OUT]
    peer.py export MODEL_DIR GRAPH.onnx
"""

import json, pathlib, sys, time

kind, source = sys.argv[1:3]
BATCH = 8


def load_torch(folder, threads):
    import torch, transformers

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return torch, transformers.CLIPVisionModelWithProjection.from_pretrained(folder, attn_implementation="sdpa").eval()


def torch_encoder(folder, threads, dtype):
    torch, model = load_torch(folder, threads)
    model = model.to(getattr(torch, dtype))
    def encode(pixels):
        with torch.inference_mode():
            out = model(pixel_values=torch.from_numpy(pixels).to(getattr(torch, dtype))).image_embeds.float()
            return (out / out.norm(dim=-1, keepdim=True)).numpy()
    return encode


def ort_encoder(graph, threads, openvino):
    import numpy as np, onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ["CPUExecutionProvider"]
    if openvino:
        hint = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}})
        providers = [("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": str(threads), "load_config": hint})]
    session = ort.InferenceSession(graph, options, providers=providers)
    name = session.get_inputs()[0].name
    def encode(pixels):
        out = session.run(None, {name: pixels})[0]
        return out / np.linalg.norm(out, axis=-1, keepdims=True)
    return encode


if kind == "export":
    torch, model = load_torch(source, 2)
    class Tower(torch.nn.Module):
        def __init__(self): super().__init__(); self.model = model
        def forward(self, pixels): return self.model(pixel_values=pixels).image_embeds
    torch.onnx.export(Tower(), (torch.zeros(BATCH, 3, 224, 224),), sys.argv[3], input_names=["pixels"], output_names=["vectors"],
                      dynamic_axes={"pixels": {0: "batch"}, "vectors": {0: "batch"}}, opset_version=17, dynamo=False)
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(sys.argv[3], sys.argv[3].replace(".onnx", "-int8.onnx"), weight_type=QuantType.QInt8)
    sys.exit()

import numpy as np

threads, seconds = int(sys.argv[3]), float(sys.argv[4])
if kind.startswith("torch"):
    encode = torch_encoder(source, threads, {"f32": "float32", "bf16": "bfloat16"}[kind.split("-")[1]])
else:
    encode = ort_encoder(source, threads, "openvino" in kind)
if len(sys.argv) > 5:
    from PIL import Image

    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    folder = pathlib.Path(sys.argv[5])
    rows = []
    for path in sorted(folder.glob("*.prepared")):
        pixels = np.frombuffer(path.read_bytes(), np.uint8).reshape(224, 224, 3)
        rows.append(((pixels / 255.0 - mean) / std).transpose(2, 0, 1).astype(np.float32))
    (folder / f"{kind}.json").write_text(json.dumps(encode(np.stack(rows)).tolist()))
pixels = np.random.default_rng(0).standard_normal((BATCH, 3, 224, 224)).astype(np.float32)
encode(pixels)
print(f"ready: {kind}, batches of {BATCH}", flush=True)
for _ in sys.stdin:
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        encode(pixels)
        done += BATCH
    print(f"{done / (time.perf_counter() - start):.2f}", flush=True)
