"""The table of scripts/gpu-check: reads what rushes measured, and measures CLIP in plain torch on the same weights.

    gpu_peer.py WORK
"""

import json, pathlib, struct, sys, time

import torch
import torch.nn.functional as F

work = pathlib.Path(sys.argv[1])
lines = [json.loads(line) for line in (work / "ours.jsonl").read_text().splitlines()]


def weights(path):
    """A safetensors file: a length, a header in JSON, the tensors one after the other."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), memoryview(data)[8 + length :]
    return {
        name: torch.frombuffer(bytearray(body[slice(*entry["data_offsets"])]), dtype=torch.float32).reshape(entry["shape"]).cuda().bfloat16()
        for name, entry in header.items() if name != "__metadata__" and name.startswith("vi")
    }


class Clip:
    """The picture tower of CLIP with scaled-dot-product attention, in bfloat16."""

    def __init__(self, folder):
        config = json.loads((folder / "config.json").read_text()).get("vision_config", {})
        self.w = weights(folder / "model.safetensors")
        self.layers = config.get("num_hidden_layers", 12)
        self.heads = config.get("num_attention_heads", 12)
        for i in range(self.layers):
            base = f"vision_model.encoder.layers.{i}.self_attn."
            for part in ("weight", "bias"):
                self.w[f"{base}qkv.{part}"] = torch.cat([self.w.pop(f"{base}{n}_proj.{part}") for n in "qkv"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"])

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def __call__(self, pixels):
        w = self.w
        patch = w["vision_model.embeddings.patch_embedding.weight"]
        x = F.conv2d(pixels, patch, stride=patch.shape[-1]).flatten(2).transpose(1, 2)
        x = torch.cat([w["vision_model.embeddings.class_embedding"].expand(len(x), 1, -1), x], 1)
        x = self.norm(x + w["vision_model.embeddings.position_embedding.weight"], "vision_model.pre_layrnorm")
        for i in range(self.layers):
            base = f"vision_model.encoder.layers.{i}."
            q, k, v = self.linear(self.norm(x, base + "layer_norm1"), base + "self_attn.qkv").chunk(3, -1)
            q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
            seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = x + self.linear(seen, base + "self_attn.out_proj")
            hidden = self.linear(self.norm(x, base + "layer_norm2"), base + "mlp.fc1")
            x = x + self.linear(hidden * torch.sigmoid(1.702 * hidden), base + "mlp.fc2")
        x = self.norm(x[:, 0], "vision_model.post_layernorm")
        return F.normalize((x @ w["visual_projection.weight"].T).float(), dim=-1)

    def flops(self, tokens):
        width = self.w["vision_model.post_layernorm.weight"].shape[0]
        hidden = self.w["vision_model.encoder.layers.0.mlp.fc1.weight"].shape[0]
        return self.layers * tokens * (2 * 4 * width**2 + 4 * width * hidden + 4 * tokens * width)


@torch.inference_mode()
def torch_rate(model, batch):
    pixels = torch.randn(batch, 3, 224, 224, device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        model(pixels)
    torch.cuda.synchronize()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < 2:
        model(pixels)
        torch.cuda.synchronize()
        done += batch
    return done / (time.perf_counter() - start)


MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).cuda()
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).cuda()
print(f"{torch.cuda.get_device_name()}; torch {torch.__version__}\n\nParity with the CPU in 32 bits")
sound = True
for line in (l for l in lines if l["what"] == "parity"):
    bar = 0.9999 if line["backend"] == "cuda-f32" else 0.999 if line["backend"] == "cuda-f16" else 0.99
    sound &= line["cosine"] > bar
    print(f"  {line['model']:12} {line['backend']:9} cosine {line['cosine']:.6f} {'' if line['cosine'] > bar else 'BELOW ' + str(bar)}")
chip = next(l["tflops"] for l in lines if l["what"] == "matrix")
print(f"\nbf16 matrix product of 8192: {chip:.0f} TFLOP/s\n\n{'pictures/s in bf16':18} {'batch':>5} {'rushes':>9} {'torch':>9} {'ratio':>6} {'of the chip':>12}")
peers = {}
for line in (l for l in lines if l["what"] == "speed"):
    name = line["model"]
    if name.startswith("clip") and name not in peers:
        peers[name] = Clip(work / name)
    row = f"{name:18} {line['batch']:5} {line['rate']:9.1f}"
    if name in peers:
        model = peers[name]
        rate = torch_rate(model, line["batch"])
        if line["batch"] == 1:
            with torch.inference_mode():
                pixels = torch.frombuffer(bytearray((work / name / "pixels.bin").read_bytes()), dtype=torch.uint8).reshape(1, 224, 224, 3).cuda()
                pixels = ((pixels / 255 - MEAN) / STD).permute(0, 3, 1, 2).bfloat16()
                theirs = model(pixels)[0].cpu()
            ours = torch.tensor(json.loads((work / name / "vector.json").read_text()))
            print(f"{name}: cosine of rushes to torch on the same weights {float(ours @ theirs):.5f}")
        tokens = model.w["vision_model.embeddings.position_embedding.weight"].shape[0]
        row += f" {rate:9.1f} {line['rate'] / rate:6.2f} {line['rate'] * model.flops(tokens) / chip / 1e12:11.1%}"
    print(row)
for line in (l for l in lines if l["what"] == "stream"):
    print(f"\nstreaming device, {line['model']}: busy {line['busy']:.1%}, {line['rate']:.0f} pictures/s from {line['feeders']} feeding threads")
sys.exit(not sound)
