-- Large documents: split into page ranges, each with a lease of its own, and put together when all of them have ended.

-- Commit the split instead of pages: the step stays, the document's own lease ends. p_ranges: [{first, last}], in order. Ranges
-- that were read before by the same engines are not read again.
create or replace function split_document(p_document uuid, p_token bigint, p_media_type text, p_metadata jsonb, p_children jsonb, p_ranges jsonb)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    delete from document_parts
    where document_id = p_document
      and (status <> 'done' or fingerprint <> d.lease_fingerprint
           or p_ranges -> (number - 1) is distinct from jsonb_build_object('first', first_page, 'last', last_page));
    insert into document_parts (document_id, number, first_page, last_page, fingerprint)
    select p_document, x.number, x.first, x.last, d.lease_fingerprint
    from rows from (jsonb_to_recordset(p_ranges) as (first integer, last integer)) with ordinality as x (first, last, number)
    on conflict do nothing;
    perform add_children(d, p_children);
    update documents set
        status = 'processing_chunks', media_type = p_media_type, metadata = p_metadata, lease_until = null, crashes = 0,
        vanished = 0, retries = 0, not_before = null, waiting_for = null, updated_at = now()
    where id = p_document;
end $$;

create or replace function parts_finished(p_document uuid) returns boolean language sql stable as $$
    select not exists (select from document_parts where document_id = p_document and status in ('waiting', 'running'))
$$;

-- The ranges that a message must be sent for; the document's lease ends, because others go on. Null: all ranges have ended,
-- and the lease is kept to put them together. A range that a living worker has, or whose turn comes later, is left alone.
create or replace function missing_parts(p_document uuid, p_token bigint) returns integer[] language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
    v_missing integer[];
    v_moves boolean := exists (select from document_parts where document_id = p_document and lease_until >= now());
begin
    if parts_finished(p_document) then
        return null;
    end if;
    with sent as (
        update document_parts set not_before = null, updated_at = now()
        where document_id = p_document and status in ('waiting', 'running') and coalesce(not_before <= now(), true)
          and (lease_until < now() or not_before <= now() or lease_until is null and not v_moves)
        returning number)
    select coalesce(array_agg(number order by number), '{}') into v_missing from sent;
    update documents set lease_until = null, updated_at = now() where id = p_document;
    return v_missing;
end $$;

-- Whether a split document of which no message waits stands still: the worker of a range died, a range's next try is due, or
-- nobody works on it.
create or replace function parts_lost(p_document uuid, p_updated timestamptz, p_idle interval) returns boolean language sql stable as $$
    select coalesce(bool_or(not_before <= now()), false)
        or coalesce(bool_or(lease_until < now()), false) and p_updated < now() - least(p_idle, interval '10 s')
        or not coalesce(bool_or(lease_until >= now() or not_before = 'infinity'), false)
            and greatest(p_updated, max(updated_at)) < now() - p_idle
    from document_parts where document_id = p_document
$$;

-- Ask for the lease on a range. Verdicts: run (token given), done (it has ended, well or not), taken (another works on it),
-- gone (the document is no longer split: ended, deleted or read anew), paused (the queue of page ranges is).
create or replace function begin_part(p_document uuid, p_number integer, p_worker text, p_lease interval, p_most_crashes integer)
returns table (verdict text, token bigint) language plpgsql as $$
#variable_conflict use_column
declare
    p document_parts;
begin
    perform set_config('synchronous_commit', 'off', true);
    select x.* into p from document_parts x join documents d on d.id = x.document_id
    where x.document_id = p_document and x.number = p_number and d.status = 'processing_chunks' for update of x;
    if not found then
        return query select 'gone', 0::bigint;
        return;
    elsif p.status in ('done', 'failed') then
        return query select 'done', 0::bigint;
        return;
    elsif p.lease_until >= now() then
        return query select 'taken', 0::bigint;
        return;
    end if;
    if p.lease_until - p_lease > pg_postmaster_start_time() then
        p.vanished := p.vanished + 1;
        perform note_part(p, 'crashed', 'vanished', null);
        if given_up(p.crashes, p.vanished, p_most_crashes) then
            perform end_part(p, 'worker_killed', format('The worker died %s times while reading them.', p.crashes + p.vanished));
            return query select 'done', 0::bigint;
            return;
        end if;
    end if;
    if paused_queue('process_pages') is not null then
        update document_parts set status = 'waiting', lease_until = null, vanished = p.vanished, not_before = 'infinity', updated_at = now()
        where document_id = p_document and number = p_number;
        update documents set waiting_for = format('The queue %s is paused.', paused_queue('process_pages')) where id = p_document;
        return query select 'paused', 0::bigint;
        return;
    end if;
    p.token := greatest(p.token + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
    update document_parts set
        status = 'running', token = p.token, lease_until = now() + p_lease, lease_started = now(), worker = p_worker,
        vanished = p.vanished, not_before = null, updated_at = now()
    where document_id = p_document and number = p_number;
    return query select 'run', p.token;
end $$;

create or replace function note_part(p document_parts, p_outcome text, p_code text, p_message text) returns void language sql as $$
    insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code, error_message)
    values (p.document_id, 'process_ocr', p_outcome, p.worker, p.token, p.lease_started, p_code, p_message)
