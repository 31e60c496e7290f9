-- Questions to a language model that are asked many at a time, for less.

create table paid_batches (
    id uuid primary key,
    endpoint text not null,
    model text not null,
    questions integer not null default 0,
    answered integer not null default 0,
    failed integer not null default 0,
    state text not null default 'gathered',  -- once it was sent, in the service's words
    fault text,                              -- why it does not go on, or how it ended
    file text,                               -- as the service knows the questions, once they were sent
    batch text,                              -- as the service knows the batch
    made_at timestamptz not null default now(),
    submitted_at timestamptz,
    ended_at timestamptz,
    held_until timestamptz,                  -- the service had too much: no other batch is made before
    look_at timestamptz not null default now(),
    looks integer not null default 0,
    token bigint not null default 0,
    taken_until timestamptz
);

create index paid_batches_open on paid_batches (look_at) where ended_at is null;

-- Each goes when it is answered. They hold text of documents.
create table batch_questions (
    fingerprint text primary key,
    endpoint text not null,
    model text not null,
    request text,                            -- as JSON; null: it is not to be asked in a batch (any more)
    input_tokens bigint not null,            -- at most, as is the next
    output_tokens bigint not null,
    project_id uuid not null references projects on delete cascade,  -- who pays: the first who asked
    document_id uuid,
    step pipeline_step,
    left_at timestamptz not null default now(),
    held_until timestamptz,                  -- by the project's budget
    batch_id uuid references paid_batches,
    failed_at timestamptz                    -- in a batch: it is to be asked directly
);

create index batch_questions_waiting on batch_questions (left_at) where batch_id is null and failed_at is null;
create index batch_questions_of_batch on batch_questions (batch_id) where batch_id is not null;

-- Which documents wait for it.
create table batch_question_uses (
    fingerprint text not null references batch_questions on delete cascade,
    document_id uuid not null references documents on delete cascade,
    primary key (fingerprint, document_id)
);

create index batch_question_uses_of_document on batch_question_uses (document_id);

alter table paid_batches enable row level security;
alter table batch_questions enable row level security;
alter table batch_question_uses enable row level security;
