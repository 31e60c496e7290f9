-- Which entity each name stands for: it follows from names, links and decisions alone, whatever the order in which they came.
-- ``stages.canonicalizing.canonicalize`` says the same in Python, and a test compares the two.

-- The names that a decision names with this one; p_bound: that it binds to this one.
create or replace function decided_with(p_name uuid, p_bound boolean default false) returns setof uuid language sql stable rows 1 as $$
    select o.name_id
    from decided_names t
    join entity_decisions d on d.id = t.decision_id and d.taken_back_at is null
    join decided_names o on o.decision_id = t.decision_id
    where t.name_id = p_name and o.name_id <> p_name and (not p_bound or t.bound and o.bound)
$$;

-- Pairs of a project's names that a split keeps apart, unless a later merge names both.
create or replace function kept_apart(p_project uuid) returns table (one uuid, other uuid, number bigint) language sql stable as $$
    select a.name_id, b.name_id, d.number
    from entity_decisions d
    join decided_names a on a.decision_id = d.id and a.bound
    join decided_names b on b.decision_id = d.id and not b.bound
    where d.project_id = p_project and d.kind = 'split' and d.taken_back_at is null and not exists (
        select from decided_names x
        join entity_decisions m on m.id = x.decision_id and m.kind = 'merge' and m.taken_back_at is null and m.number > d.number
        join decided_names y on y.decision_id = x.decision_id and y.name_id = b.name_id
        where x.name_id = a.name_id)
$$;

-- The components that strong links and decisions make of these names, which must be all that hang together. p_decided: whether there are
-- decisions.
create or replace function components(p_project uuid, p_names uuid[], p_decided boolean) returns table (id uuid, part uuid)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_parts uuid[];
    v_names uuid[];
    v_broken uuid[];  -- components that a split parts
begin
    with recursive reach (id, member) as (
        select i, i from unnest(p_names) i
        union
        select r.id, n.id from reach r cross join lateral (
            select right_id as id from entity_links where left_id = r.member and strong
            union all select left_id from entity_links where right_id = r.member and strong
            union all select e.id from decided_with(r.member, true) x join entities e on e.id = x where p_decided) n
    ), grouped as (
        select r.id, min(r.member::text)::uuid as part from reach r group by r.id
    )
    select array_agg(g.id), array_agg(g.part) into v_names, v_parts from grouped g;
    if p_decided then
        v_broken := array(
            select distinct a.part from kept_apart(p_project) k
            join unnest(v_names, v_parts) a (id, part) on a.id = k.one
            join unnest(v_names, v_parts) b (id, part) on b.id = k.other and b.part = a.part);
    end if;
    return query select n.id, n.part from unnest(v_names, v_parts) n (id, part) where v_broken is null or n.part <> all (v_broken);
    return query
    select x.id, x.part from unnest(v_broken) b (part)
    cross join lateral parted(p_project, array(select n.id from unnest(v_names, v_parts) n (id, part) where n.part = b.part)) x;
end $$;

-- The same where a split parts what hangs together: decisions count from the newest to the oldest, then strong links from the surest on;
-- what contradicts one before it does not count.
create or replace function parted(p_project uuid, p_names uuid[]) returns table (id uuid, part uuid) language plpgsql stable as $$
declare
    v_names constant uuid[] := array(select e.id from entities e where e.id = any (p_names) order by e.key collate "C");
    v_parts integer[] := array(select generate_series(1, cardinality(v_names)));
    v_one integer[];
    v_other integer[];
    s record;
