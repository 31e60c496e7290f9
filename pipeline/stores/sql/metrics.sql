-- What is counted for Prometheus, of all projects together. Nothing here changes anything.

-- name: totals
select coalesce(sum(pages), 0)::bigint, coalesce(sum(chunks), 0)::bigint, coalesce(sum(mentions), 0)::bigint from (
    select pages, chunks, mentions from document_counts
    union all
    select page_count, chunk_count, mention_count from documents
    where status in ('queued', 'extracting', 'processing_chunks', 'processing')) s;

-- name: newest
select coalesce(max(id), 0) from document_processing_history;

-- Steps that ended, by outcome, and into which of the spans of time they fell.
-- name: steps
select step::text, outcome, width_bucket(s.seconds, %(bounds)s::float[]), count(*), sum(s.seconds)
from document_processing_history h
cross join lateral (select coalesce(extract(epoch from h.finished_at - h.started_at), 0)::float as seconds) s
where h.id > %(after)s and h.id <= %(upto)s group by 1, 2, 3;

-- name: usage
select model, sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(pages)::bigint, sum(audio_seconds)::float
from project_usage group by model;
