#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""`--on guest` as it is typed: verbs do there what they do elsewhere, and what fails is one sentence.

usage: on_guest_test.py PAGETWIN SOURCES STAND_IN [IMAGE]

Without IMAGE, STAND_IN plays QEMU, and the guest (stand_in.cpp), and all that can go wrong with
them. With it, QEMU boots that image.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

pagetwin, sources, stand_in, *image = map(os.path.abspath, sys.argv[1:])
tour = sorted(pathlib.Path(sources, "corpus/tour").glob("*.json"))
failures = 0


def run(what, arguments, status, says=(), how="", at="1", qemu=None):
    """Runs it, and compares the status and what is said. `how` it fails, see stand_in.cpp."""
    global failures
    environment = {**os.environ, "STAND_IN": how, "STAND_IN_AT": at}
    if qemu or not image:
        environment["PAGETWIN_QEMU"] = qemu or stand_in
    done = subprocess.run([pagetwin, *map(str, arguments), "--image", image[0] if image else stand_in],
                          capture_output=True, text=True, timeout=300, env=environment)
    problems = [f"does not say {text!r}" for text in says if text not in done.stdout + done.stderr]
    if done.returncode != status:
        problems.append(f"status {done.returncode}, not {status}")
    if status == 2 and (len(done.stderr.splitlines()) != 1 or not done.stderr.startswith("pagetwin: ")):
        problems.append("not one sentence")
    if "internal error" in done.stderr or "Sanitizer" in done.stderr:
        problems.append("an error of its own")
    if problems:
        failures += 1
        print(f"FAILED: {what}: {'; '.join(problems)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def script(folder, name, text):
    file = pathlib.Path(folder, name)
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)
    return str(file)


check = ["check", "--on", "guest", "--filter", "frames agree", "--seed", "1", "--time", "2s"]
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    run("holds", check, 0, ["all properties held"])
    for file in tour[::6]:  # All of them are another test's.
        run(f"replays {file.name}", ["replay", "--on", "guest", file], 0)
    run("is nowhere else", ["check", "--on", "moon"], 2, ["moon"])
    if image:
        sys.exit(failures != 0)

    # What the guest does wrong is a counterexample, which is confirmed, shrunk, and replayed there.
    run("answers wrongly", check, 1, ["mm on guest", "./pagetwin replay --on guest report.json"], "wrong", "3")
    report = json.loads(pathlib.Path("report.json").read_text())
    if report["system"] != "mm on guest":
        failures += 1
        print(f"FAILED: the report is of {report['system']}")
    run("fails again", ["replay", "--on", "guest", "report.json"], 1, [], "wrong", "3")
    run("shrinks", ["shrink", "--on", "guest", "report.json"], 1, [], "wrong", "1")
    run("is mended", ["replay", "--on", "guest", "report.json"], 0)
    run("crashes", check, 1, ["the guest crashed", "a page fault"], "crash", "2")
    run("dies midway", check, 1, ["the machine was reset, as by a triple fault"], "exit", "2")

    # Without a guest nothing is judged.
    old = script(folder, "old", 'echo "QEMU emulator version 2.11.1"\n[ "$1" = --version ]\n')
    dies = script(folder, "dies", '[ "$1" = --version ] && echo "QEMU emulator version 7.2.0"\nexit 3\n')
    for arguments in (check, ["replay", "--on", "guest", tour[0]], ["shrink", "--on", "guest", "report.json"]):
        verb = arguments[0]
        run(f"{verb}: no QEMU", arguments, 2, ["/no/such/qemu"], qemu="/no/such/qemu")
        run(f"{verb}: an old QEMU", arguments, 2, ["is of version 2"], qemu=old)
        run(f"{verb}: a QEMU that does not start", arguments, 2, ["no guest"], qemu=dies)
        run(f"{verb}: crashes early", arguments, 2, ["while it booted"], how="early")
        run(f"{verb}: another build", arguments, 2, ["another build"], how="other")

sys.exit(failures != 0)
