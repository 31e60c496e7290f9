"""What one large PDF takes of memory, in every process and through all stages.

usage: python benchmarks/large_pdf.py [--pages 2000] [--scanned 50]

Writes a PDF of so many pages of text (every 50th a scan), runs the chain over it, and looks at the memory of all processes
while it goes. Prints the largest process of each kind; the last line is {"pages": …, "largest_rss": …, …}, sizes in MB.
"""

import argparse
import ctypes
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pypdfium2 as pdfium
import pypdfium2.raw as c
from overhead import CLAUSES, COMMAND, FIRMS, GIVEN, PLACES, run
from PIL import Image

from pipeline.endpoints import located
from pipeline.settings import load_settings

LIMIT = 600
SYLLABLES = "ba bo da de do fa ga ge ha ka ke la le lo ma me mo na ne pa pe ra re ro sa se ta te to va ve wa za".split()  # noqa: SIM905
WORDS_ON_A_PAGE = 420
LETTER = (612, 792)


def write_pdf(path: Path, pages: int, scanned: int, seed: int = 7) -> None:
    """A report about a few thousand people and firms; every page number that ``scanned`` divides is a picture."""
    chance = random.Random(seed)
    document = pdfium.PdfDocument.new()
    for number, lines in enumerate(pages_of_text(chance, pages), 1):
        page = document.new_page(*LETTER)
        for row, line in enumerate(lines):
            _write_line(document, page, 750 - 15 * row, line)
        c.FPDFPage_GenerateContent(page)
        if scanned and number % scanned == 0:
            _replace_by_scan(document, page, number - 1)
        page.close()
    document.save(str(path))
    document.close()


def pages_of_text(chance: random.Random, pages: int) -> Iterator[list[str]]:
    """Lines of each page."""
    family = ["".join(chance.choice(SYLLABLES) for _ in range(3)).capitalize() + chance.choice("nrsk") for _ in range(1500)]
    kinds = ("Bank", "Holdings Ltd", "Trust", "Shipping Inc", "Foundation")
    firms = [*FIRMS, *(f"{chance.choice(family)} {kind}" for kind in kinds for _ in range(60))]
    for number in range(1, pages + 1):
        lines, words = [f"Section {number}"], 0
        while words < WORDS_ON_A_PAGE:
            person, other = (f"{chance.choice(GIVEN)} {chance.choice(family)}" for _ in range(2))
            place, day, year, sum_ = (
                chance.choice(PLACES),
                chance.randint(1, 28),
                chance.randint(10, 24),
                chance.randint(2, 900),
            )
            values = {"p": person, "q": other, "f": chance.choice(firms), "l": place, "d": day, "y": year, "n": sum_}
            lines.append(chance.choice(CLAUSES).format(**values))
            words += len(lines[-1].split())
        yield lines


def _write_line(document: pdfium.PdfDocument, page: pdfium.PdfPage, height: float, line: str) -> None:
    text = c.FPDFPageObj_NewTextObj(document, b"Helvetica", ctypes.c_float(10))
    letters = ctypes.create_string_buffer((line + "\0").encode("utf-16-le"))
    c.FPDFText_SetText(text, ctypes.cast(letters, c.FPDF_WIDESTRING))
    c.FPDFPageObj_Transform(text, 1, 0, 0, 1, 50, height)
    c.FPDFPage_InsertObject(page, text)


def _replace_by_scan(document: pdfium.PdfDocument, page: pdfium.PdfPage, index: int) -> None:
    picture: Image.Image = page.render(scale=2, grayscale=True).to_pil()
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=70)
    jpeg.seek(0)
    image = pdfium.PdfImage.new(document)
    image.load_jpeg(jpeg, inline=True)
    image.set_matrix(pdfium.PdfMatrix().scale(*LETTER))
    for one in list(page.get_objects(max_depth=1)):
        page.remove_obj(one)
    page.insert_obj(image)
    page.gen_content()


