import pytest

from pipeline.cli.following import counted
from pipeline.cli.output import clock, count, duration, flat, plain
from pipeline.cli.search import excerpt, highlighted, place
from pipeline.cli.worker import worker_commands
from pipeline.model import DocumentId
from pipeline.queues import WORKER_TYPES
from pipeline.settings import load_settings
from pipeline.status import Family, Status, Step
from pipeline.stores.reports import MARK_END, MARK_START, Group, Passage


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("‮gnp.exe", "\\u202egnp.exe"),
        ("Ärger 东京 عربي", "Ärger 东京 عربي"),
        ("\x9b31m\x00", "\\x9b31m\\x00"),
    ],
)
def test_nothing_moves_the_cursor(text: str, safe: str) -> None:
    assert plain(text) == safe


def test_a_passage_is_one_line() -> None:
    assert flat("one\n two\t\x07three") == "one two \\x07three"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.9, "1 min 0 s"), (192, "3 min 12 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_counts_and_clocks() -> None:
    assert [count(1, "page"), count(1200, "page"), count(2, "entity", "entities")] == ["1 page", "1,200 pages", "2 entities"]
    assert [clock(5), clock(65.9), clock(3725)] == ["0:05", "1:05", "1:02:05"]


def test_matching_words_stand_out_and_nothing_else() -> None:
    text = highlighted(f"was {MARK_START}paid{MARK_END}\nby \x1b[0m {MARK_START}them{MARK_END}", "bold")
    assert text.plain == "was paid by \\x1b[0m them"
    assert [text.plain[s.start : s.end] for s in text.spans if s.style == "bold"] == ["paid", "them"]


def test_an_excerpt_is_where_most_words_match() -> None:
    def mark(word: str) -> str:
        return f"{MARK_START}{word}{MARK_END}"

    words = [str(n) for n in range(100)]
    assert excerpt(" ".join(words), 3) == "0 1 2 …"
    words[10], words[50], words[52], words[99] = map(mark, ("a", "b", "c", "d"))
    assert excerpt("\n".join(words), 3) == f"… {mark('b')} 51 {mark('c')} …"
    assert excerpt("one\ntwo", 2) == "one two"


def test_where_a_passage_stands() -> None:
    passage = Passage("a", 0, 1, 1.0, "", "x", "x", 3, None)
    assert place(passage) == "page 3"
    assert place(passage._replace(seconds=65.0)) == "at 1:05"


def test_a_bar_counts_what_has_passed_its_stage() -> None:
    def ids(n: int) -> list[DocumentId]:
        return [DocumentId(str(i)) for i in range(n)]

    groups = [
        Group(Status.PENDING, Step.PROCESS_OCR, ids(5)),
        Group(Status.PROCESSING, Step.PROCESS_CHUNKING, ids(3)),
        Group(Status.PROCESSING, Step.BUILD_RELATIONSHIPS, ids(2)),
        Group(Status.ERROR, Step.PROCESS_OCR, ids(1)),
    ]
    counts = counted(groups, ended=4)
    assert (counts.total, counts.ended) == (14, 4)
    assert counts.passed == {Family.OCR: 9, Family.TEXT: 6, Family.ENTITY: 6, Family.GRAPH: 4}


def test_every_queue_is_served_once_and_downstream_goes_first() -> None:
    commands = worker_commands(load_settings(_env_file=None), cores=3)
    served = [words[words.index("-Q") + 1].split(",") for words in commands.values() if "-Q" in words]
    assert sorted(queue for queues in served for queue in queues) == sorted(w.name for w in WORKER_TYPES)
    assert ["graph", "entity", "text", "default"] in served
    processes = {name: words[words.index("--concurrency") + 1] for name, words in commands.items() if "-Q" in words}
    assert processes == {"ocr": "3", "rest": "6"}
    assert "pipeline.queue_processor" in commands["queue_processor"]
