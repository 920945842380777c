#!/usr/bin/env python3
"""PyTorch's side of `cargo xtask peers`: one process trains one fully connected CRE network.

It builds the model, checks its gradients, warms up, prints one JSON line with "ready", and then answers
every line `window S` on its input with whole training steps for at least S seconds and one JSON line
{"steps", "wall_s", "cpu_s", "loss"}; `quit` or the end of the input ends it. Between windows it sleeps.

One step is: clear gradients, forward, losses, backward, Adam on encoder, decoder and classifier, on one
batch of random images in [-1, 1] with random labels that stays the same. The decoder follows the
reconstruction loss, the classifier the classification loss, and the encoder LAMBDA times the first plus
1 - LAMBDA times the second. Variants:

single    One forward and one backward pass. A custom autograd function hands the latent to both heads as
          it is and on the way back mixes their two gradients; the two losses are added up, so that the
          engine runs once. One fused Adam over all parameters does what three do. Three single-backward
          formulations are below; in eager PyTorch they were level, and this one has the fewest steps.
          `--list-formulations` times them again.
compiled  The same, with forward and backward through torch.compile.
original  As the paper's authors do it: three backward passes over one graph, heads first, with nothing
          cleared between them but the encoder's gradients, and three default Adam optimisers. The heads'
          gradients come out scaled by 1 + LAMBDA and 2 - LAMBDA, which Adam does not feel.
"""

import argparse
import json
import os
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=["fc_s", "fc_m", "fc_l"], default="fc_m")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", choices=["single", "compiled", "original"], default="single")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--list-formulations", action="store_true", help="time them all once, and end")
    return parser.parse_args()


ARGS = arguments()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)  # before torch reads them

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

torch.set_num_threads(ARGS.threads)
torch.manual_seed(0)

PIXELS, LATENT, CLASSES = 784, 16, 10
LAMBDA, LEARNING_RATE = 0.5, 1e-3
HIDDEN = {  # workload -> (widths of encoder, decoder, classifier)
    "fc_s": ([], [], []),
    "fc_m": ([616], [616], [12]),
    "fc_l": ([716, 684, 616], [616, 684, 716], [64]),
}


