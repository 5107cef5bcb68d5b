#!/usr/bin/env python3
"""Turns a suite's expected values into the table of published.hpp.

    published.py EXPECTED.json... OUTPUT.cpp

Later files add sets to earlier ones. Left out: sets of another random generator than the programs
use, notes, and tolerances (the programs name their own).
"""
import json
import sys

NOTES = {"note", "plus", "invariant", "rel_tol", "abs_tol", "C_ij"}
SKIPPED_GENERATOR = "PseudoRandom("


def flat(value):
    if isinstance(value, list):
        return ",".join(flat(each) for each in value)
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def whole(value):
    if isinstance(value, str) and value.startswith("2^"):
        return str(2 ** int(value[2:]))
    return str(value) if isinstance(value, int) else None


def table(name, pairs):
    """Its name, `{}` for an empty one, which needs no lines."""
    if not pairs:
        return "{}", ""
    rows = "".join(f'    {{"{key}", "{text}"}},\n' for key, text in pairs)
    return name, f"constexpr published_value {name}[] = {{\n{rows}}};\n"


def main():
    *inputs, output = sys.argv[1:]
    tables, sets = [], []
    for path in inputs:
        with open(path, encoding="utf-8") as file:
            benchmarks = json.load(file)["benchmarks"]
        for program, variants in benchmarks.items():
            for variant, content in variants.items():
                if str(content["params"].get("random", "")).startswith(SKIPPED_GENERATOR):
                    continue
                stem = f"{program}_{variant}"
                parameters = [(k, whole(v)) for k, v in content["params"].items() if whole(v)]
                values = [(k, flat(v)) for k, v in content["expect"].items() if k not in NOTES]
                named = [table(stem + "_parameters", parameters), table(stem + "_values", values)]
                tables += [lines for _, lines in named]
                sets.append(f'    {{"{program}", "{variant}", {named[0][0]}, {named[1][0]}}},\n')
    with open(output, "w", encoding="utf-8") as file:
        file.write('// Made by published.py.\n#include "../harness/published.hpp"\n\nnamespace sluice::bench {\n\n')
        file.write("namespace {\n\n" + "\n".join(tables))
        file.write("\nconstexpr published_set all_sets[] = {\n" + "".join(sets) + "};\n\n}  // namespace\n\n")
        file.write("std::span<const published_set> published_sets() noexcept { return all_sets; }\n\n")
        file.write("}  // namespace sluice::bench\n")


if __name__ == "__main__":
    main()
