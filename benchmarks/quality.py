"""Accuracy of the real chain on sets of documents with ground truth.

usage: python benchmarks/quality.py --corpora DIR [--scorers DIR] [--only NAME …]

Each set goes through ``nlp-pipeline run … --out``, and the scorers read the export.
Prints a table; the last line is one JSON object.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

COMMAND = [str(Path(sys.executable).with_name("nlp-pipeline"))]
PLAIN_FORMATS = ("pdf", "docx", "eml", "html", "txt", "md")


@dataclass(frozen=True)
class Figure:
    """One figure: its name, its floor, and how to take it from the scorer's report."""

    name: str
    floor: float
    take: Callable[[dict[str, Any]], float]
    at_most: bool = False


@dataclass(frozen=True)
class Task:
    """One set with its scorer's arguments; ``made`` sets are turned into plain text first."""

    name: str
    folder: str
    scorer: tuple[str, ...]
    figures: tuple[Figure, ...]
    made: bool = False


def plain_formats(report: dict[str, Any]) -> float:
    """Share of the files of the plain formats that passed with text."""
    tallies = [report["formats"][name] for name in PLAIN_FORMATS]
    return float(sum(t["passed_with_text"] * t["files"] for t in tallies) / sum(t["files"] for t in tallies))


def at(*path: str) -> Callable[[dict[str, Any]], float]:
    """Follow keys into a report."""

    def take(report: dict[str, Any]) -> float:
        value: Any = report
        for key in path:
            value = value[key]
        return float(value)

    return take


NAMED = ("score.py", "entities", "--named-only")
TASKS = (
    Task(
        "redocred",
        "E/redocred",
        NAMED,
        (Figure("redocred within documents, mean F1", 0.78, at("within_document", "all", "mean_f1")),),
        made=True,
    ),
    Task(
        "redocred_ner",
        "E/redocred",
        ("score.py", "ner"),
        (Figure("redocred names, overlap F1", 0.65, at("overlap", "f1")),),
        made=True,
    ),
    Task(
        "wikigold",
        "D/wikigold",
        ("score.py", "ner"),
        (Figure("wikigold names, overlap F1", 0.64, at("overlap", "f1")),),
        made=True,
    ),
    Task(
        "gum",
        "E/gum",
        NAMED,
        (
            Figure("gum within documents, mean F1", 0.76, at("within_document", "all", "mean_f1")),
            Figure("gum across documents, mean F1", 0.76, at("cross_document", "all", "mean_f1")),
            Figure("gum across documents, B3 precision", 0.93, at("cross_document", "all", "b3", "p")),
        ),
        made=True,
    ),
    Task(
        "libya",
        "G/state_foia_libya",
        NAMED,
        (
            Figure("libya across documents, mean F1", 0.75, at("cross_document", "all", "mean_f1")),
            Figure("libya across documents, B3 precision", 0.93, at("cross_document", "all", "b3", "p")),
        ),
        made=True,
    ),
    Task(
        "search",
        "F/chunking_evaluation",
        ("score.py", "retrieval"),
        (
            Figure("search, recall at 5", 0.82, at("at_k", "5", "recall")),
            Figure("search, IoU at 5", 0.050, at("at_k", "5", "iou")),
        ),
        made=True,
    ),
    Task(
        "formats", "B/good", ("score_read.py", "formats"), (Figure("formats, plain: passed with text", 0.80, plain_formats),)
    ),
    Task(
        "receipts", "A/sroie", ("score_read.py", "ocr"), (Figure("A/sroie word F1", 0.79, at("A/sroie", "all", "word_f1")),)
    ),
    Task(
        "scans",
        "A/misc_scans",
        ("score_read.py", "ocr"),
        (Figure("A/misc_scans word F1, English", 0.85, at("A/misc_scans", "lang:en", "word_f1")),),
    ),
    Task(
        "speech",
        "C/speech_clips",
        ("score_read.py", "speech"),
        (
            Figure("speech WER, English", 0.07, at("lang:en", "wer"), at_most=True),
            Figure("words in silence", 0, at("words_in_silence"), at_most=True),
        ),
    ),
)


