#!/usr/bin/env python3
"""Shows that savina verifies what it measures.

    controls.py SAVINA [PROGRAM]...

Exit code 0: all as bench/harness/program_controls.py promises.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from program_controls import ProgramControls  # noqa: E402

if __name__ == "__main__":
    sys.exit(ProgramControls(sys.argv[1], seconds_max=120).check_all(sys.argv[2:]))
