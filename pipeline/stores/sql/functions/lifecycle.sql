-- What changes the state of a document. Each function is one transaction; a token that is no longer the newest is refused.

create or replace function check_move() returns trigger language plpgsql as $$
begin
    if not exists (select from permitted_moves m where m.old = old.status and m.new = new.status) then
        raise exception 'a document cannot go from % to %', old.status, new.status using errcode = 'NL002';
    end if;
    return new;
end $$;

create or replace trigger documents_move before update of status on documents
    for each row when (old.status is distinct from new.status) execute function check_move();

create or replace function tell_waiting() returns trigger language plpgsql as $$
begin
    perform pg_notify('nlp_pipeline_pending', new.project_id::text);
    return null;
end $$;

create or replace trigger documents_inserted after insert on documents
    for each row when (new.status = 'pending') execute function tell_waiting();
create or replace trigger documents_waiting_again after update of status on documents
    for each row when (new.status = 'pending' and old.status is distinct from 'pending') execute function tell_waiting();

create or replace function tell_finished() returns trigger language plpgsql as $$
begin
    perform pg_notify('nlp_pipeline_finished', new.id::text);
    return null;
end $$;

create or replace trigger documents_finished after update of status on documents
    for each row when (new.status in ('completed', 'partial_error', 'error', 'cancelled') and old.status is distinct from new.status)
    execute function tell_finished();

create or replace function derived_id(variadic p_parts text[]) returns uuid language sql immutable parallel safe as $$
    select md5(array_to_string(p_parts, chr(31)))::uuid
$$;

create or replace function ensure_project(p_name text) returns uuid language sql as $$
    insert into projects (id, name) values (derived_id('project', p_name), p_name) on conflict do nothing;
    select id from projects where name = p_name;
$$;

-- Queue files: [{source_path, file_name, storage_key, size, sha256, priority}]. A file known by path with the same content is left
-- alone, unless it failed for a reason that may have passed; new content under a known path is processed from the start, and what
-- came of the old is forgotten.
create or replace function submit_documents(p_project text, p_files jsonb)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_project uuid := ensure_project(p_project);
    f record;
    d documents;
begin
    for f in select * from jsonb_to_recordset(p_files) as x
            (source_path text, file_name text, storage_key text, size bigint, sha256 text, priority integer) loop
        insert into documents (id, project_id, source_path, file_name, storage_key, size, sha256, priority)
        values (derived_id('document', v_project::text, f.source_path), v_project, f.source_path, f.file_name, f.storage_key,
                coalesce(f.size, 0), coalesce(f.sha256, ''), coalesce(f.priority, 0))
        on conflict do nothing returning * into d;
        if found then
            outcome := 'submitted';
        else
            select * into d from documents x
            where x.project_id = v_project and x.source_path = f.source_path for update;
            if d.sha256 <> f.sha256 then
                perform cancel_documents(array[d.id]);  -- whoever reads the old content loses its lease
                perform delete_document(x.id) from documents x where x.parent_id = d.id;
                perform forget_results(d.id);
                update documents set storage_key = f.storage_key, size = f.size, sha256 = f.sha256 where id = d.id;
                perform note_unused_files(array[d.storage_key]);
                perform restart_document(d.id, 'process_ocr');
                outcome := 'changed';
            elsif d.status = 'error' and d.error_code in ('service_unavailable', 'throttled', 'misconfigured', 'worker_killed', 'internal') then
                perform restart_document(d.id, d.step);
                outcome := 'retried';
            else
                outcome := 'known';
            end if;
        end if;
        document_id := d.id;
        source_path := d.source_path;
        return next;
    end loop;
end $$;

create or replace function restart_document(p_document uuid, p_step pipeline_step) returns void language sql as $$
    update documents set status = 'pending', step = p_step, lease_until = null, crashes = 0, vanished = 0, retries = 0, waits = 0,
        not_before = null, waiting_for = null, error_code = null, error_message = null, finished_at = null, updated_at = now()
    where id = p_document;
$$;

