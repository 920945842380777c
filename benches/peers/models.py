#!/usr/bin/env python3
"""The architectures of both papers in PyTorch, from `book/cre.md` and `book/lbr.md`; `--check` compares parameter counts.

Layers stand at the same places as in `crates/models`, so that both sides give their parameters the same
names. Images are `[n, c, h, w]`, and `[n, pixels]` for the fully connected CREs.
"""

import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F


# ---------------------------------------------------------------- classification-reconstruction encoders
class Cre(nn.Module):
    """An encoder with a decoder and a classifier on one latent (section 2.1 of `book/cre.md`)."""

    def __init__(self, encoder, decoder, classifier):
        super().__init__()
        self.encoder, self.decoder, self.classifier = encoder, decoder, classifier

    def forward(self, x):
        """(latent, reconstruction, class scores)"""
        z = self.encoder(x)
        return z, self.decoder(z), self.classifier(z)

    def losses(self, x, y, split):
        """(reconstruction, classification) loss, with each head on its output of `split`."""
        for_decoder, for_classifier = split(self.encoder(x))
        return F.mse_loss(self.decoder(for_decoder), x), F.cross_entropy(self.classifier(for_classifier), y)

    def groups(self):
        """The parameters of encoder, decoder and classifier."""
        return [list(part.parameters()) for part in (self.encoder, self.decoder, self.classifier)]


def backward(model, x, y, weight):
    """Both losses, with the gradient routing of section 2.2 of `book/cre.md`.

    Each head runs back at full strength to a leaf of its own that has the latent's value; `weight` times the
    decoder's gradient there plus `1 - weight` times the classifier's goes on through the encoder.
    """
    cut = []

    def split(z):
        cut.extend([z, z.detach().requires_grad_(), z.detach().requires_grad_()])
        return cut[1], cut[2]

    mse, cross_entropy = model.losses(x, y, split)
    (mse + cross_entropy).backward()
    z, of_decoder, of_classifier = cut
    z.backward(weight * of_decoder.grad + (1 - weight) * of_classifier.grad)
    return mse.detach(), cross_entropy.detach()


def perceptron(widths, last=None):
    """Linear layers between `widths` with ReLU between them, and `last` after them."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


def fc(size, latent, pixels=784, classes=10):
    """FC-S, FC-M or FC-L (section 3.1): a ReLU on the latent, tanh on the reconstruction."""
    hidden, head = {"S": ([], []), "M": ([616], [12]), "L": ([716, 684, 616], [64])}[size]
    return Cre(
        perceptron([pixels, *hidden, latent], nn.ReLU()),
        perceptron([latent, *reversed(hidden), pixels], nn.Tanh()),
        perceptron([latent, *head, classes]),
    )


def block(inputs, outputs, kernel, pool=None, dropout=0.0):
    """Convolution, channel dropout, batch norm, pooling if there is any, ReLU."""
    layers = [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.Dropout2d(dropout), nn.BatchNorm2d(outputs)]
    return layers + ([] if pool is None else [nn.MaxPool2d(2, padding=pool)]) + [nn.ReLU()]


def unblock(inputs, outputs, stride, padding, output_padding, last):
    return [nn.ConvTranspose2d(inputs, outputs, 3, stride, padding, output_padding), last]


def cnn_s(latent_channels=16):
    """CNN-S for 1 x 28 x 28 (section 3.2): a latent of `latent_channels` x 4 x 4."""
    c = latent_channels
    encoder = [*block(1, 16, 3, 0), *block(16, 16, 3, 1), *block(16, c, 3, 0)]
    decoder = [
        *unblock(c, 16, 2, 1, 1, nn.ReLU()),
        *unblock(16, 16, 2, 2, 1, nn.ReLU()),
        *unblock(16, 1, 2, 1, 1, nn.Tanh()),
    ]
    return Cre(*(nn.Sequential(*layers) for layers in (encoder, decoder, [nn.Flatten(), nn.Linear(16 * c, 10)])))


def cnn_l(width_divisor=1, dropout=0.2):
    """CNN-L for 3 x 32 x 32 (section 3.3), all widths divided by `width_divisor`."""
    narrow, wide, widest = 64 // width_divisor, 128 // width_divisor, 256 // width_divisor
    encoder = [
        *block(3, narrow, 7, dropout=dropout),
        *block(narrow, narrow, 7, dropout=dropout),
        *block(narrow, wide, 5, 0, dropout),
        *block(wide, wide, 5, 0, dropout),
        *block(wide, wide, 3, 0, dropout),
    ]
    decoder = [
        *unblock(wide, wide, 2, 1, 1, nn.ReLU()),
        *unblock(wide, wide, 2, 1, 1, nn.ReLU()),
        *unblock(wide, narrow, 2, 1, 1, nn.ReLU()),
        *unblock(narrow, narrow, 1, 1, 0, nn.ReLU()),
        *unblock(narrow, 3, 1, 1, 0, nn.Tanh()),
    ]
    # In the second block of the classifier pooling comes before the norm.
    pooled = [nn.Conv2d(widest, widest, 1), nn.Dropout2d(dropout), nn.MaxPool2d(2), nn.BatchNorm2d(widest), nn.ReLU()]
    classifier = [*block(wide, widest, 3, dropout=dropout), *pooled, nn.Flatten(), nn.Linear(4 * widest, 10)]
    return Cre(*(nn.Sequential(*layers) for layers in (encoder, decoder, classifier)))


# ---------------------------------------------------------------- networks of the LBR paper, section 3.10 of `book/lbr.md`
def evenly(first, last, n):
    """`n` equally spaced values, truncated to integers."""
    return [first + (last - first) * place // (n - 1) for place in range(n)]


def normed(widths):
    """Linear layers through `widths`; all but the last are without bias and followed by batch norm and ReLU."""
    layers = []
    for inputs, outputs in zip(widths[:-2], widths[1:-1]):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    return [*layers, nn.Linear(widths[-2], widths[-1])]


def mlp(pixels, classes, depth=4):
    """The MLP: widths fall evenly from the pixels to the classes."""
    return nn.Sequential(nn.Flatten(), *normed(evenly(classes, pixels, depth)[::-1]))


class Autoencoder(nn.Module):
    """An encoder and a decoder."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)

    def forward(self, x):
        """(latent, reconstruction)"""
        z = self.encoder(x)
        return z, self.decoder(z)


