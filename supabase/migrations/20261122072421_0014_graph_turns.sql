set check_function_bodies = off;

-- Who writes a project's part of the graph: one at a time. See functions/turns.sql.

create table graph_turns (
    project_id uuid primary key references projects on delete cascade,
    token bigint not null,  -- of the newest turn ever given
    holder text not null,
    claim text not null,    -- so that who asks again, because the answer was lost, gets the turn that it has
    until timestamptz       -- null: it was ended
);

alter table graph_turns enable row level security;

drop function if exists graph_turn(uuid, bigint, integer);
