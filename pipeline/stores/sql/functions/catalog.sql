-- What the HTTP API asks of documents, beside what the commands ask. p_project is the only project that may be seen; "" is any.

-- Queue uploaded files, as submit_documents takes them: [{document_id, source_path, outcome}]. With p_name (not "") a second call with the
-- same files changes nothing and returns what the first returned; with other files it returns null.
create or replace function submit_uploads(p_key uuid, p_name text, p_project text, p_files jsonb) returns jsonb language plpgsql as $$
declare
    v_fingerprint constant text := md5(p_project || p_files::text);
    v_before api_uploads;
    v_answer jsonb;
begin
    if p_name <> '' then
        delete from api_uploads where made_at < now() - interval '1 day';
        perform pg_advisory_xact_lock(hashtextextended(p_key::text || p_name, 0));
        select * into v_before from api_uploads where key_id = p_key and name = p_name;
        if found then
            return case when v_before.fingerprint = v_fingerprint then v_before.answer end;
        end if;
    end if;
    select jsonb_agg(to_jsonb(s)) into v_answer from submit_documents(p_project, p_files) s;
    if p_name <> '' then
        insert into api_uploads (key_id, name, fingerprint, answer) values (p_key, p_name, v_fingerprint, v_answer);
    end if;
    return v_answer;
end $$;

create or replace function file_of_document(p_document uuid, p_project text)
returns table (project text, storage_key text, file_name text, media_type text, sha256 text) language sql stable as $$
    select p.name, d.storage_key, d.file_name, d.media_type, d.sha256
    from documents d join projects p on p.id = d.project_id where d.id = p_document and p_project in ('', p.name)
$$;

-- What a document is to those who look at it; null: it was not read yet.
create or replace function document_format(p_media_type text) returns text language sql immutable as $$
    select case when p_media_type = '' then null
                when p_media_type = 'application/pdf' then 'pdf'
                when p_media_type like 'image/%' then 'image'
                when p_media_type like 'audio/%' or p_media_type like 'video/%' then 'audio'
                when p_media_type like 'message/%' or p_media_type in ('application/mbox', 'application/vnd.ms-outlook') then 'email'
                when p_media_type in ('text/html', 'application/xhtml+xml') then 'html'
                when p_media_type like 'text/%' or p_media_type in ('application/json', 'application/xml') then 'text'
                else 'office' end
$$;

-- What is told of a document wherever it is named. parts: its page ranges by state, empty if it is read as a whole.
create or replace function document_facts(d documents) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'document_id', d.id, 'project', (select name from projects where id = d.project_id), 'filename', d.file_name,
        'source_path', d.source_path, 'size', d.size, 'sha256', d.sha256, 'media_type', d.media_type,
        'format', document_format(d.media_type), 'language', d.language,
        'category', d.category, 'status', d.status, 'step', d.step, 'running', d.lease_until is not null,
        'waiting_for', d.waiting_for, 'error_code', d.error_code, 'error_message', d.error_message,
        'retries', d.retries + d.waits + d.crashes + d.vanished, 'parent_id', d.parent_id,
        'page_count', d.page_count, 'chunk_count', d.chunk_count, 'mention_count', d.mention_count,
        'created_at', d.created_at, 'updated_at', d.updated_at, 'finished_at', d.finished_at,
        'parts', (select coalesce(jsonb_object_agg(status, n), '{}') from (
            select status, count(*) as n from document_parts where document_id = d.id group by status) s))
$$;

-- The newest first, after the one that p_before and p_before_id name (null: from the newest). p_under: a LIKE pattern of paths.
create or replace function list_documents(p_project text, p_statuses text[], p_failed_steps text[], p_under text, p_parent uuid,
    p_before timestamptz, p_before_id uuid, p_limit integer)
returns table (document jsonb) language sql stable as $$
    select document_facts(d) from documents d
    where d.project_id = (select id from projects where name = p_project)
      and (p_statuses is null or d.status::text = any (p_statuses) or d.status = 'error' and d.step::text = any (p_failed_steps))
      and (p_under is null or d.source_path ilike p_under)
      and (p_parent is null or d.parent_id = p_parent)
      and (p_before is null or (d.created_at, d.id) < (p_before, p_before_id))
    order by d.created_at desc, d.id desc limit p_limit
$$;

create or replace function document_state(p_document uuid, p_project text) returns jsonb language sql stable as $$
    select document_facts(d) from documents d join projects p on p.id = d.project_id
    where d.id = p_document and p_project in ('', p.name)
$$;

