set check_function_bodies = off;

-- Large documents in every step: results that come in portions, and what their commits look up.

alter table document_parts drop column queued_at;  -- what waits in the broker is known from there

-- Rows of a result that is too large for one statement, until the last of them comes with the commit.
create table staged_rows (
    document_id uuid not null references documents on delete cascade,
    token bigint not null,
    number integer not null,
    rows jsonb not null,
    primary key (document_id, token, number)
);

create index chunks_by_place on chunks (document_id, start_offset);

alter table staged_rows enable row level security;
