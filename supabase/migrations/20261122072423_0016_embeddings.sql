set check_function_bodies = off;

-- Vectors of one model at a time, and those of the next, which are made while search goes on with the old ones.

create table embedding_spaces (
    id uuid primary key default gen_random_uuid(),
    engine text not null,                   -- name/version/options of what makes the vectors
    dimension integer not null,
    settings jsonb not null default '{}',   -- by which the engine is built; no secrets
    active boolean not null,                -- chunks.embedding holds its vectors; else chunks.next_embedding, which is being filled
    fault text not null default '',         -- why filling does not go on
    created_at timestamptz not null default now()
);

create unique index embedding_spaces_active on embedding_spaces (active);  -- one of each kind at most

-- Chunks whose next vector somebody is computing.
create table embedding_portions (
    chunk_id uuid primary key,
    space_id uuid not null references embedding_spaces on delete cascade,
    lease_until timestamptz not null
);

-- What made the vectors that are there.
insert into embedding_spaces (engine, dimension, settings, active)
select e.engine, 384, jsonb_build_object('embedding_engine', 'onnx', 'embedding_model', substring(e.engine from '^[^/]*/(.*)@')), true
from (select split_part(engine, ' + ', 2) as engine from document_steps
      where step = 'process_chunking' and engine like '% + onnx-embedder/%' order by finished_at desc limit 1) e
where exists (select from chunks);

-- Both take another argument now.
drop function if exists commit_chunks(uuid, bigint, jsonb);
drop function if exists search_chunks(uuid, text, text, integer);

alter table embedding_spaces enable row level security;
alter table embedding_portions enable row level security;