-- The state, with metadata, and each page range: {number, first_page, last_page, status, error}.
create or replace function document_progress(p_document uuid, p_project text) returns jsonb language sql stable as $$
    select document_facts(d) || jsonb_build_object('metadata', d.metadata, 'ranges', (
        select coalesce(jsonb_agg(jsonb_build_object('number', r.number, 'first_page', r.first_page, 'last_page', r.last_page,
                                                     'status', r.status, 'error', r.error_message) order by r.number), '[]')
        from document_parts r where r.document_id = d.id))
    from documents d join projects p on p.id = d.project_id where d.id = p_document and p_project in ('', p.name)
$$;

-- The state with the whole text and what was found in it: pages, chunks, mentions, entities, relations, history, null unless p_parts names
-- them.
create or replace function document_results(p_document uuid, p_project text, p_parts text[]) returns jsonb language sql stable as $$
    select document_facts(d) || jsonb_build_object('metadata', d.metadata, 'text', d.text) || jsonb_build_object(
        'parent', (select jsonb_build_object('document_id', id, 'source_path', source_path) from documents where id = d.parent_id),
        'attachments', (
            select coalesce(jsonb_agg(jsonb_build_object('document_id', id, 'source_path', source_path, 'status', status)
                                      order by source_path collate "C"), '[]')
            from documents where parent_id = d.id),
        'pages', case when 'pages' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('number', number, 'start', start_offset, 'end', end_offset, 'source', source,
                                                         'confidence', confidence, 'width', width, 'height', height) order by number), '[]')
            from pages where document_id = d.id) end,
        'chunks', case when 'chunks' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('id', id, 'start', start_offset, 'end', end_offset, 'heading', heading, 'text', text)
                                      order by position), '[]')
            from chunks where document_id = d.id) end,
        'mentions', case when 'mentions' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('start', m.start_offset, 'end', m.end_offset, 'type', m.type, 'name', m.name,
                                                         'confidence', m.confidence, 'entity_id', e.entity_id) order by m.number), '[]')
            from mentions m left join canonical_entities e on e.name_id = m.entity_id where m.document_id = d.id) end,
        'entities', case when 'entities' = any (p_parts) then entities_in(d.id) end,
        'relations', case when 'relations' = any (p_parts) then relations_in(d.id) end,
        'history', case when 'history' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('step', step, 'outcome', outcome, 'started_at', started_at, 'finished_at', finished_at,
                                                         'error_code', error_code, 'error_message', error_message) order by id), '[]')
            from document_processing_history where document_id = d.id) end)
    from documents d join projects p on p.id = d.project_id where d.id = p_document and p_project in ('', p.name)
$$;

-- [{id, name, type, mentions}]; how often each is mentioned in this document.
create or replace function entities_in(p_document uuid) returns jsonb language sql stable as $$
    with counted as (
        select e.entity_id, count(*) as mentions from mentions m join canonical_entities e on e.name_id = m.entity_id
        where m.document_id = p_document group by e.entity_id
    )
    select coalesce(jsonb_agg(jsonb_build_object('id', c.entity_id, 'name', s.name, 'type', s.type, 'mentions', c.mentions)
                              order by c.mentions desc, s.name collate "C"), '[]')
    from counted c join entity_summaries(array(select entity_id from counted)) s using (entity_id)
$$;

-- [{subject, predicate, object, evidence: [[start, end, confidence], …]}]; subject and object are ids of entities.
create or replace function relations_in(p_document uuid) returns jsonb language sql stable as $$
    with shown as (
        select case when r.predicate = 'CO_OCCURS_WITH' then least(s.entity_id, o.entity_id) else s.entity_id end as subject, r.predicate,
               case when r.predicate = 'CO_OCCURS_WITH' then greatest(s.entity_id, o.entity_id) else o.entity_id end as object,
               v.start_offset, v.end_offset, max(v.confidence) as confidence
        from relationship_evidence v
        join relationships r on r.id = v.relationship_id
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where v.document_id = p_document and s.entity_id <> o.entity_id group by 1, 2, 3, 4, 5
    ), gathered as (
        select subject, predicate, object,
               jsonb_agg(jsonb_build_array(start_offset, end_offset, confidence) order by start_offset, end_offset) as evidence
        from shown group by subject, predicate, object
    )
    select coalesce(jsonb_agg(to_jsonb(g) order by jsonb_array_length(evidence) desc, subject, predicate, object), '[]') from gathered g
$$;

create or replace function list_projects(p_project text) returns table (name text, documents bigint, created_at timestamptz)
language sql stable as $$
    select p.name, (select coalesce(sum(c.documents), 0)::bigint from project_counts(p.id) c), p.created_at
    from projects p where p_project in ('', p.name) order by p.name collate "C"
$$;
