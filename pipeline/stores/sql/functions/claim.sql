-- Which documents go next.

-- Take up to p_limit waiting documents, as long as no more than p_in_flight are on their way. The highest priority goes first; then
-- projects take turns: the next is of the project that has the fewest on their way, and among those of the one that has waited
-- longest for its turn. Read along the index that gives the order, even where the planner does not know yet how many wait.
create or replace function claim_documents(p_limit integer, p_in_flight integer)
returns table (document_id uuid, step pipeline_step) language plpgsql
set enable_seqscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
    v_free integer;
begin
    -- A claim that a crash of the database takes back is made again.
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(hashtext('claim_documents'));
    perform fold_counts(1000);
    -- Documents that wait for money, or for a batch, hold up nobody.
    select least(p_limit, p_in_flight - count(*)) into v_free from documents d
    where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and waits_for_budget(d) is not true
      and waits_for_batch(d) is not true;
    if v_free <= 0 then
        return;
    end if;
    return query
    with recursive first_of_each as (  -- from project to project along the index: those with nothing waiting cost nothing
        (select d.project_id, d.priority from documents d where d.status = 'pending'
         order by d.project_id, d.priority desc, d.created_at, d.id limit 1)
        union all
        select n.project_id, n.priority from first_of_each f cross join lateral (
            select d.project_id, d.priority from documents d where d.status = 'pending' and d.project_id > f.project_id
            order by d.project_id, d.priority desc, d.created_at, d.id limit 1) n
    ), moving as (
        select d.project_id, count(*) as documents from documents d
        where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') group by d.project_id
    ), served_next as (  -- whose first is behind so many others has no turn now; some more, in case that one's are locked
        select p.id, p.served_at, coalesce(m.documents, 0) as moving
        from first_of_each f join projects p on p.id = f.project_id left join moving m on m.project_id = p.id
        order by f.priority desc, moving, p.served_at nulls first, p.id limit v_free + 10
    ), in_order as (
        select w.id, row_number() over (order by w.priority desc, p.moving + w.turn, p.served_at nulls first, p.id) as place
        from served_next p cross join lateral (
            select d.id, d.priority, row_number() over (order by d.priority desc, d.created_at, d.id) as turn
            from documents d where d.project_id = p.id and d.status = 'pending'
            order by d.priority desc, d.created_at, d.id limit v_free) w
        order by place limit 2 * v_free + 10
    ), chosen as (
        select d.id, d.project_id, o.place from in_order o join documents d on d.id = o.id
        where d.status = 'pending' order by o.place limit v_free for update of d skip locked
    ), served as (
        update projects p set served_at = clock_timestamp() + c.place * interval '1 microsecond'
        from (select project_id, max(place) as place from chosen group by project_id) c where p.id = c.project_id
    )
    update documents d set status = 'queued', updated_at = now() from chosen
    where d.id = chosen.id
    returning d.id, d.step;
end $$;
