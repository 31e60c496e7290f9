-- name: submit
select document_id::text, source_path, outcome from submit_documents(%(project)s, %(files)s);

-- name: claim
select document_id::text, step::text from claim_documents(%(limit)s, %(in_flight)s);

-- name: repair
select document_id::text, step::text from repair_documents(%(idle)s, %(known)s, %(limit)s);

-- name: next_due
select extract(epoch from min(greatest(moment, now())) - now())::float from documents d
cross join lateral (
    select d.not_before as moment
    union all
    select p.not_before from document_parts p where p.document_id = d.id and d.status = 'processing_chunks') t
where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and d.lease_until is null and moment is not null;

-- name: begin
select verdict, token from begin_step(%(document)s, %(step)s, %(engine)s, %(worker)s, %(lease)s, %(most_crashes)s);

-- name: renew
select renew_lease(%(document)s, %(token)s, %(lease)s);

-- name: release
select release_lease(%(document)s, %(token)s);

-- name: report_crash
select report_crash(%(document)s, %(worker)s, %(most_crashes)s);

-- name: report_part_crash
select report_part_crash(%(document)s, %(part)s, %(worker)s, %(most_crashes)s);

-- name: release_all
select release_leases(%(worker)s);

-- name: fail
select fail_step(%(document)s, %(step)s, %(token)s, %(code)s, %(message)s, %(retry)s, %(most_retries)s, %(wait)s, %(longest)s);

-- name: split
select split_document(%(document)s, %(token)s, %(media_type)s, %(metadata)s, %(children)s, %(ranges)s);

-- name: missing_parts
select missing_parts(%(document)s, %(token)s);

-- name: begin_part
select verdict, token from begin_part(%(document)s, %(part)s, %(worker)s, %(lease)s, %(most_crashes)s);

-- name: renew_part
select renew_part(%(document)s, %(part)s, %(token)s, %(lease)s);

-- name: release_part
select release_part(%(document)s, %(part)s, %(token)s);

-- name: fail_part
select fail_part(%(document)s, %(part)s, %(token)s, %(code)s, %(message)s, %(retry)s, %(most_retries)s, %(wait)s, %(longest)s);

-- name: part
select first_page, last_page from document_parts where document_id = %(document)s and number = %(part)s;

-- name: save_part
select commit_part(%(document)s, %(part)s, %(token)s, %(text)s, %(pages)s);

-- name: join_parts
select join_parts(%(document)s, %(token)s);

-- name: hand_over
select hand_over(%(document)s, %(token)s, %(media_type)s, %(metadata)s, %(children)s);

-- name: job
select j.job, j.attempt, coalesce(extract(epoch from now() - j.submitted_at), 0)::float, coalesce(nullif(d.sha256, ''), d.storage_key)
from document_jobs j join documents d on d.id = j.document_id and d.lease_engine = j.engine where d.id = %(document)s;

-- name: pass_on
select pass_on(%(document)s, %(token)s);

-- name: save_job
select save_job(%(document)s, %(token)s, %(job)s);

-- name: drop_job
select drop_job(%(document)s, %(token)s);

-- name: save_job_part
select save_job_part(%(document)s, %(token)s, %(part)s, %(first)s, %(last)s, %(text)s, %(pages)s);

-- name: finish_job
select commit_job(%(document)s, %(token)s, %(parts)s, %(failed)s);

-- name: wake_jobs
select wake_jobs(%(jobs)s);

-- name: save_pages
select commit_pages(%(document)s, %(token)s, %(media_type)s, %(metadata)s, %(text)s, %(pages)s, %(children)s);

-- name: stage_rows
select stage_rows(%(document)s, %(token)s, %(number)s, %(rows)s);

-- name: save_node
select commit_node(%(document)s, %(token)s, %(language)s, %(category)s);

-- name: save_chunks
select commit_chunks(%(document)s, %(token)s, %(chunks)s);

-- name: save_mentions
select commit_mentions(%(document)s, %(token)s, %(mentions)s, %(relation_mentions)s, %(notes)s);

-- name: candidates
select candidate_names(project_id, %(keys)s, %(blocking_keys)s) from documents where id = %(document)s;

-- name: save_resolution
select commit_resolution(%(document)s, %(token)s, %(arrival)s, %(clusters)s, %(names)s, %(links)s);

-- name: save_relations
select save_relationships(%(document)s, %(token)s, %(relations)s);

-- name: finish_graph
select commit_graph(%(document)s, %(token)s);

-- name: file
select d.storage_key, d.file_name, d.source_path, d.depth, p.name, d.status = 'processing_chunks'
from documents d join projects p on p.id = d.project_id where d.id = %(document)s;

-- name: text
select text from documents where id = %(document)s;

-- name: reading
select d.text, d.media_type, d.metadata,
       (select coalesce(jsonb_agg(jsonb_build_array(p.number, p.start_offset, p.end_offset, p.source, p.confidence) order by p.number), '[]')
        from pages p where p.document_id = d.id)
from documents d where d.id = %(document)s;

