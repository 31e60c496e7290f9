-- People at the web page: a session acts with a key, and ends with it. What a cookie or a link holds is nowhere, its SHA-256 is here.

create table api_sessions (
    hash text primary key,
    key_id uuid not null references api_keys on delete cascade,
    made_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),  -- to the minute
    ends_at timestamptz not null                 -- however busy it is
);

create index api_sessions_ending on api_sessions (ends_at);

-- Links that open one session, once.
create table api_links (
    hash text primary key,
    key_id uuid not null references api_keys on delete cascade,
    ends_at timestamptz not null
);

alter table api_sessions enable row level security;
alter table api_links enable row level security;
