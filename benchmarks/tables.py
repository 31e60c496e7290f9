"""Names in tables: how many are found, with which type.

usage: python benchmarks/tables.py SET/ground_truth.jsonl … [--tables 60]

Nobody has annotated tables, so they are made: each column holds the persons, places or organisations of an annotated set,
numbers, dates, or a few small words of its sentences with a capital at their beginning, which are no names. Exact spans
are counted. Prints a table; the last line is one JSON object.
"""

import argparse
import json
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.model import EntityType
from pipeline.settings import load_settings
from pipeline.stages.mentions import merge
from pipeline.wiring import Services

TYPES = {
    **dict.fromkeys(("PER", "person", "politician", "writer"), EntityType.PERSON),
    **dict.fromkeys(("LOC", "location", "country"), EntityType.LOCATION),
    **dict.fromkeys(("ORG", "organisation", "politicalparty"), EntityType.ORGANIZATION),
}
PERSON, LOCATION, ORGANIZATION = EntityType.PERSON, EntityType.LOCATION, EntityType.ORGANIZATION
COLUMNS = (PERSON, PERSON, LOCATION, LOCATION, ORGANIZATION, "number", "date", "remark")
OTHERS = (EntityType.DATE, EntityType.MONEY, EntityType.EMAIL, EntityType.PHONE, EntityType.URL)
WORDS = re.compile(r"[a-z]+(?: [a-z]+){1,3}")

Spans = dict[tuple[int, int], EntityType]


def material(path: Path) -> tuple[dict[EntityType, list[str]], list[str]]:
    """The set's names by type, and words between them."""
    names: dict[EntityType, set[str]] = {PERSON: set(), LOCATION: set(), ORGANIZATION: set()}
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        at = 0
        for entity in sorted(row["entities"], key=lambda e: int(e["start"])):
            words += [found for found in WORDS.findall(row["text"][at : entity["start"]]) if len(found) > 8]
            at = entity["end"]
            name = row["text"][entity["start"] : at]
            if entity["type"] in TYPES and name[0].isupper():
                names[TYPES[entity["type"]]].add(name)
    return {kind: sorted(found) for kind, found in names.items()}, words


def tables(path: Path, count: int) -> Iterator[tuple[str, Spans]]:
    """Texts, each with one table, and its names."""
    names, words = material(path)
    chance = random.Random(3)
    for _ in range(count):
        columns = [chance.choice(COLUMNS) for _ in range(chance.randint(3, 7))]
        some = {kind: chance.sample(found, min(len(found), chance.choice((5, 12, 40)))) for kind, found in names.items()}
        remarks = [f"{text[0].upper()}{text[1:]}" for text in chance.sample(words, 12)]
        text, spans = "Register of calls\n\n", Spans()
        for _ in range(chance.randint(6, 25)):
            for number, column in enumerate(columns):
                text += "\t" if number else ""
                start = len(text)
                if isinstance(column, EntityType):
                    text += chance.choice(some[column])
                    spans[start, len(text)] = column
                elif column == "remark":
                    text += chance.choice(remarks)
                else:
                    text += f"{chance.randint(1, 9999):,}" if column == "number" else f"{chance.randint(1, 28)} May 2019"
            text += "\n"
        yield text, spans


def score(use: Services, path: Path, count: int) -> dict[str, float]:
    """Precision and recall of the spans, F1 of them and of spans with their types."""
    right = typed = found_in_all = known_in_all = 0
    for text, known in tables(path, count):
        mentions = merge(text, use.mention_finder.extract(text).mentions, use.pattern_finder.find(text))
        found = {(m.start, m.end): m.type for m in mentions if m.type not in OTHERS}
        hits = found.keys() & known.keys()
        right, typed = right + len(hits), typed + sum(found[hit] == known[hit] for hit in hits)
        found_in_all, known_in_all = found_in_all + len(found), known_in_all + len(known)
    both = found_in_all + known_in_all
    figures = {
        "precision": right / found_in_all,
        "recall": right / known_in_all,
        "f1": 2 * right / both,
        "typed_f1": 2 * typed / both,
    }
    return {name: round(figure, 3) for name, figure in figures.items()}


def compare(paths: Sequence[Path], count: int) -> dict[str, dict[str, float]]:
    """The figures of each set."""
    with tempfile.TemporaryDirectory() as home:
        use = Services(load_settings(nlp_pipeline_home=Path(home)))
        return {path.parent.name: score(use, path, count) for path in paths}


def main() -> None:
    """Make, find, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--tables", type=int, default=60)
    args = parser.parse_args()
    figures = compare(args.sets, args.tables)
    print(f"{'set':24}" + "".join(f"{name:>11}" for name in next(iter(figures.values()))))
    for name, row in figures.items():
        print(f"{name:24}" + "".join(f"{figure:11.3f}" for figure in row.values()))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