-- Documents that are to be sent on: whose lease ran out, whose next try is due, that were handed back (not_before '-infinity'), or
-- that stand between two steps for longer than p_idle. p_known: ids of which a message waits in the broker; those are not lost,
-- however long the queue. Each document is told to one caller only.
create or replace function repair_documents(p_idle interval, p_known text[], p_limit integer)
returns table (document_id uuid, step pipeline_step) language sql as $$
    with lost as (
        select d.id from documents d
        where d.status in ('queued', 'extracting', 'processing_chunks', 'processing')
          and case when d.lease_until is not null then d.lease_until < now() and d.updated_at < now() - least(p_idle, interval '10 s')
                   when d.not_before is not null then d.not_before <= now()
                   when d.status = 'processing_chunks' then parts_lost(d.id, d.updated_at, p_idle)
                   else d.updated_at < now() - p_idle end
          and d.id::text <> all (p_known)
        order by d.updated_at limit p_limit for update skip locked
    )
    update documents d set updated_at = now(), not_before = null from lost where d.id = lost.id
    returning d.id, d.step;
$$;

-- Wake the queue processors: a document will want to be sent on before they would look for it.
create or replace function tell_due() returns void language sql as $$
    select pg_notify('nlp_pipeline_due', '')
$$;

create or replace function next_step(p_step pipeline_step) returns pipeline_step language sql immutable as $$
    select min(s) from unnest(enum_range(null::pipeline_step)) s where s > p_step
$$;

create or replace function running_status(p_step pipeline_step) returns document_status language sql immutable as $$
    select case when p_step = 'process_ocr' then 'extracting' else 'processing' end::document_status
$$;

-- End a document's way with an error. For use inside other functions.
create or replace function end_with_error(p_document uuid, p_code text, p_message text) returns void language sql as $$
    select graph_is_outdated(d) from documents d where d.id = p_document and d.graph_token >= 0;
    update documents set status = 'error', error_code = p_code, error_message = p_message, lease_until = null, waiting_for = null,
        not_before = null, updated_at = now(), finished_at = now()
    where id = p_document;
$$;

-- Go on to the next step, or to the end. For use inside other functions, the document's row being locked.
create or replace function advance(p_document uuid, p_step pipeline_step) returns void language sql as $$
    update documents set
        step = coalesce(next_step(p_step), p_step),
        status = case when next_step(p_step) is not null then running_status(next_step(p_step))
                      when cardinality(failed_pages) > 0 then 'partial_error' else 'completed' end::document_status,
        finished_at = case when next_step(p_step) is null then now() end,
        page_count = case p_step when 'process_ocr' then (select count(*) from pages where document_id = p_document) else page_count end,
        chunk_count = case p_step when 'process_chunking' then (select count(*) from chunks where document_id = p_document) else chunk_count end,
        mention_count = case p_step when 'extract_entities' then (select count(*) from mentions where document_id = p_document) else mention_count end,
        lease_until = null, crashes = 0, vanished = 0, retries = 0, waits = 0, not_before = null, waiting_for = null,
        updated_at = now()
    where id = p_document;
$$;

-- Ask for the lease on a step. Verdicts: run (token given), done (pass on to the next step), taken (another works on it),
-- early (an earlier step is missing), gone (deleted, ended or waiting to be claimed), paused (its queue is).
create or replace function begin_step(p_document uuid, p_step pipeline_step, p_engine text, p_worker text, p_lease interval, p_most_crashes integer)
returns table (verdict text, token bigint) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
    v_before text;
    v_fingerprint text;
    v_split boolean;
    v_paused text := paused_queue(p_step::text);
