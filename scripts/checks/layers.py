#!/usr/bin/env python3
"""Checks that includes go downward only. Usage: layers.py TREE

Rules, one letter each, named in the messages:
  L1  a file of src/<layer>/ includes its own layer and lower ones; the order is LAYERS below
  L2  quoted includes are written from src/ ("base/atomic.hpp"), so that the layer can be seen
  L3  a public header includes public headers and the system's, never src/, liburing or moodycamel
  L4  the gateway includes public headers and its own files only
  L5  a public header belongs to the layer of the source file that has its name; lower layers do not
      include it
  L6  <liburing.h> and io_uring's kernel header are included in src/io only
"""
import pathlib
import re
import sys

LAYERS = ["base", "sync", "mem", "sched", "io", "actor", "sup", "net", "node", "testing"]
RANK = {name: rank for rank, name in enumerate(LAYERS)}
GENERATED = {"sluice_config.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
KERNEL_RING = {"liburing.h", "linux/io_uring.h", "liburing/io_uring.h"}


def includes_of(path):
    """Yields (line number, name, is quoted)."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) or match.group(2), match.group(1) is not None


def sources_in(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".hpp", ".cpp", ".h"))


def public_header_layers(tree):
    """Maps a public header to the layer whose folder holds the source file of the same name."""
    layers = {}
    for layer in LAYERS:
        for source in (tree / "src" / layer).glob("*.cpp"):
            if (tree / "include" / "sluice" / (source.stem + ".hpp")).exists():
                layers["sluice/" + source.stem + ".hpp"] = layer
    return layers


def check_layer_file(tree, path, layer, public_layers):
    for number, name, quoted in includes_of(path):
        if quoted and name not in GENERATED:
            target = name.split("/")[0]
            if target not in RANK:
                yield number, f'L2: "{name}" is not written from src/<layer>/'
            elif not (tree / "src" / name).exists():
                yield number, f'L2: "{name}" does not exist under src/'
            elif RANK[target] > RANK[layer]:
                yield number, f'L1: {layer} includes "{name}" of the higher layer {target}'
        target = public_layers.get(name)
        if not quoted and target and RANK[target] > RANK[layer]:
            yield number, f"L5: {layer} includes <{name}>, which belongs to the higher layer {target}"
        if not quoted and name in KERNEL_RING and layer != "io":
            yield number, f"L6: <{name}> is for src/io, not for {layer}"


def check_public_header(path):
    for number, name, quoted in includes_of(path):
        if quoted:
            yield number, f'L3: a public header includes "{name}"'
        elif name in KERNEL_RING or "concurrentqueue" in name:
            yield number, f"L3: a public header includes <{name}>"
        elif name.split("/")[0] in RANK and name.split("/")[0] != "net":
            yield number, f"L3: a public header includes <{name}> of src/"


def check_gateway_file(tree, path):
    for number, name, quoted in includes_of(path):
        inside = (path.parent / name).exists() or (
            name.startswith("gateway/") and (tree / "src" / name).exists())
        if quoted and not inside:
            yield number, f'L4: the gateway includes "{name}", which is not public'
        if not quoted and name in KERNEL_RING:
            yield number, f"L4: the gateway includes <{name}>"


def violations(tree):
    public_layers = public_header_layers(tree)
    for layer in LAYERS:
        for path in sources_in(tree / "src" / layer):
            for number, text in check_layer_file(tree, path, layer, public_layers):
                yield path, number, text
    for path in sources_in(tree / "include"):
        for number, text in check_public_header(path):
            yield path, number, text
    for path in sources_in(tree / "src" / "gateway"):
        for number, text in check_gateway_file(tree, path):
            yield path, number, text
    for folder in sorted((tree / "src").iterdir()):
        if folder.is_dir() and folder.name not in RANK and folder.name != "gateway":
            yield folder, 0, "L1: not a layer; the layers are " + " < ".join(LAYERS)


def main():
    tree = pathlib.Path(sys.argv[1]).resolve()
    found = list(violations(tree))
    for path, number, text in found:
        print(f"{path.relative_to(tree)}:{number}: {text}")
    print(f"layers: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
