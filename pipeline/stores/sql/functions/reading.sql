-- What the steps need to know of a document. What may be many rows comes as one value.

-- Seconds until the next document is due that waits for its next try; null: there is none.
create or replace function next_due() returns double precision language sql stable as $$
    select extract(epoch from min(greatest(moment, now())) - now())::float from documents d
    cross join lateral (
        select d.not_before as moment
        union all
        select p.not_before from document_parts p where p.document_id = d.id and d.status = 'processing_chunks') t
    where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and d.lease_until is null and moment < 'infinity'
$$;

create or replace function file_of(p_document uuid)
returns table (storage_key text, file_name text, source_path text, depth integer, project text, split boolean) language sql stable as $$
    select d.storage_key, d.file_name, d.source_path, d.depth, p.name, d.status = 'processing_chunks'
    from documents d join projects p on p.id = d.project_id where d.id = p_document
$$;

create or replace function range_of(p_document uuid, p_number integer) returns table (first_page integer, last_page integer)
language sql stable as $$
    select first_page, last_page from document_parts where document_id = p_document and number = p_number
$$;

-- content: what a job is named after, the same for the same file.
create or replace function job_of(p_document uuid)
returns table (job text, attempt integer, waited double precision, content text, pages integer) language sql stable as $$
    select j.job, j.attempt, coalesce(extract(epoch from now() - j.submitted_at), 0)::float, coalesce(nullif(d.sha256, ''), d.storage_key),
           j.pages
    from document_jobs j join documents d on d.id = j.document_id and d.lease_engine = j.engine where d.id = p_document
$$;

-- pages: [[number, start, end, source, confidence], …]
create or replace function reading_of(p_document uuid) returns table (text text, media_type text, metadata jsonb, pages jsonb)
language sql stable as $$
    select d.text, d.media_type, d.metadata,
           (select coalesce(jsonb_agg(jsonb_build_array(p.number, p.start_offset, p.end_offset, p.source, p.confidence) order by p.number), '[]')
            from pages p where p.document_id = d.id)
    from documents d where d.id = p_document
$$;

create or replace function node_of(p_document uuid)
returns table (id uuid, project text, file_name text, source_path text, media_type text, language text, category text, parent text)
language sql stable as $$
    select d.id, p.name, d.file_name, d.source_path, d.media_type, d.language, d.category, coalesce(d.parent_id::text, '')
    from documents d join projects p on p.id = d.project_id where d.id = p_document
$$;

-- [[start, end, type, confidence, entity], …]
create or replace function mentions_of(p_document uuid) returns json language sql stable as $$
    select coalesce(json_agg(json_build_array(start_offset, end_offset, type, confidence, coalesce(entity_id::text, '')) order by number), '[]')
    from mentions where document_id = p_document
$$;

-- [[subject, predicate, object, start, end, confidence], …]
create or replace function relation_mentions_of(p_document uuid) returns json language sql stable as $$
    select coalesce(json_agg(json_build_array(subject, predicate, object, start_offset, end_offset, confidence) order by number), '[]')
    from relation_mentions where document_id = p_document
$$;

create or replace function candidates_of(p_document uuid, p_keys text[], p_blocking_keys text[]) returns jsonb language sql stable as $$
    select candidate_names(project_id, p_keys, p_blocking_keys) from documents where id = p_document
$$;
