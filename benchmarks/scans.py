"""Whether both cores are busy: scanned pages through the chain, against the same stage functions in one process.

usage: python benchmarks/scans.py [--pages 20]

Prints a table; the last line is {"share": …, …}: the chain's wall time over that of one process.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from pathlib import Path

from overhead import CLAUSES, FIRMS, PLACES, PROCESSES, run, time_loop, wait, write_documents
from PIL import Image, ImageDraw, ImageFilter, ImageFont


def write_scans(folder: Path, count: int, seed: int = 3) -> None:
    """Pages of print at 200 dpi, a little turned and grainy, each a file."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    font = ImageFont.load_default(30)
    for number in range(count):
        page = Image.new("L", (1654, 2339), 250)
        draw = ImageDraw.Draw(page)
        for line in range(38):
            clause = chance.choice(CLAUSES).format(
                p="Anna Berger", q="Henry Novak", f=chance.choice(FIRMS), l=chance.choice(PLACES), n=line, d=7, y=11
            )
            draw.text((150, 180 + 52 * line), clause, fill=20, font=font)
        page = page.rotate(chance.uniform(-0.8, 0.8), Image.Resampling.BICUBIC, fillcolor=250).filter(
            ImageFilter.GaussianBlur(0.6)
        )
        page.save(folder / f"{number:03d}.png")


def main() -> None:
    """Time both and print the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="scans-"))
    work.chmod(0o711)
    home = work / "home"
    try:
        write_scans(work / "docs", args.pages)
        write_documents(work / "warm", 8 * PROCESSES, seed=8)
        write_scans(work / "warm" / "scans", 2 * PROCESSES, seed=4)
        before = time_loop(work / "docs", home, 1)
        run(home, "up", "--no-api")
        run(home, "submit", str(work / "warm"), "--project", "warm")
        wait(home, "warm")
        began = time.monotonic()
        run(home, "submit", str(work / "docs"), "--project", "timed")
        wait(home, "timed")
        chain = time.monotonic() - began
        run(home, "down")
        after = time_loop(work / "docs", home, 1)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    one = (before + after) / 2
    print(f"one process: {before:.1f} s before, {after:.1f} s after; chain: {chain:.1f} s")
    print(json.dumps({"share": round(chain / one, 3), "pages": args.pages, "one_process_seconds": round(one, 1)}))


if __name__ == "__main__":
    main()
