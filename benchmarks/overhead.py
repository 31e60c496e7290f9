"""What the chain costs beside the work itself.

usage: python benchmarks/overhead.py [--documents 500]

Documents per minute of the real chain (servers, broker, database, graph) on short text documents, against the same stage
functions called in a plain loop in as many processes. Prints a table; the last line is {"ratio": …, …}.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import psutil

COMMAND = [str(Path(sys.executable).with_name("nlp-pipeline"))]
PROCESSES = os.cpu_count() or 2
GIVEN = "Anna Boris Clara David Elena Frank Greta Henry Irene Jonas Karla Louis Maria Nadia Oscar Petra".split()  # noqa: SIM905
FAMILY = [
    "Abbott",
    "Berger",
    "Castillo",
    "Dawson",
    "Eriksen",
    "Fischer",
    "Grant",
    "Hartley",
    "Ibsen",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Ortega",
    "Price",
]
FIRMS = (
    "Northgate Bank",
    "Meridian Shipping Ltd",
    "Harbour Trust",
    "Alder & Sons",
    "Pelican Foods Inc",
    "City Council of Rostow",
    "Delta Telecom",
)
PLACES = ("Lisbon", "Vienna", "Antwerp", "Geneva", "Oslo", "Trieste", "Marseille", "Porto", "Hamburg", "Riga")
CLAUSES = (
    "{p} of {f} met {q} in {l} to discuss the renewal of the lease.",
    "The payment of ${n},000 was received by {f} on {d} March 20{y}.",
    "According to {p}, the shipment left {l} two days later than agreed.",
    "{q} asked {f} for a written statement before the end of the month.",
    "No objection was raised, and the minutes were signed by {p} and {q}.",
    "The warehouse in {l} has been empty since the fire, the report says.",
    "{f} denied that any contract with {p} had ever existed.",
)


def write_documents(folder: Path, count: int, words: int = 330, seed: int = 7) -> None:
    """Short documents about the same people, firms and places."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        text: list[str] = []
        while sum(len(t.split()) for t in text) < words:
            person, other = (f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}" for _ in range(2))
            clause = chance.choice(CLAUSES).format(
                p=person,
                q=other,
                f=chance.choice(FIRMS),
                l=chance.choice(PLACES),
                n=chance.randint(2, 900),
                d=chance.randint(1, 28),
                y=chance.randint(10, 24),
            )
            text.append(clause + ("\n\n" if chance.random() < 0.2 else " "))
        (folder / f"{number:04d}.txt").write_text(f"File note {number}\n\n" + "".join(text))


def plain_loop(paths: Sequence[Path], home: Path, ready: "multiprocessing.synchronize.Barrier") -> None:
    """The stage functions in a loop, results dropped."""
    from pipeline.settings import load_settings
    from pipeline.stages.canonical import assemble, category
    from pipeline.stages.chunking import chunk, embedded_text
    from pipeline.stages.joining import join_names
    from pipeline.stages.language import language
    from pipeline.stages.mentions import merge
    from pipeline.stages.names import blocking_keys
    from pipeline.stages.reading import read_document
    from pipeline.stages.relations import Named, co_occurrences
    from pipeline.stages.resolution import resolve_document
    from pipeline.stages.sentences import sentence_spans
    from pipeline.wiring import Services

    use = Services(load_settings(nlp_pipeline_home=home))
    use.embedder.embed(["warm"])
    use.mention_finder.find("Warm in Oslo.")
    known: dict[str, set[str]] = defaultdict(set)
    list(use.reader.read(paths[0], paths[0].name))
    ready.wait()
    for path in paths:
        document = read_document(use.reader.read(path, path.name), lambda: use.ocr, lambda: use.speech, lambda _: None)
        text, spans = assemble(document.pages)
        language(text)
        category(document.info.media_type, text, document.info.metadata)
        chunks = chunk(text, spans, use.embedder, use.settings.chunk_tokens)
        use.embedder.embed([embedded_text(text, each) for each in chunks])
        mentions = merge(text, use.mention_finder.find(text), use.pattern_finder.find(text))
        clusters = resolve_document(text, mentions)
        blocks = {c.key: blocking_keys(c.key) for c in clusters}
        join_names(clusters, {key for all_blocks in blocks.values() for block in all_blocks for key in known[block]})
        for key, all_blocks in blocks.items():
            for block in all_blocks:
                known[block].add(key)
        home_of = {number: c.key for c in clusters for number in c.mentions}
        named = [Named(m.start, m.end, home_of[number], m.type) for number, m in enumerate(mentions)]
        co_occurrences(sentence_spans(text), named)


