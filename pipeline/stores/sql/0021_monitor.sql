-- What a monitor asks again and again, and queues that stand still because a person asked for it. See functions/pauses.sql.

create table paused_queues (
    queue text primary key,
    tasks text[] not null,  -- that the queue is for
    paused_at timestamptz not null default now()
);

alter table paused_queues enable row level security;

-- What ended lately, what failed lately, and what went wrong lately although its document goes on.
create index documents_ended on documents (finished_at) where finished_at is not null;
create index documents_failed_lately on documents (project_id, finished_at) where status in ('error', 'partial_error');
create index history_of_trouble on document_processing_history (finished_at) where outcome in ('retry', 'crashed');
