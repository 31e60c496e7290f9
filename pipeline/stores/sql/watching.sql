-- What a monitor reads every few seconds: of one project, or of all (project null). Nothing here changes anything, and nothing reads
-- more than what is on its way, what ended within the hour, and a row or two a project.

-- name: states
select status::text, step::text, sum(documents)::bigint from (
    select status, step, documents from document_counts where %(project)s::uuid is null or project_id = %(project)s
    union all
    select status, step, 1 from documents
    where status in ('queued', 'extracting', 'processing_chunks', 'processing')
      and (%(project)s::uuid is null or project_id = %(project)s)) s
group by status, step having sum(documents) <> 0 order by status, step;

-- By minute, 0 the last one: how many documents ended, how many of them badly, and how long ago the first did.
-- name: ended
with ended as materialized (  -- by time first, whatever the planner thinks of the project
    select project_id, status, extract(epoch from now() - finished_at) as age from documents
    where finished_at > now() - interval '1 hour' and finished_at <= now() and status <> 'cancelled'
)
select floor(age / 60)::integer, count(*), count(*) filter (where status <> 'completed'), max(age)::float from ended
where %(project)s::uuid is null or project_id = %(project)s group by 1;

-- name: oldest_pending
select oldest_pending(%(project)s);

-- By task: what waits for a worker, what runs, for how long the oldest waits.
-- name: tasks
select task, count(*) filter (where not runs), count(*) filter (where runs), max(seconds) filter (where not runs)::float from (
    select step::text as task, lease_until is not null as runs, extract(epoch from now() - updated_at) as seconds from documents
    where status in ('queued', 'extracting', 'processing') and (%(project)s::uuid is null or project_id = %(project)s)
    union all
    select 'process_pages', p.status = 'running', extract(epoch from now() - p.updated_at)
    from documents d join document_parts p on p.document_id = d.id
    where d.status = 'processing_chunks' and p.status in ('waiting', 'running')
      and (%(project)s::uuid is null or d.project_id = %(project)s)) t
group by task;

-- Who works on what: seconds since it began, since its last sign of life, and until it is given to another.
-- name: at_work
select * from (
    select coalesce(d.worker, ''), d.id::text, p.name, d.source_path, d.step::text, extract(epoch from now() - d.lease_started)::float,
           extract(epoch from now() - d.updated_at)::float, extract(epoch from d.lease_until - now())::float
    from documents d join projects p on p.id = d.project_id
    where d.status in ('extracting', 'processing_chunks', 'processing') and d.lease_until is not null
      and (%(project)s::uuid is null or d.project_id = %(project)s)
    union all
    select coalesce(x.worker, ''), d.id::text, p.name, d.source_path, 'process_pages', extract(epoch from now() - x.lease_started)::float,
           extract(epoch from now() - x.updated_at)::float, extract(epoch from x.lease_until - now())::float
    from documents d join projects p on p.id = d.project_id join document_parts x on x.document_id = d.id
    where d.status = 'processing_chunks' and x.status = 'running' and x.lease_until is not null
      and (%(project)s::uuid is null or d.project_id = %(project)s)) w
order by 1, 6 desc limit 500;

-- name: waits
select waiting_for, count(*) from documents
where status in ('queued', 'extracting', 'processing_chunks', 'processing') and waiting_for is not null
  and (%(project)s::uuid is null or project_id = %(project)s)
group by waiting_for order by 2 desc, 1 limit 5;

-- name: failures
select d.id::text, p.name, d.source_path, d.status::text, d.step::text, coalesce(d.error_code, ''), coalesce(d.error_message, ''),
       extract(epoch from now() - d.finished_at)::float
from projects p cross join lateral (
    select id, source_path, status, step, error_code, error_message, finished_at from documents
    where project_id = p.id and status in ('error', 'partial_error') and finished_at is not null
    order by finished_at desc limit %(limit)s) d
where %(project)s::uuid is null or p.id = %(project)s
order by d.finished_at desc, d.source_path collate "C" limit %(limit)s;

-- What went wrong within the hour although its document goes on: workers that died, tries that failed.
-- name: troubles
select d.id::text, p.name, d.source_path, h.step::text, h.outcome, coalesce(h.worker, ''), coalesce(h.error_code, ''),
       coalesce(h.error_message, ''), extract(epoch from now() - h.finished_at)::float
