-- What changed, for those who watch documents. Rows bear the time at which their transaction began, and appear when it ends: whoever looks again
-- and again asks for what changed since the horizon of the time before, and passes over what is known.

-- A moment before which nothing will appear any more. Who only reads for long holds nothing back.
create or replace function changes_horizon() returns timestamptz language sql volatile as $$
    select greatest(least(now(), min(xact_start)), now() - interval '10 min') - interval '1 s' from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
      and (backend_xid is not null or xact_start > now() - interval '1 min')
$$;

-- Of these projects up to p_limit documents that changed since, the first to change first, and those whose page ranges are being read (the
-- row of such a document does not change with each range).
create or replace function changed_documents(p_projects text[], p_since timestamptz, p_limit integer)
returns table (project text, document jsonb) language plpgsql stable
set enable_seqscan = off set enable_sort = off as $$  -- along the index, whatever the planner thinks of a moment that it does not know
#variable_conflict use_column
declare
    v_projects uuid[] := array(select id from projects where name = any (p_projects));
begin
    return query
    with moved as (
        select id, updated_at from documents where updated_at >= p_since and project_id = any (v_projects)
        order by updated_at limit p_limit
    ), seen as (
        select id from moved
        union
        select id from documents where status in ('queued', 'extracting', 'processing_chunks', 'processing')
            and status = 'processing_chunks' and project_id = any (v_projects)
    )
    select p.name, document_news(d) from seen s join documents d on d.id = s.id join projects p on p.id = d.project_id
    order by d.updated_at;
end $$;

-- Less than document_facts says, and quicker.
create or replace function document_news(d documents) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'document_id', d.id, 'source_path', d.source_path, 'status', d.status, 'step', d.step, 'error_message', d.error_message,
        'waiting_for', d.waiting_for, 'updated_at', d.updated_at,
        'parts', case when d.step = 'process_ocr' then (select coalesce(jsonb_object_agg(status, n), '{}') from (
            select status, count(*) as n from document_parts where document_id = d.id group by status) s) else '{}' end)
$$;

create or replace function known_documents(p_documents uuid[]) returns uuid[] language sql stable as $$
    select coalesce(array_agg(id), '{}') from documents where id = any (p_documents)
$$;

-- p_project is the only project that may be seen; "" is any.
create or replace function news_of_document(p_document uuid, p_project text)
returns table (project text, document jsonb) language sql stable as $$
    select p.name, document_news(d) from documents d join projects p on p.id = d.project_id
    where d.id = p_document and p_project in ('', p.name)
$$;