def mlpae(image, latent, depth=3):
    """MLPAE: an MLP from the image `(c, h, w)` down to the latent, its mirror image back, and a sigmoid."""
    widths = evenly(latent, math.prod(image), depth)
    return Autoencoder(
        [nn.Flatten(), *normed(widths[::-1])],
        [*normed(widths), nn.Unflatten(1, image), nn.Sigmoid()],
    )


def dcae(latent, depth=3, channels=3):
    """DCAE: convolutions of stride 2 down, transposed ones back, ReLU between, sigmoid at the end."""
    widths, encoder, decoder = [channels, *evenly(32, latent, depth)], [], []
    for outer, inner in zip(widths, widths[1:]):
        encoder += [nn.Conv2d(outer, inner, 3, 2, 1), nn.ReLU()]
        decoder = [nn.ConvTranspose2d(inner, outer, 3, 2, 1, 1), nn.ReLU(), *decoder]
    return Autoencoder(encoder[:-1], [*decoder[:-1], nn.Sigmoid()])


class Residual(nn.Module):
    """`body(x) + skip(x)`, where the skip is the identity unless layers are given for it."""

    def __init__(self, body, skip=()):
        super().__init__()
        self.body, self.skip = nn.Sequential(*body), nn.Sequential(*skip)

    def forward(self, x):
        return self.body(x) + self.skip(x)


def resnet9(classes, widths=(64, 128, 256, 512, 1028), residual_after=(1, 3, 4), bias=True, head=None, channels=3):
    """ResNet9: a block of 3 x 3 convolution, batch norm and ReLU to each width, all but the first with pooling.

    Two more blocks with a skip around them follow the widths at the places `residual_after`. `head` maps
    the largest number of each channel to class scores; the default is one affine layer.
    """

    def one(inputs, outputs):
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=bias), nn.BatchNorm2d(outputs), nn.ReLU())

    layers = [one(channels, widths[0])]
    for place, (inputs, outputs) in enumerate(zip(widths, widths[1:]), start=1):
        layers += [one(inputs, outputs), nn.MaxPool2d(2)]
        if place in residual_after:
            layers.append(Residual([one(outputs, outputs), one(outputs, outputs)]))
    largest = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, largest, *(head or [nn.Linear(widths[-1], classes)]))


def basic_block(inputs, outputs, stride=1):
    """Two 3 x 3 convolutions with batch norm, and a skip that follows a change of shape; ReLU after the sum."""

    def conv(inputs, kernel, stride):
        return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]

    skip = conv(inputs, 1, stride) if stride != 1 or inputs != outputs else []
    return [Residual([*conv(inputs, 3, stride), nn.ReLU(), *conv(outputs, 3, 1)], skip), nn.ReLU()]