from document_processing_history h join documents d on d.id = h.document_id join projects p on p.id = d.project_id
where h.outcome in ('retry', 'crashed') and h.finished_at > now() - interval '1 hour'
  and (%(project)s::uuid is null or d.project_id = %(project)s)
order by h.finished_at desc limit %(limit)s;

-- Projects whose graph waits for something: a document's figures, a change of entities, a removal.
-- name: stale_graphs
select count(*) from projects p
where (%(project)s::uuid is null or p.id = %(project)s)
  and (exists (select from graph_touched t where t.project_id = p.id) or exists (select from graph_outdated o where o.project_id = p.id)
       or exists (select from graph_changes c where c.project_id = p.id));

-- name: pauses
select queue, tasks, seconds from list_pauses();

-- Queue processors on any machine: each listens to the database.
-- name: queue_processors
select count(*) from pg_stat_activity where application_name = 'nlp-pipeline listen' and datname = current_database();

-- name: project
select id::text from projects where name = %(name)s;

-- Documents to look through, the most interesting first: a hundred are enough. text: part of the path.
-- name: list_moving
select d.id::text, p.name, d.source_path, d.status::text, d.step::text, coalesce(d.waiting_for, ''), extract(epoch from now() - d.updated_at)::float
from documents d join projects p on p.id = d.project_id
where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and (%(project)s::uuid is null or d.project_id = %(project)s)
  and position(lower(%(text)s) in lower(d.source_path)) > 0
order by d.lease_until is null, d.updated_at, d.id limit %(limit)s;

-- Found along the index alone, which holds the path.
-- name: list_pending
select d.id::text, p.name, d.source_path, 'pending', d.step::text, '', extract(epoch from now() - d.created_at)::float
from projects p cross join lateral (
    select id, priority, created_at from documents
    where project_id = p.id and status = 'pending' and position(lower(%(text)s) in lower(source_path)) > 0
    order by priority desc, created_at, id limit %(limit)s) w
join documents d on d.id = w.id
where %(project)s::uuid is null or p.id = %(project)s
order by w.priority desc, w.created_at, w.id limit %(limit)s;

-- name: list_failed
select d.id::text, p.name, d.source_path, d.status::text, d.step::text, coalesce(d.error_message, ''), extract(epoch from now() - d.finished_at)::float
from projects p cross join lateral (
    select id, source_path, status, step, error_message, finished_at from documents
    where project_id = p.id and status in ('error', 'partial_error') and finished_at is not null
      and position(lower(%(text)s) in lower(source_path)) > 0
    order by finished_at desc limit %(limit)s) d
where %(project)s::uuid is null or p.id = %(project)s
order by d.finished_at desc, d.id limit %(limit)s;

-- name: list_cancelled
select d.id::text, p.name, d.source_path, 'cancelled', d.step::text, '', coalesce(extract(epoch from now() - d.finished_at), 0)::float
from projects p cross join lateral (
    select id, source_path, step, finished_at from documents
    where project_id = p.id and status in ('error', 'partial_error', 'cancelled') and status = 'cancelled'
      and position(lower(%(text)s) in lower(source_path)) > 0
    order by source_path collate "C" limit %(limit)s) d
where %(project)s::uuid is null or p.id = %(project)s
order by p.name, d.source_path collate "C" limit %(limit)s;

-- name: list_completed
with ended as materialized (  -- the last ones of all: those of one project are looked for among so many
    select id, project_id, source_path, step, finished_at from documents
    where finished_at is not null and status = 'completed' order by finished_at desc limit 1000
)
select d.id::text, p.name, d.source_path, 'completed', d.step::text, '', extract(epoch from now() - d.finished_at)::float
from ended d join projects p on p.id = d.project_id
where (%(project)s::uuid is null or d.project_id = %(project)s) and position(lower(%(text)s) in lower(d.source_path)) > 0
order by d.finished_at desc, d.id limit %(limit)s;

-- name: document
select p.name, d.source_path, d.status::text, d.step::text, coalesce(d.error_code, ''), coalesce(d.error_message, ''),
       coalesce(d.waiting_for, ''), d.page_count, d.chunk_count, d.mention_count
from documents d join projects p on p.id = d.project_id where d.id = %(document)s;

-- name: history
select extract(epoch from now() - finished_at)::float, step::text, outcome, coalesce(worker, ''),
       coalesce(extract(epoch from finished_at - started_at), 0)::float, coalesce(error_code, ''), coalesce(error_message, '')
from document_processing_history where document_id = %(document)s order by id desc limit 200;