begin
    for s in
        with name as (
            select n.id, n.place::integer as place from unnest(v_names) with ordinality n (id, place)
        ), said as (
            select k.number, true as apart, 0::real as score, a.place as one, b.place as other
            from kept_apart(p_project) k join name a on a.id = k.one join name b on b.id = k.other
            union all
            select d.number, false, 0, a.place, b.place
            from name a
            join decided_names t on t.name_id = a.id and t.bound
            join entity_decisions d on d.id = t.decision_id and d.taken_back_at is null
            join decided_names o on o.decision_id = t.decision_id and o.bound
            join name b on b.id = o.name_id and b.place > a.place
            union all
            select 0, false, max(l.score), least(a.place, b.place), greatest(a.place, b.place)
            from name a join entity_links l on l.left_id = a.id and l.strong join name b on b.id = l.right_id group by 4, 5
        )
        select * from said order by number desc, apart desc, score desc, one, other
    loop
        if v_parts[s.one] = v_parts[s.other] then
            continue;
        elsif s.apart then
            v_one := v_one || s.one;
            v_other := v_other || s.other;
        elsif not exists (
            select from unnest(v_one, v_other) x (one, other)
            where (v_parts[x.one], v_parts[x.other]) in ((v_parts[s.one], v_parts[s.other]), (v_parts[s.other], v_parts[s.one]))) then
            v_parts := array_replace(v_parts, v_parts[s.other], v_parts[s.one]);
        end if;
    end loop;
    return query select n.id, v_names[v_parts[n.place]] from unnest(v_names) with ordinality n (id, place);
end $$;

-- Components, by their roots, to which weak links lead from this one. From one that a person joined (p_joined) only those of its best name
-- count, and none leads to what must stay apart (pairs of p_one and p_other).
create or replace function leads_to(p_root uuid, p_joined uuid[], p_one uuid[], p_other uuid[]) returns setof uuid
language sql stable rows 2 as $$
    select t.root
    from entities s
    join entity_links l on l.left_id = s.id and not l.strong
    join entities t on t.id = l.right_id
    where s.root = p_root and t.root <> p_root and (s.id = p_root or p_root <> all (p_joined))
      and not exists (select from unnest(p_one, p_other) x (one, other) where x.one = s.root and x.other = t.root)
$$;

-- Of components with the one that each would belong to, those that may not: it, or a better one that belongs to it too, must stay apart.
create or replace function refused(p_starts uuid[], p_homes uuid[], p_one uuid[], p_other uuid[]) returns uuid[] language plpgsql stable as $$
declare
    v_refused uuid[] := '{}';
    v_taken uuid[] := '{}';
    v_taken_home uuid[] := '{}';
    s record;
begin
    for s in
        select h.start, h.home from unnest(p_starts, p_homes) h (start, home) join entities e on e.id = h.start
        where h.start <> h.home and h.start = any (p_one)
        order by e.tokens desc, length(substring(e.key from position('/' in e.key) + 1)) desc, e.key collate "C"
    loop
        if exists (
            select from unnest(p_one, p_other) x (one, other)
            where x.one = s.start and (x.other = s.home or x.other in (
                select t.start from unnest(v_taken, v_taken_home) t (start, home) where t.home = s.home))) then
            v_refused := v_refused || s.start;
        else
            v_taken := v_taken || s.start;
            v_taken_home := v_taken_home || s.home;
        end if;
    end loop;
    return v_refused;
end $$;

-- Compute anew which entity each name stands for, around the given names: strong links and decisions make components; from each, the weak
-- links are followed to where none leads further, and if that is one component, the first belongs to it.
create or replace function relink(p_project uuid, p_ids uuid[]) returns void language plpgsql as $$
declare
    v_affected uuid[];
    v_names uuid[];
    v_parts uuid[];
    v_decided constant boolean := exists (select from entity_decisions where project_id = p_project and taken_back_at is null);
    v_joined uuid[] := '{}';
    v_one uuid[] := '{}';  -- roots that must stay apart, each pair both ways
    v_other uuid[] := '{}';
    v_starts uuid[];
    v_homes uuid[];
    v_refused uuid[] := '{}';
