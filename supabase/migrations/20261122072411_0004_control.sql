set check_function_bodies = off;

-- What a deletion leaves to be done outside the database, so that an outage of the graph or of the file store loses none of it.

-- Documents of which the graph is to be made to hold what the database says: they were deleted, cancelled, or lost their content.
create table graph_outdated (
    document_id uuid primary key,  -- gone, or come anew under the same path
    project_id uuid not null references projects on delete cascade,
    number bigint generated always as identity,
    not_before timestamptz not null default now(),
    again_at timestamptz           -- once more then: a worker was at it, and may write until it learns of the loss
);

create index graph_outdated_of_project on graph_outdated (project_id);

-- Stored files that no document used any more when they were noted here.
create table files_unused (
    storage_key text primary key,
    marked_by xid8,  -- the transaction that had them removed: once all older ones have ended, everyone knows
    marked_at timestamptz,
    removed boolean not null default false
);

create index documents_of_file on documents (storage_key);

alter table projects add column graph_asked_at timestamptz;  -- when the graph's refresh was last asked for and has not come yet

alter table document_processing_history drop constraint document_processing_history_outcome_check;
alter table document_processing_history add constraint document_processing_history_outcome_check
    check (outcome in ('done', 'retry', 'failed', 'crashed', 'cancelled'));

alter table graph_outdated enable row level security;
alter table files_unused enable row level security;
