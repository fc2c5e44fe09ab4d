#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Runs a fuzz harness for a while, from its seeds and a corpus that grows in build/fuzz/corpus/.

What the sequential harness finds is shrunk into corpus/regressions/, which every test run replays.
libFuzzer's own flags go behind --.
"""

import argparse
import hashlib
import json
import math
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/fuzz"
HARNESSES = ["sequential", "codec", "report"]

# Ours, as in check/cli/status.h, and libFuzzer's.
HELD, COUNTEREXAMPLE, USAGE, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 130
CRASH, TIMEOUT, OUT_OF_MEMORY = 77, 70, 71

SHRINKING_SECONDS = 300
MOST_JOBS = 256


class Refused(Exception):
    """What cannot be done, in one sentence."""


def say(what):
    print(f"pagetwin: {what}", file=sys.stderr, flush=True)


class OneSentenceParser(argparse.ArgumentParser):
    """Says what is wrong as all other verbs do."""

    def __init__(self, **how):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
                         **how)

    def error(self, message):
        raise Refused(f"{message} (--help says what there is)")


def seconds_of(name, text):
    """ "90", "90s", "2m", "1h", "500ms": whole seconds, for libFuzzer counts no others."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)(ms|s|m|min|h|)", text)
    units = {"ms": 0.001, "s": 1, "": 1, "m": 60, "min": 60, "h": 3600}
    seconds = math.ceil(float(match[1]) * units[match[2]]) if match else 0
    if not 0 < seconds < 2**31:
        raise Refused(f"{name}: not a time: {text} (try 60s or 2m)")
    return seconds


def number_of(name, text, most=10**6):
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 0 < int(text) <= most:
        raise Refused(f"{name}: not a number from 1 to {most}: {text}")
    return int(text)


def options_of(harness):
    """What libFuzzer is told for a harness."""
    text = (ROOT / f"fuzz/{harness}_fuzz.options").read_text()
    return [f"-{option}" for option in re.findall(r"^\w+=.*$", text, re.MULTILINE)]


def parse(arguments):
    flags = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, flags = arguments[:at], arguments[at + 1:]
    parser = OneSentenceParser(prog="pagetwin fuzz", description=__doc__)
    parser.add_argument("harness", nargs="?", default="sequential", metavar="HARNESS",
                        help=", ".join(HARNESSES) + " (sequential)")
    parser.add_argument("--time", default="60s", metavar="T", help="how long (60s)")
    parser.add_argument("--corpus", type=pathlib.Path, metavar="DIR",
                        help="what grows (build/fuzz/corpus/HARNESS)")
    parser.add_argument("--jobs", default="1", metavar="N", help="processes, on one corpus (1)")
    # The launcher asks before it builds anything.
    parser.add_argument("--only-look", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.harness not in HARNESSES:
        raise Refused(f"there is no harness '{options.harness}': there are {', '.join(HARNESSES)}")
    options.seconds = seconds_of("--time", options.time)
    options.jobs = number_of("--jobs", options.jobs, MOST_JOBS)
    for flag in flags:
        if not flag.startswith("-"):
            raise Refused(f"behind -- go flags of libFuzzer, and '{flag}' is none")
    options.flags = flags
    options.corpus = (options.corpus or BUILD / "corpus" / options.harness).absolute()
    return options


def writable(folder):
    """The folder, made if need be; refused if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(65536))
            probe.flush()
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from error
    return folder


class Job:
    """One process of libFuzzer's."""

    def __init__(self, options, number):
        self.log = writable(BUILD / "log") / f"{options.harness}-{number}.log"
        seeds = ROOT / "corpus/seeds" / options.harness
        # Whatever ends this process ends that one; Ctrl-C is passed on by us, as what lets it tell
        # how far it came.
        command = ["setpriv", "--pdeathsig", "KILL", BUILD / f"fuzz/{options.harness}_fuzz",
                   *options_of(options.harness), f"-max_total_time={options.seconds}",
                   f"-artifact_prefix={writable(BUILD / 'found')}/", "-print_final_stats=1",
                   *options.flags, options.corpus, seeds]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, cwd=BUILD / "fuzz", stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)

    def said(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)  # It ends in good order.
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def short(number):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"


def executed(said):
    """How many inputs a log tells of."""
    return max((int(number) for number in
                re.findall(r"^(?:stat::number_of_executed_units: |#)(\d+)", said, re.MULTILINE)),
               default=0)


def follow(jobs, start):
    """Until one of the jobs ends."""
    next_word = start + 10
    while all(job.process.poll() is None for job in jobs):
        time.sleep(0.1)
        if time.monotonic() > next_word:
            next_word += 10
            runs = sum(executed(job.said()) for job in jobs)
            say(f"{time.monotonic() - start:.0f} s: more than {short(runs)} inputs")


