-- Documents that a service reads by itself: handed over, submitted as a job, looked at until it has ended. In between no worker and no
-- lease is held: the document is `extracting`, and not_before says when it is looked at again.

-- Commit that a service is to read the file; the document's lease ends.
create or replace function hand_over(p_document uuid, p_token bigint, p_media_type text, p_metadata jsonb, p_children jsonb,
                                     p_pages integer default 0)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    insert into document_jobs (document_id, engine, pages) values (p_document, d.lease_engine, p_pages)
    on conflict (document_id) do update set engine = excluded.engine, pages = excluded.pages, job = null, submitted_at = null;
    perform add_children(d, p_children);
    update documents set media_type = p_media_type, metadata = p_metadata, lease_until = null, updated_at = now() where id = p_document;
end $$;

-- End the lease, because another task goes on. Returns the document's job, '' if it is yet to be submitted; null: it is not
-- handed over to the engine of this lease.
create or replace function pass_on(p_document uuid, p_token bigint) returns text language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    update documents set lease_until = null, updated_at = now() where id = p_document;
    return (select coalesce(job, '') from document_jobs where document_id = p_document and engine = d.lease_engine);
end $$;

create or replace function save_job(p_document uuid, p_token bigint, p_job text) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    update document_jobs set job = p_job, submitted_at = now() where document_id = p_document and engine = d.lease_engine;
end $$;

-- The job came to nothing: the next one is another.
create or replace function drop_job(p_document uuid, p_token bigint) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    update document_jobs set job = null, submitted_at = null, attempt = attempt + 1 where document_id = d.id;
end $$;

-- Keep some of a job's pages until the last have come. p_pages: as commit_pages takes them, offsets into p_text.
create or replace function save_job_part(p_document uuid, p_token bigint, p_number integer, p_first integer, p_last integer, p_text text, p_pages jsonb)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from document_parts where document_id = d.id and number = p_number;
    insert into document_parts (document_id, number, first_page, last_page, status, text, pages)
    values (d.id, p_number, p_first, p_last, 'done', p_text, p_pages);
end $$;

-- Commit `process_ocr` of a document that a service has read: p_parts were saved; p_failed: [{number, reason}], pages that could not
-- be read, or not as a whole.
create or replace function commit_job(p_document uuid, p_token bigint, p_parts integer, p_failed jsonb) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
    v_torn integer[];
begin
    delete from document_parts where document_id = p_document and number > p_parts;
    v_torn := array(
        select x.number from jsonb_to_recordset(p_failed) as x (number integer)
        join document_parts p on p.document_id = p_document and x.number between p.first_page and p.last_page order by 1);
    insert into document_parts (document_id, number, first_page, last_page, status, error_code, error_message)
    select p_document, p_parts + row_number() over (order by x.number), x.number, x.number, 'failed', 'page_failed', x.reason
    from jsonb_to_recordset(p_failed) as x (number integer, reason text) where x.number <> all (v_torn);
    update document_jobs set engine = null, job = null, submitted_at = null, attempt = attempt + 1 where document_id = p_document;
    perform put_together(d, v_torn);
end $$;

-- These jobs have ended: look at them now. Returns those that somebody was looking at already, maybe a moment too early.
create or replace function wake_jobs(p_jobs text[]) returns text[] language plpgsql as $$
begin
    update documents d set not_before = '-infinity' from document_jobs j
    where j.job = any (p_jobs) and d.id = j.document_id and d.lease_until is null and d.not_before is not null;
    perform tell_due();
    return array(
        select j.job from document_jobs j join documents d on d.id = j.document_id
        where j.job = any (p_jobs) and d.lease_until is not null order by 1);
end $$;
