"""A training step of each workload in PyTorch, in several formulations.

A CRE's decoder follows the reconstruction loss, its classifier the classification loss, and its encoder
LAMBDA times the first plus 1 - LAMBDA times the second. Three formulations with a single pass are here; in
eager PyTorch they were level, and `by_split` has the fewest steps.
"""

import torch

import models
from workloads import LAMBDA, LOSSES


class Split(torch.autograd.Function):
    """Copies the latent to both heads; the backward pass mixes their gradients."""

    @staticmethod
    def forward(ctx, z):
        return z.view_as(z), z.view_as(z)

    @staticmethod
    def backward(ctx, of_decoder, of_classifier):
        return torch.lerp(of_classifier, of_decoder, LAMBDA)


# One object for all steps: a method looked up at each step would make torch.compile recompile.
SPLIT = Split.apply


def shared(z):
    return z, z


# ---------------------------------------------------------------- one backward pass, or three
def by_split(model, losses, x, y):
    """One backward pass; `Split` mixes the gradients."""
    mse, ce = losses(x, y, SPLIT)
    (mse + ce).backward()
    return mse, ce


def by_leaf(model, losses, x, y):
    """The latent is detached as a leaf for each head, and the mixed gradient is propagated to the encoder."""
    return models.backward(model, x, y, LAMBDA)


def by_scaling(model, losses, x, y):
    """No custom function: `w z + (1 - w) detach(z)` has the value of z and w times its gradient."""

    def split(z):
        still = z.detach()
        return torch.lerp(still, z, LAMBDA), torch.lerp(still, z, 1 - LAMBDA)

    mse, ce = losses(x, y, split)
    (mse + ce).backward()
    return mse, ce


def by_three_passes(model, losses, x, y):
    """The authors' formulation; the encoder's gradients are cleared before its own pass."""
    mse, ce = losses(x, y, shared)
    mse.backward(retain_graph=True)
    ce.backward(retain_graph=True)
    model.encoder.zero_grad()
    (LAMBDA * mse + (1 - LAMBDA) * ce).backward()
    return mse, ce


FORMULATIONS = {"eager": by_split, "leaf": by_leaf, "scaling": by_scaling, "compiled": by_split}


def assert_gradients(model, backward, losses, x, y, decoder_scale=1.0, classifier_scale=1.0, is_compiled=False):
    """The gradients of `backward` against three independent derivatives."""
    torch.manual_seed(1)  # the same channels are dropped
    mse, ce = model.losses(x, y, shared)
    encoder, decoder, classifier = model.groups()
    expected = [
        *torch.autograd.grad(LAMBDA * mse + (1 - LAMBDA) * ce, encoder, retain_graph=True),
        *(decoder_scale * g for g in torch.autograd.grad(mse, decoder, retain_graph=True, allow_unused=True)
          if g is not None),
        *(classifier_scale * g for g in torch.autograd.grad(ce, classifier)),
    ]
    model.zero_grad()
    torch.manual_seed(1)
    backward(model, losses, x, y)
    # f32 sums of some hundred terms in another order: a few hundred epsilons of the largest entry. Before a
    # batch norm a bias has the gradient zero, and its value is the rounding error of larger ones.
    rounding = 1e-6 * max(want.abs().max() for want in expected)
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.grad is not None]
    for (name, parameter), want in zip(named, expected, strict=True):
        difference = parameter.grad - want
        if is_compiled:
            # It recomputes inputs of ReLU, and some zeros change sign: only the whole gradient is compared.
            off, allowed = difference.norm(), 0.02 * want.norm() + rounding * want.numel() ** 0.5
        else:
            off, allowed = difference.abs().max(), 3e-5 * want.abs().max() + rounding
        assert off <= allowed, f"gradient of {name} is off by {off}, allowed are {allowed}"


# ---------------------------------------------------------------- steps
def training_step(workload, model, variant, x, y):
    """Returns a function that runs one training step and returns its loss, or both of a CRE."""
    if variant == "graphed":
        return graphed(training_step(workload, model, "eager", x, y))
    fused = torch.optim.Adam(model.parameters(), lr=workload.rate, fused=True, capturable=x.is_cuda)
    if not workload.routed:
        loss_of = LOSSES[workload.loss]
        loss_of = torch.compile(loss_of) if variant == "compiled" else loss_of

        def plain(model, _, x, y):
            loss = loss_of(model, x, y)
            loss.backward()
            return (loss,)

        return stepping([fused], plain, model, None, x, y)
    if variant == "original":
        optimisers = [torch.optim.Adam(group, lr=workload.rate) for group in model.groups()]
        assert_gradients(model, by_three_passes, model.losses, x, y, 1 + LAMBDA, 2 - LAMBDA)
        return stepping(optimisers, by_three_passes, model, model.losses, x, y)
    losses = torch.compile(model.losses) if variant == "compiled" else model.losses
    # A compiled dropout drops other channels than the eager one.
    drops = any(isinstance(layer, torch.nn.Dropout2d) and layer.p > 0 for layer in model.modules())
    if not (drops and variant == "compiled"):
        assert_gradients(model, FORMULATIONS[variant], losses, x, y, is_compiled=variant == "compiled")
    return stepping([fused], FORMULATIONS[variant], model, losses, x, y)


def stepping(optimisers, backward, model, losses, x, y):
    def step():
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        result = backward(model, losses, x, y)
        for optimiser in optimisers:
            optimiser.step()
        return result

    return step


def graphed(step):
    """The step as one CUDA graph; it reads and writes the same memory each time."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()

    def replay():
        graph.replay()
        return result

    return replay


def inference_step(model, variant, x):
    """Returns a function that maps the batch to all outputs of the model, in evaluation mode."""
    model.eval()
    forward = torch.compile(model) if variant == "compiled" else model

    def step():
        with torch.inference_mode():
            return forward(x)

    return step