class Watch:
    """Looks at all processes of a home about twice a second, in a thread; keeps the largest of each kind and step."""

    def __init__(self, home: Path, settings_database: str) -> None:
        self._home = home
        self._database = settings_database
        self.largest: dict[tuple[str, str], tuple[float, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with psycopg.connect(self._database, autocommit=True) as db:
            while not self._stop.wait(0.5):
                row = db.execute("select step::text from documents where status not in ('completed', 'error')").fetchone()
                step = str(row[0]) if row else "at rest"
                for kind, process in processes(self._home):
                    self._note(kind, step, process)

    def _note(self, kind: str, step: str, process: psutil.Process) -> None:
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            return
        rss, pss = self.largest.get((kind, step), (0.0, 0.0))
        self.largest[kind, step] = max(rss, memory.rss / 2**20), max(pss, memory.pss / 2**20)


def processes(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Every process of a home with its kind; processes that read files are a kind of their own."""
    state = json.loads((home / "state.json").read_text())
    pids = {name: server["process"]["pid"] for name, server in state["servers"].items() if server["process"]}
    pids |= {name: worker["pid"] for name, worker in state["workers"].items()}
    for name, pid in pids.items():
        try:
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                yield ("reading process" if "pipeline.readers.child" in one.cmdline() else name), one
        except psutil.Error:
            continue


def step_seconds(database: str) -> dict[str, float]:
    """Seconds that each step took."""
    query = (
        "select step::text, round(extract(epoch from finished_at - started_at), 1)::float from document_processing_history"
        " where outcome = 'done' order by id"
    )
    with psycopg.connect(database) as db:
        return dict(db.execute(query).fetchall())


def wait(database: str) -> tuple[object, ...]:
    """Until the document has ended: its status, error, and what it holds."""
    query = (
        "select status::text, error_code, (select count(*) from pages), (select count(*) from chunks),"
        " (select count(*) from mentions), (select count(*) from entities), length(text) from documents"
        " where status in ('completed', 'partial_error', 'error')"
    )
    with psycopg.connect(database, autocommit=True) as db:
        while (row := db.execute(query).fetchone()) is None:
            time.sleep(0.5)
    return row


def main() -> None:
    """Write, run, watch, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--scanned", type=int, default=50, help="every such page is a scan; 0: none")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="large-pdf-"))
    work.chmod(0o711)
    home, path = work / "home", work / "report.pdf"
    try:
        write_pdf(path, args.pages, args.scanned)
        size = path.stat().st_size / 2**20
        run(home, "up", "--no-api")
        database = located(load_settings(nlp_pipeline_home=home)).database
        began = time.monotonic()
        with Watch(home, database) as watch:
            run(home, "submit", str(path))
            status, code, *numbers = wait(database)
            seconds = time.monotonic() - began
            steps = step_seconds(database)
            time.sleep(3)
    finally:
        down = os.environ | {"NLP_PIPELINE_HOME": str(home)}
        subprocess.run([*COMMAND, "down"], env=down, capture_output=True, check=False)
        shutil.rmtree(work, ignore_errors=True)
    by_kind = {kind: max((m, step) for (k, step), m in watch.largest.items() if k == kind) for kind, _ in watch.largest}
    for kind, ((rss, pss), step) in sorted(by_kind.items(), key=lambda item: item[1], reverse=True):
        print(f"{kind:16} {rss:6.0f} MB RSS {pss:6.0f} MB PSS, in {step}")
    for step, taken in steps.items():
        print(f"{step:22} {taken:7.1f} s")
    names = ("pages", "chunks", "mentions", "entities", "characters")
    largest = max(rss for rss, _ in watch.largest.values())
    result = {"status": status, "code": code, "file_megabytes": round(size, 1), **dict(zip(names, numbers, strict=True))}
    print(json.dumps({**result, "seconds": round(seconds), "largest_rss": round(largest), "limit": LIMIT}))
    if status != "completed" or largest > LIMIT:
        sys.exit(1)


if __name__ == "__main__":
    main()
