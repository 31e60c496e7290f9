-- What the graph is told, and when.

-- Note that the graph is being told of this document. Returns the documents whose figures are now to be brought up to date
-- there: p_most at the latest (of a large project an eighth, as counting what it holds grows with it; 16 times p_most at most), and
-- all when no other document of the project is on its way.
create or replace function tell_of_document(p_document uuid, p_token bigint, p_most integer) returns setof uuid language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'build_relationships', p_token);
    v_touched bigint;
    v_enough boolean;
begin
    update documents set graph_token = p_token where id = p_document;
    insert into graph_touched (document_id, project_id) values (d.id, d.project_id) on conflict do nothing;
    select count(*) into v_touched from graph_touched t where t.project_id = d.project_id;
    v_enough := v_touched >= p_most and v_touched >= least(16 * p_most, (
        select coalesce(sum(documents) / 8, 0) from document_counts where project_id = d.project_id and status = 'completed'));
    if v_enough or not graph_busy(d.project_id) then
        return query select t.document_id from graph_touched t where t.project_id = d.project_id;
    end if;
end $$;

-- Whether a document of the project is on its way that the graph was not told of. Where most are, to read the table from its
-- beginning looks quickest, and is the slowest for the project that has none.
create or replace function graph_busy(p_project uuid) returns boolean language sql stable set enable_seqscan = off as $$
    select exists (
        select from documents d
        where d.project_id = p_project and d.graph_token <> d.token
          and d.status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing'))
$$;

-- The graph is to be made to hold what the database says of this document, which was told of and is to be deleted, stopped or read
-- anew. For use inside other functions.
create or replace function graph_is_outdated(d documents) returns void language sql as $$
    insert into graph_outdated (document_id, project_id, again_at)
    select d.id, d.project_id, greatest(d.lease_until, now()) + interval '30 s' * case when d.lease_until is not null then 1 end
    where d.token > 0
    on conflict (document_id) do update set
        number = default, not_before = now(), again_at = greatest(graph_outdated.again_at, excluded.again_at)
$$;

-- Up to p_most documents of which the graph is to be made to hold what the database says, each with the number of its note.
-- What is said of those that stand counts among what all documents say.
create or replace function outdated_documents(p_project uuid, p_most integer)
returns table (document_id uuid, number bigint) language plpgsql as $$
#variable_conflict use_column
begin
    return query
    select o.document_id, o.number from graph_outdated o
    where o.project_id = p_project and o.not_before <= now() order by 1 limit p_most;
    insert into graph_touched (document_id, project_id)
    select d.id, p_project from graph_outdated o join documents d on d.id = o.document_id
    where o.project_id = p_project and o.not_before <= now() and d.graph_token <> -1
    on conflict do nothing;
end $$;

-- The graph was told. What was noted meanwhile stays, and what a worker may still write is looked after once more.
create or replace function outdated_done(p_project uuid, p_ids uuid[], p_numbers bigint[]) returns void language sql as $$
    delete from graph_outdated o using unnest(p_ids, p_numbers) as done (id, number)
    where o.document_id = done.id and o.number = done.number and coalesce(o.again_at <= o.not_before, true);
    update graph_outdated o set not_before = o.again_at from unnest(p_ids, p_numbers) as done (id, number)
    where o.document_id = done.id and o.number = done.number;
    update projects set graph_asked_at = null where id = p_project;
$$;

-- Projects whose graph waits to be brought up to date: because of what was removed, or of figures or changes although no document is
-- on its way. Each is told of once in 10 seconds until it is done.
create or replace function ask_for_graphs() returns setof uuid language sql as $$
    update projects p set graph_asked_at = now()
    where (p.graph_asked_at is null or p.graph_asked_at < now() - interval '10 s')
      and not exists (select from graph_turns t where t.project_id = p.id and t.until >= now())  -- or workers would stand in line
      and (exists (select from graph_outdated o where o.project_id = p.id and o.not_before <= now())
           or (exists (select from graph_changes c where c.project_id = p.id) and not graph_busy(p.id))
           or (exists (select from graph_touched t where t.project_id = p.id and t.touched_at < now() - interval '2 s')
               and not graph_busy(p.id)))
    returning p.id
$$;
