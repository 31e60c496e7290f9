-- Who may use the HTTP API, and what was uploaded through it.

create table api_keys (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    hash text not null unique,  -- SHA-256 of the key, which itself is nowhere
    scope text not null check (scope in ('read', 'write', 'admin')),
    project_id uuid references projects on delete cascade,  -- null: all projects
    created_at timestamptz not null default now(),
    last_used_at timestamptz,   -- to the minute
    revoked_at timestamptz
);

-- Answers to uploads that came with a name of their own (Idempotency-Key): asked once more, the same is answered.
create table api_uploads (
    key_id uuid not null references api_keys on delete cascade,
    name text not null,
    fingerprint text not null,  -- of what was uploaded
    answer jsonb not null,
    made_at timestamptz not null default now(),
    primary key (key_id, name)
);

create index api_uploads_made on api_uploads (made_at);

-- Lists, the newest first.
create index documents_newest on documents (project_id, created_at desc, id desc);

alter table api_keys enable row level security;
alter table api_uploads enable row level security;
