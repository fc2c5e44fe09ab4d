# SPDX-License-Identifier: MPL-2.0
"""Plants bugs.

Copies some folders of the source, and writes each bug beside the right code, chosen at run time by
zoo::on(number); and writes props/zoo/list.h, the tables of all bugs and of the bug that each
property finds by itself. The source itself knows nothing of it. The old text of every edit must
occur exactly once, in the source and still after the bugs listed before it are planted; if not, the
build fails: the bug must be written anew. The files of the folder are read in the order of their
names.

An edit is of a kind:
  statement   old and new are statements; one of them is run
  expression  old and new are expressions of one type; one of them is evaluated
  text        old becomes new, in which ON stands for "this bug is switched on"
  assembly    old becomes new, in which ON stands for the bug's number, and PLANTED for the word in
              memory that has the number of the bug that is switched on
  always      old becomes new, whatever is switched on

An entry without an id is no bug: its edits let the copy know which bug is switched on.
"""

import argparse
import json
import pathlib
import re
import sys

PLANTED = "_ZN3zoo7plantedE(%rip)"  # zoo::planted


def planted(bug, number, edit, text, original):
    """The text of a file with one edit in it."""
    old, new = edit["old"], edit["new"]
    for where, count in (("the source", original.count(old)), ("the planted copy", text.count(old))):
        if count != 1:
            sys.exit(f'{bug.get("id", "no bug")}: the old text occurs {count} times in {where} of '
                     f'{edit["file"]}, not once: {old}')
    on = f"zoo::on({number})"
    if edit["kind"] == "statement":
        both = f"if ({on}) {{\n{new}\n}} else {{\n{old}\n}}"
    elif edit["kind"] == "expression":
        both = f"({on} ? ({new}) : ({old}))"
    elif edit["kind"] == "assembly":
        both = re.sub(r"\bON\b", str(number), re.sub(r"\bPLANTED\b", PLANTED, new))
    elif edit["kind"] == "text":
        both = re.sub(r"\bON\b", on, new)
    else:
        both = new
    return text.replace(old, both)


def with_include(file, text):
    if file.endswith(".S"):
        return text
    return text.replace("\n#include", '\n#include "props/zoo/on.h"\n#include', 1)


def write(path, text):
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def property_of(bug):
    return bug.get("property", "everything agrees" if bug["lanes"] == 1 else "lanes agree")


def line_of(bug):
    return bug.get("line", "boot" if bug["oracle"] == "boot" else "")


def quoted(text):
    return json.dumps(text, ensure_ascii=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path, metavar="SOURCE_ROOT")
    parser.add_argument("bugs", type=pathlib.Path, metavar="BUGS_FOLDER")
    parser.add_argument("output", type=pathlib.Path, metavar="OUTPUT_ROOT")
    parser.add_argument("--copy", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--properties", type=pathlib.Path, metavar="FILE",
                        help="the bug that each property finds by itself")
    return parser.parse_args()


def main():
    options = parse()
    source, output = options.source, options.output
    entries = [entry for file in sorted(options.bugs.glob("*.json"))
               for entry in json.loads(file.read_text())]
    bugs = [entry for entry in entries if "id" in entry]
    numbers = {bug["id"]: number for number, bug in enumerate(bugs, start=1)}
    originals, texts = {}, {}
    for entry in entries:
        for edit in entry["edits"]:
            file = edit["file"]
            if file not in texts:
                originals[file] = texts[file] = (source / file).read_text()
            texts[file] = planted(entry, numbers.get(entry.get("id")), edit, texts[file],
                                  originals[file])

    # What has not changed is not written, so that it need not be compiled again.
    for folder in options.copy:
        kept = {path.relative_to(source) for path in (source / folder).rglob("*") if path.is_file()}
        for path in (output / folder).rglob("*"):
            if path.is_file() and path.relative_to(output) not in kept:
                path.unlink()
        for path in kept:
            text = texts.get(str(path))
            write(output / path,
                  with_include(str(path), text) if text else (source / path).read_text())

    rows = "".join(
        "    {" + ", ".join([quoted(bug["id"]), quoted(bug["family"]), quoted(bug["sentence"]),
                             quoted(bug.get("real", "")), str(bug["lanes"]),
                             quoted(property_of(bug)), quoted(bug["oracle"]), str(bug["min_ops"]),
                             quoted(bug.get("too_many", "")), quoted(line_of(bug)),
                             quoted(bug.get("says", ""))]) + "},\n"
        for bug in bugs)
    properties = json.loads(options.properties.read_text()) if options.properties else []
    shown = "".join(
        "    {" + ", ".join([quoted(one["property"]), str(numbers[one["bug"]]),
                             "true" if one.get("alone", False) else "false"]) + "},\n"
        for one in properties)
    tables = f"inline constexpr Bug kBugs[] = {{\n{rows}}};\n"
    if shown:
        tables += f"inline constexpr Shown kShown[] = {{\n{shown}}};\n"
    write(output / "props/zoo/list.h",
          '#pragma once\n\n#include "props/zoo/bug.h"\n\n'
          f"namespace zoo {{\n\n{tables}\n}}  // namespace zoo\n")


if __name__ == "__main__":
    main()
