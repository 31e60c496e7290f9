-- Documents that come from earlier systems, and our own that nobody went on with.

-- Of these rows of an old table, those that were moved already.
create or replace function moved_sources(p_source text, p_ids text[]) returns text[] language sql stable as $$
    select coalesce(array_agg(source_id), '{}') from moved_documents where source = p_source and source_id = any (p_ids)
$$;

-- Queue rows of an old table: [{source_id, project, and what submit_documents takes}]. Outcomes: moved, before.
create or replace function move_documents(p_source text, p_files jsonb)
returns table (source_id text, document_id uuid, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    f record;
    v_document uuid;
begin
    for f in select file ->> 'source_id' as id, file ->> 'project' as project, file from jsonb_array_elements(p_files) file order by 1 loop
        insert into moved_documents (source, source_id) values (p_source, f.id) on conflict do nothing;
        if found then
            select s.document_id into v_document from submit_documents(f.project, jsonb_build_array(f.file)) s;
            update moved_documents m set document_id = v_document where m.source = p_source and m.source_id = f.id;
            return query select f.id, v_document, 'moved';
        else
            return query select m.source_id, m.document_id, 'before' from moved_documents m
            where m.source = p_source and m.source_id = f.id;
        end if;
    end loop;
end $$;

-- Whether nobody has worked on a document on its way for p_idle: no lease was renewed, nothing is waited for.
create or replace function stands_still(d documents, p_idle interval) returns boolean language sql stable as $$
    select d.status in ('queued', 'extracting', 'processing_chunks', 'processing')
       and d.updated_at < now() - p_idle
       and coalesce(d.lease_until, '-infinity') < now() - p_idle
       and coalesce(d.not_before, '-infinity') <= now()
       and not exists (select from document_parts p where p.document_id = d.id and p.lease_until >= now() - p_idle)
$$;

create or replace function stalled_documents(p_project text, p_idle interval) returns uuid[] language sql stable as $$
    select coalesce(array_agg(d.id order by d.source_path collate "C"), '{}')
    from documents d join projects p on p.id = d.project_id
    where p.name = p_project and d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and stands_still(d, p_idle)
$$;

-- Queue those of them that still stand still again, at their step. Outcomes: queued, on_its_way.
create or replace function restart_stalled(p_ids uuid[], p_idle interval)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := 'on_its_way';
        if stands_still(d, p_idle) then
            perform cancel_documents(array[d.id]);  -- whoever wakes after all finds its lease gone
            perform restart_document(d.id, d.step);
            outcome := 'queued';
        end if;
        return next;
    end loop;
end $$;
