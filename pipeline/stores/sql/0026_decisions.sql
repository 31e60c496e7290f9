-- What people decided of names: that they are one, or that they are not. It outlives the names, which come and go with documents.

create table entity_decisions (
    id uuid primary key default gen_random_uuid(),
    project_id uuid not null references projects on delete cascade,
    number bigint generated always as identity,  -- where two contradict each other the higher one wins
    kind text not null check (kind in ('merge', 'split')),
    names text[] not null,  -- as they were written, for people
    reason text not null default '',
    made_by text not null,
    made_at timestamptz not null default now(),
    taken_back_by text,
    taken_back_at timestamptz
);

create index decisions_of_project on entity_decisions (project_id, number);

-- Of a merge: all names of both entities; those that are bound are one, of the rest no older split holds any more. Of a split: those that
-- are bound are one, and none of them is one with any of the rest.
create table decided_names (
    decision_id uuid not null references entity_decisions on delete cascade,
    name_id uuid not null,  -- in `entities`, whenever it is there
    key text not null,
    bound boolean not null,
    primary key (decision_id, name_id)
);

create index decided_names_of_name on decided_names (name_id);

alter table entity_decisions enable row level security;
alter table decided_names enable row level security;
