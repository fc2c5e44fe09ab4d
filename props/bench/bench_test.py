# SPDX-License-Identifier: MPL-2.0
"""bench_test.py PAGETWIN_BENCH: each workload at a small size leaves mm as it was; what is printed
is what was measured; whatever is wrong is one sentence. Nothing is timed. Where valgrind is
installed, mm executes fewer instructions than OSTD for the same work, and no more than the goal."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = sys.argv[1]
ROWS = ["F1", "F1t", "F1z", "F2a", "F2b", "F2c", "F3", "F3r", "F4", "F4r", "F4m", "F5", "F6",
        "F1-A2", "F1t-A2", "F1z-A2", "F2a-A2", "F2b-A2", "F2c-A2", "F7-A2",
        "P1", "P1w", "P2", "P2w", "P3", "P4", "P4b", "P4r", "P5", "P5b", "P6", "P6b", "P6c", "P9",
        "R1", "R2", "R3", "R4", "R5", "H1", "H2", "H3", "H4", "H4b", "H4c", "V1", "V2", "V4",
        "V5", "V5b", "V6", "V6b", "V7", "V8", "V9", "V9z", "V9u", "V9v",
        "M1", "M1x2", "M1-A2", "M1x2-A2", "M2", "M2x2", "M2dx2", "M3", "M3x2", "M4", "M4x2", "M5",
        "M5x2", "M6", "M6x2", "M7", "M7x2"]


def bench(*arguments, environment=None):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, env=environment)


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def refuses(status, *arguments):
    run = bench(*arguments)
    check(run.returncode == status, f"{arguments}: status {run.returncode}, not {status}")
    check(len(run.stderr.splitlines()) == 1, f"{arguments}: not one sentence: {run.stderr}")


def main():
    listed = bench("--list")
    check([line.split()[0] for line in listed.stdout.splitlines()] == ROWS, listed.stdout)

    refuses(2, "--no-such-flag")
    refuses(2, "--json")
    refuses(5, "--small", "--filter", "G*")
    with tempfile.TemporaryDirectory() as folder:
        unwritable = bench("--small", "--filter", "F6", "--json", folder)
        check(unwritable.returncode == 2 and folder in unwritable.stderr, unwritable.stderr)
        file = Path(folder, "bench.json")
        check(bench("--small", "--filter", "f3*", "--json", str(file)).returncode == 0, "to a file")
        named = [one["name"] for one in json.loads(file.read_text())["workloads"]]
        check(named == ["F3", "F3r"], named)

    run = bench("--small", "--json", "-")
    check(run.returncode == 0, run.stderr)
    measured = json.loads(run.stdout)["workloads"]
    check([one["name"] for one in measured] == ROWS, "not every workload was measured")
    for one in measured:
        for clock in ("wall_ns", "cpu_ns"):
            check(0 < one[clock]["min"] <= one[clock]["median"], f"{one['name']}: {one[clock]}")
        check(one["name"] in run.stderr, f"the table has no {one['name']}")
        if shutil.which("valgrind") and "x2" not in one["name"]:
            check(one["instructions"], f"{one['name']}: no instructions")
            ostd = one["ostd"]["instructions"]
            check(ostd is None or one["instructions"] < ostd,
                  f"{one['name']}: {one['instructions']} instructions, OSTD {ostd}")
            goal = one["goal_instructions"]
            check(goal is None or one["instructions"] <= goal,
                  f"{one['name']}: {one['instructions']} instructions, the goal is {goal}")

    without = bench("--small", "--filter", "F6", environment={"PATH": "/nonexistent"})
    check(without.returncode == 0, without.stderr)
    check("valgrind is not installed" in without.stderr, without.stderr)


if __name__ == "__main__":
    main()