-- name: node
select d.id::text, p.name, d.file_name, d.source_path, d.media_type, d.language, d.category, coalesce(d.parent_id::text, '')
from documents d join projects p on p.id = d.project_id where d.id = %(document)s;

-- name: mentions
select start_offset, end_offset, type::text, confidence, coalesce(entity_id::text, '')
from mentions where document_id = %(document)s order by number;

-- name: relation_mentions
select subject, predicate, object, start_offset, end_offset, confidence
from relation_mentions where document_id = %(document)s order by number;

-- name: project_of
select project_id::text from documents where id = %(document)s;

-- name: lock
select pg_advisory_lock(hashtext(%(purpose)s), hashtext(%(key)s));

-- name: unlock
select pg_advisory_unlock(hashtext(%(purpose)s), hashtext(%(key)s));

-- name: graph_chunks
select id::text, position, start_offset, end_offset, heading from chunks where document_id = %(document)s order by position;

-- name: graph_mentions
select m.chunk_id::text, e.entity_id::text, count(*), max(m.confidence)
from mentions m join canonical_entities e on e.name_id = m.entity_id
where m.document_id = %(document)s and m.chunk_id is not null group by 1, 2 order by 1, 2;

-- name: graph_entities
select e.entity_id::text, min(m.name), min(m.type)::text, count(*), 1
from mentions m join canonical_entities e on e.name_id = m.entity_id
where m.document_id = %(document)s group by 1 order by 1;

-- name: graph_turn
select graph_turn::text from graph_turn(%(document)s, %(token)s, %(most)s);

-- name: graph_touched
select document_id::text from graph_touched where project_id = %(project)s;

-- name: touched_entities
select s.entity_id::text, s.name, s.type::text, s.mentions, s.documents
from entity_summaries(array(
    select distinct e.entity_id from mentions m join canonical_entities e on e.name_id = m.entity_id
    where m.document_id = any (%(documents)s::uuid[])), true) s order by 1;

-- name: touched_relations
select subject_id::text, object_id::text, weight, documents from pair_weights(%(documents)s::uuid[], true) order by 1, 2;

-- name: touched_related
select subject_id::text, predicate, object_id::text, evidence, documents, confidence
from related_of(%(documents)s::uuid[]) order by 1, 2, 3;

-- name: touched_done
delete from graph_touched where document_id = any (%(documents)s::uuid[]) returning true;

-- name: stale_graphs
select ask_for_graphs::text from ask_for_graphs();

-- What the graph holds of a document: nothing before its node was made, its chunks once it was told of them.
-- name: graph_node
select was_told(d), d.id::text, p.name, d.file_name, d.source_path, d.media_type, d.language, d.category, coalesce(d.parent_id::text, '')
from documents d join projects p on p.id = d.project_id
where d.id = %(document)s and has_node(d);

-- name: outdated
select document_id::text, number from outdated_documents(%(project)s, %(most)s);

-- name: outdated_done
select outdated_done(%(project)s, %(ids)s::uuid[], %(numbers)s::bigint[]);

-- name: changed_entities
select c.entity_id::text, c.number, coalesce(e.merged_into is null, false) as stands
from graph_changes c left join entities e on e.id = c.entity_id
where c.project_id = %(project)s order by 1;

-- name: changed_done
delete from graph_changes c using unnest(%(ids)s::uuid[], %(numbers)s::bigint[]) as done (id, number)
where c.project_id = %(project)s and c.entity_id = done.id and c.number = done.number
returning true;

-- name: entities_summary
select entity_id::text, name, type::text, mentions, documents from entity_summaries(%(ids)s::uuid[], true) order by 1;

-- name: entities_mentions
select m.chunk_id::text, e.entity_id::text, count(*), max(m.confidence)
from canonical_entities e join mentions m on m.entity_id = e.name_id
where e.entity_id = any (%(ids)s::uuid[]) and m.chunk_id is not null group by 1, 2 order by 1, 2;

-- name: entities_relations
select subject_id::text, object_id::text, weight, documents from graph_pairs(%(ids)s::uuid[]) order by 1, 2;

-- name: entities_related
select subject_id::text, predicate, object_id::text, evidence, documents, confidence
from graph_related(%(ids)s::uuid[]) order by 1, 2, 3;

-- name: select_documents
select select_documents::text from select_documents(%(project)s, %(ids)s::uuid[], %(paths)s::text[], %(statuses)s::text[], %(failed_steps)s::text[]);

-- name: cancel
select document_id::text, source_path, outcome from cancel_documents(%(documents)s::uuid[]);

-- name: retry
select document_id::text, source_path, outcome from retry_documents(%(documents)s::uuid[]);

-- name: reprocess
select document_id::text, source_path, outcome from reprocess_documents(%(documents)s::uuid[], %(since)s);

-- name: delete
select document_id::text, source_path, outcome from delete_document(%(document)s);

-- name: mark_unused_files
select mark_unused_files();

-- name: take_unused_files
select take_unused_files(%(most)s);
