-- What the graph is told, and when.

-- Note that the graph is being told of this document. Returns the documents whose figures are now to be brought up to date
-- there: p_most at the latest, and all when no other document of the project is on its way.
create or replace function graph_turn(p_document uuid, p_token bigint, p_most integer) returns setof uuid language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'build_relationships', p_token);
begin
    update documents set graph_token = p_token where id = p_document;
    insert into graph_touched (document_id, project_id) values (d.id, d.project_id) on conflict do nothing;
    if (select count(*) from graph_touched t where t.project_id = d.project_id) >= p_most or not graph_busy(d.project_id) then
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
