#!/usr/bin/env python3
"""Makes the tree that the model tests are compiled from: copies of the files of src/ and include/ that
edits.ini and plants.ini name, and nothing else; what they do not name is read where it stands.

  prepare.py ROOT OUTPUT DEPFILE     ROOT is the project; OUTPUT the header prepared.hpp to write, whose
                                     folder gets the copies in tree/

An edit is made always: it puts a plain member under Relacy's eyes or makes a constant small. A plant is
a bug that sleeps until a run names it: `from` becomes a choice between it and `to`. In both

  file  = src/sync/run_queue.hpp
  after = push(T* item           the text behind which `from` is looked for; from the beginning if left out
  from  = base::release          without `after` it stands once in the file
  to    = base::relaxed
  after2, from2, to2 …           of a plant that changes more than one place
  double = slot_double.hpp       of an edit, alone: this header is there instead
  excerpt = void leave_flow(     of an edit, alone: the function that begins so goes, as it stands, into
                                 excerpts/NAME.inc

Where a text is not found, or not once, nothing is made: the table is out of date.
"""
import configparser
import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def table_of(name):
    table = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",),
                                      strict=True)
    table.read(HERE / name, encoding="utf-8")
    return [(section, table[section]) for section in table.sections()]


def place_of(text, name, entry):
    """Where `from` stands: its beginning and end."""
    after, wanted = entry.get("after", ""), entry["from"]
    if after and text.count(after) != 1:
        raise SystemExit(f"prepare: {name}: `after` stands {text.count(after)} times in {entry['file']}")
    if not after and text.count(wanted) != 1:
        raise SystemExit(f"prepare: {name}: `from` stands {text.count(wanted)} times in {entry['file']}")
    begin = text.find(wanted, text.find(after) if after else 0)
    if begin < 0:
        raise SystemExit(f"prepare: {name}: `from` is not in {entry['file']}")
    return begin, begin + len(wanted)


def edited(text, edits):
    for name, entry in edits:
        begin, end = place_of(text, name, entry)
        text = text[:begin] + entry["to"] + text[end:]
    return text


def places_of(text, number, name, entry):
    """Yields (place, number, what it becomes) of each place that a plant changes."""
    for suffix in ("", "2", "3"):
        if "from" + suffix in entry:
            spot = {key: entry[key + suffix] for key in ("after", "from", "to") if key + suffix in entry}
            yield place_of(text, name, {**spot, "file": entry["file"]}), number, spot["to"]


def planted(text, plants):
    """`plants` holds (number, name, entry); several may choose at one place."""
    places = {}
    for plant in plants:
        for place, number, to in places_of(text, *plant):
            places.setdefault(place, []).append((number, to))
    above = len(text)
    for (begin, end), choices in sorted(places.items(), reverse=True):
        if end > above:
            raise SystemExit(f"prepare: plants overlap: {text[begin:end]}")
        above = begin
        chosen = f"({text[begin:end]})"
        for number, to in choices:
            chosen = f"(::sluice::model::planted == {number} ? ({to}) : {chosen})"
        text = text[:begin] + chosen + text[end:]
    return text


def excerpt_of(text, entry):
    if text.count(entry["excerpt"]) != 1:
        raise SystemExit(f"prepare: `{entry['excerpt']}` is not once in {entry['file']}")
    begin = text.index(entry["excerpt"])
    return text[begin:text.index("\n}\n", begin) + 3]


def write_if_new(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main():
    root, output, depfile = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    edits, plants = table_of("edits.ini"), list(enumerate(table_of("plants.ini"), 1))
    doubles = [entry for _, entry in edits if "double" in entry]
    excerpts = [each for each in edits if "excerpt" in each[1]]
    edits = [each for each in edits if "from" in each[1]]
    for entry in doubles:
        if not (root / entry["file"]).exists():
            raise SystemExit(f"prepare: {entry['file']}, which has a double, is gone")
        write_if_new(output.parent / "tree" / entry["file"], f"#pragma once\n#include <{entry['double']}>\n")
    files = sorted({entry["file"] for _, entry in edits + excerpts} | {entry["file"] for _, (_, entry) in plants})
    digest = hashlib.sha256()
    for file in files:
        text = (root / file).read_text(encoding="utf-8")
        text = edited(text, [each for each in edits if each[1]["file"] == file])
        text = planted(text, [(number, name, entry) for number, (name, entry) in plants
                              if entry["file"] == file])
        # Includes are written from src/ and include/, so the copies lie as if they stood there.
        write_if_new(output.parent / "tree" / file, text)
        digest.update(text.encode())
        for name, entry in excerpts:
            if entry["file"] == file:
                write_if_new(output.parent / "tree" / "excerpts" / f"{name}.inc",
                             excerpt_of(text, entry))
    names = "".join(f'    "{name}",\n' for _, (name, _) in plants)
    output.write_text(f"""// Made by prepare.py of edits.ini and plants.ini: the names of the plants, the first is number 1.
// Text of the copies: {digest.hexdigest()}
#pragma once

namespace sluice::inline v0::model {{

inline constexpr const char* plant_names[] = {{
{names}    "",  // None.
}};

}}  // namespace sluice::inline v0::model
""", encoding="utf-8")
    read = [str(root / file) for file in files] + [str(HERE / name) for name in
                                                   ("edits.ini", "plants.ini", "prepare.py")]
    depfile.write_text(f"{sys.argv[2]}: {' '.join(read)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
