set check_function_bodies = off;

-- The database of record. Ids are derived (md5 of what they name), so that the same input gives the same ids.

create extension if not exists vector;

create type document_status as enum (
    'pending', 'queued', 'extracting', 'processing_chunks', 'processing', 'completed', 'partial_error', 'error', 'cancelled');

-- In order: comparison with < and > is used.
create type pipeline_step as enum (
    'process_ocr', 'create_document_node', 'process_chunking', 'extract_entities', 'resolve_entities', 'build_relationships');

create type entity_type as enum (
    'PERSON', 'ORGANIZATION', 'LOCATION', 'DATE', 'MONEY', 'EVENT', 'WORK', 'PRODUCT', 'LAW', 'GROUP', 'OTHER', 'EMAIL', 'PHONE', 'URL');

create table permitted_moves (
    old document_status not null,
    new document_status not null,
    primary key (old, new)
);

insert into permitted_moves (old, new)
select m.old::document_status, unnest(m.new)::document_status
from (values
    ('pending', array['queued', 'cancelled']),
    ('queued', array['extracting', 'processing', 'pending', 'error', 'cancelled']),
    ('extracting', array['queued', 'processing_chunks', 'processing', 'error', 'cancelled']),
    ('processing_chunks', array['queued', 'processing', 'error', 'cancelled']),
    ('processing', array['queued', 'completed', 'partial_error', 'error', 'cancelled']),
    ('completed', array['pending']),
    ('partial_error', array['pending']),
    ('error', array['pending']),
    ('cancelled', array['pending'])
) as m (old, new);

create table projects (
    id uuid primary key,
    name text not null unique check (name <> ''),
    created_at timestamptz not null default now()
);

create table documents (
    id uuid primary key default gen_random_uuid(),
    project_id uuid not null references projects on delete cascade,
    parent_id uuid references documents on delete cascade,
    depth integer not null default 0,
    source_path text not null,
    file_name text not null,
    storage_key text not null,
    size bigint not null default 0,
    sha256 text not null default '',
    priority integer not null default 0,
    status document_status not null default 'pending',
    step pipeline_step not null default 'process_ocr',  -- the next to run, or the one that failed
    token bigint not null default 0,                    -- of the newest lease ever given
    lease_until timestamptz,
    lease_started timestamptz,
    lease_fingerprint text,
    lease_engine text,
    worker text,
    crashes integer not null default 0,                 -- leases of this step that ended without a word
    retries integer not null default 0,                 -- tries of this step that failed for a passing reason
    not_before timestamptz,
    waiting_for text,
    error_code text,
    error_message text,
    failed_pages integer[] not null default '{}',
    graph_token bigint not null default -1,             -- the lease under which the graph was told of it
    media_type text not null default '',
    language text not null default '',
    category text not null default '',
    metadata jsonb not null default '{}',
    text text not null default '',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    unique (project_id, source_path)
);

create index documents_waiting on documents (project_id, priority desc, created_at) where status = 'pending';
create index documents_in_flight on documents (updated_at)
    where status in ('queued', 'extracting', 'processing_chunks', 'processing');
create index documents_of_project on documents (project_id, status);
create index documents_children on documents (parent_id) where parent_id is not null;

create table document_steps (
    document_id uuid not null references documents on delete cascade,
    step pipeline_step not null,
    fingerprint text not null,
    engine text not null,
    finished_at timestamptz not null default now(),
    primary key (document_id, step)
);

create table document_processing_history (
    id bigint generated always as identity primary key,
    document_id uuid not null references documents on delete cascade,
    step pipeline_step not null,
    outcome text not null check (outcome in ('done', 'retry', 'failed', 'crashed')),
    worker text,
    token bigint not null,
    started_at timestamptz,
    finished_at timestamptz not null default now(),
    error_code text,
    error_message text
);

create index history_of_document on document_processing_history (document_id, id);

create table pages (
    document_id uuid not null references documents on delete cascade,
    number integer not null,
    start_offset integer not null,
    end_offset integer not null,
    source text not null check (source in ('text', 'ocr', 'speech')),
    confidence real not null,
    width real not null,
    height real not null,
    words jsonb not null default '[]',     -- [[start, end, left, top, right, bottom, confidence], …], offsets into the page
    segments jsonb not null default '[]',  -- [[start, end, begin seconds, end seconds, confidence], …]
    primary key (document_id, number)
);

create table chunks (
    id uuid primary key,
    document_id uuid not null references documents on delete cascade,
    project_id uuid not null references projects on delete cascade,
    position integer not null,
    start_offset integer not null,
    end_offset integer not null,
    heading text not null,
    text text not null,
    terms tsvector not null,
    length integer not null,  -- in terms, stop words left out
    embedding vector(384) not null
);

