-- What is read for people: status, search, entities, exports. Nothing here changes anything.

-- name: project
select id::text from projects where name = %(project)s;

-- Files whose content need not be stored again.
-- name: known_files
select source_path, sha256 from documents
where project_id = %(project)s and source_path = any (%(paths)s) and error_code is distinct from 'file_missing';

-- name: states
select status::text, step::text, documents from project_counts(%(project)s) order by 1, 2;

-- name: totals
select coalesce(sum(c.documents), 0)::bigint, coalesce(sum(c.pages), 0)::bigint, coalesce(sum(c.chunks), 0)::bigint,
       coalesce(sum(c.mentions), 0)::bigint,
       (select count(*) from entities where project_id = %(project)s and merged_into is null),
       (select count(*) from (select distinct subject_id, predicate, object_id from canonical_evidence where project_id = %(project)s) r)
from project_counts(%(project)s) c;

-- name: waiting
select step::text, waiting_for, count(*), greatest(extract(epoch from min(nullif(not_before, 'infinity')) - now()), 0)::float
from documents
where project_id = %(project)s and waiting_for is not null and status in ('queued', 'extracting', 'processing_chunks', 'processing')
group by step, waiting_for order by count(*) desc, step;

-- Of the large documents that are being read; the first ones are enough.
-- name: page_ranges
select d.source_path, count(*) filter (where p.status in ('done', 'failed')), count(*)
from documents d join document_parts p on p.document_id = d.id
where d.project_id = %(project)s and d.status = 'processing_chunks'
group by d.id order by d.source_path collate "C" limit 20;

-- name: failures
select source_path, status::text, step::text, coalesce(error_code, ''), coalesce(error_message, '')
from documents where project_id = %(project)s and status in ('error', 'partial_error', 'cancelled') order by source_path collate "C"
limit %(limit)s;

-- Documents with their attachments, by state and step.
-- name: progress
with recursive family (id) as (
    select unnest(%(documents)s::uuid[])
    union
    select d.id from family f join documents d on d.parent_id = f.id
)
select d.status::text, d.step::text, array_agg(d.id::text)
from family f join documents d on d.id = f.id group by d.status, d.step;

-- name: document
select d.id::text, d.source_path, d.status::text, d.step::text, d.page_count, d.chunk_count, d.mention_count, coalesce(d.waiting_for, ''),
       coalesce(d.error_code, ''), coalesce(d.error_message, '')
from documents d
where d.project_id = %(project)s and (d.source_path = any (%(names)s::text[]) or d.id::text = any (%(names)s::text[]))
order by array_position(%(names)s::text[], d.source_path) limit 1;

-- name: document_steps
select s.step::text, s.engine, to_char(s.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), s.notes
from document_steps s where s.document_id = %(document)s order by s.step;

