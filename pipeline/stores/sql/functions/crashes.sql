-- Leases that ended without a word from their holder: whom that speaks against, and when it is enough.

-- Whether a step is given up: its process died so often by itself, or its whole worker vanished twice as often, in a row. A worker
-- vanishes when its machine fails or somebody kills it, together with everything that it held; that is bad luck and no proof.
create or replace function given_up(p_crashes integer, p_vanished integer, p_most integer) returns boolean language sql immutable as $$
    select p_crashes >= p_most or p_vanished >= 2 * p_most
$$;

create or replace function set_aside(d documents, p_times integer) returns void language sql as $$
    select end_with_error(d.id, 'worker_killed', format(
        'The worker died %s times while working on this document (%s); it was set aside so that others can go on.', p_times, d.step))
$$;

-- The process that held the lease died and its worker tells of it. The document is sent on at once, or set aside.
create or replace function report_crash(p_document uuid, p_worker text, p_most_crashes integer) returns void language plpgsql as $$
declare
    d documents;
begin
    perform end_turns_of(p_worker);
    select * into d from documents where id = p_document and worker = p_worker and lease_until is not null
        and status in ('extracting', 'processing_chunks', 'processing') for update;
    if not found then
        return;
    end if;
    insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
    values (d.id, d.step, 'crashed', d.worker, d.token, d.lease_started);
    update documents set crashes = crashes + 1, lease_until = null, not_before = '-infinity', updated_at = now() where id = d.id;
    if given_up(d.crashes + 1, 0, p_most_crashes) then
        perform set_aside(d, d.crashes + 1);
    end if;
    perform tell_due();
end $$;

-- The same for a page range.
create or replace function report_part_crash(p_document uuid, p_number integer, p_worker text, p_most_crashes integer)
returns void language plpgsql as $$
declare
    p document_parts;
begin
    select * into p from document_parts where document_id = p_document and number = p_number and worker = p_worker
        and status = 'running' for update;
    if not found then
        return;
    end if;
    perform note_part(p, 'crashed', null, null);
    update document_parts set status = 'waiting', crashes = crashes + 1, lease_until = null, not_before = '-infinity', updated_at = now()
    where document_id = p_document and number = p_number;
    if given_up(p.crashes + 1, 0, p_most_crashes) then
        perform end_part(p, 'worker_killed', format('The worker died %s times while reading them.', p.crashes + 1));
    end if;
    perform tell_due();
end $$;
