#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""The JSON Schemas are what the program says, accept what it writes, and refuse what is broken.

usage: json_schema_test.py PAGETWIN REPORT_TEST SOURCES
"""
import copy
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

import jsonschema

pagetwin, report_test, sources = sys.argv[1:]
failures = []


def expect(is_so, what):
    if not is_so:
        failures.append(what)
        print("FAILED:", what)


def schema(name, file):
    said = json.loads(subprocess.run([pagetwin, "schema", name], check=True, capture_output=True).stdout)
    with open(os.path.join(sources, file)) as text:
        expect(said == json.load(text), f"{file} is not what `pagetwin schema {name}` prints")
    jsonschema.Draft202012Validator.check_schema(said)
    return said


trace_schema = schema("trace", "trace/trace.schema.json")
report_schema = schema("report", "check/report/report.schema.json")
store = {one["$id"]: one for one in (trace_schema, report_schema)}


def validator(one):
    return jsonschema.Draft202012Validator(
        one, resolver=jsonschema.RefResolver(one["$id"], one, store=store))


traces, reports = validator(trace_schema), validator(report_schema)

with tempfile.TemporaryDirectory() as folder:
    # Random bytes are traces; 3,000 calls have every operation in them.
    rng = random.Random(1)
    ops = set()
    for size in [0, 1, 16, 33, 16 * 100, 16 * 3000]:
        name = os.path.join(folder, f"{size}.bin")
        with open(name, "wb") as out:
            out.write(bytes(rng.randrange(256) for _ in range(size)))
        text = subprocess.run([pagetwin, "convert", name], check=True, capture_output=True).stdout
        trace = json.loads(text)
        ops |= {call["op"] for call in trace["calls"]}
        expect(traces.is_valid(trace), f"the trace of {size} random bytes is refused")
    listed = {one["properties"]["op"]["const"] for one in trace_schema["$defs"]["call"]["oneOf"]}
    expect(ops == listed, f"operations written and listed differ: {ops ^ listed}")

    for name in glob.glob(os.path.join(sources, "corpus/**/*.json"), recursive=True):
        with open(name) as text:
            kept = json.load(text)
        valid = reports if "diverged" in kept else traces
        expect(valid.is_valid(kept), f"{name} is refused")

    # What it finds by chance is its own affair: the seed is fixed here.
    subprocess.run([report_test, "--gtest_filter=Report.JsonReadsBackAsItWas"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
                   env=dict(os.environ, PAGETWIN_SAMPLES=folder,
                            RC_PARAMS="seed=1 max_success=50 max_size=30"))
    samples = glob.glob(os.path.join(folder, "*.report.json"))
    expect(len(samples) >= 20, f"only {len(samples)} reports were written")
    for name in samples:
        with open(name) as text:
            report = json.load(text)
        expect(reports.is_valid(report), f"{name} is refused")
        for field in report:
            broken = copy.deepcopy(report)
            del broken[field]
            expect(not reports.is_valid(broken), f"a report without {field} is accepted")

with open(os.path.join(sources, "corpus/tour/bad_out_of_bound.json")) as text:
    good = json.load(text)
expect(traces.is_valid(good), "the file to be broken is refused as it is")


def broken(what, edit):
    bad = copy.deepcopy(good)
    edit(bad)
    expect(not traces.is_valid(bad), f"accepted: {what}")
    # Whatever the schema refuses the program refuses too.
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(bad, file)
        file.flush()
        status = subprocess.run([pagetwin, "show", file.name], capture_output=True).returncode
        expect(status == 2, f"the program ends with {status}: {what}")


for field in ["format", "machine", "calls"]:
    broken(f"no {field}", lambda bad: bad.pop(field))
broken("a newer format", lambda bad: bad.update(format=2))
broken("an unknown field", lambda bad: bad.update(call=[]))
broken("an unknown operation", lambda bad: bad["calls"][0].update(op="frame_fly"))
broken("an unknown operand", lambda bad: bad["calls"][0].update(too=1))
broken("a missing operand", lambda bad: bad["calls"][0].pop("to"))
broken("a register that is not there", lambda bad: bad["calls"][0].update(to=8))
broken("a lane that is not there", lambda bad: bad["calls"][0].update(lane=4))
broken("a negative page", lambda bad: bad["calls"][0].update(at=-1))
broken("a place that is none", lambda bad: bad["calls"][0].update(at={"outside": "here"}))
broken("a page of two minds", lambda bad: bad["calls"][0].update(at={"outside": "one_gib", "page": 1}))
broken("too many pages", lambda bad: bad["machine"].update(pages=129))
broken("half a CPU", lambda bad: bad["machine"].update(cpus=1.5))
broken("a status that is none", lambda bad: bad["expect"].update(status="great"))
broken("a turn that is a failure", lambda bad: bad.update(schedule=[{
    "turn": {"lane": 0, "op": 0, "point": 0}, "failure": {"lane": 0, "op": 0, "point": 0}}]))

sys.exit(1 if failures else 0)
