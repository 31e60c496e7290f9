"""An archive in the database, as the steps would leave it: documents, passages, vectors, names, entities, relations."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

PROJECT = "archive"
PASSAGES = 4  # of a document
WORDS = 110  # of a passage, as many as of a real one without those that are everywhere
VOCABULARY = 30_000
ENTITIES = 12_000
COMMON = 50  # words that are more frequent than any of these are everywhere and mean nothing
TOPICS = 400  # vectors lie around so many points
PORTION = 500  # documents that are written at once
TYPES = ("PERSON", "PERSON", "PERSON", "ORGANIZATION", "ORGANIZATION", "LOCATION", "LOCATION", "DATE", "DATE", "MONEY")
MEDIA = ("application/pdf", "application/pdf", "image/png", "message/rfc822", "text/plain", "text/html")

DOCUMENTS = """
insert into documents (id, project_id, source_path, file_name, storage_key, size, sha256, status, step, token, graph_token,
                       media_type, text, page_count, chunk_count, mention_count, created_at, finished_at)
select derived_id('document', x.path), derived_id('project', %(project)s), x.path, x.path, x.path, 1000, md5(x.path),
       'completed', 'build_relationships', 1, 1, x.media_type, x.text, 1, %(passages)s, x.mentions,
       now() - interval '1 day', now()
from jsonb_to_recordset(%(rows)s::jsonb) as x (path text, media_type text, text text, mentions integer)
"""
PAGES = """
insert into pages (document_id, number, start_offset, end_offset, source, confidence, width, height)
select id, 1, 0, length(text), 'text', 1, 600, 800 from documents where source_path = any (%(paths)s)
"""
CHUNKS = """
insert into chunks (id, document_id, project_id, position, start_offset, end_offset, heading, text, terms, length,
                    embedding)
select derived_id('chunk', x.path, x.number::text), derived_id('document', x.path), derived_id('project', %(project)s),
       x.number, x.start, x.start + length(x.text), '', x.text, v.terms,
       (select sum(cardinality(positions)) from unnest(v.terms)), x.vector::vector
from jsonb_to_recordset(%(rows)s::jsonb) as x (path text, number integer, start integer, text text, vector text)
cross join lateral (select to_tsvector('english', x.text) as terms) v
"""
MENTIONS = """
insert into mentions (document_id, number, start_offset, end_offset, type, confidence, name, chunk_id, entity_id)
select derived_id('document', x.path), x.number, x.start, x."end", x.type::entity_type, 0.9, x.name,
       derived_id('chunk', x.path, x.chunk::text), derived_id('entity', %(project)s, x.name)
from jsonb_to_recordset(%(rows)s::jsonb)
    as x (path text, number integer, start integer, "end" integer, type text, name text, chunk integer)
"""
RELATIONS = """
with pairs as (
    select p.id as project_id, least(a.entity_id, b.entity_id) as one, greatest(a.entity_id, b.entity_id) as other,
           a.document_id, min(c.start_offset) as start_offset, min(c.end_offset) as end_offset
    from projects p join chunks c on c.project_id = p.id join mentions a on a.chunk_id = c.id
    join mentions b on b.chunk_id = c.id and b.number = a.number + 1
    where p.name = %(project)s and a.entity_id <> b.entity_id group by 1, 2, 3, 4, c.id
), known as (
    insert into relationships (id, project_id, subject_id, predicate, object_id)
    select distinct derived_id('relationship', one::text, 'CO_OCCURS_WITH', other::text), project_id, one,
           'CO_OCCURS_WITH', other
    from pairs returning 1
)
insert into relationship_evidence (relationship_id, document_id, start_offset, end_offset, confidence)
select distinct derived_id('relationship', one::text, 'CO_OCCURS_WITH', other::text), document_id, start_offset,
       end_offset, 1
