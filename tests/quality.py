"""quality.py MODEL POINTS STEPS SEED REFERENCE OUT: trains the network of MODEL in PyTorch, as `diffuse train` does.

The same network, loss, optimiser and average, by the settings in MODEL; POINTS is the CSV of its training set. Targets
are means over REFERENCE rows, those of the minibatch among them; 0: the samples themselves. Writes OUT, for `diffuse
eval`, and prints the processor seconds of training on one thread.
"""
import json, math, sys, time
import torch
from torch.nn import functional

torch.set_num_threads(1)
model, points, steps, seed, reference, out = *sys.argv[1:3], *map(int, sys.argv[3:6]), sys.argv[6]
torch.manual_seed(seed)
raw = open(model, "rb").read()
size = int.from_bytes(raw[:8], "little")
header = json.loads(raw[8:8 + size])
meta = header.pop("__metadata__")
config = json.loads(meta["diffuse.config"])
tensors = {name: torch.frombuffer(bytearray(raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]]),
                                  dtype=torch.float32).reshape(t["shape"]) for name, t in header.items()}
rows = torch.tensor([[float(cell) for cell in line.split(",")] for line in open(points).read().split()[1:]],
                    dtype=torch.float64)
mean, scale = (torch.tensor(json.loads(meta["diffuse." + name])) for name in ("mean", "scale"))
rows = ((rows - mean) / scale).float()

start = time.process_time()
T, batch = config["timesteps"], config["batch-size"]
signal = [math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(T)]  # step T, without signal, is left out
ratio = config["shift"] * torch.tensor([math.sqrt(signal[0] / s - 1) for s in signal[1:]])
points_f, level_f = tensors["points.frequencies"], tensors["level.frequencies"]
layers = [torch.nn.Linear(*reversed(t.shape)) for name, t in tensors.items()
          if name.startswith("net.") and name.endswith(".weight")]
torch.nn.init.zeros_(layers[-1].weight)
torch.nn.init.zeros_(layers[-1].bias)
parameters = [p for layer in layers for p in layer.parameters()]
average = [p.detach().clone() for p in parameters]
adam = torch.optim.Adam(parameters, betas=(config["adam-beta1"], config["adam-beta2"]))


def network(x, label):
    a, b = x @ points_f.T, label @ level_f.T
    h = functional.silu(layers[0](torch.cat([x, a.sin(), a.cos(), label, b.sin(), b.cos()], 1)))
    for layer in layers[1:-1]:
        h = h + functional.silu(layer(h))
    return layers[-1](h)


def mean_of_x0(x, x0, alpha, sigma):
    others = torch.cat([x0, rows[torch.randint(len(rows), (reference - batch,))]])
    return torch.softmax(-torch.cdist(x / alpha, others) ** 2 * (alpha / sigma) ** 2 / 2, 1) @ others


for step in range(1, steps + 1):
    warmup = config["warmup"]
    left = (steps - step) / (steps - warmup)
    rate = config["lr"] * (step / warmup if step < warmup else
                           left if config["lr-schedule"] == "linear" else (1 - math.cos(math.pi * left)) / 2)
    x0, eps = rows[torch.randint(len(rows), (batch,))], torch.randn(batch, rows.shape[1])
    u = (torch.arange(batch) + torch.rand(batch)) / batch
    r = ratio[(u * len(ratio)).long().clamp(max=len(ratio) - 1)][:, None]
    alpha = 1 / (1 + r * r).sqrt()
    sigma = r * alpha
    x = alpha * x0 + sigma * eps
    if reference:
        x0 = mean_of_x0(x, x0, alpha, sigma)
        eps = (x - alpha * x0) / sigma
    loss = ((network(x, r.log() / 4) - (alpha * eps - sigma * x0)) ** 2).sum(1).mean()
    adam.param_groups[0]["lr"] = rate
    adam.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, config["clip-grad-norm"])
    adam.step()
    with torch.no_grad():
        for a, p in zip(average, parameters):
            a.lerp_(p, 1 - min(config["ema-decay"], (1 + step) / (10 + step)))
print(f"{time.process_time() - start:.2f}")

for name, value in zip([n for n in tensors if n.startswith("net.")], average):
    tensors[name] = tensors["raw." + name] = value
del meta["diffuse.crc32c"], meta["diffuse.header_crc32c"]
meta["diffuse.step"] = str(config["train-steps"])
text = json.dumps({"__metadata__": meta, **header}).encode()
text += b" " * (-len(text) % 8)
open(out, "wb").write(len(text).to_bytes(8, "little") + text +
                      b"".join(tensors[n].detach().contiguous().numpy().tobytes() for n in header))
