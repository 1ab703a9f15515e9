"""pycarbon repair FILE [-o OUT]: make a whole run file of one that was damaged or cut off."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon repair train.pcr                       # writes train-repaired.pcr\n"
        "  pycarbon repair train.pcr --codec raw -o r.pcr  # uncompressed: larger, and read without decoding\n\n"
        "FILE stays as it is. Of a run whose recorder was killed (FILE.live) FILE is written."
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a run file, or the .live folder of a killed recorder"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="what to write (default: FILE-repaired.pcr)")
    parser.add_argument("--codec", choices=("zstd", "raw"), default="zstd", help="how to store edges (default: zstd)")


def run(options: argparse.Namespace) -> None:
    """Write the file, say its name on standard output, and what was lost on standard error."""
    from pycarbon.frame import RAW, TURNS_ZSTD
    from pycarbon.repair import repair

    done = repair(options.file, options.output, RAW if options.codec == "raw" else TURNS_ZSTD)
    for line in done.lost:
        print(f"pycarbon: {line}", file=sys.stderr)
    if done.path is None:
        print(f"pycarbon: {options.file} is whole: there is nothing to repair", file=sys.stderr)
    else:
        print(done.path)