$$;

-- A range has failed for good; its document goes on. For use inside other functions.
create or replace function end_part(p document_parts, p_code text, p_message text) returns void language sql as $$
    update document_parts set status = 'failed', error_code = p_code, error_message = p_message, lease_until = null,
        not_before = null, updated_at = now()
    where document_id = p.document_id and number = p.number
$$;

-- Prolong the lease; false if it is no longer ours, or the document has been cancelled.
create or replace function renew_part(p_document uuid, p_number integer, p_token bigint, p_lease interval) returns boolean language sql as $$
    select from document_parts where document_id = p_document and number = p_number for update;
    with renewed as (
        update document_parts x set lease_until = clock_timestamp() + p_lease, updated_at = clock_timestamp() from documents d
        where x.document_id = p_document and x.number = p_number and x.token = p_token and x.status = 'running'
          and d.id = p_document and d.status = 'processing_chunks'
        returning 1)
    select exists (select from renewed);
$$;

-- Give the lease back without a word against the range: the worker is stopping. It is sent on at once.
create or replace function release_part(p_document uuid, p_number integer, p_token bigint) returns void language sql as $$
    update document_parts set status = 'waiting', lease_until = null, not_before = '-infinity', updated_at = now()
    where document_id = p_document and number = p_number and token = p_token and status = 'running';
    select tell_due();
$$;

-- Lock the range and make sure that the token is the newest. For use inside the functions that commit.
create or replace function hold_part(p_document uuid, p_number integer, p_token bigint) returns document_parts language plpgsql as $$
declare
    p document_parts;
begin
    select x.* into p from document_parts x join documents d on d.id = x.document_id
    where x.document_id = p_document and x.number = p_number and d.status = 'processing_chunks' for update of x;
    if not found or p.token <> p_token or p.status <> 'running' then
        raise exception 'the lease on page range % of document % was lost', p_number, p_document using errcode = 'NL001';
    end if;
    return p;
end $$;

-- p_pages: as commit_pages takes them, offsets into p_text.
create or replace function commit_part(p_document uuid, p_number integer, p_token bigint, p_text text, p_pages jsonb)
returns void language plpgsql as $$
declare
    p document_parts := hold_part(p_document, p_number, p_token);
    v_most constant integer := 64 * 1024 * 1024;  -- bytes; as much as readers/limits.py lets a document have that is read at once
    v_full constant text := 'The document holds more than 64 MB of text.';
begin
    perform set_config('synchronous_commit', 'off', true);
    if octet_length(p_text) + (select coalesce(sum(octet_length(text)), 0) from document_parts where document_id = p_document) > v_most then
        perform note_part(p, 'failed', 'too_large', v_full);
        perform end_part(p, 'too_large', v_full);
        return;
    end if;
    update document_parts set status = 'done', text = p_text, pages = p_pages, lease_until = null, not_before = null,
        error_code = null, error_message = null, updated_at = now()
    where document_id = p_document and number = p_number;
    update documents set waiting_for = null where id = p_document and waiting_for is not null;
end $$;

-- Give the lease back after a failure, as fail_step does.
-- Returns how often it was tried in vain, or -1 if it has failed for good.
create or replace function fail_part(p_document uuid, p_number integer, p_token bigint, p_code text, p_message text,
                                     p_retry boolean, p_most_retries integer, p_wait interval, p_longest interval default null)
returns integer language plpgsql as $$
declare
    p document_parts := hold_part(p_document, p_number, p_token);
    v_again boolean := p_retry and (p_most_retries is null or p.retries < p_most_retries);
    v_tries integer := case when p_most_retries is null then p.waits else p.retries end;