begin
    -- A lease that a crash of the database takes back costs a repetition and no result.
    perform set_config('synchronous_commit', 'off', true);
    select * into d from documents where id = p_document for update;
    if not found or d.status not in ('queued', 'extracting', 'processing_chunks', 'processing') then
        return query select 'gone', 0::bigint;
        return;
    elsif d.step > p_step then
        return query select 'done', 0::bigint;
        return;
    elsif d.step < p_step then
        return query select 'early', 0::bigint;
        return;
    elsif d.lease_until >= now() then
        return query select 'taken', 0::bigint;
        return;
    end if;
    -- A lease that was last renewed before the database itself started is no sign of a crash.
    if d.lease_until - p_lease > pg_postmaster_start_time() then
        d.vanished := d.vanished + 1;
        insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code)
        values (d.id, p_step, 'crashed', d.worker, d.token, d.lease_started, 'vanished');
        if given_up(d.crashes, d.vanished, p_most_crashes) then
            perform set_aside(d, d.crashes + d.vanished);
            return query select 'gone', 0::bigint;
            return;
        end if;
    end if;
    if v_paused is not null then
        update documents set lease_until = null, vanished = d.vanished, not_before = 'infinity', updated_at = now(),
            waiting_for = format('The queue %s is paused.', v_paused)
        where id = p_document;
        return query select 'paused', 0::bigint;
        return;
    end if;
    v_split := d.status = 'processing_chunks';  -- its result is what the page ranges give, and was begun with the split
    select s.fingerprint into v_before from document_steps s
    where s.document_id = p_document and s.step < p_step order by s.step desc limit 1;
    v_fingerprint := encode(sha256(convert_to(
        concat_ws(chr(31), coalesce(v_before, nullif(d.sha256, ''), d.storage_key), p_step, p_engine), 'UTF8')), 'hex');
    if not v_split and exists (
        select from document_steps s where s.document_id = p_document and s.step = p_step and s.fingerprint = v_fingerprint) then
        if d.status = 'queued' then
            update documents set status = running_status(p_step) where id = d.id;
        end if;
        perform advance(p_document, p_step);
        return query select 'done', 0::bigint;
        return;
    end if;
    -- By the clock, so that a token which a crash of the database takes back is never given again.
    d.token := greatest(d.token + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
    update documents set
        status = case when v_split then d.status else running_status(p_step) end, token = d.token, lease_until = now() + p_lease,
        lease_started = case when v_split then d.lease_started else now() end,
        lease_fingerprint = case when v_split then d.lease_fingerprint else v_fingerprint end,
        lease_engine = case when v_split then d.lease_engine else p_engine end, worker = p_worker, vanished = d.vanished,
        not_before = null, waiting_for = null, updated_at = now()
    where id = p_document;
    return query select 'run', d.token;
end $$;

-- Prolong the lease, even one that ran out while nobody else asked for it; false if it is no longer ours.
create or replace function renew_lease(p_document uuid, p_token bigint, p_lease interval) returns boolean language plpgsql as $$
declare
    v_step pipeline_step;
begin
    -- A commit of a large document may hold the row for longer than the lease lasts: it counts from when we come through.
    perform from documents where id = p_document for update;
    update documents set lease_until = clock_timestamp() + p_lease, updated_at = clock_timestamp()
    where id = p_document and token = p_token and lease_until is not null
      and status in ('extracting', 'processing_chunks', 'processing');
    if found then
        return true;
    end if;
    -- Who speaks after its lease was given to another was slow, not killed: that does not count against the document.
    update document_processing_history set outcome = 'retry', error_code = 'silent',
        error_message = 'The worker was silent for longer than LEASE_DURATION.'
    where document_id = p_document and token = p_token and outcome = 'crashed' and error_code = 'vanished' returning step into v_step;
    update documents set vanished = vanished - 1 where id = p_document and step = v_step and vanished > 0;
    return false;
end $$;

-- The lease, of which nothing could be said while the document's row was held by this transaction, is as good as new. For use
-- at the end of functions that keep it.
create or replace function hold_on(p_document uuid, p_token bigint, p_lease interval default '20 s') returns void language sql as $$
    update documents set lease_until = greatest(lease_until, clock_timestamp() + p_lease)
    where id = p_document and token = p_token and lease_until is not null
$$;

-- Lock the document and make sure that the token is the newest. For use inside the functions that commit.
create or replace function hold_lease(p_document uuid, p_step pipeline_step, p_token bigint) returns documents language plpgsql as $$
declare
    d documents;
begin
    select * into d from documents where id = p_document for update;
    if not found or d.token <> p_token or d.step <> p_step or d.lease_until is null
            or d.status not in ('extracting', 'processing_chunks', 'processing') then
        raise exception 'the lease on % of document % was lost', p_step, p_document using errcode = 'NL001';
    end if;
    return d;
end $$;

create or replace function finish_step(d documents) returns void language plpgsql as $$
begin
    -- A step that a crash of the database takes back is done again; only the last one must outlive it.
    if next_step(d.step) is not null then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    insert into document_steps (document_id, step, fingerprint, engine)
    values (d.id, d.step, d.lease_fingerprint, d.lease_engine)
    on conflict (document_id, step) do update set
        fingerprint = excluded.fingerprint, engine = excluded.engine, finished_at = now();
    insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
    values (d.id, d.step, 'done', d.worker, d.token, d.lease_started);
    perform drop_portions(d.id);
    perform advance(d.id, d.step);
end $$;

create or replace function next_wait(p_tries integer, p_wait interval, p_longest interval) returns interval language sql volatile as $$
    select case when p_longest is null then p_wait
                else least(p_longest, p_wait * 2.0 ^ least(p_tries, 16)) * (0.5 + random() / 2) end
$$;

-- Give the lease back after a failure. With p_retry the step is tried again, at most p_most_retries times; null: as often as it
-- takes, without a count against the document. The next try comes after p_wait; with p_longest that doubles from try to try up to
-- p_longest, with jitter. Returns how often it was tried in vain, or -1 if the document has ended in error.
create or replace function fail_step(p_document uuid, p_step pipeline_step, p_token bigint, p_code text, p_message text,
                                     p_retry boolean, p_most_retries integer, p_wait interval, p_longest interval default null)
returns integer language plpgsql as $$
declare
    d documents := hold_lease(p_document, p_step, p_token);
    v_again boolean := p_retry and (p_most_retries is null or d.retries < p_most_retries);
    v_tries integer := case when p_most_retries is null then d.waits else d.retries end;
begin
    -- An outage is written down once, however many tries it takes.
    if p_most_retries is not null or not v_again or d.waits = 0 then
        insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code, error_message)
        values (d.id, d.step, case when v_again then 'retry' else 'failed' end, d.worker, d.token, d.lease_started, p_code, p_message);
    end if;
    if not v_again then
        perform end_with_error(d.id, p_code, p_message);
        return -1;
    end if;
    update documents set retries = retries + (p_most_retries is not null)::integer, waits = waits + (p_most_retries is null)::integer,
        lease_until = null, waiting_for = p_message, not_before = now() + next_wait(v_tries, p_wait, p_longest),
        updated_at = now()
    where id = d.id;
    perform tell_due();
    return v_tries + 1;
end $$;

-- Give the lease back without a word against the document: the work was stopped. The document is sent on at once.
create or replace function release_lease(p_document uuid, p_token bigint) returns void language sql as $$
    update documents set lease_until = null, not_before = '-infinity', updated_at = now()
    where id = p_document and token = p_token and lease_until is not null
      and status in ('extracting', 'processing_chunks', 'processing');
    select tell_due();
$$;

-- The same for everything that a worker holds. Returns how many documents that were.
create or replace function release_leases(p_worker text) returns bigint language sql as $$
    select end_turns_of(p_worker);
    with released as (
        update documents set lease_until = null, not_before = '-infinity', updated_at = now()
        where starts_with(worker, p_worker || '/') and lease_until is not null and status in ('extracting', 'processing_chunks', 'processing')
        returning 1
    ), parts as (
        update document_parts set status = 'waiting', lease_until = null, not_before = '-infinity', updated_at = now()
        where starts_with(worker, p_worker || '/') and status = 'running'
        returning 1
    ), held as (select * from released union all select * from parts)
    select count(*) from held, tell_due();
$$;
