# SPDX-License-Identifier: MPL-2.0
"""Plants bugs: plant.py SOURCE_ROOT BUGS_FOLDER PROPERTIES.json OUTPUT_ROOT

Copies impl/, check/bind/ and reference/, and writes each bug beside the right code, chosen at run
time by zoo::on(number); and writes props/zoo/list.h, the tables of all bugs and of the bug that
each property finds by itself. The source itself knows nothing of it. The old text of every edit must
occur exactly once, in the source and still after the bugs listed before it are planted; if not, the
build fails: the bug must be written anew. The files of the folder are read in the order of their
names.

An edit is of a kind:
  statement   old and new are statements; one of them is run
  expression  old and new are expressions of one type; one of them is evaluated
  text        old becomes new, in which ON stands for "this bug is switched on"
"""

import json
import pathlib
import re
import sys

COPIED = ["impl", "check/bind", "reference"]


def planted(bug, number, edit, text, original):
    """The text of a file with one edit in it."""
    old, new = edit["old"], edit["new"]
    for where, count in (("the source", original.count(old)), ("the planted copy", text.count(old))):
        if count != 1:
            sys.exit(f'{bug["id"]}: the old text occurs {count} times in {where} of '
                     f'{edit["file"]}, not once: {old}')
    on = f"zoo::on({number})"
    if edit["kind"] == "statement":
        both = f"if ({on}) {{\n{new}\n}} else {{\n{old}\n}}"
    elif edit["kind"] == "expression":
        both = f"({on} ? ({new}) : ({old}))"
    else:
        both = re.sub(r"\bON\b", on, new)
    return text.replace(old, both)


def with_include(text):
    return text.replace("\n#include", '\n#include "props/zoo/on.h"\n#include', 1)


def write(path, text):
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def property_of(bug):
    return bug.get("property", "everything agrees" if bug["lanes"] == 1 else "lanes agree")


def quoted(text):
    return json.dumps(text, ensure_ascii=True)


def main():
    source, bugs_folder, properties_file, output = map(pathlib.Path, sys.argv[1:])
    bugs = [bug for file in sorted(bugs_folder.glob("*.json")) for bug in json.loads(file.read_text())]
    originals, texts = {}, {}
    for number, bug in enumerate(bugs, start=1):
        for edit in bug["edits"]:
            file = edit["file"]
            if file not in texts:
                originals[file] = texts[file] = (source / file).read_text()
            texts[file] = planted(bug, number, edit, texts[file], originals[file])

    # What has not changed is not written, so that it need not be compiled again.
    for folder in COPIED:
        kept = {path.relative_to(source) for path in (source / folder).rglob("*") if path.is_file()}
        for path in (output / folder).rglob("*"):
            if path.is_file() and path.relative_to(output) not in kept:
                path.unlink()
        for path in kept:
            text = texts.get(str(path))
            write(output / path, with_include(text) if text else (source / path).read_text())

    rows = "".join(
        "    {" + ", ".join([quoted(bug["id"]), quoted(bug["family"]), quoted(bug["sentence"]),
                             quoted(bug.get("real", "")), str(bug["lanes"]),
                             quoted(property_of(bug)), quoted(bug["oracle"]), str(bug["min_ops"]),
                             quoted(bug.get("too_many", ""))]) + "},\n"
        for bug in bugs)
    numbers = {bug["id"]: number for number, bug in enumerate(bugs, start=1)}
    shown = "".join(
        "    {" + ", ".join([quoted(one["property"]), str(numbers[one["bug"]]),
                             "true" if one.get("alone", False) else "false"]) + "},\n"
        for one in json.loads(properties_file.read_text()))
    list_file = output / "props/zoo/list.h"
    write(
        list_file,
        "#pragma once\n\nnamespace zoo {\n\n"
        "struct Bug {\n  const char* id;\n  const char* family;\n  const char* sentence;\n"
        "  const char* real;  // The bug that really occurred, if it is one.\n"
        "  int lanes;         // 1: operations go alone; 2: at once.\n"
        "  const char* property;  // Whose traces and judge hunt it.\n"
        "  const char* oracle;\n  int min_ops;\n"
        "  const char* too_many;  // Why not all shorter traces are tried; empty if they are.\n};\n"
        f"inline constexpr Bug kBugs[] = {{\n{rows}}};\n\n"
        "struct Shown {\n  const char* property;\n  int number;     // Of a bug that it finds.\n"
        "  bool is_alone;  // No other property finds it, if operations go alone.\n};\n"
        f"inline constexpr Shown kShown[] = {{\n{shown}}};\n\n}}  // namespace zoo\n")


if __name__ == "__main__":
    main()