def summary(options, jobs, seconds):
    logs = [job.said() for job in jobs]
    runs = sum(map(executed, logs))
    kept = sum(1 for _ in options.corpus.iterdir())
    text = (f"{options.harness}: {short(runs)} inputs in {seconds:.0f} s "
            f"({short(runs / max(seconds, 0.001))} a second), {kept} in the corpus")
    asked = [(int(total), float(share)) for log in logs for total, share in
             re.findall(r"(\d+) operations, of which ([\d.]+) % were asked", log)]
    if sum(total for total, _ in asked) > 0:
        share = sum(total * share for total, share in asked) / sum(total for total, _ in asked)
        text += f"; {share:.1f} % of their operations were asked"
    return text


def pagetwin(*arguments, seconds=None):
    return subprocess.run([ROOT / "pagetwin", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=False, timeout=seconds)


def regression_of(report):
    """Writes what a report tells as a file of corpus/regressions/; its name."""
    what = json.loads(report.read_text())["what"]
    converted = pagetwin("convert", report, "--to", "json")
    if converted.returncode != HELD:
        raise Refused(f"{report} could not be made a trace")
    trace = re.sub(r'^  "why": .*$', lambda _: f'  "why": {json.dumps(what, ensure_ascii=False)},',
                   converted.stdout, count=1, flags=re.MULTILINE)
    slug = "_".join(re.findall(r"[a-z0-9]+", what.lower()))[:60].rstrip("_")
    calls = json.dumps(json.loads(trace)["calls"])
    name = f"{slug}-{hashlib.sha256(calls.encode()).hexdigest()[:8]}.json"
    kept = ROOT / "corpus/regressions" / name
    try:
        writable(kept.parent)
        kept.write_text(trace)
    except OSError as error:
        raise Refused(f"{kept} cannot be written: {error.strerror}") from error
    return kept


def keep_trace(raw):
    """Shrinks what made the sequential harness crash, and keeps it."""
    report = raw.with_name(raw.name + ".json")
    report.unlink(missing_ok=True)
    pagetwin("--version")  # Is built now, if it was not: that may take longer than the shrinking.
    try:
        shrunk = pagetwin("shrink", raw, "--from", "bytes", "-o", report, seconds=SHRINKING_SECONDS)
    except subprocess.TimeoutExpired:
        say(f"it does not come to an end outside the fuzzer either; it is kept as it is: {raw}")
        return
    if shrunk.returncode != COUNTEREXAMPLE or not report.exists():
        say("it does not show outside the fuzzer, where no sanitizer looks; it is kept as it is")
        say(f"to see it: build/fuzz/fuzz/sequential_fuzz {raw}, or ./pagetwin replay --sanitize {raw}")
        return
    kept = regression_of(report)
    print(shrunk.stdout, end="")
    say(f"kept as {kept.relative_to(ROOT)}, which every test run replays from now on")


def keep_input(harness, raw):
    """Other inputs cannot be shrunk by us; the harness tries its seeds in every test run."""
    kept = writable(ROOT / "corpus/seeds" / harness) / raw.name
    shutil.copyfile(raw, kept)
    say(f"kept as {kept.relative_to(ROOT)}, which every test run tries from now on")


def why(said):
    """What a log says of a crash, as far as a screen goes: what did not hold comes first."""
    begin = re.search(r"^(It is not so that|==\d+== ?ERROR)", said, re.MULTILINE)
    return said[begin.start():][:2000] if begin else said[-2000:]


def fuzz(options):
    writable(options.corpus)
    say(f"fuzzing for {options.seconds} s; what libFuzzer says is in "
        f"{BUILD.relative_to(ROOT)}/log/{options.harness}-*.log")
    start = time.monotonic()
    jobs, interrupted = [], False
    try:
        for number in range(1, options.jobs + 1):
            jobs.append(Job(options, number))
        follow(jobs, start)
        if all(job.process.poll() in (None, 0) for job in jobs):
            for job in jobs:  # They began together.
                job.process.wait()
    except KeyboardInterrupt:
        interrupted = True
    for job in jobs:
        job.stop()
    print(summary(options, jobs, time.monotonic() - start))

    status = INTERRUPTED if interrupted else HELD
    for job in jobs:
        said = job.said()
        written = re.findall(r"Test unit written to (\S.*)$", said, re.MULTILINE)
        if job.process.returncode in (CRASH, TIMEOUT, OUT_OF_MEMORY) and written:
            raw = pathlib.Path(written[-1])
            say(f"this input crashed it: {raw}")
            if options.harness == "sequential":
                keep_trace(raw)
            else:
                print(why(said))
                keep_input(options.harness, raw)
            return COUNTEREXAMPLE
        if job.process.returncode != 0 and not interrupted:
            print(said[-2000:], file=sys.stderr, end="")
            say(f"the harness ended with {job.process.returncode}; all of its words are in {job.log}")
            status = INTERNAL
    return status


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = parse(sys.argv[1:])
    if options.only_look:
        writable(options.corpus)
        return HELD
    return fuzz(options)


def end_with(work):
    """Ends the process with what `work` returns, or with what kept it from returning."""
    try:
        sys.exit(work())
    except Refused as why:
        say(why)
        sys.exit(USAGE)
    except OSError as error:
        say(f"{error.filename}: {error.strerror}")
        sys.exit(USAGE)
    except RuntimeError as why:
        say(why)
        sys.exit(INTERNAL)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    end_with(main)
