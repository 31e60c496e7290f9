-- What people ask of documents while everything runs: cancel, retry, reprocess, delete. Each returns what became of every document.

-- Documents of a project: by id, by LIKE patterns of paths (both null: all), in these states or in error at these steps (null: any).
create or replace function select_documents(p_project text, p_ids uuid[], p_paths text[], p_statuses text[], p_failed_steps text[])
returns uuid[] language sql stable as $$
    select coalesce(array_agg(d.id order by d.source_path collate "C"), '{}') from documents d join projects p on p.id = d.project_id
    where p.name = p_project
      and (p_ids is null and p_paths is null or d.id = any (p_ids) or d.source_path like any (p_paths))
      and (p_statuses is null or d.status::text = any (p_statuses) or d.status = 'error' and d.step::text = any (p_failed_steps))
$$;

-- By the clock, so that no token is given twice, not even to another document with the same id.
create or replace function new_token(p_old bigint) returns bigint language sql volatile as $$
    select greatest(p_old + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
$$;

-- Outcomes: cancelled, ended (nothing to cancel).
create or replace function cancel_documents(p_ids uuid[])
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := 'ended';
        if d.status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing') then
            outcome := 'cancelled';
            perform graph_is_outdated(d);
            if d.lease_until is not null then
                insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
                values (d.id, d.step, 'cancelled', d.worker, d.token, d.lease_started);
            end if;
            update documents set status = 'cancelled', token = new_token(d.token), lease_until = null, not_before = null,
                waiting_for = null, updated_at = now(), finished_at = now()
            where id = d.id;
        end if;
        return next;
    end loop;
end $$;

-- Start again at the step that failed; of a document that was read in part, the failed page ranges are read again. Outcomes: queued, completed, on_its_way.
create or replace function retry_documents(p_ids uuid[])
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := case when d.status = 'completed' then 'completed' else 'on_its_way' end;
        if d.status = 'partial_error' then
            perform restart_document(d.id, 'process_ocr');
            outcome := 'queued';
        elsif d.status in ('error', 'cancelled') then
            perform restart_document(d.id, d.step);
            outcome := 'queued';
        end if;
        return next;
    end loop;
end $$;

-- Run what is stale, and everything from p_from on unless it is null. Outcomes: queued, on_its_way.
create or replace function reprocess_documents(p_ids uuid[], p_from pipeline_step)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := 'on_its_way';
        if d.status in ('completed', 'partial_error', 'error', 'cancelled') then
            delete from document_steps where document_id = d.id and step >= p_from;
            delete from document_parts where document_id = d.id and p_from = 'process_ocr';
            perform restart_document(d.id, 'process_ocr');
            outcome := 'queued';
        end if;
        return next;
    end loop;
end $$;

-- Remove a document with its attachments, and their share in everything. Outcome: deleted.
create or replace function delete_document(p_document uuid)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_level uuid[] := array(select id from documents where id = p_document for update);
    v_family uuid[] := '{}';
    v_keys text[];
    v_relations uuid[];
begin
    -- From the top: nobody can give attachments to a document whose row is held here.
    while cardinality(v_level) > 0 loop
        v_family := v_family || v_level;
        v_level := array(select id from documents where parent_id = any (v_level) order by source_path collate "C" for update);
    end loop;
    v_relations := array(select distinct relationship_id from relationship_evidence where document_id = any (v_family));
    v_keys := array(select distinct storage_key from documents where id = any (v_family));
    return query select id, source_path, 'deleted' from documents where id = any (v_family) order by source_path collate "C";
    perform forget_results(id) from unnest(v_family) id;
    perform drop_relations(v_relations);
    delete from documents where id = p_document;
    perform note_unused_files(v_keys);
    perform pg_notify('nlp_pipeline_finished', p_document::text);
end $$;

-- Those of these files that no document uses are to be removed. For use inside other functions.
create or replace function note_unused_files(p_keys text[]) returns void language sql as $$
    insert into files_unused (storage_key)
    select key from unnest(p_keys) key where not exists (select from documents where storage_key = key) order by key
    on conflict (storage_key) do update set marked_by = null, marked_at = null, removed = false
$$;

-- Remove those of these relations that nothing shows any more.
create or replace function drop_relations(p_ids uuid[]) returns void language plpgsql as $$
begin
    -- Evidence that comes meanwhile is seen by the second statement, or refused and tried again by whoever brings it.
    perform from relationships where id = any (p_ids) order by id for update;
    delete from relationships r
    where r.id = any (p_ids) and not exists (select from relationship_evidence v where v.relationship_id = r.id);
end $$;

-- A file that a document uses is not to be removed. While somebody removes it, nobody can use it: that is to be tried again.
create or replace function keep_file() returns trigger language plpgsql as $$
begin
    delete from files_unused where storage_key = new.storage_key and coalesce(taken_until <= now(), true);
    if not found and exists (select from files_unused where storage_key = new.storage_key and taken_until > now()) then
        raise exception 'the file % is being removed', new.storage_key using errcode = '40001';
    end if;
    return new;
end $$;

create or replace trigger documents_file before insert or update of storage_key on documents
    for each row execute function keep_file();

-- Whoever stores files for documents to come says so before: until the claim is forgotten or over nobody removes them.
create or replace function expect_files(p_claim uuid, p_keys text[], p_lease interval) returns void language plpgsql as $$
begin
    insert into files_expected (storage_key, claim, until)
    select key, p_claim, now() + p_lease from (select distinct unnest(p_keys) as key) k order by key
    on conflict (storage_key, claim) do update set until = excluded.until;
    -- Whoever takes files holds the table above: what was taken before is seen here.
    if exists (select from files_unused where storage_key = any (p_keys) and taken_until > now()) then
        raise exception 'a file is being removed' using errcode = '40001';
    end if;
end $$;

-- The documents are there; what came to nothing is to be removed.
create or replace function forget_expected_files(p_claim uuid) returns void language plpgsql as $$
declare
    v_keys text[];
begin
    with over as (delete from files_expected where claim = p_claim returning storage_key)
    select array_agg(storage_key) into v_keys from over;
    perform note_unused_files(v_keys);
end $$;

-- Whether there are files to be removed; each is told of once in 10 seconds, until it is removed. What has had its time goes by the
-- way: it is called every few seconds.
create or replace function mark_unused_files() returns boolean language plpgsql as $$
begin
    perform drop_old_answers();
    perform end_lost_calls();
    perform forget_expected_files(claim) from (select distinct claim from files_expected where until <= now()) over;
    delete from files_unused where removed and marked_at < now() - interval '1 day';
    update files_unused u set marked_by = pg_current_xact_id(), marked_at = now()
    from (select storage_key from files_unused
          where not removed and (marked_at is null or marked_at < now() - interval '10 s') and coalesce(taken_until < now(), true) for update skip locked) due
    where u.storage_key = due.storage_key;
    return found;
end $$;

-- Up to p_limit files to be removed now; nobody can use them again until they are, or until p_lease is over.
create or replace function take_unused_files(p_limit integer, p_lease interval) returns setof text language plpgsql as $$
begin
    lock table files_expected in share mode;  -- whoever expects a file is waited for, or waits
    delete from files_unused u where exists (select from documents d where d.storage_key = u.storage_key);
    return query
    update files_unused u set taken_until = now() + p_lease
    from (select storage_key from files_unused
          where not removed and marked_by < pg_snapshot_xmin(pg_current_snapshot()) and coalesce(taken_until < now(), true)
            and not exists (select from files_expected e where e.storage_key = files_unused.storage_key)
          limit p_limit for update skip locked) due
    where u.storage_key = due.storage_key
    returning u.storage_key;
end $$;

-- The first were removed, the others are given back.
create or replace function files_removed(p_keys text[], p_given_back text[]) returns void language sql as $$
    update files_unused set removed = true, taken_until = null where storage_key = any (p_keys);
    update files_unused set taken_until = null where storage_key = any (p_given_back);
$$;
