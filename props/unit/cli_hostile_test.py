#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Whatever file the verbs are given, they end with status 2 and one sentence, or do their job.

usage: cli_hostile_test.py PAGETWIN SOURCES
"""
import json
import os
import subprocess
import sys
import tempfile

pagetwin, sources = sys.argv[1:]
verbs = ["replay", "shrink", "show", "convert"]
failures = 0


def check(arguments, status, what, sentences, stdin=None):
    """Runs it, and compares the status and the number of lines on standard error."""
    global failures
    run = subprocess.run([pagetwin, *arguments], capture_output=True, timeout=120)
    errors = run.stderr.decode("utf-8", "replace")
    lines = errors.splitlines()
    problem = None
    if run.returncode != status:
        problem = f"status {run.returncode}, not {status}"
    elif len(lines) != sentences:
        problem = f"{len(lines)} lines on standard error, not {sentences}"
    elif sentences and not (lines[0].startswith("pagetwin: ") and 15 < len(lines[0]) < 400):
        problem = "no sentence"
    elif sentences and any(ord(letter) < 32 for letter in lines[0]):
        problem = "a sentence that moves the cursor"
    elif status == 2 and run.stdout:
        problem = "something on standard output"
    if problem:
        failures += 1
        print(f"FAILED: {what}: {' '.join(arguments)[:200]}: {problem}\n{errors[:2000]}")
    return run.stdout


def trace(**fields):
    call = {"lane": 0, "op": "frame_clone", "from": 0, "to": 1}
    return {"format": 1, "machine": {"pages": 8, "loose": 4, "cpus": 2}, "calls": [call], **fields}


def with_call(**fields):
    return json.dumps(trace(calls=[{"lane": 0, "op": "frame_clone", "from": 0, "to": 1, **fields}]))


with open(os.path.join(sources, "corpus/tour/good_a_second_cpu_joins.json"), "rb") as file:
    good = file.read().rstrip()
deep = 100_000
hostile = {
    "empty": b"",
    "blank": b" \n\t ",
    "nothing but a brace": b"{",
    "nested lists": b"[" * deep,
    "nested objects": b'{"a":' * deep,
    "nested and closed": b"[" * deep + b"]" * deep,
    "nested in a call": json.dumps(trace()).replace("}]", ', "x": ' + "[" * deep + "]" * deep + "}]").encode(),
    "zeros": b"\0" * 4096,
    "an executable": b"\x7fELF\x02\x01\x01\0\0\0\0" + bytes(range(256)),
    "not UTF-8": b'{"format": 1, "why": "\xff\xfe"}',
    "half a character": b'{"format": 1, "why": "\xe2\x82',
    "a newer format": json.dumps({"format": 2, "program": []}).encode(),
    "a much newer format": b'{"format": 18446744073709551615}',
    "an older format": b'{"format": 0}',
    "another kind of JSON": b'{"name": "package", "version": "1.0.0"}',
    "a list": b"[1, 2, 3]",
    "a number": b"1e400",
    "null": b"null",
    "two files in one": json.dumps(trace()).encode() * 2,
    "an absurd number": with_call(to=0).replace(": 0}", ": 1e400}").encode(),
    "a negative number": with_call(to=-1).encode(),
    "a number above 2^64": with_call(to=2**64).encode(),
    "a long number": with_call(to=0).replace('"to": 0', '"to": ' + "9" * 100_000).encode(),
    "a fraction": with_call(to=0.5).encode(),
    "a number in words": with_call(to="one").encode(),
    "an unknown operation": with_call(op="frame_fly").encode(),
    "an operation with a terminal's escape": with_call(op="\x1b[2J\n").encode(),
    "a long operation": with_call(op="x" * 1_000_000).encode(),
    "an unknown field": with_call(**{"frm": 1}).encode(),
    "a field twice": with_call().replace('"to": 1', '"to": 1, "to": 2').encode(),
    "a lane that is not there": with_call(lane=9).encode(),
    "no machine": json.dumps({"format": 1, "calls": []}).encode(),
    "a machine of no pages": json.dumps(trace(machine={"pages": 0, "loose": 0, "cpus": 0})).encode(),
    "a machine of many pages": json.dumps(trace(machine={"pages": 2**40, "loose": 1, "cpus": 1})).encode(),
    "a prologue beyond the calls": json.dumps(trace(at_once=True, prologue=2)).encode(),
    "an odd schedule": json.dumps(trace(schedule=[{"turn": 1}])).encode(),
    "too many calls": b'{"format": 1, "calls": [' + b"0," * 1_000_000 + b"0]}",
    "too many fields": b"{" + b",".join(b'"%d": 0' % i for i in range(100)) + b"}",
    "a report without anything": json.dumps({"format": 1, "trace": trace()}).encode(),
    "a report of half": b'{"format": 1, "trace": {"machine": {"pages": 8, "loose": 4, "cpus": 2}, "calls": []}, "diverged": 3}',
}

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for what, content in hostile.items():
        with open("hostile.json", "wb") as file:
            file.write(content)
        for verb in verbs:
            check([verb, "hostile.json"], 2, what, 1)

    # Torn at every 16th byte; each verb in turn.
    for number, size in enumerate(range(0, len(good), 16)):
        with open("torn.json", "wb") as file:
            file.write(good[:size])
        check([verbs[number % 4], "torn.json"], 2, f"torn at byte {size}", 1)

    os.mkdir("folder.json")
    os.mkdir("folder.bin")
    for name in ["folder.json", "folder.bin", "/dev/null", "missing.json", "missing.bin", "missing/file.json",
                 "a\nb\x1b[31m.json", "", "x" * 5000]:
        for verb in verbs:
            check([verb, name], 2, "no ordinary file", 1)
    if os.geteuid() != 0:
        with open("secret.json", "wb") as file:
            file.write(good)
        os.chmod("secret.json", 0)
        for verb in verbs:
            check([verb, "secret.json"], 2, "unreadable", 1)

    # Every byte string is a trace: these are no errors.
    for size in [0, 1, 15, 16, 17, 333]:
        with open("odd.bin", "wb") as file:
            file.write(bytes((7 * i + 3) % 251 for i in range(size)))
        for verb in ["show", "convert"]:
            check([verb, "odd.bin"], 0, f"{size} bytes", 0)
    for verb in ["replay", "shrink"]:
        with open("odd.bin", "wb") as file:
            file.write(bytes([0, 0, 8, 0, 4, 0, 2]) + bytes(10 + 16 + 3))
        check([verb, "odd.bin"], 0, "bytes of an odd number", 0)

    # There and back again; and what bytes cannot hold is said.
    with open("good.json", "wb") as file:
        file.write(good)
    check(["convert", "good.json", "-o", "good.bin"], 0, "to bytes", 1)
    check(["convert", "good.bin", "-o", "again.json"], 0, "to JSON", 0)
    with open("again.json") as file:
        if json.load(file)["calls"] != json.loads(good)["calls"]:
            failures += 1
            print("FAILED: the calls are not what they were, by way of bytes")
    check(["convert", "good.json", "-o", "none/good.bin", "--to", "json"], 2, "nowhere to write", 1)
    check(["convert", "good.json", "-o", "/dev/full", "--to", "json"], 2, "a full disk", 1)

    # What a file says of its last call is held against it.
    promise = json.loads(good)
    for edit in [dict(status="busy"), dict(results={"word1": 9}), dict(law="INV-0"), dict(given=[1])]:
        with open("promise.json", "w") as file:
            json.dump({**promise, "expect": {**promise["expect"], **edit}}, file)
        check(["replay", "promise.json"], 1, f"a last call that shall have {edit}", 1)

    # Usage.
    for arguments in [[], ["fly"], ["replay"], ["show"], ["show", "--up", "x"], ["convert", "good.json", "--to", "gold"],
                      ["--nonsense"], ["schema", "gold"], ["check", "--seed", "18446744073709551616"],
                      ["check", "--seed", "-1"], ["check", "--cases", "1e3"]]:
        check(arguments, 2, "usage", 1)
    for arguments in [["--help"], ["--version"], *[[verb, "--help"] for verb in verbs]]:
        if not check(arguments, 0, "help", 0):
            failures += 1
            print("FAILED: nothing on standard output:", arguments)

sys.exit(1 if failures else 0)
