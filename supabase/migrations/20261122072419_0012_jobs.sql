set check_function_bodies = off;

-- Documents that a service reads by itself, as a job of its own.

create table document_jobs (
    document_id uuid primary key references documents on delete cascade,
    engine text,                         -- what the document was handed over to; null once its result is here
    attempt integer not null default 1,  -- a job that failed or was lost is not asked for again
    job text,                            -- as the service knows it, once it was submitted
    submitted_at timestamptz
);

create index document_jobs_by_name on document_jobs (job) where job is not null;

alter table document_jobs enable row level security;