def mirrored_block(inputs, doubled_to=None):
    """Norm and ReLU before each of two 3 x 3 convolutions; the second is transposed where the sides double."""

    def activated():
        return [nn.BatchNorm2d(inputs), nn.ReLU()]

    def conv():
        return nn.Conv2d(inputs, inputs, 3, 1, 1, bias=False)

    if doubled_to is None:
        return Residual([*activated(), conv(), *activated(), conv()])

    def doubling(kernel):
        return nn.ConvTranspose2d(inputs, doubled_to, kernel, 2, kernel // 2, 1, bias=False)

    return Residual([*activated(), conv(), *activated(), doubling(3)], [*activated(), doubling(1)])


BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def resnet_autoencoder(plan, latent, image=(3, 224, 224), width_divisor=1):
    """The ResNet autoencoder by the plan of ResNet-18 or -34; widths are divided by `width_divisor`."""
    channels, code = image[0], (512 // width_divisor, image[1] // 32, image[2] // 32)
    widths = [width // width_divisor for width in (64, 128, 256, 512)]
    first = nn.Conv2d(channels, widths[0], 7, 2, 3, bias=False)
    encoder = [first, nn.BatchNorm2d(widths[0]), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    decoder, inputs = [], widths[0]
    for stage, (outputs, n) in enumerate(zip(widths, BLOCKS[plan])):
        encoder += basic_block(inputs, outputs, 2 if stage else 1)
        encoder += [layer for _ in range(n - 1) for layer in basic_block(outputs, outputs)]
        mirrored = [mirrored_block(outputs) for _ in range(n - 1)]
        decoder = [*mirrored, mirrored_block(outputs, doubled_to=inputs), *decoder]
        inputs = outputs
    encoder += [nn.Flatten(), nn.Linear(math.prod(code), latent)]
    last = nn.ConvTranspose2d(widths[0], channels, 7, 2, 3, 1, bias=False)
    start = [nn.Linear(latent, math.prod(code)), nn.Unflatten(1, code)]
    return Autoencoder(encoder, [*start, *decoder, nn.BatchNorm2d(widths[0]), nn.ReLU(), last, nn.Sigmoid()])


# ---------------------------------------------------------------- parameter counts
def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def counts_of_the_specifications():
    """Triples of (name, counts of the model, counts of the book)."""
    import vision
    from vit import vit, vit_l, vit_m, vit_s

    def parts(model):
        return [count(part) for part in model.children()]

    for k in (4, 16, 512):
        yield f"FC-S {k}", parts(fc("S", k)), [785 * k, 784 * k + 784, 10 * k + 10]
        yield f"FC-M {k}", parts(fc("M", k)), [617 * k + 483_560, 616 * k + 484_344, 12 * k + 142]
        yield f"FC-L {k}", parts(fc("L", k)), [617 * k + 1_474_448, 616 * k + 1_475_232, 64 * k + 714]
    yield "CNN-S", parts(cnn_s()), [4_896, 4_785, 2_570]
    yield "CNN-L", parts(cnn_l()), [973_504, 407_619, 372_234]
    yield "ViT-S", parts(vit_s()), [1_296, 1_409, 90]
    for d in (8, 16, 32, 64):
        shallow = vit(side=28, patch=7, channels=1, width=d, depths=(1, 1))
        yield f"ViT {d}", parts(shallow), [12 * d * d + 66 * d, 13 * d * d + 66 * d + 49, 10 * d + 10]
    for name, model, d, depths in (("ViT-M", vit_m(), 32, (2, 1)), ("ViT-L", vit_l(), 64, (4, 2))):
        # A block has 12 D^2 + 13 D; the rest is what the formulas for depth 1 have left.
        blocks = [depth * (12 * d * d + 13 * d) for depth in depths]
        expected = [blocks[0] + 53 * d, blocks[1] + d * d + 53 * d + 49, 10 * d + 10]
        yield name, parts(model), expected
    for classes, expected in ((10, 30_348_918), (28, 30_367_440), (100, 30_441_528), (200, 30_544_428)):
        yield f"ResNet9 {classes}", count(resnet9(classes)), expected
    colour = (3, 32, 32)
    for pixels, classes, expected in (
        (3072, 10, 8_429_674), (3072, 28, 8_497_900), (3072, 100, 8_776_564), (12288, 200, 137_268_360),
    ):
        yield f"MLP {pixels} {classes}", count(mlp(pixels, classes)), expected
    yield "DCAE depth 3", count(dcae(512, 3)), 2_666_275
    yield "DCAE depth 5", count(dcae(512, 5)), 6_367_587
    yield "MLPAE depth 3", [count(mlpae(colour, 512).encoder), count(mlpae(colour, 512))], [6_426_624, 12_855_808]
    for depth, latent, expected in ((5, 512, 28_992_000), (2, 128, 789_632), (12, 128, 71_721_258)):
        yield f"MLPAE depth {depth}", count(mlpae(colour, latent, depth)), expected
    for latent, expected in ((128, 49_021_312), (512, 68_289_280), (4096, 248_123_648)):
        yield f"ResNet-34 autoencoder {latent}", count(resnet_autoencoder(34, latent)), expected
    # These five are in no paper; the counts are those of other frameworks.
    yield "mlp_ae", count(vision.mlp_ae()), 2_636_498
    yield "cnn_cre", count(vision.cnn_cre()), 714_125
    yield "vit_cre", count(vision.vit_cre()), 3_654_074
    yield "resnet9", count(vision.dawn_resnet9()), 6_573_120
    yield "resnet_ae", count(vision.ResNetAe()), 21_134_851


def check():
    wrong = [case for case in counts_of_the_specifications() if case[1] != case[2]]
    for name, got, expected in wrong:
        print(f"{name}: {got} parameters, the book has {expected}")
    return 1 if wrong else print("all parameter counts are those of the book") or 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", required=True, help="compare the parameter counts")
    parser.parse_args()
    with torch.device("meta"):
        raise SystemExit(check())


if __name__ == "__main__":
    main()
