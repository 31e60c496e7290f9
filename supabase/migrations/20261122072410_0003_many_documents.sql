set check_function_bodies = off;

-- What keeps claiming and counting quick, however many documents and projects there are.

alter table projects add column served_at timestamptz;  -- when its last document was claimed: projects take turns

drop index documents_waiting;
create index documents_waiting on documents (project_id, priority desc, created_at, id) where status = 'pending';
create index documents_untold on documents (project_id)
    where graph_token <> token and status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing');
create index entities_canonical on entities (project_id) where merged_into is null;

-- Of the rows that the document has in each table.
alter table documents
    add column page_count integer not null default 0,
    add column chunk_count integer not null default 0,
    add column mention_count integer not null default 0;

update documents d set
    page_count = (select count(*) from pages where document_id = d.id),
    chunk_count = (select count(*) from chunks where document_id = d.id),
    mention_count = (select count(*) from mentions where document_id = d.id);

-- What to add up for the documents that are not on their way: those are few and are counted where they stand. Each change is a
-- row of its own, so that nobody waits for another's count; the queue processor folds them into one row a state.
create table document_counts (
    project_id uuid not null,
    status document_status not null,
    step pipeline_step not null,
    documents bigint not null,
    pages bigint not null,
    chunks bigint not null,
    mentions bigint not null,
    folded boolean not null default false
);

create index document_counts_of_project on document_counts (project_id);
create index document_counts_loose on document_counts (project_id) where not folded;
create unique index document_counts_folded on document_counts (project_id, status, step) where folded;
alter table document_counts enable row level security;

insert into document_counts (project_id, status, step, documents, pages, chunks, mentions, folded)
select project_id, status, step, count(*), sum(page_count), sum(chunk_count), sum(mention_count), true
from documents where status in ('pending', 'completed', 'partial_error', 'error', 'cancelled')
group by project_id, status, step;
