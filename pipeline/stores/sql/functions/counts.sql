-- How many documents of a project are in which state, and what they hold, without counting them.

-- As their owner: who may queue a document need not be allowed to change the counts.
create or replace function count_added() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
    select project_id, status, step, count(*), sum(page_count), sum(chunk_count), sum(mention_count) from added
    where not on_its_way(status) group by project_id, status, step;
    return null;
end $$;

create or replace function count_removed() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
    select project_id, status, step, -count(*), -sum(page_count), -sum(chunk_count), -sum(mention_count) from removed
    where not on_its_way(status) group by project_id, status, step;
    return null;
end $$;

create or replace function count_changed() returns trigger language plpgsql security definer set search_path from current as $$
begin
    if not on_its_way(old.status) then
        insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
        values (old.project_id, old.status, old.step, -1, -old.page_count, -old.chunk_count, -old.mention_count);
    end if;
    if not on_its_way(new.status) then
        insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
        values (new.project_id, new.status, new.step, 1, new.page_count, new.chunk_count, new.mention_count);
    end if;
    return null;
end $$;

create or replace function on_its_way(p_status document_status) returns boolean language sql immutable parallel safe as $$
    select p_status in ('queued', 'extracting', 'processing_chunks', 'processing')
$$;

create or replace trigger documents_added after insert on documents
    referencing new table as added for each statement execute function count_added();
create or replace trigger documents_removed after delete on documents
    referencing old table as removed for each statement execute function count_removed();
create or replace trigger documents_changed after update on documents
    for each row when (
        not (on_its_way(old.status) and on_its_way(new.status))
        and (old.project_id, old.status, old.step, old.page_count, old.chunk_count, old.mention_count)
            is distinct from (new.project_id, new.status, new.step, new.page_count, new.chunk_count, new.mention_count))
    execute function count_changed();

-- Fold up to p_most loose changes into the row of their project and state. By one caller at a time.
create or replace function fold_counts(p_most integer) returns void language sql as $$
    with loose as (
        delete from document_counts
        where ctid = any (array(select ctid from document_counts where not folded limit p_most))
        returning project_id, status, step, documents, pages, chunks, mentions
    )
    insert into document_counts as c (project_id, status, step, documents, pages, chunks, mentions, folded)
    select project_id, status, step, sum(documents), sum(pages), sum(chunks), sum(mentions), true
    from loose group by project_id, status, step
    on conflict (project_id, status, step) where folded do update set
        documents = c.documents + excluded.documents, pages = c.pages + excluded.pages,
        chunks = c.chunks + excluded.chunks, mentions = c.mentions + excluded.mentions
$$;

-- Documents of a project by state and step, with the pages, chunks and mentions that they hold.
create or replace function project_counts(p_project uuid)
returns table (status document_status, step pipeline_step, documents bigint, pages bigint, chunks bigint, mentions bigint)
language sql stable as $$
    select status, step, sum(documents)::bigint, sum(pages)::bigint, sum(chunks)::bigint, sum(mentions)::bigint from (
        select status, step, documents, pages, chunks, mentions from document_counts where project_id = p_project
        union all
        select status, step, 1, page_count, chunk_count, mention_count from documents
        where project_id = p_project and status in ('queued', 'extracting', 'processing_chunks', 'processing')) s
    group by status, step having sum(documents) <> 0
$$;
