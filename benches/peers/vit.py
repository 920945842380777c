"""The ViT of the CRE paper in PyTorch (sections 3.4 and 3.5 of `book/cre.md`).

Masking is by explicit indices: `model.masks.kept` holds, for each image, the patches that the encoder sees, or
`None` for all. The rest is missing from the latent, and the decoder has a learned token in its place.
"""

import torch
from torch import nn
from torch.nn import functional as F

from models import Cre


class Masks:
    """The patches `[n, kept]` that the encoder sees; one object for all layers of a model."""

    kept = None


def positions(grid, width):
    """The fixed positional encoding `[grid^2, width]` of a square of tokens: the column, then the row."""
    frequencies = 10000 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(grid, dtype=torch.float64)[:, None] * frequencies
    half = torch.cat([angles.sin(), angles.cos()], dim=1)
    column, row = half.repeat(grid, 1), half.repeat_interleave(grid, dim=0)
    return torch.cat([column, row], dim=1).to(torch.get_default_dtype())


class AddCode(nn.Module):
    """Adds the fixed positional encoding to each token."""

    def __init__(self, code):
        super().__init__()
        self.register_buffer("code", code, persistent=False)

    def forward(self, tokens):
        return tokens + self.code


class PatchEmbedding(nn.Module):
    """An affine function of each patch; its values are ordered by row, column and channel, as in the decoder."""

    def __init__(self, patch, channels, width):
        super().__init__()
        self.patch = patch
        self.weight = nn.Parameter(torch.empty(width, patch * patch * channels))
        nn.init.xavier_uniform_(self.weight)
        bound = self.weight.shape[1] ** -0.5
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, x):
        n, channels, side, _ = x.shape
        across = side // self.patch
        grid = x.reshape(n, channels, across, self.patch, across, self.patch).permute(0, 2, 4, 3, 5, 1)
        return F.linear(grid.reshape(n, across * across, -1), self.weight, self.bias)


class KeepPatches(nn.Module):
    def __init__(self, masks):
        super().__init__()
        self.masks = masks

    def forward(self, tokens):
        kept = self.masks.kept
        return tokens if kept is None else tokens.gather(1, kept[:, :, None].expand(-1, -1, tokens.shape[2]))


class ClassToken(nn.Module):
    """Prepends a learned class token, whose positional encoding is zero."""

    def __init__(self, width):
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, tokens):
        return torch.cat([self.token.expand(len(tokens), 1, -1), tokens], dim=1)


class WithoutClassToken(nn.Module):
    def forward(self, tokens):
        return tokens[:, 1:]


class MaskTokens(nn.Module):
    """Restores the kept patches to their positions, with one learned mask token in all others."""

    def __init__(self, width, patches, masks):
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.patches, self.masks = patches, masks

    def forward(self, tokens):
        kept = self.masks.kept
        if kept is None:
            return tokens
        n, _, width = tokens.shape
        places = kept[:, :, None].expand(-1, -1, width)
        patches = self.token.expand(n, self.patches, width).scatter(1, places, tokens[:, 1:])
        return torch.cat([tokens[:, :1], patches], dim=1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(n, t, width))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))`"""

    def __init__(self, width, heads, ratio=4):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = Attention(width, heads), Mlp(width, ratio * width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Unpatchify(nn.Module):
    """`[n, patches, values]`, ordered by row, column and channel, to `[n, c, side, side]`."""

    def __init__(self, side, patch):
        super().__init__()
        self.side, self.patch = side, patch

    def forward(self, patches):
        across = self.side // self.patch
        grid = patches.reshape(len(patches), across, across, self.patch, self.patch, -1)
        return grid.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, self.side, self.side)


class TokenMean(nn.Module):
    def forward(self, tokens):
        return tokens.mean(dim=1)


class Vit(Cre):
    """With masks the reconstruction loss counts the removed patches only ("v1")."""

    def __init__(self, encoder, decoder, classifier, masks, patch):
        super().__init__(encoder, decoder, classifier)
        self.masks, self.patch = masks, patch

    def losses(self, x, y, split):
        kept = self.masks.kept
        if kept is None:
            return super().losses(x, y, split)
        for_decoder, for_classifier = split(self.encoder(x))
        squares = (self.decoder(for_decoder) - x).square().mean(dim=1, keepdim=True)
        per_patch = F.avg_pool2d(squares, self.patch).flatten(1)
        removed = torch.ones_like(per_patch).scatter(1, kept, 0.0)
        mse = (per_patch * removed).sum() / removed.sum()
        return mse, F.cross_entropy(self.classifier(for_classifier), y)


def vit(side, patch, channels, width, depths, heads=4, classes=10):
    """A ViT with `depths` blocks in encoder and decoder, which are equally wide."""
    masks, grid = Masks(), side // patch
    code = positions(grid, width)
    encoder = nn.Sequential(
        PatchEmbedding(patch, channels, width),
        AddCode(code),
        KeepPatches(masks),
        ClassToken(width),
        *(Block(width, heads) for _ in range(depths[0])),
        nn.LayerNorm(width),
    )
    decoder = nn.Sequential(
        nn.Linear(width, width),
        MaskTokens(width, grid * grid, masks),
        AddCode(torch.cat([torch.zeros_like(code[:1]), code])),
        *(Block(width, heads) for _ in range(depths[1])),
        WithoutClassToken(),  # the last layers see each token alone
        nn.LayerNorm(width),
        nn.Linear(width, channels * patch * patch),
        Unpatchify(side, patch),
    )
    norm = nn.BatchNorm1d(width, eps=1e-6, affine=False)
    classifier = nn.Sequential(WithoutClassToken(), TokenMean(), norm, nn.Linear(width, classes))
    return Vit(encoder, decoder, classifier, masks, patch).apply(start)


def start(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def vit_s():
    return vit(side=28, patch=7, channels=1, width=8, depths=(1, 1))


def vit_m():
    return vit(side=28, patch=7, channels=1, width=32, depths=(2, 1))


def vit_l():
    return vit(side=28, patch=7, channels=1, width=64, depths=(4, 2))
