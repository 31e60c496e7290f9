-- Seconds for which the oldest document waits to be claimed, of a project or (null) of all; null: none waits. From project to project
-- and from priority to priority along the index of what waits, whatever the planner thinks of it.
create or replace function oldest_pending(p_project uuid) returns double precision language sql stable
set enable_seqscan = off set enable_sort = off as $$
    with recursive heads as (
        (select project_id, priority, created_at from documents
         where status = 'pending' and (p_project is null or project_id = p_project)
         order by project_id, priority desc, created_at, id limit 1)
        union all
        select n.project_id, n.priority, n.created_at from heads h cross join lateral (
            select * from (
                (select project_id, priority, created_at from documents
                 where status = 'pending' and project_id = h.project_id and priority < h.priority
                 order by priority desc, created_at, id limit 1)
                union all
                (select project_id, priority, created_at from documents
                 where status = 'pending' and p_project is null and project_id > h.project_id
                 order by project_id, priority desc, created_at, id limit 1)) either
            limit 1) n
    )
    select extract(epoch from now() - min(created_at))::float from heads
$$;