def time_loop(folder: Path, home: Path, processes: int = PROCESSES) -> float:
    """Wall seconds of the plain loop in so many processes, models loaded before."""
    paths = sorted(folder.iterdir())
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    workers = [context.Process(target=plain_loop, args=(paths[n::processes], home, ready)) for n in range(processes)]
    for worker in workers:
        worker.start()
    ready.wait()
    began = time.monotonic()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit("the plain loop failed")
    return time.monotonic() - began


def run(home: Path, *words: str) -> dict[str, object]:
    """Run a command of the product; its JSON answer."""
    done = subprocess.run(
        [*COMMAND, *words], env=os.environ | {"NLP_PIPELINE_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"nlp-pipeline {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return dict(json.loads(done.stdout)) if "--json" in words else {}


def cpu_by_kind(home: Path) -> dict[str, float]:
    """CPU seconds so far of each kind of process that belongs to this home, ended children included."""
    state = json.loads((home / "state.json").read_text())
    pids = {name: server["process"]["pid"] for name, server in state["servers"].items() if server["process"]}
    pids |= {name: worker["pid"] for name, worker in state["workers"].items()}
    return {
        name: sum(map(cpu_seconds, (p, *p.children(recursive=True))))
        for name, p in ((n, psutil.Process(i)) for n, i in pids.items())
    }


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds of a process and of its ended children."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def time_chain(folder: Path, warm: Path, home: Path) -> tuple[float, dict[str, float]]:
    """Wall seconds of the chain from submission to the last document, and CPU seconds by kind of process."""
    run(home, "up", "--no-api")
    run(home, "submit", str(warm), "--project", "warm")
    wait(home, "warm")
    before = cpu_by_kind(home)
    began = time.monotonic()
    run(home, "submit", str(folder), "--project", "timed")
    wait(home, "timed")
    wall = time.monotonic() - began
    after = cpu_by_kind(home)
    return wall, {kind: after[kind] - before.get(kind, 0) for kind in after}


def wait(home: Path, project: str) -> None:
    """Until no document of the project is on its way."""
    import psycopg

    from pipeline.endpoints import located
    from pipeline.settings import load_settings

    settings = located(load_settings(nlp_pipeline_home=home))
    with psycopg.connect(settings.database, autocommit=True) as db:
        query = (
            "select count(*) filter (where status not in ('completed', 'partial_error', 'error', 'cancelled')),"
            " count(*) filter (where status = 'error')"
            " from documents d join projects p on p.id = d.project_id where p.name = %s"
        )
        while True:
            waiting, failed = db.execute(query, (project,)).fetchone() or (1, 0)
            if failed:
                sys.exit(f"{failed} documents failed")
            if not waiting:
                return
            time.sleep(0.2)


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=500)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="overhead-"))
    work.chmod(0o711)
    home = work / "home"
    try:
        write_documents(work / "docs", args.documents)
        write_documents(work / "warm", 8 * PROCESSES, seed=8)
        loops = [time_loop(work / "docs", home)]
        chain, cpu = time_chain(work / "docs", work / "warm", home)
        run(home, "down")
        loops.append(time_loop(work / "docs", home))
    finally:
        subprocess.run(
            [*COMMAND, "down"], env=os.environ | {"NLP_PIPELINE_HOME": str(home)}, capture_output=True, check=False
        )
        shutil.rmtree(work, ignore_errors=True)
    loop = sum(loops) / len(loops)
    print(f"plain loop, {PROCESSES} processes: {loop:.1f} s, {args.documents / loop * 60:.0f} documents a minute")
    print(f"chain: {chain:.1f} s, {args.documents / chain * 60:.0f} documents a minute")
    for kind, seconds in sorted(cpu.items(), key=lambda item: -item[1]):
        print(f"  {kind:16} {seconds:7.1f} s of CPU, {seconds / args.documents * 1000:6.1f} ms a document")
    print(
        json.dumps(
            {
                "ratio": round(loop / chain, 3),
                "documents": args.documents,
                "loop_seconds": round(loop, 1),
                "chain_seconds": round(chain, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