begin
    if p_most_retries is not null or not v_again or p.waits = 0 then
        perform note_part(p, case when v_again then 'retry' else 'failed' end, p_code, p_message);
    end if;
    if not v_again then
        perform end_part(p, p_code, p_message);
        return -1;
    end if;
    update document_parts set status = 'waiting', retries = retries + (p_most_retries is not null)::integer,
        waits = waits + (p_most_retries is null)::integer, lease_until = null,
        not_before = now() + next_wait(v_tries, p_wait, p_longest), updated_at = now()
    where document_id = p_document and number = p_number;
    update documents set waiting_for = p_message where id = p_document;
    perform tell_due();
    return v_tries + 1;
end $$;

-- Commit `process_ocr` of a split document.
create or replace function join_parts(p_document uuid, p_token bigint) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    if d.status <> 'processing_chunks' or not parts_finished(p_document) then
        raise exception 'page ranges of document % are not finished', p_document using errcode = 'NL001';
    end if;
    perform put_together(d);
end $$;

-- The ranges' texts in order, with a page break (stages/canonical.py) between them, and their pages with offsets into the whole. A
-- failed range gives empty pages, whose numbers are kept; if all have failed, so has the document. p_torn: pages that were read in
-- part. For use inside the functions that commit.
create or replace function put_together(d documents, p_torn integer[] default '{}') returns void language plpgsql as $$
declare
    p_document constant uuid := d.id;
    v_break constant text := E'\n\n';
    f document_parts;
begin
    select * into f from document_parts where document_id = p_document and status = 'failed' order by first_page limit 1;
    if not exists (select from document_parts where document_id = p_document and status = 'done') then
        insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code, error_message)
        values (d.id, d.step, 'failed', d.worker, d.token, d.lease_started, f.error_code, f.error_message);
        perform end_with_error(p_document, f.error_code, format('No page could be read. %s', f.error_message));
        return;
    end if;
    update document_parts set text = repeat(v_break, last_page - first_page), pages = (
        select jsonb_agg(jsonb_build_object(
            'number', n, 'start', length(v_break) * (n - first_page), 'end', length(v_break) * (n - first_page), 'source', 'text',
            'confidence', 0, 'width', 0, 'height', 0, 'words', '[]'::jsonb, 'segments', '[]'::jsonb) order by n)
        from generate_series(first_page, last_page) n)
    where document_id = p_document and status = 'failed';
    delete from pages where document_id = p_document;
    insert into pages (document_id, number, start_offset, end_offset, source, confidence, width, height, words, segments)
    select p_document, x.number, p.before + x.start, p.before + x."end", x.source, x.confidence, x.width, x.height, x.words, x.segments
    from (select pages, sum(length(text) + length(v_break)) over (order by first_page) - length(text) - length(v_break) as before
          from document_parts where document_id = p_document) p
    cross join lateral jsonb_to_recordset(p.pages) as x
        (number integer, start integer, "end" integer, source text, confidence real, width real, height real, words jsonb, segments jsonb);
    update documents set
        text = (select string_agg(text, v_break order by first_page) from document_parts where document_id = p_document),
        failed_pages = array(
            select n from document_parts p cross join lateral generate_series(p.first_page, p.last_page) n
            where p.document_id = p_document and p.status = 'failed' union select unnest(p_torn) order by 1),
        error_code = case when f.number is not null or p_torn <> '{}' then 'pages_failed' end,
        error_message = nullif(concat_ws(' ', failed_parts(p_document), torn_pages(p_torn)), '')
    where id = p_document;
    if f.number is null and p_torn = '{}' then
        update document_parts set text = '', pages = '[]', fingerprint = '' where document_id = p_document;
    else
        -- So that reading it again is not skipped, and what is made of another text is.
        d.lease_fingerprint := concat_ws('/', d.lease_fingerprint, 'without', (
            select string_agg(n::text, ',' order by n) from (
                select first_page from document_parts where document_id = p_document and status = 'failed' union select unnest(p_torn)) t (n)));
    end if;
    perform finish_step(d);
end $$;

create or replace function torn_pages(p_torn integer[]) returns text language sql immutable as $$
    select format('Pages %s could be read in part only.', array_to_string(p_torn, ', ')) where p_torn <> '{}'
$$;

-- Which pages could not be read, and why the first of them could not; null if all were.
create or replace function failed_parts(p_document uuid) returns text language sql stable as $$
    select format('Pages %s could not be read: %s',
        string_agg(case when first_page = last_page then first_page::text else first_page || '-' || last_page end, ', ' order by first_page),
        (array_agg(error_message order by first_page))[1])
    from document_parts where document_id = p_document and status = 'failed' having count(*) > 0
$$;
