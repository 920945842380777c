"""The workloads: model, batch and loss, with the same names as on our side."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch.nn import functional as F

import models
import vision
import vit

CLASSES = 10

# The weight of the reconstruction loss.
LAMBDA = 0.5


@dataclass(frozen=True)
class Workload:
    build: Callable
    image: tuple
    batch: int  # that of the papers where a CPU can run it
    loss: str  # a key of LOSSES, or ROUTED
    rate: float = 1e-3

    @property
    def routed(self):
        return self.loss == ROUTED


# Each part of a CRE has its own loss; see `steps.py`.
ROUTED = "routed"


def sum_of_both(model, x, y):
    _, reconstruction, logits = model(x)
    return LAMBDA * F.mse_loss(reconstruction, x) + (1 - LAMBDA) * F.cross_entropy(logits, y)


def reconstruction_only(model, x, _):
    return F.mse_loss(model(x)[1], x)


def to_one_hot(model, x, y):
    return F.mse_loss(model(x), F.one_hot(y, CLASSES).to(x.dtype))


LOSSES = {"both": sum_of_both, "reconstruction": reconstruction_only, "one_hot": to_one_hot}

FLAT, GREY, COLOUR = (784,), (1, 28, 28), (3, 32, 32)

WORKLOADS = {
    "fc_s": Workload(lambda: models.fc("S", 16), FLAT, 512, ROUTED),
    "fc_m": Workload(lambda: models.fc("M", 16), FLAT, 512, ROUTED),
    "fc_l": Workload(lambda: models.fc("L", 16), FLAT, 512, ROUTED),
    "cnn_s": Workload(models.cnn_s, GREY, 512, ROUTED),
    "cnn_l": Workload(models.cnn_l, COLOUR, 64, ROUTED),
    "vit_s": Workload(vit.vit_s, GREY, 512, ROUTED),
    "dcae": Workload(lambda: models.dcae(512), COLOUR, 256, "reconstruction"),
    "mlpae": Workload(lambda: models.mlpae(COLOUR, 512), COLOUR, 256, "reconstruction"),
    "mlp_ae": Workload(vision.mlp_ae, FLAT, 128, "both", 1e-4),
    "cnn_cre": Workload(vision.cnn_cre, COLOUR, 128, "both", 1e-4),
    "vit_cre": Workload(vision.vit_cre, COLOUR, 128, "both", 1e-4),
    "resnet9": Workload(vision.dawn_resnet9, COLOUR, 128, "one_hot", 1e-4),
    "resnet_ae": Workload(vision.ResNetAe, COLOUR, 64, "reconstruction", 1e-4),
}


def batch_for(workload, n):
    """Random images in [-1, 1] with random labels."""
    return torch.rand(n, *workload.image) * 2 - 1, torch.randint(0, CLASSES, (n,))
