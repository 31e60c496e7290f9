set check_function_bodies = off;

-- What paid services used, budgets, and answers that were paid for.

-- Calls that were begun and whose end was not told yet; what they use at most. Whoever ends one takes its row away, so that none
-- is counted twice.
create table paid_calls (
    id uuid primary key,
    project_id uuid references projects on delete cascade,
    document_id uuid,
    step pipeline_step,
    endpoint text not null,
    model text not null,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    pages bigint not null default 0,
    audio_seconds double precision not null default 0,
    open_until timestamptz not null
);

create index paid_calls_of_project on paid_calls (project_id);
create index paid_calls_by_age on paid_calls (open_until);

-- Outlives the documents: what was paid was paid.
create table paid_usage (
    project_id uuid references projects on delete cascade,  -- null: not for a project
    document_id uuid,
    step pipeline_step,
    endpoint text not null,
    model text not null,
    calls bigint not null default 0,
    guessed bigint not null default 0,  -- of the calls: nobody told their end, they count with the most that they could use
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    pages bigint not null default 0,
    audio_seconds double precision not null default 0,
    unique nulls not distinct (project_id, document_id, step, endpoint, model)
);

-- The same of each project and model together: looked at before every call.
create table project_usage (
    project_id uuid not null references projects on delete cascade,
    model text not null,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    pages bigint not null default 0,
    audio_seconds double precision not null default 0,
    primary key (project_id, model)
);

create table budgets (
    project_id uuid primary key references projects on delete cascade,
    amount numeric not null check (amount >= 0)
);

-- By fingerprint of the question. They hold text of documents.
create table paid_answers (
    fingerprint text primary key,
    answer text not null,  -- as a JSON string, which may hold what a text here cannot
    keep_until timestamptz not null
);

create index paid_answers_by_age on paid_answers (keep_until);

create table answer_uses (
    fingerprint text not null references paid_answers on delete cascade,
    document_id uuid not null references documents on delete cascade,
    primary key (fingerprint, document_id)
);

create index answer_uses_of_document on answer_uses (document_id);

alter table document_jobs add column pages integer not null default 0;  -- of the file, as they are paid for
drop function if exists hand_over(uuid, bigint, text, jsonb, jsonb);

alter table paid_calls enable row level security;
alter table paid_usage enable row level security;
alter table project_usage enable row level security;
alter table budgets enable row level security;
alter table paid_answers enable row level security;
alter table answer_uses enable row level security;
