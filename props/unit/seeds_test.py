#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Every file of corpus/tour is a seed of the sequential fuzzer, too, in bytes: what the fuzzer starts
from has all that the tour has.  seeds_test.py PAGETWIN ROOT
"""

import pathlib
import subprocess
import sys
import tempfile

pagetwin, root = sys.argv[1], pathlib.Path(sys.argv[2])
seeds = root / "corpus/seeds/sequential"
wrong = []
with tempfile.TemporaryDirectory() as scratch:
    made = pathlib.Path(scratch) / "seed.bin"
    for lesson in sorted((root / "corpus/tour").glob("*.json")):
        subprocess.run([pagetwin, "convert", lesson, "--to", "bytes", "-o", made], check=True,
                       stderr=subprocess.DEVNULL)
        seed = seeds / f"{lesson.stem}.bin"
        if not seed.exists() or seed.read_bytes() != made.read_bytes():
            wrong.append(f"pagetwin convert {lesson.relative_to(root)} --to bytes "
                         f"-o {seed.relative_to(root)}")
for command in wrong:
    print(f"a seed is missing or old: {command}")
sys.exit(1 if wrong else 0)
