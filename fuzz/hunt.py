#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Lets libFuzzer look for planted bugs, each from an empty corpus and in a process of its own.

Only for bugs that show when operations go alone, to a comparison with the reference or to a
sanitizer: the sequential harness does not ask the reference's laws.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
from run import (COUNTEREXAMPLE, CRASH, HELD, ROOT, OneSentenceParser, Refused, end_with, number_of,
                 options_of, seconds_of)

BUGS = ROOT / "props/zoo/bugs"
JUDGED_OTHERWISE = {"laws hold", "laws hold over tables", "raw round trip", "kinds read back",
                    "mapped and taken", "neighbours stay"}  # Not by agreement alone.
HARNESS = ROOT / "build/fuzz/fuzz/pagetwin-zoo-fuzz"
SANITIZERS = {"ERROR: AddressSanitizer": "asan", "runtime error": "ubsan"}


def is_for_the_harness(bug):
    return (bug["lanes"] == 1 and bug["oracle"] != "law" and
            bug.get("property") not in JUDGED_OTHERWISE)


def all_bugs():
    return [bug for file in sorted(BUGS.glob("*.json")) for bug in json.loads(file.read_text())]


def parse(arguments):
    parser = OneSentenceParser(prog="pagetwin zoo --fuzz", description=__doc__)
    parser.add_argument("--bug", metavar="ID", help="only this one; several with commas")
    parser.add_argument("--time", default="60s", metavar="T", help="for each hunt (60s)")
    parser.add_argument("--seeds", default="1", metavar="N", help="hunts of each bug (1)")
    parser.add_argument("--first-seed", default="1", metavar="N", help="of the first hunt (1)")
    parser.add_argument("--jobs", default="1", metavar="N", help="hunts at a time (1)")
    parser.add_argument("--harness", type=pathlib.Path, default=HARNESS, metavar="PROGRAM",
                        help="built with the bugs in it")
    options = parser.parse_args(arguments)
    options.seconds = seconds_of("--time", options.time)
    options.seeds = number_of("--seeds", options.seeds)
    options.first_seed = number_of("--first-seed", options.first_seed)
    options.jobs = number_of("--jobs", options.jobs)
    options.harness = options.harness.absolute()
    options.bugs = [bug for bug in all_bugs() if is_for_the_harness(bug)]
    if options.bug is not None:
        wanted = options.bug.split(",")
        for name in wanted:
            if name not in (bug["id"] for bug in options.bugs):
                raise Refused(f"there is no bug '{name}' that a fuzzer is to find")
        options.bugs = [bug for bug in options.bugs if bug["id"] in wanted]
    return options


def hunt(options, bug, seed):
    """How long it took, how many inputs, and what saw it; None if nothing was found in time."""
    environment = dict(os.environ, PAGETWIN_BUG=bug["id"])
    environment["ASAN_OPTIONS"] = "symbolize=0:" + environment.get("ASAN_OPTIONS", "")
    with tempfile.TemporaryDirectory() as scratch:
        command = [options.harness, *options_of("sequential"), f"-seed={seed}",
                   f"-max_total_time={options.seconds}", f"-artifact_prefix={scratch}/",
                   "-verbosity=0", "-print_final_stats=1"]
        start = time.monotonic()
        ended = subprocess.run(command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        seconds = time.monotonic() - start
    said = ended.stderr.decode(errors="replace")
    if ended.returncode == 0:
        return None
    if ended.returncode != CRASH:
        raise RuntimeError(f"the harness ended with {ended.returncode}: {said[-1000:]}")
    inputs = re.search(r"number_of_executed_units: (\d+)", said)
    saw = [short for name, short in SANITIZERS.items() if name in said]
    return seconds, int(inputs[1]) if inputs else 0, saw[0] if saw else "reference"


def main():
    options = parse(sys.argv[1:])
    times, missed = [], 0
    print(f"{'bug':34} {'seed':>4} {'seconds':>8} {'inputs':>9}  seen by")
    hunts = [(bug, seed) for bug in options.bugs
             for seed in range(options.first_seed, options.first_seed + options.seeds)]
    with ThreadPoolExecutor(options.jobs) as pool:
        all_found = pool.map(lambda one: hunt(options, *one), hunts)
        for (bug, seed), found in zip(hunts, all_found):
            if found:
                times.append(found[0])
                tells = f"{found[0]:8.2f} {found[1]:9}  {found[2]}"
            else:
                missed += 1
                tells = "MISSED".rjust(8)
            print(f"{bug['id']:34} {seed:4} {tells}", flush=True)
    # What was missed would have taken longer than it was given.
    times += [float(options.seconds)] * missed
    print(f"{len(options.bugs)} bugs, {len(times)} hunts from an empty corpus: "
          f"{len(times) - missed} found; seconds: median {statistics.median(times):.2f}, "
          f"slowest {max(times):.2f}")
    return COUNTEREXAMPLE if missed else HELD


if __name__ == "__main__":
    end_with(main)
