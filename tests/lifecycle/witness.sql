-- Writes down what happens to documents, in the order in which it is committed for each of them.

create table seen (
    number bigint generated always as identity primary key,
    document_id uuid not null,
    old_status document_status not null,
    new_status document_status not null,
    old_step pipeline_step not null,
    new_step pipeline_step not null,
    old_token bigint not null,
    new_token bigint not null
);

create table seen_commits (
    number bigint not null,
    document_id uuid not null,
    step pipeline_step not null,
    token bigint not null,
    newest bigint not null,
    status document_status not null
);

create function see_document() returns trigger language plpgsql as $$
begin
    insert into seen (document_id, old_status, new_status, old_step, new_step, old_token, new_token)
    values (new.id, old.status, new.status, old.step, new.step, old.token, new.token);
    return null;
end $$;

create trigger see_document after update on documents
    for each row when ((old.status, old.step, old.token) is distinct from (new.status, new.step, new.token))
    execute function see_document();

-- A document that was deleted may come again, with the same id.
create function see_arrival() returns trigger language plpgsql as $$
begin
    insert into seen (document_id, old_status, new_status, old_step, new_step, old_token, new_token)
    values (new.id, 'pending', 'pending', new.step, new.step, new.token, new.token);
    return null;
end $$;

create trigger see_arrival after insert on documents for each row execute function see_arrival();

create function see_commit() returns trigger language plpgsql as $$
begin
    insert into seen_commits (number, document_id, step, token, newest, status)
    select nextval('seen_number_seq'), d.id, new.step, new.token, d.token, d.status from documents d where d.id = new.document_id;
    return null;
end $$;

create trigger see_commit after insert on document_processing_history
    for each row when (new.outcome = 'done') execute function see_commit();