def perceptron(widths, last):
    """Linear layers between `widths` with ReLU between them, and `last` after them (if not None)."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


class Split(torch.autograd.Function):
    """The latent, twice; on the way back the mixed gradient of both heads."""

    @staticmethod
    def forward(ctx, z):
        return z.view_as(z), z.view_as(z)

    @staticmethod
    def backward(ctx, of_decoder, of_classifier):
        return torch.lerp(of_classifier, of_decoder, LAMBDA)


# One object for good: a method looked up anew at each step would make torch.compile start over.
SPLIT = Split.apply


class Cre(nn.Module):
    """Encoder, decoder and classifier of section 3.1 of the specification, with a ReLU on the latent."""

    def __init__(self, workload):
        super().__init__()
        encoder, decoder, classifier = HIDDEN[workload]
        self.encoder = perceptron([PIXELS, *encoder, LATENT], nn.ReLU())
        self.decoder = perceptron([LATENT, *decoder, PIXELS], nn.Tanh())
        self.classifier = perceptron([LATENT, *classifier, CLASSES], None)

    def losses(self, x, y, split):
        """(reconstruction, classification) loss, both heads on what `split` makes of the latent."""
        for_decoder, for_classifier = split(self.encoder(x))
        return F.mse_loss(self.decoder(for_decoder), x), F.cross_entropy(self.classifier(for_classifier), y)

    def groups(self):
        return [list(part.parameters()) for part in (self.encoder, self.decoder, self.classifier)]


def shared(z):
    return z, z


# ---------------------------------------------------------------- one backward pass, or three
def by_split(model, losses, x, y):
    """The engine runs once; `Split` mixes."""
    mse, ce = losses(x, y, SPLIT)
    (mse + ce).backward()
    return mse, ce


def by_leaf(model, losses, x, y):
    """The latent is cut off as a leaf, each head runs back to it, and the mix goes on through the encoder."""
    cut = []

    def split(z):
        cut.extend([z, z.detach().requires_grad_(), z.detach().requires_grad_()])
        return cut[1], cut[2]

    mse, ce = losses(x, y, split)
    (mse + ce).backward()
    cut[0].backward(torch.lerp(cut[2].grad, cut[1].grad, LAMBDA))
    return mse, ce


def by_scaling(model, losses, x, y):
    """No custom function: `w z + (1 - w) detach(z)` has the value of z and w times its gradient."""

    def split(z):
        still = z.detach()
        return torch.lerp(still, z, LAMBDA), torch.lerp(still, z, 1 - LAMBDA)

    mse, ce = losses(x, y, split)
    (mse + ce).backward()
    return mse, ce


def by_three_passes(model, losses, x, y):
    """The original's way; the encoder's gradients are cleared before its own pass."""
    mse, ce = losses(x, y, shared)
    mse.backward(retain_graph=True)
    ce.backward(retain_graph=True)
    model.encoder.zero_grad()
    (LAMBDA * mse + (1 - LAMBDA) * ce).backward()
    return mse, ce


def assert_gradients(model, backward, losses, x, y, decoder_scale=1.0, classifier_scale=1.0):
    """The gradients of `backward` against three independent derivatives."""
    mse, ce = model.losses(x, y, shared)
    encoder, decoder, classifier = model.groups()
    expected = [
        *torch.autograd.grad(LAMBDA * mse + (1 - LAMBDA) * ce, encoder, retain_graph=True),
        *(decoder_scale * g for g in torch.autograd.grad(mse, decoder, retain_graph=True)),
        *(classifier_scale * g for g in torch.autograd.grad(ce, classifier)),
    ]
    model.zero_grad()
    backward(model, losses, x, y)
    # f32 sums of some hundred terms in another order: a few hundred epsilons of the largest entry.
    for (name, parameter), want in zip(model.named_parameters(), expected, strict=True):
        error = (parameter.grad - want).abs().max()
        assert error <= 3e-5 * want.abs().max(), f"gradient of {name} is off by {error}"


# ---------------------------------------------------------------- steps
def make_step(model, variant, x, y):
    """Returns a function that runs one training step and returns both losses."""
    fused = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    if variant == "original":
        optimisers = [torch.optim.Adam(group, lr=LEARNING_RATE) for group in model.groups()]
        backward, losses = by_three_passes, model.losses
        assert_gradients(model, backward, losses, x, y, 1 + LAMBDA, 2 - LAMBDA)
    elif variant == "compiled":
        optimisers, backward, losses = [fused], by_split, torch.compile(model.losses)
        assert_gradients(model, backward, losses, x, y)
    else:
        backward = {"single": by_split, "leaf": by_leaf, "scaling": by_scaling}[variant]
        optimisers, losses = [fused], model.losses
        assert_gradients(model, backward, losses, x, y)

    def step():
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        both = backward(model, losses, x, y)
        for optimiser in optimisers:
            optimiser.step()
        return both

    return step


def mixed(losses):
    mse, ce = losses
    return LAMBDA * mse.item() + (1 - LAMBDA) * ce.item()


def window(step, seconds, least=1):
    """Whole steps for at least `seconds` and at least `least` of them."""
    steps, cpu, start = 0, time.process_time(), time.perf_counter()
    while steps < least or time.perf_counter() - start < seconds:
        losses = step()
        steps += 1
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"steps": steps, "wall_s": wall, "cpu_s": cpu, "loss": mixed(losses)}


def say(line):
    print(json.dumps(line), flush=True)


def main():
    x = torch.rand(ARGS.batch, PIXELS) * 2 - 1
    y = torch.randint(0, CLASSES, (ARGS.batch,))
    if ARGS.list_formulations:
        names = ["single", "leaf", "scaling", "compiled", "original"]
        steps = {name: make_step(Cre(ARGS.workload), name, x, y) for name in names}
        best = dict.fromkeys(names, float("inf"))
        for seconds in [1.5] + [0.5] * 9:
            for name, step in steps.items():
                done = window(step, seconds)
                best[name] = min(best[name], done["wall_s"] / done["steps"])
        return say({name: f"{1e3 * s:.3f} ms" for name, s in best.items()})
    model = Cre(ARGS.workload)
    step = make_step(model, ARGS.variant, x, y)
    warm = window(step, 1.5, least=3)
    params = sum(parameter.numel() for parameter in model.parameters())
    say({"ready": True, "peer": "torch", "version": torch.__version__, "variant": ARGS.variant, "params": params,
         "batch": ARGS.batch, "loss": warm["loss"]})
    for line in iter(sys.stdin.readline, ""):
        match line.split():
            case ["window", seconds]:
                say(window(step, float(seconds)))
            case ["quit"]:
                break
            case _:
                sys.exit(f"unknown line {line.strip()!r}; known are `window S` and `quit`")


if __name__ == "__main__":
    main()
