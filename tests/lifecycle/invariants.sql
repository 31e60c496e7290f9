-- Each sentence is followed by a query for what contradicts it.

-- invariant: A token never goes down.
select document_id, old_token, new_token from seen where new_token < old_token;

-- invariant: A document goes back to an earlier step only by being queued anew.
select document_id, old_step, new_step from seen where new_step < old_step and new_status <> 'pending';

-- invariant: A commit bears the newest token, of a document that is on its way.
select * from seen_commits where token <> newest or status not in ('extracting', 'processing_chunks', 'processing');

-- invariant: A step is committed once, until the document is queued anew.
select a.document_id, a.step from seen_commits a join seen_commits b using (document_id, step)
where a.number < b.number and not exists (
    select from seen s where s.document_id = a.document_id and s.new_status = 'pending' and s.number between a.number and b.number);

-- invariant: What is not being worked on has no lease.
select id, status, lease_until from documents
where lease_until is not null and status not in ('extracting', 'processing_chunks', 'processing');

-- invariant: A document has an end exactly when it has ended.
select id, status, finished_at from documents
where (finished_at is not null) <> (status in ('completed', 'partial_error', 'error', 'cancelled'));

-- invariant: An error says what it is, and what is complete has none.
select id, status, error_code from documents
where status = 'error' and error_code is null or status in ('completed', 'pending') and error_code is not null;

-- invariant: Every step before the next one is finished, and all of them at the end.
select d.id, d.status, d.step, s from documents d cross join unnest(enum_range(null::pipeline_step)) s
where (s < d.step or d.status in ('completed', 'partial_error'))
  and not exists (select from document_steps x where x.document_id = d.id and x.step = s);

-- invariant: A finished step stands in the history.
select document_id, step from document_steps s
where not exists (
    select from document_processing_history h where h.document_id = s.document_id and h.step = s.step and h.outcome = 'done');

-- invariant: There are pages, chunks and mentions exactly where their step was finished.
select d.id, s.step from documents d
cross join (values ('process_ocr'::pipeline_step), ('process_chunking'), ('extract_entities')) s (step)
where exists (select from document_steps x where x.document_id = d.id and x.step = s.step)
   <> case s.step when 'process_ocr' then exists (select from pages where document_id = d.id)
                  when 'process_chunking' then exists (select from chunks where document_id = d.id)
                  else exists (select from mentions where document_id = d.id) end;

-- invariant: Names are resolved when the step was finished, and not before.
select d.id, d.step from documents d join mentions m on m.document_id = d.id
where (m.entity_id is null and d.step > 'resolve_entities')
   or (m.entity_id is not null and not exists (
        select from document_steps x where x.document_id = d.id and x.step = 'resolve_entities'));

-- invariant: A name remains as long as something mentions it.
select e.id, e.key from entities e
where not exists (select from mentions where entity_id = e.id)
  and not exists (select from entity_links where e.id in (left_id, right_id) and document_id is not null);

-- invariant: What is said of an entity is what its mentions say.
(select e.entity_id, count(*), count(distinct m.document_id)
 from canonical_entities e join mentions m on m.entity_id = e.name_id group by 1)
except
select entity_id, mentions, documents from entity_summaries(array(select distinct entity_id from canonical_entities));

-- invariant: The weight of a relation is the number of its passages.
(select subject_id, object_id, count(distinct (document_id, start_offset, end_offset)), count(distinct document_id)
 from canonical_evidence where predicate = 'CO_OCCURS_WITH' group by 1, 2)
except
select * from pair_weights(array(select id from documents));

-- invariant: A document knows how much it holds.
select id, page_count, chunk_count, mention_count from documents d
where page_count <> (select count(*) from pages where document_id = d.id)
   or chunk_count <> (select count(*) from chunks where document_id = d.id)
   or mention_count <> (select count(*) from mentions where document_id = d.id);

-- invariant: The counts of a project are those of its documents.
(select project_id, status, step, count(*), sum(page_count), sum(chunk_count), sum(mention_count)
 from documents group by 1, 2, 3)
except
select p.id, c.* from projects p cross join lateral project_counts(p.id) c;
