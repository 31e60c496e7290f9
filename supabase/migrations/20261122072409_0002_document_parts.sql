set check_function_bodies = off;

-- Page ranges of large documents. They count only while their document is in `processing_chunks`.

create table document_parts (
    document_id uuid not null references documents on delete cascade,
    number integer not null,
    first_page integer not null,
    last_page integer not null,
    status text not null default 'waiting' check (status in ('waiting', 'running', 'done', 'failed')),
    queued_at timestamptz not null default now(),  -- when a message was last sent for it
    token bigint not null default 0,          -- of the newest lease ever given
    lease_until timestamptz,
    lease_started timestamptz,
    worker text,
    crashes integer not null default 0,       -- leases that ended without a word
    retries integer not null default 0,       -- tries that failed for a passing reason
    not_before timestamptz,
    error_code text,
    error_message text,
    text text not null default '',            -- of its pages, until all ranges are put together
    pages jsonb not null default '[]',        -- as commit_pages takes them, offsets into the range's text
    updated_at timestamptz not null default now(),
    primary key (document_id, number)
);

create index document_parts_running on document_parts (lease_until) where status = 'running';

alter table document_parts enable row level security;
