#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Boots the image, and has it end in every way that it can: each must be told from the others, by
QEMU's status and by what was said on the serial line."""
import os
import re
import subprocess
import sys
import tempfile

PASSED, CRASHED, TRIPLE_FAULT, HANGS = 33, 35, 0, "hangs"

# The command line, QEMU's status, and what must be said.
CASES = [
    ("boot cpus=1", PASSED, "faults: 0, stale translations: 15 of 15\npassed\n"),
    ("boot", PASSED, "faults: 0, stale translations: 60 of 60\npassed\n"),
    ("boot fault=trap", CRASHED, "vector 14, error 0x2, CR2 0xffffc04000000000"),
    ("boot fault=double", CRASHED, "vector 8, error 0x0"),
    ("boot fault=triple", TRIPLE_FAULT, ""),
    ("boot fault=undefined", CRASHED, "undefined behaviour: an addition overflows at "),
    ("boot fault=panic", CRASHED, "a panic that nobody awaits"),
    ("boot fault=hang", HANGS, ""),
]

# A kernel's boot, on machines of other shapes: of what model, how many CPUs, how much RAM, in MiB.
# Beyond 1 GiB the loader has mapped none of it; q35 keeps some at its end for itself.
SHAPES = [("microvm,acpi=off", 4, 64), ("microvm,acpi=off", 1, 64), ("microvm,acpi=off", 3, 128),
          ("microvm,acpi=off", 2, 1088), ("q35", 2, 128)]
KERNEL_STEPS = ["metadata", "boot page table", "kernel page table", "activation", "rights", "areas",
                "spaces", "end"]


def boot(image: str, line: str, seconds: float, model: str = "microvm,acpi=off", cpus: int = 4,
         mib: int = 64) -> tuple[object, str]:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as ram:
        ram.truncate(mib << 20)
        command = [
            "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max,-la57",
            "-M", f"{model},memory-backend=ram", "-m", str(mib), "-smp", str(cpus),
            "-object", f"memory-backend-file,id=ram,size={mib}M,share=on,mem-path={ram.name}",
            "-kernel", image, "-append", line, "-display", "none", "-nodefaults", "-no-reboot",
            "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  timeout=seconds, check=False)
            return done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            return HANGS, (late.stdout or b"").decode(errors="replace")


def boots_a_kernel(image: str, model: str, cpus: int, mib: int) -> bool:
    """All steps were taken, on all CPUs, with all of the RAM but less than 1 MiB."""
    status, seen = boot(image, "kernel", 60, model, cpus, mib)
    pages = re.search(r"^metadata: .*: (\d+) pages", seen, re.MULTILINE)
    steps = re.findall(r"^(.+): [1-9]\d* checks, 0 faults", seen, re.MULTILINE)
    if (status == PASSED and steps == KERNEL_STEPS and f": {cpus} CPUs\n" in seen and pages and
            (mib - 1) * 256 < int(pages.group(1)) <= mib * 256):
        return True
    print(f"kernel, {model}, {cpus} CPUs, {mib} MiB: status {status}, and:\n{seen}")
    return False


def main() -> int:
    image = sys.argv[1]
    faults = sum(not boots_a_kernel(image, *shape) for shape in SHAPES)
    for line, status, said in CASES:
        seen_status, seen = boot(image, line, 3 if status == HANGS else 30)
        if seen_status == status and said in seen:
            continue
        faults += 1
        print(f"{line}: status {seen_status}, not {status}; wanted {said!r} in:\n{seen}")
    return 1 if faults else 0


if __name__ == "__main__":
    if not os.path.exists(sys.argv[1]):
        sys.exit(f"{sys.argv[1]}: there is no image")
    sys.exit(main())
