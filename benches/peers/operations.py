"""Single operations, with the same names as on our side."""

import os
from pathlib import Path

import torch
from torch.nn import functional as F


def matmul(device, m, k, n, dtype=torch.float32):
    a, b = rand(device, m, k, dtype=dtype), rand(device, k, n, dtype=dtype)
    return lambda: a @ b, a.numel() + b.numel()


def rand(device, *shape, dtype=torch.float32):
    return (torch.rand(*shape, device=device) * 2 - 1).to(dtype)


def differentiated(inputs, output):
    """Forward, and the gradients with respect to all inputs."""
    inputs = [x.requires_grad_() for x in inputs]
    weight = torch.ones_like(output(*inputs))

    def run():
        return torch.autograd.grad(output(*inputs), inputs, weight)

    return run, sum(x.numel() for x in inputs)


def convolution(device, n, c, side, o):
    torch.backends.cudnn.benchmark = True
    inputs = [rand(device, n, c, side, side), rand(device, o, c, 3, 3), rand(device, o)]
    return differentiated(inputs, lambda x, w, b: F.conv2d(x, w, b, padding=1))


def attention(device, tokens):
    dtype = torch.float32 if device == "cpu" else torch.bfloat16

    def output(qkv):
        q, k, v = qkv.view(64, tokens, 3, 12, 64).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)

    return differentiated([rand(device, 64, tokens, 3 * 12 * 64, dtype=dtype)], output)


def cross_entropy(device):
    labels = torch.arange(16_384, device=device) * 31 % 1000
    return differentiated([rand(device, 16_384, 1000)], lambda x: F.cross_entropy(x, labels))


def mse(device):
    y = rand(device, 1 << 24)
    run, numbers = differentiated([rand(device, 1 << 24)], lambda x: F.mse_loss(x, y))
    return run, numbers + y.numel()


def adam(device):
    p = torch.nn.Parameter(rand(device, 10_000_000))
    p.grad = rand(device, 10_000_000)
    step = torch.optim.Adam([p], lr=1e-3, fused=True).step
    return step, p.numel()


# Closed forms, always on the CPU in double precision, by LAPACK.
IMAGE, D, SAMPLES, CLASSES, PATCH = (3, 32, 32), 3072, 4000, 10, 4


def moments():
    """Covariance, covariance with centred one-hot labels, and class frequencies of smooth random samples."""
    x = torch.rand(SAMPLES, D, dtype=torch.float64) - 0.5
    for i in range(1, D):
        x[:, i] += 0.95 * x[:, i - 1]
    y = F.one_hot(x[:, [c * D // CLASSES for c in range(CLASSES)]].argmax(1), CLASSES).double()
    frequencies = y.mean(0)
    x -= x.mean(0)
    return x.T @ x / SAMPLES, x.T @ (y - frequencies) / SAMPLES, frequencies


def components(_):
    covariance, _, _ = moments()
    return lambda: torch.linalg.eigh(covariance), D * D


def alignments(moments, settings):
    """The task alignment for each side of patches and probability: the factorisations that our side makes of the same
    matrices."""
    covariance, labels, frequencies = moments
    s, e = torch.linalg.eigh(covariance)
    s, e = s.flip(0), e.flip(1)
    labels = e.T @ labels
    c, h, w = IMAGE

    def one(side, drop):
        patch = (torch.arange(h) // side)[:, None] * (w // side) + torch.arange(w) // side
        patch = patch.flatten().repeat(c)
        same = torch.where(patch[:, None] == patch, covariance, 0.0)
        keep = 1 - drop
        noise = torch.linalg.multi_dot([e.T, keep * drop * same, e])
        noise.diagonal().add_(keep * keep * s)
        lower = torch.linalg.cholesky(noise)
        t = torch.linalg.solve_triangular(lower, torch.diag(s), upper=False)
        _, vectors = torch.linalg.eigh(t.T @ t)
        reflectors, tau = torch.geqrf(vectors.flip(1) / s.sqrt()[:, None])
        along = torch.ormqr(reflectors, tau, labels / s.sqrt()[:, None], transpose=True)
        held = (along**2 @ frequencies).cumsum(0)
        return 100 * (held / held[-1]).sqrt()

    return lambda: [one(side, drop) for side, drop in settings]


def alignment(_):
    return alignments(moments(), [(4, 0.5), (4, 0.75)]), D * D


def alignment_cifar10(_):
    """From bytes: the moments of 50,000 images in chunks, the preparation, thirty noise settings."""
    if "AGON_DATA" not in os.environ:
        raise SystemExit("alignment_cifar10 reads CIFAR-10: set AGON_DATA to the folder of cifar-10-batches-bin")
    folder = Path(os.environ["AGON_DATA"]) / "cifar-10-batches-bin"
    files = [bytearray((folder / f"data_batch_{i}.bin").read_bytes()) for i in range(1, 6)]
    records = torch.cat([torch.frombuffer(file, dtype=torch.uint8).view(-1, 1 + D) for file in files])
    settings = [(side, (step + 0.5) / 10) for side in (2, 4, 8) for step in range(10)]

    def run():
        n, mean = len(records), torch.zeros(D, dtype=torch.float64)
        y = F.one_hot(records[:, 0].long(), CLASSES).double()
        frequencies = y.mean(0)
        for part in records.split(2000):
            mean += part[:, 1:].double().sum(0) / n
        covariance = torch.zeros(D, D, dtype=torch.float64)
        labels = torch.zeros(D, CLASSES, dtype=torch.float64)
        for part, one_hot in zip(records.split(2000), y.split(2000)):
            x = part[:, 1:].double() - mean
            covariance.addmm_(x.T, x, alpha=1 / n)
            labels.addmm_(x.T, one_hot - frequencies, alpha=1 / n)
        return alignments((covariance, labels, frequencies), settings)()

    return run, len(records) * D


OPERATIONS = {
    "matmul_256": lambda device: matmul(device, 256, 256, 256),
    "matmul_512": lambda device: matmul(device, 512, 512, 512),
    "matmul_1024": lambda device: matmul(device, 1024, 1024, 1024),
    "matmul_2048": lambda device: matmul(device, 2048, 2048, 2048),
    "matmul_128x784x1000": lambda device: matmul(device, 128, 784, 1000),
    "matmul_512x1152x256": lambda device: matmul(device, 512, 1152, 256),
    "matmul_4096": lambda device: matmul(device, 4096, 4096, 4096),
    "matmul_4096_bf16": lambda device: matmul(device, 4096, 4096, 4096, torch.bfloat16),
    "conv_64x32": lambda device: convolution(device, 64, 64, 32, 128),
    "conv_128x16": lambda device: convolution(device, 128, 128, 16, 256),
    "attention_65": lambda device: attention(device, 65),
    "attention_257": lambda device: attention(device, 257),
    "cross_entropy": cross_entropy,
    "mse": mse,
    "adam": adam,
    "components_3072": components,
    "alignment_3072": alignment,
    "alignment_cifar10": alignment_cifar10,
}
