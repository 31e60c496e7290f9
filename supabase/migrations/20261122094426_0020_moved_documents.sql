set check_function_bodies = off;

-- Rows of earlier systems' tables that became documents here: each once, however often it is asked for.
create table moved_documents (
    source text not null,      -- the old table, as its mapping calls it
    source_id text not null,
    document_id uuid,          -- stays when the document is deleted: the row is not to come again
    moved_at timestamptz not null default now(),
    primary key (source, source_id)
);

alter table moved_documents enable row level security;
