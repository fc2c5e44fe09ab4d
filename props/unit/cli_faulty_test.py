#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""A system with a fault, from a long trace to a short report that replays.

usage: cli_faulty_test.py FAULTY
"""
import json
import os
import subprocess
import sys
import tempfile

faulty = os.path.abspath(sys.argv[1])


def run(*arguments, status):
    done = subprocess.run([faulty, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def call(op, **operands):
    return {"lane": 0, "op": op, **operands}


calls = []
for page in range(4):
    calls += [call("frame_from_unused", at=page, kind="value24", value=page, to=page),
              call("frame_clone", **{"from": page, "to": page + 4}),
              call("frame_read_meta", **{"from": page}),
              call("frame_drop", **{"from": page + 4})]
good = {"format": 1, "machine": {"pages": 8, "loose": 4, "cpus": 2}, "calls": calls}
bad = {**good, "calls": calls + [call("frame_count", **{"from": 2}), *reversed(calls)]}

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for name, trace in [("good.json", good), ("bad.json", bad)]:
        with open(name, "w") as file:
            json.dump(trace, file)

    assert "agreed" in run("replay", "good.json", status=0).stdout
    assert "nothing to shrink" in run("shrink", "good.json", status=0).stdout

    lines = run("replay", "bad.json", status=1).stdout.splitlines()
    assert "frame_count" in lines[0] and "INV-13" in lines[0], lines[0]
    assert lines[-1] == "./pagetwin replay bad.json", lines[-1]
    assert [line for line in lines if line.strip() == "expected  ok count=1"], lines
    assert [line for line in lines if line.strip() == "seen      ok count=2"], lines

    lines = run("shrink", "bad.json", status=1).stdout.splitlines()
    assert lines[-1] == "./pagetwin replay bad.shrunk.json", lines[-1]
    with open("bad.shrunk.json") as file:
        report = json.load(file)
    ops = [one["op"] for one in report["trace"]["calls"]]
    assert len(ops) == 2 and ops[-1] == "frame_count", ops
    assert report["shrunk"]["from_ops"] == len(bad["calls"]), report["shrunk"]
    assert report["diverged"]["law"] == "INV-13" and report["diverged"]["step"] == 1, report
    assert os.listdir() and not [name for name in os.listdir() if ".new-" in name]

    # The last line of a report gives the same report; and so does what is shown of its file.
    again = run(*lines[-1].split()[1:], status=1).stdout.splitlines()
    assert again == lines, (again, lines)
    assert run("show", "bad.shrunk.json", status=0).stdout.splitlines() == lines
    # A report is a trace, too, for those who want it as bytes.
    assert "no report" in run("convert", "bad.shrunk.json", "-o", "bad.bin", status=0).stderr
    assert "INV-13" in run("replay", "bad.bin", status=1).stdout

    # Nothing is lost where nothing can be written.
    lost = run("shrink", "bad.json", "-o", "/dev/full", status=2)
    assert "No space left" in lost.stderr and "INV-13" in lost.stderr, lost.stderr

    # Lanes at once are not for a system that cannot be stopped between its accesses.
    with open("at_once.json", "w") as file:
        json.dump({**good, "at_once": True}, file)
    assert "cannot run lanes at once" in run("replay", "at_once.json", status=4).stderr
