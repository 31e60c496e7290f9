set check_function_bodies = off;

-- What a model read in the text of two names: relation mentions, by the numbers of their mentions, until the names are resolved.

create table relation_mentions (
    document_id uuid not null references documents on delete cascade,
    number integer not null,
    subject integer not null,
    predicate text not null,
    object integer not null,
    start_offset integer not null,
    end_offset integer not null,
    confidence real not null,
    primary key (document_id, number)
);

alter table relation_mentions enable row level security;

-- Whether a project has typed relations at all; most have none.
create index typed_relationships on relationships (project_id) where predicate <> 'CO_OCCURS_WITH';

-- What is to be known of a step's result beside the result, e.g. how many answers of a model the text did not bear out.
alter table document_steps add column notes jsonb not null default '{}';

drop function if exists commit_mentions(uuid, bigint, jsonb);
