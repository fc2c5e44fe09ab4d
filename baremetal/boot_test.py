#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Boots the image, and has it end in every way that it can: each must be told from the others, by
QEMU's status and by what was said on the serial line."""
import os
import subprocess
import sys
import tempfile

PASSED, CRASHED, TRIPLE_FAULT, HANGS = 33, 35, 0, "hangs"

# The command line, QEMU's status, and what must be said; and what is not as it is by default: "mb"
# of RAM, "cpus", QEMU's "machine" and "thread". What CPUs remember can only be told in advance if
# one thread plays them all.
CASES = [
    ("boot cpus=1", PASSED, "faults: 0, stale translations: 15 of 15\npassed\n"),
    ("boot", PASSED, "faults: 0, stale translations: 60 of 60\npassed\n"),
    ("kernel", PASSED, "faults: 0, stale translations: 12 of 12\npassed\n"),
    ("kernel", PASSED, "1 CPUs, 128 MiB\n", {"mb": 128, "cpus": 1}),
    ("kernel", PASSED, "3 CPUs, 67 MiB\n", {"mb": 67, "cpus": 3}),
    ("kernel", PASSED, "4 CPUs, 1026 MiB\n", {"mb": 1026}),  # More than the loader's table maps.
    ("kernel", PASSED, "2 CPUs, 127 MiB\n", {"machine": "q35", "mb": 128, "cpus": 2}),
    ("kernel", PASSED, ", faults: 0, ", {"thread": "multi"}),
    ("boot fault=trap", CRASHED, "vector 14, error 0x2, CR2 0xffffc04000000000"),
    ("boot fault=double", CRASHED, "vector 8, error 0x0"),
    ("boot fault=triple", TRIPLE_FAULT, ""),
    ("boot fault=undefined", CRASHED, "undefined behaviour: an addition overflows at "),
    ("boot fault=panic", CRASHED, "a panic that nobody awaits"),
    ("boot fault=hang", HANGS, ""),
]


def boot(image: str, line: str, seconds: float, mb: int = 64, cpus: int = 4,
         machine: str = "microvm,acpi=off", thread: str = "single") -> tuple[object, str]:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as ram:
        ram.truncate(mb << 20)
        command = [
            "qemu-system-x86_64", "-accel", f"tcg,thread={thread}", "-cpu", "max,-la57",
            "-M", f"{machine},memory-backend=ram", "-m", str(mb), "-smp", str(cpus),
            "-object", f"memory-backend-file,id=ram,size={mb}M,share=on,mem-path={ram.name}",
            "-kernel", image, "-append", line, "-display", "none", "-nodefaults", "-no-reboot",
            "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  timeout=seconds, check=False)
            return done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            return HANGS, (late.stdout or b"").decode(errors="replace")


def main() -> int:
    image = sys.argv[1]
    faults = 0
    for line, status, said, *shape in CASES:
        seen_status, seen = boot(image, line, 3 if status == HANGS else 30,
                                 **(shape[0] if shape else {}))
        if seen_status == status and said in seen:
            continue
        faults += 1
        print(f"{line} {shape}: status {seen_status}, not {status}; wanted {said!r} in:\n{seen}")
    return 1 if faults else 0


if __name__ == "__main__":
    if not os.path.exists(sys.argv[1]):
        sys.exit(f"{sys.argv[1]}: there is no image")
    sys.exit(main())
