"""BM25 in the database: whatever is passed over as hopeless, the best are those that a plain sum gives."""

import math
import random
from collections import Counter
from contextlib import closing
from typing import Any

import psycopg
import pytest

from pipeline.model import Submission
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore

FILL = """
insert into chunks (id, document_id, project_id, position, start_offset, end_offset, heading, text, terms, length,
                    embedding)
select md5(n::text)::uuid, d.id, d.project_id, n, n, n + 1, '', t, to_tsvector('english', t), %s,
       array_fill(0.1, array[384])::vector
from (select %s::integer as n, %s as t) x, documents d
"""
BEST = """
select best_by_words((select id from projects), %s, %s, (select array_agg(md5(n::text)::uuid) from unnest(%s::integer[]) n))
"""
WORDS, TEXTS, MOST = 40, 150, 12
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def texts(db: Connection, database_url: str) -> list[list[str]]:
    draw = random.Random(3)
    shares = [1 / (n + 1) for n in range(WORDS)]
    texts = [draw.choices([f"w{n}x" for n in range(WORDS)], shares, k=draw.randint(1, 60)) for _ in range(TEXTS)]
    with closing(Database(database_url)) as database:
        PostgresStore(database).submit("matter", [Submission("a", "a", "a", 1, "a")])
    for number, text in enumerate(texts):
        db.execute(FILL, [len(text), number, " ".join(text)])
    return texts


def scores(texts: list[list[str]], question: list[str]) -> list[float]:
    average = sum(map(len, texts)) / len(texts)
    known = {word: sum(word in text for text in texts) for word in set(question)}
    idf = {word: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for word, n in known.items() if n}
    found = []
    for text in texts:
        counts = Counter(text)
        share = 1.2 * (0.25 + 0.75 * len(text) / average)
        found.append(sum(idf[word] * counts[word] * 2.2 / (counts[word] + share) for word in idf))
    return found


def test_the_best_are_those_that_a_plain_sum_gives(db: Connection, texts: list[list[str]]) -> None:
    draw = random.Random(4)
    places: dict[str, int] = dict(db.execute("select id, position from chunks").fetchall())
    for _ in range(40):
        question = [f"w{n}x" for n in draw.choices(range(WORDS + 2), k=draw.randint(1, 5))]
        expected = scores(texts, question)
        among = draw.choice([None, draw.sample(range(TEXTS), 30)])
        best = db.execute(BEST, [" ".join(question), MOST, among]).fetchall()[0][0]
        left = [score for n, score in enumerate(expected) if score and (among is None or n in among)]
        assert [expected[places[chunk]] for chunk in best] == pytest.approx(sorted(left, reverse=True)[:MOST]), question
