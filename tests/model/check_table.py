#!/usr/bin/env python3
"""Checks that the mailbox has one table. Usage: check_table.py TREE [--model FILE] [--header FILE]

Three places say what push, take, try_park, try_wait and close do in each state of the word: the table
in src/actor/mailbox.hpp, the cells of tests/model/mailbox_word.pml, which the models run, and the push
columns that tests/actor/mailbox_test.cpp walks in C++. Each difference is a line; exit code 1.
"""
import argparse
import pathlib
import re
import sys

STATES = ["owned", "owned_mail", "idle", "waiting", "waiting_mail", "closed"]
OPERATIONS = ["push", "push_control", "take", "try_park", "try_wait", "close"]
ROW_NAMES = {"owned": "owned", "owned+mail": "owned_mail", "idle": "idle", "waiting": "waiting",
             "wait+mail": "waiting_mail", "closed": "closed"}
WITH_MAIL = {"owned": "owned_mail", "waiting": "waiting_mail"}
MISTAKE = ("mistake", None)


def cell_of_header(text, state):
    """What a cell of the header's table means: the answer and the next state."""
    text = re.sub(r"\s*\(M\d+\)$", "", text)
    meanings = {
        "-": MISTAKE,
        "queued": ("queued", WITH_MAIL.get(state, state)),
        "schedule→mail": ("schedule", "owned_mail"),
        "closed": ("refused", "closed"),
        "(nothing)": ("nothing", state),
        "→owned": ("mail", "owned"),
        "parked→idle": ("parked", "idle"),
        "waiting→waiting": ("parked", "waiting"),
        "more": ("more", state),
        "→closed": ("mail" if state == "owned_mail" else "nothing", "closed"),
    }
    return meanings.get(text, (f"unknown cell {text!r}", None))


def table_of_header(text):
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if re.match(r"//\s+push\s+push control\s", line))
    columns = re.split(r"\s{2,}", lines[head].removeprefix("//").strip())
    if [name.replace(" ", "_") for name in columns] != OPERATIONS:
        raise SystemExit(f"check_table: the header's columns are {columns}")
    table = {}
    for line in lines[head + 1:]:
        cells = re.split(r"\s{2,}", line.removeprefix("//").strip())
        if cells[0] not in ROW_NAMES:
            break
        state = ROW_NAMES[cells[0]]
        for operation, cell in zip(OPERATIONS, cells[1:], strict=True):
            table[operation, state] = cell_of_header(cell, state)
    return table


def without_planted(text):
    """The lines that are there when no BUG_… is defined."""
    kept, skipping = [], []
    for line in text.splitlines():
        word = line.split()
        if line.startswith("#ifdef BUG_"):
            skipping.append(True)
        elif line.startswith("#ifndef BUG_"):
            skipping.append(False)
        elif word[:1] == ["#else"]:
            skipping[-1] = not skipping[-1]
        elif word[:1] == ["#endif"]:
            skipping.pop()
        elif not any(skipping):
            kept.append(line)
    return kept


def table_of_model(text):
    table, operation = {}, None
    for line in without_planted(text):
        if found := re.match(r"inline (\w+)\(box\)", line):
            operation = found[1]
        elif found := re.match(r"\s+cell\(box, (\w+),\s*(\w+),\s*(\w+)\)", line):
            table[operation, found[1]] = (found[2], found[3])
        elif found := re.match(r"\s+mistake\(box, (\w+)\)", line):
            table[operation, found[1]] = MISTAKE
    return table


def pushes_of_test(text):
    """The answers that the C++ test expects of push, by operation and state."""
    names = {"owned_with_mail": "owned_mail", "waiting_with_mail": "waiting_mail"}
    answers = {"closed": "refused"}
    found = re.findall(r"check_push\((\w+), (true|false), push_outcome::(\w+)\)", text)
    return {("push_control" if control == "true" else "push", names.get(state, state)):
            answers.get(answer, answer) for state, control, answer in found}


def differences(header, model, test):
    for key in [(operation, state) for operation in OPERATIONS for state in STATES]:
        where = f"{key[0]} of {key[1]}"
        if key not in header:
            yield f"{where}: not in the header's table"
        if key not in model:
            yield f"{where}: not in the model"
        if key in header and key in model and header[key] != model[key]:
            yield f"{where}: the header says {header[key]}, the model {model[key]}"
        if key[0].startswith("push") and key in header and test.get(key) != header[key][0]:
            yield f"{where}: the header says {header[key][0]}, the C++ test {test.get(key)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--header", type=pathlib.Path)
    given = parser.parse_args()
    header = given.header or given.tree / "src" / "actor" / "mailbox.hpp"
    model = given.model or given.tree / "tests" / "model" / "mailbox_word.pml"
    test = given.tree / "tests" / "actor" / "mailbox_test.cpp"
    found = list(differences(table_of_header(header.read_text(encoding="utf-8")),
                             table_of_model(model.read_text(encoding="utf-8")),
                             pushes_of_test(test.read_text(encoding="utf-8"))))
    for line in found:
        print(line)
    print(f"check_table: {len(STATES) * len(OPERATIONS)} cells, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
