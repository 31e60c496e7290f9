-- Passages by the dates that they name. A written date is read once, when the first who asks for dates comes by.

create table entity_dates (
    entity_id uuid primary key references entities on delete cascade,
    project_id uuid not null references projects on delete cascade,
    first date,  -- null: it names no day
    last date
);

create index entity_dates_of_project on entity_dates (project_id, first);
create index entities_of_dates on entities (project_id) where key like 'date/%';
alter table entity_dates enable row level security;

-- Counting passages and their length need not look at them.
drop index chunks_of_project;
create index chunks_of_project on chunks (project_id) include (length);

-- They take other arguments now.
drop function if exists search_chunks(uuid, text, text, integer, uuid);
drop function if exists find_passages(text, text, text, integer, uuid);