-- name: document_events
select h.step::text, h.outcome, coalesce(h.worker, ''), to_char(h.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       coalesce(extract(epoch from h.finished_at - h.started_at), 0)::float, coalesce(h.error_code, ''), coalesce(h.error_message, '')
from document_processing_history h where h.document_id = %(document)s order by h.id;

-- name: outcomes
select d.source_path, d.status::text, d.step::text, coalesce(d.error_code, ''), coalesce(d.error_message, ''),
       (select count(*) from pages p where p.document_id = d.id),
       (select count(*) from chunks c where c.document_id = d.id),
       (select count(*) from mentions m where m.document_id = d.id),
       (select coalesce(sum(extract(epoch from s.finished_at - s.started_at)), 0)::float from (
            select distinct on (h.step) h.finished_at, h.started_at from document_processing_history h
            where h.document_id = d.id and h.outcome = 'done' order by h.step, h.id desc) s)
from documents d where d.id = any (%(documents)s::uuid[]) order by d.finished_at, d.source_path collate "C";

-- name: top_entities
with counted as (
    select e.entity_id, count(*) as mentions
    from canonical_entities e join mentions m on m.entity_id = e.name_id
    where e.project_id = %(project)s and m.type not in ('DATE', 'MONEY') group by e.entity_id
    order by mentions desc, e.entity_id limit %(limit)s
)
select c.entity_id::text, s.name, s.type::text, s.mentions, s.documents
from counted c cross join lateral entity_summary(c.entity_id) s order by s.mentions desc, s.name collate "C";

-- name: search
select d.source_path, c.start_offset, c.end_offset, f.score, c.heading, c.text
from search_chunks(%(project)s, %(question)s, %(embedding)s, %(limit)s, %(space)s, %(filter)s) f
join chunks c on c.id = f.chunk_id
join documents d on d.id = c.document_id
order by f.score desc, f.chunk_id;

-- The same, with where it stands, and the text once more with U+E000 and U+E001 around each matching word.
-- name: passages
with found as (
    select * from search_chunks(%(project)s, %(question)s, %(embedding)s, %(limit)s, %(space)s, %(filter)s)
), query as (
    select to_tsquery('simple', coalesce(string_agg(quote_literal(l), ' | '), '')) as terms
    from unnest(tsvector_to_array(to_tsvector('english', %(question)s))) l
)
select d.source_path, c.start_offset, c.end_offset, f.score, c.heading, c.text,
       ts_headline('english', c.text, q.terms, format('StartSel=%%s, StopSel=%%s, HighlightAll=true', chr(57344), chr(57345))),
       p.number, s.seconds
from found f
cross join query q
join chunks c on c.id = f.chunk_id
join documents d on d.id = c.document_id
left join lateral (
    select number, start_offset, segments from pages
    where document_id = d.id and start_offset <= c.start_offset order by start_offset desc limit 1) p on true
left join lateral (
    select (x ->> 2)::float as seconds from jsonb_array_elements(p.segments) x
    where (x ->> 1)::integer > c.start_offset - p.start_offset order by (x ->> 0)::integer limit 1) s on true
order by f.score desc, f.chunk_id;

-- Entities that a name may mean, the most likely first: by key, by spelling, by beginning, by part.
-- name: find_entities
with hits as (
    select e.entity_id, 0 as distance
    from canonical_entities e join entities n on n.id = e.name_id
    where e.project_id = %(project)s and n.key = any (%(keys)s)
    union all
    select e.entity_id, case when lower(m.name) = lower(%(name)s) then 1 when m.name ilike %(pattern)s || '%%' then 2 else 3 end
    from documents d
    join mentions m on m.document_id = d.id
    join canonical_entities e on e.name_id = m.entity_id
    where d.project_id = %(project)s and m.name ilike '%%' || %(pattern)s || '%%'
), best as (select entity_id, min(distance) as distance from hits group by entity_id)
select b.entity_id::text, s.name, s.type::text, s.mentions, s.documents
from best b cross join lateral entity_summary(b.entity_id) s
where s.mentions > 0
order by b.distance, s.mentions desc, s.name collate "C" limit %(limit)s;

-- name: entity_aliases
select m.name, count(*) from mentions m where m.entity_id in (select names_of(%(entity)s)) group by m.name order by count(*) desc, m.name collate "C";

-- name: entity_documents
select d.source_path, count(*) from mentions m join documents d on d.id = m.document_id
where m.entity_id in (select names_of(%(entity)s)) group by d.source_path order by count(*) desc, d.source_path collate "C";

-- name: entity_merges
select (select m.name from mentions m where m.entity_id = e.id group by m.name order by count(*) desc, m.name collate "C" limit 1),
       e.merge_reason, e.merge_score
from entities e
where e.merged_into = %(entity)s and exists (select from mentions m where m.entity_id = e.id) order by 1;

-- name: entity_neighbours
with evidence as (
    select case when s.entity_id = %(entity)s then o.entity_id else s.entity_id end as other, r.predicate,
           v.document_id, v.start_offset, v.end_offset, v.confidence
    from relationships r
    join canonical_entities s on s.name_id = r.subject_id
    join canonical_entities o on o.name_id = r.object_id
    join relationship_evidence v on v.relationship_id = r.id
    where r.id = any (array(select relations_of(array[%(entity)s::uuid]))) and s.entity_id <> o.entity_id
), pairs as (
    select other, predicate, count(distinct (document_id, start_offset, end_offset)) as weight, count(distinct document_id) as documents
    from evidence group by other, predicate order by weight desc, other limit %(limit)s
)
select p.other::text, s.name, s.type::text, p.predicate, p.weight, p.documents, x.source_path, x.passage
from pairs p
cross join lateral entity_summary(p.other) s
cross join lateral (
    select d.source_path, substring(d.text from e.start_offset + 1 for e.end_offset - e.start_offset) as passage
    from evidence e join documents d on d.id = e.document_id
    where e.other = p.other and e.predicate = p.predicate
    order by e.confidence desc, e.end_offset - e.start_offset, d.source_path collate "C", e.start_offset limit 1) x
order by p.weight desc, s.name collate "C";

-- A line of an export is built here whole. array_to_json and row_to_json put no line breaks between elements; json_agg does.
-- name: export_documents
select row_to_json(line)::text from (
    select d.id as document_id, d.source_path, d.file_name, d.status,
           case when d.error_code is not null then
               (select row_to_json(e) from (select d.error_code as code, coalesce(d.error_message, '') as message) e) end as error,
           d.language, d.text,
           array_to_json(array(select row_to_json(p) from (
                select number, start_offset as start, end_offset as "end", source, confidence
                from pages where document_id = d.id order by number) p)) as pages,
           array_to_json(array(select row_to_json(c) from (
                select id, start_offset as start, end_offset as "end"
                from chunks where document_id = d.id order by position) c)) as chunks,
           array_to_json(array(select row_to_json(m) from (
                select m.start_offset as start, m.end_offset as "end", m.type, e.entity_id, m.confidence
                from mentions m left join canonical_entities e on e.name_id = m.entity_id
                where m.document_id = d.id order by m.number) m)) as mentions,
           array_to_json(array(select a.source_path from documents a where a.parent_id = d.id
                               order by a.source_path collate "C")) as attachments
    from documents d where d.project_id = %(project)s order by d.source_path collate "C") line;

-- name: export_entities
select row_to_json(line)::text from (
    select e.id, s.type, s.name,
           array_to_json(array(select m.name from mentions m where m.entity_id in (select names_of(e.id))
                               group by m.name order by m.name collate "C")) as aliases,
           s.mentions, s.documents
    from entities e cross join lateral entity_summary(e.id) s
    where e.project_id = %(project)s and e.merged_into is null and s.mentions > 0 order by e.id) line;

-- name: export_relationships
select row_to_json(line)::text from (
    select subject_id as subject, predicate, object_id as object, count(*) as weight,
           array_to_json(array_agg(row_to_json(place) order by (place).document_id, (place).start, (place)."end")) as evidence
    from (select distinct subject_id, predicate, object_id, document_id, start_offset as start, end_offset as "end"
          from canonical_evidence where project_id = %(project)s) v
    cross join lateral (select v.document_id, v.start, v."end") place
    group by subject_id, predicate, object_id order by subject_id, predicate, object_id) line;

-- name: graph_waits
select exists (select from graph_touched where project_id = %(project)s);

-- name: graph_documents
select id::text, source_path, file_name, status::text, language, category
from documents where project_id = %(project)s order by source_path collate "C";

-- name: graph_entities
select e.id::text, s.name, s.type::text, s.mentions, s.documents
from entities e cross join lateral entity_summary(e.id) s
where e.project_id = %(project)s and e.merged_into is null and s.mentions > 0 order by e.id;

-- name: graph_mentions
select m.document_id::text, e.entity_id::text, count(*)
from documents d
join mentions m on m.document_id = d.id
join canonical_entities e on e.name_id = m.entity_id
where d.project_id = %(project)s group by m.document_id, e.entity_id order by m.document_id, e.entity_id;

-- name: graph_attachments
select parent_id::text, id::text from documents
where project_id = %(project)s and parent_id is not null order by source_path collate "C";

-- name: graph_relations
select subject_id::text, object_id::text, predicate, count(distinct (document_id, start_offset, end_offset)), count(distinct document_id)
from canonical_evidence where project_id = %(project)s
group by subject_id, object_id, predicate order by subject_id, predicate, object_id;

-- name: csv_documents
select d.id::text, d.source_path, d.file_name, d.status::text, coalesce(d.error_code, ''), coalesce(d.error_message, ''), d.media_type,
       d.language, d.category, (select count(*) from pages p where p.document_id = d.id), coalesce(d.parent_id::text, '')
from documents d where d.project_id = %(project)s order by d.source_path collate "C";

-- name: csv_chunks
select c.id::text, c.document_id::text, c.position, c.start_offset, c.end_offset, c.heading, c.text
from documents d join chunks c on c.document_id = d.id
where d.project_id = %(project)s order by d.source_path collate "C", c.position;

-- name: csv_entities
select e.id::text, s.type::text, s.name, s.mentions, s.documents,
       array_to_json(array(select m.name from mentions m where m.entity_id in (select names_of(e.id))
                           group by m.name order by m.name collate "C"))::text
from entities e cross join lateral entity_summary(e.id) s
where e.project_id = %(project)s and e.merged_into is null and s.mentions > 0 order by e.id;

-- name: csv_mentions
select m.document_id::text, m.start_offset, m.end_offset, m.type::text, m.name, coalesce(e.entity_id::text, ''),
       coalesce(m.chunk_id::text, ''), m.confidence
from documents d
join mentions m on m.document_id = d.id
left join canonical_entities e on e.name_id = m.entity_id
where d.project_id = %(project)s order by d.source_path collate "C", m.number;

-- name: csv_relationships
select subject_id::text, predicate, object_id::text, count(distinct (document_id, start_offset, end_offset)), count(distinct document_id)
from canonical_evidence where project_id = %(project)s
group by subject_id, predicate, object_id order by subject_id, predicate, object_id;

-- name: model_costs
select step::text, endpoint, model, sum(calls)::bigint, sum(guessed)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint,
       sum(pages)::bigint, sum(audio_seconds), sum(cost)::float
from project_costs((select id from projects where name = %(project)s), %(prices)s)
group by project_costs.step, endpoint, model order by project_costs.step, sum(cost) desc nulls first, model;

-- name: document_costs
select d.source_path, sum(c.calls)::bigint, sum(c.guessed)::bigint, sum(c.input_tokens)::bigint, sum(c.output_tokens)::bigint,
       sum(c.pages)::bigint, sum(c.audio_seconds), case when bool_and(c.cost is not null) then sum(c.cost)::float end as cost
from project_costs((select id from projects where name = %(project)s), %(prices)s) c left join documents d on d.id = c.document_id
group by d.source_path order by cost desc nulls first, d.source_path collate "C";

-- Questions of a project that are not answered yet, by batch; first those that are in none.
-- name: batches
select coalesce(b.state, 'gathering'), count(*),
       sum(usage_cost(%(prices)s, q.model || ':batch', q.input_tokens, q.output_tokens, 0, 0))::float,
       extract(epoch from now() - min(q.left_at))::float, coalesce(b.fault, '')
from batch_questions q left join paid_batches b on b.id = q.batch_id
where q.project_id = (select id from projects where name = %(project)s) and q.failed_at is null
group by b.id order by b.made_at nulls first;

-- name: budget
select amount::float, used::float, under_way::float, unpriced
from budget_state((select id from projects where name = %(project)s), %(prices)s);