from pairs
"""


Row = dict[str, object]


class Archive(NamedTuple):
    """What is in it: words and names with how often each is used (added up to 1), and the directions of vectors."""

    words: list[str]
    names: list[str]
    weights: NDArray[np.float64]
    fame: NDArray[np.float64]
    topics: NDArray[np.float32]


def plan(random: np.random.Generator) -> Archive:
    """What documents are made of; frequencies as in any language."""
    syllables = ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "xo", "zu", "har"]
    sounds = random.choice(syllables, (2 * VOCABULARY, 4))
    words = list(dict.fromkeys("".join(each) for each in sounds))[:VOCABULARY]
    names = [_name(number, words) for number in range(ENTITIES)]
    topics = random.normal(size=(TOPICS, 384)).astype(np.float32)
    return Archive(words, names, _zipf(len(words)), _zipf(ENTITIES), topics)


def fill(url: str, documents: int, random: np.random.Generator) -> Archive:
    """Fill a database that holds the tables alone; the index of vectors is made at the end."""
    archive = plan(random)
    with psycopg.connect(url, autocommit=True) as db:
        project = {"project": PROJECT}
        classes = ["date" if TYPES[number % len(TYPES)] == "DATE" else "name" for number in range(ENTITIES)]
        db.execute("insert into projects (id, name) values (derived_id('project', %(project)s), %(project)s)", project)
        db.execute(
            "insert into entities (id, project_id, key, tokens)"
            " select derived_id('entity', %(project)s, n), derived_id('project', %(project)s), k || '/' || lower(n), 2"
            " from unnest(%(names)s::text[], %(classes)s::text[]) x (n, k)",
            project | {"names": archive.names, "classes": classes},
        )
        db.execute("drop index if exists chunks_embedding")
        for first in range(0, documents, PORTION):
            _write(db, [*_documents(archive, range(first, min(first + PORTION, documents)), random)])
        db.execute("set maintenance_work_mem = '1GB'")
        db.execute("create index chunks_embedding on chunks using hnsw (embedding vector_cosine_ops)")
        db.execute(RELATIONS, project)
        db.execute("select fold_counts(1000000)")
        db.execute("vacuum analyze")
    return archive


def question(archive: Archive, random: np.random.Generator) -> str:
    """A few words, of which some are frequent."""
    return " ".join(archive.words[n] for n in _drawn(archive.weights, int(random.integers(2, 6)), random))


class _Document(NamedTuple):
    row: Row
    chunks: list[Row]
    mentions: list[Row]


def _documents(archive: Archive, numbers: range, random: np.random.Generator) -> Iterator[_Document]:
    kinds = {name: TYPES[number % len(TYPES)] for number, name in enumerate(archive.names)}
    for number in numbers:
        path = f"box {number // 100}/{number}"
        texts: list[str] = []
        chunks: list[Row] = []
        mentions: list[Row] = []
        start = 0
        for place in range(PASSAGES):
            words = [archive.words[n] for n in _drawn(archive.weights, WORDS, random)]
            for entity in _drawn(archive.fame, 5, random):
                at = int(random.integers(0, WORDS))
                words[at] = archive.names[entity]
            text = " ".join(words) + "."
            found = start
            for word in words:
                if " " in word:
                    mentions.append(
                        {
                            "path": path,
                            "number": len(mentions),
                            "start": found,
                            "end": found + len(word),
                            "chunk": place,
                            "name": word,
                            "type": kinds[word],
                        }
                    )
                found += len(word) + 1
            vector = archive.topics[random.integers(TOPICS)] + random.normal(size=384)
            vector /= np.linalg.norm(vector)
            told = "[" + ",".join(f"{value:.4f}" for value in vector) + "]"
            chunks.append({"path": path, "number": place, "start": start, "text": text, "vector": told})
            texts.append(text)
            start += len(text) + 1
        row = {"path": path, "media_type": MEDIA[number % len(MEDIA)], "text": "\n".join(texts), "mentions": len(mentions)}
        yield _Document(row, chunks, mentions)


def _write(db: psycopg.Connection[tuple[object, ...]], documents: list[_Document]) -> None:
    rows = [document.row for document in documents]
    with db.transaction():
        db.execute(DOCUMENTS, {"project": PROJECT, "passages": PASSAGES, "rows": Jsonb(rows)})
        db.execute(PAGES, {"paths": [row["path"] for row in rows]})
        db.execute(CHUNKS, {"project": PROJECT, "rows": Jsonb([chunk for d in documents for chunk in d.chunks])})
        db.execute(MENTIONS, {"project": PROJECT, "rows": Jsonb([mention for d in documents for mention in d.mentions])})


def _name(number: int, words: list[str]) -> str:
    if TYPES[number % len(TYPES)] == "DATE":
        return f"{date(1900, 1, 1) + timedelta(days=3 * number):%d %B %Y}"
    return f"{words[number].capitalize()} {words[(7 * number) % len(words)].capitalize()}"


def _drawn(shares: NDArray[np.float64], number: int, random: np.random.Generator) -> NDArray[np.int64]:
    """So many places, each as often as its share; ``shares`` are added up."""
    return np.searchsorted(shares, random.random(number))


def _zipf(number: int) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = 1 / np.arange(COMMON, number + COMMON)
    return np.asarray(np.cumsum(weights / weights.sum()))
