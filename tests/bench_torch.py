"""bench_torch.py: the same steps of training and denoiser calls as tests/bench.c times, in PyTorch on one thread.

Prints lines "train.NETWORK.BATCH TIME AMOUNT" and "sample.NETWORK.POINTS TIME AMOUNT": microseconds of processor time,
and how many useful operations it was.
"""
import math, time
import torch
from torch.nn import functional

torch.set_num_threads(1)
torch.manual_seed(0)
POINTS = 100000


def waves(x, frequencies):
    phases = x @ frequencies
    return torch.cat([phases.sin(), phases.cos()], 1)


class Network(torch.nn.Module):
    """Residual layers over features of the points and of the level; `tiny` has sinusoidal ones, of each coordinate."""

    def __init__(self, tiny, hidden, blocks):
        super().__init__()
        self.tiny, self.phi = tiny, functional.gelu if tiny else functional.silu
        if tiny:
            low = torch.exp(-math.log(10000) * torch.arange(64) / 63)[None]
            self.of_points, self.of_level = 25 * low, low
        else:
            self.of_points, self.of_level = 1.5 * torch.randn(2, 24), torch.arange(1., 5)[None]
        widths = [384 if tiny else 2 + 48 + 1 + 8, *[hidden] * (blocks + 1), 2]
        self.layers = torch.nn.ModuleList(map(torch.nn.Linear, widths, widths[1:]))

    def forward(self, x, level):
        if self.tiny:
            parts = [waves(x[:, :1], self.of_points), waves(x[:, 1:], self.of_points), waves(level, self.of_level)]
        else:
            parts = [x, waves(x, self.of_points), level, waves(level, self.of_level)]
        h = self.phi(self.layers[0](torch.cat(parts, 1)))
        for layer in self.layers[1:-1]:
            h = h + self.phi(layer(h))
        return self.layers[-1](h)


def trainer(network, batch):
    """A step as the preset of the tiny network has it, or as the default has it with single samples as targets."""
    data = torch.randn(8000, 2)
    signal = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    parameters = list(network.parameters())
    average = [p.detach().clone() for p in parameters]
    adam = (torch.optim.AdamW if network.tiny else torch.optim.Adam)(parameters, lr=1e-3)

    def step():
        x0, eps = data[torch.randint(len(data), (batch,))], torch.randn(batch, 2)
        t = torch.randint(len(signal), (batch, 1))
        alpha, sigma = signal[t].sqrt(), (1 - signal[t]).sqrt()
        label, target = (t.float(), eps) if network.tiny else ((sigma / alpha).log() / 4, alpha * eps - sigma * x0)
        loss = functional.mse_loss(network(alpha * x0 + sigma * eps, label), target)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()
        if not network.tiny:
            with torch.no_grad():
                for a, p in zip(average, parameters):
                    a.lerp_(p, 0.001)

    return step


def sampler(network):
    x, level = torch.randn(POINTS, 2), torch.full((POINTS, 1), 0.5)

    def step():
        with torch.no_grad():
            x.sub_(network(x, level), alpha=0.01)

    return step


def measure(name, work, amount):
    start = time.process_time()
    while time.process_time() - start < 0.1:
        work()
    start, count = time.process_time(), 0
    while count < 3 or time.process_time() - start < 0.33:
        work()
        count += 1
    print(name, f"{(time.process_time() - start) / count * 1e6:.2f}", amount)


for name, network, batches in [("tiny", Network(True, 128, 3), (32, 256, 2048)),
                               ("wide", Network(False, 128, 4), (256,)), ("default", Network(False, 64, 3), (256,))]:
    count = sum(p.numel() for p in network.parameters())
    of_first = sum(p.numel() for p in network.layers[0].parameters())
    for batch in batches:
        measure(f"train.{name}.{batch}", trainer(network, batch), batch * (6 * count - 2 * of_first))
    measure(f"sample.{name}.{POINTS}", sampler(network), 2 * count * POINTS)
