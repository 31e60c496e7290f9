-- Queues that stand still because a person asked for it. What runs, ends; nothing of theirs begins: a document that comes to such a
-- step is put aside (not_before 'infinity') until the queue is resumed. So it holds for every worker, also for those to come.

create or replace function pause_queue(p_queue text, p_tasks text[]) returns void language sql as $$
    insert into paused_queues (queue, tasks) values (p_queue, p_tasks) on conflict (queue) do update set tasks = excluded.tasks
$$;

-- What was put aside is sent on at once. False: the queue was not paused.
create or replace function resume_queue(p_queue text) returns boolean language plpgsql as $$
declare
    v_tasks text[];
begin
    delete from paused_queues where queue = p_queue returning tasks into v_tasks;
    if not found then
        return false;
    end if;
    update documents set not_before = '-infinity', waiting_for = null, updated_at = now()
    where status in ('queued', 'extracting', 'processing_chunks', 'processing') and lease_until is null and not_before = 'infinity'
      and step::text = any (v_tasks);
    update document_parts p set not_before = '-infinity', updated_at = now() from documents d
    where d.id = p.document_id and d.status = 'processing_chunks' and p.not_before = 'infinity' and 'process_pages' = any (v_tasks);
    perform tell_due();
    return true;
end $$;

-- seconds: since it was paused.
create or replace function list_pauses() returns table (queue text, tasks text[], seconds double precision) language sql stable as $$
    select queue, tasks, extract(epoch from now() - paused_at)::float from paused_queues order by queue
$$;

-- The paused queue that a task belongs to; null: none.
create or replace function paused_queue(p_task text) returns text language sql stable as $$
    select min(queue) from paused_queues where p_task = any (tasks)
$$;
