"""A mixed set of documents from a seed: a kind for each way through the pipeline, and some bad ones."""

import io
import random
import sys
from collections.abc import Callable
from email.message import EmailMessage
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from overhead import CLAUSES, FAMILY, FIRMS, GIVEN, PLACES

from tests.reader_files import docx, lines, locked_pdf, pdf

LINES_A_PAGE = 24
LARGE = 30  # pages

Maker = Callable[[random.Random], bytes]


def write_mixed(folder: Path, count: int, seed: int) -> list[str]:
    """Write so many documents, at least one of each kind if there are enough; returns their names."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    kinds = list(KINDS)
    chosen = [*kinds, *chance.choices(kinds, [KINDS[kind][0] for kind in kinds], k=count)][:count]
    chance.shuffle(chosen)
    names = [f"{number:04d}-{kind}" for number, kind in enumerate(chosen)]
    for name, kind in zip(names, chosen, strict=True):
        (folder / name).write_bytes(KINDS[kind][1](chance))
    return names


def sentence(chance: random.Random) -> str:
    """A sentence about the same people, firms and places as all others."""
    person, other = (f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}" for _ in range(2))
    names = {"p": person, "q": other, "f": chance.choice(FIRMS), "l": chance.choice(PLACES)}
    numbers = {"n": chance.randint(2, 900), "d": chance.randint(1, 28), "y": chance.randint(10, 24)}
    return chance.choice(CLAUSES).format(**names, **numbers)


def paragraphs(chance: random.Random, least: int, most: int) -> list[str]:
    """So many paragraphs of a few sentences."""
    return [" ".join(sentence(chance) for _ in range(chance.randint(2, 5))) for _ in range(chance.randint(least, most))]


def _text(least: int, most: int) -> Maker:
    return lambda chance: "\n\n".join(paragraphs(chance, least, most)).encode()


def _markdown(chance: random.Random) -> bytes:
    parts = [f"## Note {number}\n\n{text}" for number, text in enumerate(paragraphs(chance, 3, 6), 1)]
    return ("# File\n\n" + "\n\n".join(parts)).encode()


def _web_page(chance: random.Random) -> bytes:
    body = "".join(f"<p>{escape(text)}</p>" for text in paragraphs(chance, 3, 8))
    return f"<html><head><title>News</title></head><body><article>{body}</article></body></html>".encode()


def _mail(chance: random.Random) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Anna Berger <anna@example.org>", "Henry Novak <henry@example.org>"
    message["Subject"], message["Date"] = "The lease", "Fri, 06 Mar 2020 10:00:00 +0100"
    message.set_content("\n\n".join(paragraphs(chance, 1, 3)))
    message.add_attachment(_text(1, 4)(chance), maintype="text", subtype="plain", filename="note.txt")
    message.add_attachment(_pages(1, 2)(chance), maintype="application", subtype="pdf", filename="plan.pdf")
    if chance.random() < 0.3:
        message.add_attachment(b"", maintype="text", subtype="plain", filename="empty.txt")
    # A boundary that chance would choose makes another file each time.
    message.set_boundary("part")
    return message.as_bytes()


def _pages(least: int, most: int) -> Maker:
    def make(chance: random.Random) -> bytes:
        count = chance.randint(least, most)
        return pdf([lines(*(_plain(sentence(chance)) for _ in range(LINES_A_PAGE))) for _ in range(count)])

    return make


def _plain(text: str) -> str:
    return text.replace("(", "").replace(")", "")


def _scan(chance: random.Random) -> bytes:
    page = Image.new("L", (1100, 420), 250)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(26)
    for line in range(5):
        draw.text((40, 40 + 60 * line), sentence(chance), fill=20, font=font)
    out = io.BytesIO()
    page.save(out, "PNG", dpi=(200, 200))
    return out.getvalue()


def _word(chance: random.Random) -> bytes:
    return docx(*paragraphs(chance, 3, 8))


def _cut(chance: random.Random) -> bytes:
    whole = _word(chance)
    return whole[: len(whole) // 2]


# Ending -> how often beside the others, and its maker.
KINDS: dict[str, tuple[int, Maker]] = {
    "short.txt": (30, _text(2, 6)),
    "long.txt": (8, _text(40, 60)),
    "notes.md": (10, _markdown),
    "news.html": (10, _web_page),
    "letter.eml": (10, _mail),
    "contract.docx": (10, _word),
    "report.pdf": (10, _pages(1, 4)),
    "large.pdf": (3, _pages(LARGE, LARGE)),
    "scan.png": (3, _scan),
    "empty.txt": (2, lambda _: b""),
    "cut.docx": (2, _cut),
    "locked.pdf": (2, lambda _: locked_pdf()),
}
