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

-- invariant: A finished step has left its results.
select x.document_id, x.step from document_steps x
where case x.step when 'process_ocr' then not exists (select from pages where document_id = x.document_id)
                  when 'process_chunking' then not exists (select from chunks where document_id = x.document_id)
                  when 'extract_entities' then not exists (select from mentions where document_id = x.document_id)
                  else false end;

-- invariant: What was queued once holds nothing of a step that was not finished.
select d.id, s.step from documents d
cross join (values ('process_ocr'::pipeline_step), ('process_chunking'), ('extract_entities'), ('resolve_entities')) s (step)
where not exists (select from document_steps x where x.document_id = d.id and x.step = s.step)
  and (select count(*) from seen where document_id = d.id and new_status = 'pending') = 1
  and case s.step when 'process_ocr' then exists (select from pages where document_id = d.id)
                  when 'process_chunking' then exists (select from chunks where document_id = d.id)
                  when 'extract_entities' then exists (select from mentions where document_id = d.id)
                  else exists (select from mentions where document_id = d.id and entity_id is not null) end;

-- invariant: Names are resolved when the step was finished.
select d.id, d.step from documents d join mentions m on m.document_id = d.id
where m.entity_id is null and d.step > 'resolve_entities';

-- invariant: What is said is said of mentions of the same document.
select r.document_id, r.number from relation_mentions r
where (select count(*) from mentions m where m.document_id = r.document_id and m.number in (r.subject, r.object)) <> 2;

-- invariant: Page ranges follow each other, and pages that could not be read are told at the end.
select d.id, p.number from documents d join document_parts p on p.document_id = d.id
left join document_parts q on q.document_id = p.document_id and q.number = p.number - 1
where coalesce(q.last_page, 0) + 1 <> p.first_page
union all
select id, null from documents where status = 'completed' and cardinality(failed_pages) > 0
                                  or status = 'partial_error' and cardinality(failed_pages) = 0;

-- invariant: A page range has a lease exactly while it is read.
select document_id, number, status from document_parts where (lease_until is not null) <> (status = 'running');

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
