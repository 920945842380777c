"""Five small vision models common to all frameworks, in PyTorch: `mlp_ae` to `resnet_ae`.

All but ResNet-9 map images to (reconstruction, class scores or nothing). Linear and convolution layers have
biases unless a batch norm follows.
"""

import torch
from torch import nn

from models import Cre, basic_block, perceptron, resnet9, unblock
from vit import Block, Unpatchify


def mlp_ae():
    """784-1000-500-64-500-1000-784 with linear latent and output, and an affine head on the latent."""
    widths = [784, 1000, 500, 64]
    return Cre(perceptron(widths), perceptron(widths[::-1]), nn.Linear(64, 10))


def cnn_cre():
    """Three strided convolutions and an affine layer each way, for 3 x 32 x 32, with a latent of 128."""
    encoder, inputs = [], 3
    for outputs in (32, 64, 128):
        encoder += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU()]
        inputs = outputs
    decoder = [nn.Linear(128, 2048), nn.Unflatten(1, (128, 4, 4)), nn.ReLU()]
    for inputs, outputs in ((128, 64), (64, 32), (32, 3)):
        decoder += unblock(inputs, outputs, 2, 1, 1, nn.ReLU())
    encoder += [nn.Flatten(), nn.Linear(2048, 128)]
    return Cre(nn.Sequential(*encoder), nn.Sequential(*decoder[:-1]), nn.Linear(128, 10))


WIDTH, HEADS, PATCH, SIDE = 192, 3, 4, 32
TOKENS = (SIDE // PATCH) ** 2


class VitEncoder(nn.Module):
    """Patches and a class token with learned positions, six blocks; the class token becomes a latent of 128."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + TOKENS, WIDTH))
        self.blocks = nn.Sequential(*(Block(WIDTH, HEADS) for _ in range(6)))
        self.norm, self.linear = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 128)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], dim=1) + self.positions
        return self.linear(self.norm(self.blocks(tokens)[:, 0]))


class VitDecoder(nn.Module):
    """The latent, added to learned positions, two blocks, and an affine layer to the pixels of each patch."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(128, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(1, TOKENS, WIDTH))
        self.blocks = nn.Sequential(*(Block(WIDTH, HEADS) for _ in range(2)))
        self.norm, self.pixels = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * PATCH * PATCH)
        self.image = Unpatchify(SIDE, PATCH)

    def forward(self, z):
        tokens = self.linear(z)[:, None, :] + self.positions
        return self.image(self.pixels(self.norm(self.blocks(tokens))))


def vit_cre():
    return Cre(VitEncoder(), VitDecoder(), nn.Linear(128, 10))


class Scale(nn.Module):
    """`factor x`"""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def dawn_resnet9():
    """The ResNet-9 of DAWNBench: residual blocks at 128 and 512, a last pool, a head without bias times 0.125."""
    head = [nn.Linear(512, 10, bias=False), Scale(0.125)]
    return resnet9(10, widths=(64, 128, 256, 512), residual_after=(1, 3), bias=False, head=head)


class ResNetAe(nn.Module):
    """ResNet-18 blocks after a 3 x 3 stem, a latent of 128, and the mirrored decoder to 3 x 32 x 32."""

    def __init__(self):
        super().__init__()
        encoder, inputs = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
        decoder = []
        for outputs in (64, 128, 256, 512):
            doubled = [] if outputs == 64 else [nn.Upsample(scale_factor=2)]
            encoder += [*basic_block(inputs, outputs, 1 + len(doubled)), *basic_block(outputs, outputs)]
            decoder = [*basic_block(outputs, outputs), *doubled, *basic_block(outputs, inputs), *decoder]
            inputs = outputs
        self.encoder = nn.Sequential(*encoder, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 128))
        start = [nn.Linear(128, 8192), nn.Unflatten(1, (512, 4, 4))]
        self.decoder = nn.Sequential(*start, *decoder, nn.Conv2d(64, 3, 3, 1, 1))

    def forward(self, x):
        z = self.encoder(x)
        return z, self.decoder(z)
