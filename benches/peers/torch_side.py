#!/usr/bin/env python3
"""PyTorch's side of `cargo xtask peers`: one process trains or runs one model of `workloads.py`.

It builds the model, checks a CRE's gradients, warms up, prints one JSON line with "ready", and then answers
every line `window S` on its input with whole steps for at least S seconds and one JSON line
{"steps", "wall_s", "cpu_s", "loss"}; `quit` is answered with {"peak_rss_mib"}, the most memory that the process
held at any time, and it or the end of the input ends it. Between windows it sleeps.

A step in mode `train` is: clear gradients, forward, losses, backward, Adam, on one batch of random images
with random labels that stays the same. In mode `infer` it is the forward pass in evaluation mode, decoder and
classifier included. Variants, each also as NAME+channels_last for images:

eager     One forward and one backward pass, one fused Adam over all parameters. In a CRE a custom autograd
          function hands the latent to both heads and mixes their two gradients on the way back.
          `--list-formulations` times two other ways to write that.
compiled  The same, with forward and backward through torch.compile; inference with frozen weights.
graphed   On a GPU: the eager step, captured as one CUDA graph and replayed.
original  CREs only, as the paper's authors train: three backward passes over one graph, heads first, with
          nothing cleared between them but the encoder's gradients, and three default Adam optimisers. The heads'
          gradients come out scaled by 1 + LAMBDA and 2 - LAMBDA, which Adam does not feel.
"""

import argparse
import json
import os
import resource
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", default="fc_m")
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", default="eager", help="eager, compiled or original, or NAME+channels_last")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:N, which adds the variant graphed")
    parser.add_argument("--batch", type=int, help="images a step (the workload's)")
    parser.add_argument("--list-formulations", action="store_true", help="time them all once, and end")
    return parser.parse_args()


ARGS = arguments()
VARIANT, _, LAYOUT = ARGS.variant.partition("+")
# These are read when torch is imported.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)
if VARIANT == "compiled" and ARGS.mode == "infer":
    os.environ["TORCHINDUCTOR_FREEZING"] = "1"

import torch  # noqa: E402

from steps import FORMULATIONS, LAMBDA, inference_step, training_step  # noqa: E402
from operations import OPERATIONS  # noqa: E402
from workloads import LOSSES, WORKLOADS, batch_for  # noqa: E402


def check_arguments():
    if ARGS.workload in OPERATIONS:
        return
    if ARGS.workload not in WORKLOADS:
        sys.exit(f"no workload {ARGS.workload!r}; known are {', '.join([*WORKLOADS, *OPERATIONS])}")
    known = VARIANT in ("eager", "compiled", "original", "graphed") and LAYOUT in ("", "channels_last")
    if VARIANT == "graphed" and (ARGS.device == "cpu" or ARGS.mode == "infer"):
        sys.exit("the variant graphed is for training on a GPU")
    original = WORKLOADS[ARGS.workload].routed and ARGS.mode == "train"
    if not known or (VARIANT == "original" and not original):
        sys.exit(f"no variant {ARGS.variant!r} of {ARGS.workload} in mode {ARGS.mode}")


def in_layout(model, x):
    """Both in channels_last layout, if requested and applicable."""
    if LAYOUT != "channels_last" or x.dim() != 4:
        return model, x
    return model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)


def make_step(workload, variant, x, y):
    """The step, the function from its result to a loss, and the number of trainable parameters."""
    model, x = in_layout(workload.build().to(ARGS.device), x)
    params = sum(parameter.numel() for parameter in model.parameters())
    if ARGS.mode == "train":
        return training_step(workload, model, variant, x, y), loss_of_training, params

    def loss_of_outputs(outputs):
        reported = "both" if workload.routed else workload.loss
        return LOSSES[reported](lambda _: outputs, x, y).item()

    return inference_step(model, variant, x), loss_of_outputs, params


def loss_of_training(losses):
    match [loss.item() for loss in losses]:
        case [mse, ce]:
            return LAMBDA * mse + (1 - LAMBDA) * ce
        case [loss]:
            return loss


def window(step, loss_of, seconds, least=1, most=float("inf")):
    """Whole steps for at least `seconds` and at least `least` of them, or until `most` seconds are over."""
    steps, cpu, start = 0, time.process_time(), time.perf_counter()
    while (steps < least and time.perf_counter() - start < most) or time.perf_counter() - start < seconds:
        for _ in range(STEPS_AT_ONCE):
            result = step()
        wait()
        steps += STEPS_AT_ONCE
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"steps": steps, "wall_s": wall, "cpu_s": cpu, "loss": loss_of(result)}


# On a GPU this many steps are queued between synchronisations, as on our side.
STEPS_AT_ONCE = 1 if ARGS.device == "cpu" else 20


def wait():
    if ARGS.device != "cpu":
        torch.cuda.synchronize()


def list_formulations(workload, x, y):
    timed = {name: make_step(workload, name, x, y) for name in [*FORMULATIONS, "original"]}
    best = dict.fromkeys(timed, float("inf"))
    for seconds in [1.5] + [0.5] * 9:
        for name, (step, loss_of, _) in timed.items():
            done = window(step, loss_of, seconds)
            best[name] = min(best[name], done["wall_s"] / done["steps"])
    say({name: f"{1e3 * s:.3f} ms" for name, s in best.items()})


def say(line):
    print(json.dumps(line), flush=True)


def main():
    check_arguments()
    torch.set_num_threads(ARGS.threads)
    torch.manual_seed(0)
    if ARGS.workload in OPERATIONS:
        step, numbers = OPERATIONS[ARGS.workload](ARGS.device)
        return answer(step, lambda _: 0.0, numbers, 1)
    workload = WORKLOADS[ARGS.workload]
    batch = ARGS.batch or workload.batch
    x, y = (tensor.to(ARGS.device) for tensor in batch_for(workload, batch))
    if ARGS.list_formulations:
        return list_formulations(workload, x, y)
    answer(*make_step(workload, VARIANT, x, y), batch)


def answer(step, loss_of, params, batch):
    """Warms up, prints the ready line, and runs windows until `quit`."""
    warm = window(step, loss_of, 1.5, least=3, most=20)
    say({"ready": True, "peer": "torch", "version": torch.__version__, "variant": ARGS.variant, "mode": ARGS.mode,
         "params": params, "batch": batch, "loss": warm["loss"]})
    for line in iter(sys.stdin.readline, ""):
        match line.split():
            case ["window", seconds]:
                say(window(step, loss_of, float(seconds)))
            case ["quit"]:
                # Linux counts in KiB.
                say({"peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
                break
            case _:
                sys.exit(f"unknown line {line.strip()!r}; known are `window S` and `quit`")


if __name__ == "__main__":
    main()
