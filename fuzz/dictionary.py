# SPDX-License-Identifier: MPL-2.0
"""Every word of our JSON as a libFuzzer dictionary: dictionary.py OUTPUT SCHEMA...

The schemas say which names of fields, operations, kinds, laws and statuses there are.
"""

import json
import pathlib
import sys


def words_in(schema):
    """Names of fields, and strings that a value may be."""
    if isinstance(schema, list):
        for part in schema:
            yield from words_in(part)
    if not isinstance(schema, dict):
        return
    yield from schema.get("properties", {})
    for value in [schema.get("const"), *schema.get("enum", [])]:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            yield value
    for part in schema.values():
        yield from words_in(part)


def main():
    output, *schemas = map(pathlib.Path, sys.argv[1:])
    words = {}  # Ordered.
    for schema in schemas:
        words.update(dict.fromkeys(words_in(json.loads(schema.read_text()))))
    entries = [json.dumps(json.dumps(word)) for word in words]
    output.write_text("".join(f"{entry}\n" for entry in entries))


if __name__ == "__main__":
    main()
