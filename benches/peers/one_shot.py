#!/usr/bin/env python3
"""Adapts a program that measures once and ends to the protocol of `cargo xtask peers`.

    cargo xtask peers --peer candle="python3 benches/peers/one_shot.py CANDLE_PROGRAM"

`COMMAND --workload W --mode train|infer --threads N --variant V --windows K --window-s S --budget-s B` warms up,
times K windows and prints one JSON line, last, with "version", "params", "batch", "loss", "peak_rss_mib",
"steps_per_window" and "windows", a list of [wall s a step, ...]. Here it is started anew for every window, so that
all programs still take turns.
"""

import argparse
import json
import resource
import subprocess
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command")
    for option in ("workload", "mode", "threads", "variant"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--batch", type=int, required=True, help="the batch size, which the program must use")
    return parser.parse_args()


ARGS = arguments()


def measure(seconds):
    """One window of about `seconds`, in a new process."""
    told = [f"--{name}={getattr(ARGS, name)}" for name in ("workload", "mode", "threads", "variant")]
    window = ["--windows=1", f"--window-s={seconds}", "--budget-s=1"]
    command = [ARGS.command, *(part for option in told + window for part in option.split("=", 1))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{ARGS.command} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(line):
    print(json.dumps(line), flush=True)


def main():
    first = measure(0.1)
    peak = first["peak_rss_mib"]
    if first["batch"] != ARGS.batch:
        sys.exit(f"{ARGS.command} trains {first['batch']} images a step, not {ARGS.batch}")
    say({"ready": True, "peer": first["peer"], "version": first["version"], "variant": ARGS.variant, "mode": ARGS.mode,
         "params": first["params"], "batch": first["batch"], "loss": first["loss"]})
    for line in iter(sys.stdin.readline, ""):
        match line.split():
            case ["window", seconds]:
                before = cpu_s()
                measured = measure(float(seconds))
                peak = max(peak, measured["peak_rss_mib"])
                steps, step_s = measured["steps_per_window"], measured["windows"][0][0]
                # Its total CPU time including warm-up, so that the remaining load of the machine is that of others.
                say({"steps": steps, "wall_s": steps * step_s, "cpu_s": cpu_s() - before, "loss": measured["loss"]})
            case ["quit"]:
                say({"peak_rss_mib": peak})
                break
            case _:
                sys.exit(f"unknown line {line.strip()!r}; known are `window S` and `quit`")


if __name__ == "__main__":
    main()