create unique index chunks_of_document on chunks (document_id, position);
create index chunks_of_project on chunks (project_id);
create index chunks_terms on chunks using gin (terms);
create index chunks_embedding on chunks using hnsw (embedding vector_cosine_ops);

-- One row for each distinct name of a project; merged_into leads from a spelling to the entity that it stands for.
create table entities (
    id uuid primary key,
    project_id uuid not null references projects on delete cascade,
    arrival bigint generated always as identity,
    key text not null,     -- class/normalised name
    tokens integer not null,
    root uuid,         -- of its strongly linked component
    merged_into uuid,  -- the canonical entity; null: itself
    merge_reason text,
    merge_score real,
    unique (project_id, key)
);

create index entities_arrival on entities (project_id, arrival);
create index entities_root on entities (root);
create index entities_merged on entities (merged_into) where merged_into is not null;

create table entity_keys (
    project_id uuid not null,
    blocking_key text not null,
    entity_id uuid not null references entities on delete cascade,
    primary key (project_id, blocking_key, entity_id)
);

create index entity_keys_of_entity on entity_keys (entity_id);

-- A weak link leads from the short form (left) to the full one (right). Most follow from the two names alone; one that a document
-- is evidence for ("World Health Organization (WHO)") lasts as long as the document says so, and keeps both names.
create table entity_links (
    left_id uuid not null references entities on delete cascade,
    right_id uuid not null references entities on delete cascade,
    document_id uuid references documents on delete cascade,
    strong boolean not null,
    reason text not null,
    score real not null,
    unique nulls not distinct (left_id, right_id, document_id)
);

create index entity_links_right on entity_links (right_id);
create index entity_links_document on entity_links (document_id) where document_id is not null;

create table mentions (
    document_id uuid not null references documents on delete cascade,
    number integer not null,
    start_offset integer not null,
    end_offset integer not null,
    type entity_type not null,
    confidence real not null,
    name text not null,
    chunk_id uuid references chunks on delete set null,
    entity_id uuid references entities,
    primary key (document_id, number)
);

create index mentions_of_entity on mentions (entity_id, document_id);

create table relationships (
    id uuid primary key,
    project_id uuid not null references projects on delete cascade,
    subject_id uuid not null references entities on delete cascade,
    predicate text not null,
    object_id uuid not null references entities on delete cascade
);

create index relationships_subject on relationships (subject_id);
create index relationships_object on relationships (object_id);
create index relationships_of_project on relationships (project_id);

create table relationship_evidence (
    relationship_id uuid not null references relationships on delete cascade,
    document_id uuid not null references documents on delete cascade,
    start_offset integer not null,
    end_offset integer not null,
    confidence real not null,
    primary key (relationship_id, document_id, start_offset, end_offset)
);

create index evidence_of_document on relationship_evidence (document_id);

-- Entities that the graph must be told of anew, because names were linked, parted or dropped. A change that comes while the
-- one before it is being told gets a new number, and so is not taken for told.
create table graph_changes (
    project_id uuid not null references projects on delete cascade,
    entity_id uuid not null,
    number bigint generated always as identity,
    primary key (project_id, entity_id)
);

-- Documents that were written to the graph since the figures of their entities and relations were brought up to date there.
create table graph_touched (
    document_id uuid primary key references documents on delete cascade,
    project_id uuid not null references projects on delete cascade,
    touched_at timestamptz not null default now()
);

create index graph_touched_of_project on graph_touched (project_id);

create view canonical_entities with (security_invoker = true) as
select e.id as name_id, e.project_id, coalesce(e.merged_into, e.id) as entity_id
from entities e;

-- Relations between canonical entities; CO_OCCURS_WITH has no direction and names the smaller id first.
create view canonical_evidence with (security_invoker = true) as
select r.project_id,
       case when r.predicate = 'CO_OCCURS_WITH' then least(s.entity_id, o.entity_id) else s.entity_id end as subject_id,
       r.predicate,
       case when r.predicate = 'CO_OCCURS_WITH' then greatest(s.entity_id, o.entity_id) else o.entity_id end as object_id,
       v.document_id, v.start_offset, v.end_offset, v.confidence
from relationships r
join canonical_entities s on s.name_id = r.subject_id
join canonical_entities o on o.name_id = r.object_id
join relationship_evidence v on v.relationship_id = r.id
where s.entity_id <> o.entity_id;

alter table permitted_moves enable row level security;
alter table projects enable row level security;
alter table documents enable row level security;
alter table document_steps enable row level security;
alter table document_processing_history enable row level security;
alter table pages enable row level security;
alter table chunks enable row level security;
alter table entities enable row level security;
alter table entity_keys enable row level security;
alter table entity_links enable row level security;
alter table mentions enable row level security;
alter table relationships enable row level security;
alter table relationship_evidence enable row level security;
alter table graph_changes enable row level security;
alter table graph_touched enable row level security;