def main() -> None:
    """Run the sets and print what the scorers say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--scorers", type=Path, default=Path("../shared/evaluate"))
    parser.add_argument("--only", nargs="*", default=[t.name for t in TASKS])
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    args = parser.parse_args()
    work = args.keep or Path(tempfile.mkdtemp(prefix="quality-"))
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o711)  # the database's user must be able to pass through
    try:
        rows = [row for task in TASKS if task.name in args.only for row in measure(task, args, work)]
    finally:
        command(["down"], work)
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)
    print(json.dumps({figure.name: value for figure, value in rows}))


def measure(task: Task, args: argparse.Namespace, work: Path) -> Iterator[tuple[Figure, float]]:
    """Run one set through the chain, unless another task did, and score it."""
    source, gold, out = args.corpora / task.folder, work / "gold" / task.folder, work / "out" / task.folder
    began = time.monotonic()
    if task.made and not gold.exists():
        subprocess.run(
            [sys.executable, args.scorers / "make_inputs.py", source, gold], check=True, stdout=subprocess.DEVNULL
        )
    if not out.exists():
        paths = [str(gold / "input")] if task.made else inputs(task, source)
        ended = command(
            ["run", *paths, "--project", project(task), "--out", str(out), "--keep"],
            work,
        )
        if ended not in (0, 3):
            sys.exit(f"{task.name}: nlp-pipeline run ended with {ended}; see {work}")
    report = score(task, args, gold, out, work)
    (work / f"{task.name}.json").write_text(json.dumps(report, indent=1))
    for figure in task.figures:
        value = figure.take(report)
        met = value <= figure.floor if figure.at_most else value >= figure.floor
        verdict, seconds = "met" if met else "NOT MET", time.monotonic() - began
        print(f"{figure.name:44} {value:7.4f}   floor {figure.floor:<6} {verdict:8} {seconds:6.0f} s", flush=True)
        yield figure, round(value, 4)


def inputs(task: Task, source: Path) -> list[str]:
    """The folder, or the files of the formats that count."""
    if task.name != "formats":
        return [str(source)]
    rows = map(json.loads, (source / "ground_truth.jsonl").read_text(encoding="utf-8").splitlines())
    return [str(source / row["path"]) for row in rows if row["format"] in PLAIN_FORMATS]


def score(task: Task, args: argparse.Namespace, gold: Path, out: Path, work: Path) -> dict[str, Any]:
    """What the scorer says of an export."""
    script, *rest = task.scorer
    where: list[str | Path]
    if script == "score_read.py":
        where = ["--documents", out / "documents.jsonl", "--corpora", args.corpora]
    elif "retrieval" in rest:
        results = work / "results.jsonl"
        with results.open("w") as file:
            command(["search", "--queries", str(gold / "queries.jsonl"), "--project", project(task)], work, stdout=file)
        where = ["--gold", gold, "--results", results, "--export", out]
    else:
        where = ["--gold", gold, "--export", out]
    done = subprocess.run(
        [sys.executable, args.scorers / script, *rest[:1], *where, *rest[1:]], check=True, capture_output=True, text=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def project(task: Task) -> str:
    """The project that a set goes to."""
    return task.folder.replace("/", "-")


def command(words: Sequence[str], work: Path, stdout: IO[str] | None = None) -> int:
    """Run the product's command with a home of its own; its output goes to a log."""
    with (work / "run.log").open("a") as log:
        environment = os.environ | {"NLP_PIPELINE_HOME": str(work / "home")}
        return subprocess.run([*COMMAND, *words], env=environment, stdout=stdout or log, stderr=log, check=False).returncode


if __name__ == "__main__":
    main()