begin
    if p_ids is null then
        return;
    end if;
    with recursive affected (id) as (
        select unnest(p_ids)
        union
        select n.id from affected a cross join lateral (
            select right_id as id from entity_links where left_id = a.id and strong
            union all select left_id from entity_links where right_id = a.id
            union all select x from decided_with(a.id) x where v_decided) n
    ) select array_agg(id) into v_affected from affected;

    select array_agg(id), array_agg(part) into v_names, v_parts from components(p_project, v_affected, v_decided);
    with best as (
        select distinct on (p.part) p.part, e.id as root
        from unnest(v_names, v_parts) p (id, part) join entities e on e.id = p.id
        order by p.part, e.tokens desc, length(substring(e.key from position('/' in e.key) + 1)) desc, e.key collate "C"
    )
    update entities e set root = b.root from unnest(v_names, v_parts) p (id, part) join best b using (part)
    where e.id = p.id and e.root is distinct from b.root;

    if v_decided then
        v_joined := array(
            select e.root from entity_decisions d join decided_names t on t.decision_id = d.id and t.bound join entities e on e.id = t.name_id
            where d.project_id = p_project and d.taken_back_at is null group by d.id, e.root having count(*) > 1);
        select coalesce(array_agg(x.one), '{}'), coalesce(array_agg(x.other), '{}') into v_one, v_other from (
            select s.root as one, o.root as other from kept_apart(p_project) k join entities s on s.id = k.one join entities o on o.id = k.other
            union
            select o.root, s.root from kept_apart(p_project) k join entities s on s.id = k.one join entities o on o.id = k.other) x
        where x.one <> x.other;
    end if;

    with recursive onward (start, place) as (
        select root, root from entities where id = any (v_affected)
        union
        select o.start, n from onward o cross join lateral leads_to(o.place, v_joined, v_one, v_other) n
    ), homes as (
        select start, min(place::text)::uuid as home from onward o
        where not exists (select from leads_to(o.place, v_joined, v_one, v_other)) group by start having count(*) = 1
    )
    select array_agg(start), array_agg(home) into v_starts, v_homes from homes;
    if v_one <> '{}' then
        v_refused := refused(v_starts, v_homes, v_one, v_other);
    end if;

    with homes as (
        select h.start, h.home from unnest(v_starts, v_homes) h (start, home) where h.start <> all (v_refused)
    ), targets as (
        select e.id, nullif(coalesce(h.home, e.root), e.id) as merged_into
        from entities e left join homes h on h.start = e.root where e.id = any (v_affected)
    ), outcome as (
        select t.id, t.merged_into, coalesce(who.reason, why.reason) as reason, coalesce(who.score, why.score) as score
        from targets t
        left join lateral (  -- the surest link
            select l.reason, l.score from entity_links l
            where l.left_id = t.id or (l.right_id = t.id and l.strong)
            order by l.strong desc, l.score desc, l.reason limit 1) why on t.merged_into is not null
        left join lateral (  -- a person bound it, and no link leads straight to the entity
            select 'decided by a person' as reason, 1::real as score from decided_with(t.id, true) x join entities e on e.id = x
            where not exists (
                select from entity_links l
                where l.left_id = t.id and l.right_id = t.merged_into or l.right_id = t.id and l.left_id = t.merged_into and l.strong)
            limit 1) who on v_decided and t.merged_into is not null
    ), changed as (
        update entities e set merged_into = o.merged_into, merge_reason = o.reason, merge_score = o.score
        from outcome o, entities before
        where e.id = o.id and before.id = o.id
          and (e.merged_into, e.merge_reason, e.merge_score) is distinct from (o.merged_into, o.reason, o.score)
        returning e.id, e.merged_into, before.merged_into as merged_before
    )
    insert into graph_changes (project_id, entity_id)
    select distinct p_project, x from changed, unnest(array[changed.id, changed.merged_into, changed.merged_before]) x
    where x is not null and changed.merged_into is distinct from changed.merged_before order by x
    on conflict (project_id, entity_id) do update set number = default;
end $$;
