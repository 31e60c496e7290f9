-- Relations between entities as the HTTP API shows them: a part of the graph, the shortest way between two, the passages of one.

-- What these relations come to between the entities that their names stand for: passages and documents.
create or replace function relation_weights(p_relations uuid[])
returns table (subject_id uuid, predicate text, object_id uuid, weight bigint, documents bigint) language sql stable as $$
    with shown as (
        select r.id, r.predicate,
               case when r.predicate = 'CO_OCCURS_WITH' then least(s.entity_id, o.entity_id) else s.entity_id end as subject,
               case when r.predicate = 'CO_OCCURS_WITH' then greatest(s.entity_id, o.entity_id) else o.entity_id end as object
        from relationships r
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where r.id = any (p_relations) and s.entity_id <> o.entity_id
    ), places as (
        select distinct t.subject, t.predicate, t.object, v.document_id, v.start_offset, v.end_offset
        from shown t join relationship_evidence v on v.relationship_id = t.id
    ), told as (
        select subject, predicate, object, document_id, count(*) as times from places group by 1, 2, 3, 4
    )
    select subject, predicate, object, sum(times)::bigint, count(*) from told group by 1, 2, 3
$$;

-- Relations with an end among these entities; p_predicates: of these kinds alone.
create or replace function relations_of(p_entities uuid[], p_predicates text[] default null) returns setof uuid language sql stable as $$
    with names as materialized (
        select i as id from unnest(p_entities) i union all select e.id from entities e where e.merged_into = any (p_entities)
    )
    select r.id from names n join relationships r on r.subject_id = n.id where p_predicates is null or r.predicate = any (p_predicates)
    union
    select r.id from names n join relationships r on r.object_id = n.id where p_predicates is null or r.predicate = any (p_predicates)
$$;

-- Relations with both ends among them.
create or replace function relations_among(p_entities uuid[], p_predicates text[] default null) returns setof uuid language sql stable as $$
    with names as materialized (
        select i as id from unnest(p_entities) i union all select e.id from entities e where e.merged_into = any (p_entities)
    )
    select r.id from names s join relationships r on r.subject_id = s.id join names o on o.id = r.object_id
    where p_predicates is null or r.predicate = any (p_predicates)
$$;

-- Entities and the relations between them: {nodes: [{id, name, type, mentions, documents}], edges: [{subject, predicate, object, weight,
-- documents}], more}, in the order given, and the heaviest first, p_edges at most; those with p_centre (may be null) before all others.
create or replace function graph_part(p_entities uuid[], p_centre uuid, p_predicates text[], p_min_weight bigint, p_edges integer)
returns jsonb language sql stable as $$
    with edges as (
        select w.*, row_number() over (
            order by coalesce(p_centre in (w.subject_id, w.object_id), false) desc, w.weight desc, w.subject_id, w.predicate, w.object_id) as place
        from relation_weights(array(select relations_among(p_entities, p_predicates))) w where w.weight >= p_min_weight
    )
    select jsonb_build_object(
        'nodes', (
            select coalesce(jsonb_agg(jsonb_build_object('id', s.entity_id, 'name', s.name, 'type', s.type, 'mentions', s.mentions,
                                                         'documents', s.documents) order by array_position(p_entities, s.entity_id)), '[]')
            from entity_summaries(p_entities) s),
        'edges', (
            select coalesce(jsonb_agg(jsonb_build_object('subject', subject_id, 'predicate', predicate, 'object', object_id, 'weight', weight,
                                                         'documents', documents) order by place), '[]')
            from edges where place <= p_edges),
        'more', (select count(*) > p_edges from edges))
$$;

-- An entity with what is related to it, those with the heaviest relations first: p_limit entities at most, at most p_depth relations away.
-- p_types and p_predicates: of these kinds alone; null: all.
create or replace function graph_around(p_entity uuid, p_depth integer, p_limit integer, p_types text[], p_predicates text[], p_min_weight bigint)
returns jsonb language plpgsql stable as $$
declare
    v_nodes uuid[] := array[p_entity];
    v_edge uuid[] := v_nodes;
    v_found uuid[];
    v_more boolean := false;
begin
    for step in 1 .. p_depth loop
        with near as (
            select case when w.subject_id = any (v_edge) then w.object_id else w.subject_id end as id, w.weight
            from relation_weights(array(select relations_of(v_edge, p_predicates))) w where w.weight >= p_min_weight
        ), outside as (
            select id, sum(weight) as weight from near where id not in (select unnest(v_nodes)) group by id
        ), fitting as (
            select o.* from outside o
            where p_types is null or o.id in (
                select t.entity_id from entity_types(array(select id from outside)) t where t.type::text = any (p_types))
            order by o.weight desc, o.id limit p_limit - cardinality(v_nodes) + 1
        )
        select array_agg(id order by weight desc, id) into v_found from fitting;
        v_more := v_more or cardinality(v_nodes) + coalesce(cardinality(v_found), 0) > p_limit;
        v_nodes := (v_nodes || v_found)[:p_limit];
        exit when v_found is null or v_more;
        v_edge := v_found[:50];  -- what is around the heaviest
        v_more := v_more or step < p_depth and cardinality(v_found) > 50;
    end loop;
    return graph_part(v_nodes, p_entity, p_predicates, p_min_weight, 5 * p_limit)
        || case when v_more then jsonb_build_object('more', true) else '{}' end;
end $$;

-- The heaviest relations of a project with the entities that they join, p_limit at most. Chosen among the relations that most passages show,
-- counted by spelling; what is shown of them is exact.
create or replace function graph_of_project(p_project text, p_limit integer, p_types text[], p_predicates text[], p_min_weight bigint)
returns jsonb language plpgsql stable set work_mem = '64MB' as $$
declare
    v_nodes uuid[];
begin
    with heavy as materialized (
        select r.id, r.subject_id, r.object_id, count(*) as times
        from relationships r join relationship_evidence v on v.relationship_id = r.id
        where r.project_id = (select id from projects where name = p_project) and (p_predicates is null or r.predicate = any (p_predicates))
        group by r.id order by times desc, r.id limit p_limit * case when p_types is null then 20 else 200 end
    ), edges as materialized (
        select s.entity_id as one, o.entity_id as other, sum(h.times) as weight
        from heavy h
        join canonical_entities s on s.name_id = h.subject_id
        join canonical_entities o on o.name_id = h.object_id
        where s.entity_id <> o.entity_id group by 1, 2 having sum(h.times) >= p_min_weight
    ), kinds as materialized (
        select t.entity_id from entity_types(array(
            select one from edges where p_types is not null union select other from edges where p_types is not null)) t
        where t.type::text = any (p_types)
    ), heaviest as (
        select x.id, max(e.weight) as weight from edges e cross join lateral (values (e.one), (e.other)) x (id)
        where p_types is null or e.one in (select entity_id from kinds) and e.other in (select entity_id from kinds)
        group by x.id order by weight desc, x.id limit p_limit + 1
    )
    select array_agg(id order by weight desc, id) into v_nodes from heaviest;
    return graph_part(coalesce(v_nodes[:p_limit], '{}'), null, p_predicates, p_min_weight, 5 * p_limit)
        || case when cardinality(v_nodes) > p_limit then jsonb_build_object('more', true) else '{}' end;
end $$;

-- Entities one relation away from these, and through which of them; p_types: of these kinds alone, null: all. p_end is always among them.
create or replace function next_entities(p_entities uuid[], p_types text[], p_end uuid) returns table (id uuid, via uuid)
language sql stable as $$
    with names as materialized (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), related as (
        select n.entity_id as via, r.object_id as other, r.id from names n join relationships r on r.subject_id = n.name_id
        union all
        select n.entity_id, r.subject_id, r.id from names n join relationships r on r.object_id = n.name_id
    ), near as materialized (
        select distinct on (o.entity_id) o.entity_id as id, t.via
        from related t join canonical_entities o on o.name_id = t.other
        where exists (select from relationship_evidence v where v.relationship_id = t.id)
        order by o.entity_id, t.via
    )
    select n.id, n.via from near n
    where p_types is null or n.id = p_end or n.id in (
        select t.entity_id from entity_types(array(select m.id from near m)) t where t.type::text = any (p_types))
$$;

-- A relation that joins one of these entities to one of those: along the indexes from one to the next, until there is one.
create or replace function joined_entities(p_ones uuid[], p_others uuid[]) returns table (one uuid, other uuid) language sql stable rows 1
set enable_seqscan = off set plan_cache_mode = force_custom_plan as $$
    with ones as materialized (
        select i as entity_id, i as name_id from unnest(p_ones) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_ones)
    ), others as materialized (
        select i as name_id from unnest(p_others) i union all select e.id from entities e where e.merged_into = any (p_others)
    )
    select a.entity_id, (select c.entity_id from canonical_entities c where c.name_id = t.name_id)
    from (select entity_id, name_id from ones order by 1, 2) a cross join lateral (
        select r.object_id as name_id from relationships r
        where r.subject_id = a.name_id and r.object_id in (select name_id from others)
          and exists (select from relationship_evidence v where v.relationship_id = r.id)
        union all
        select r.subject_id from relationships r
        where r.object_id = a.name_id and r.subject_id in (select name_id from others)
          and exists (select from relationship_evidence v where v.relationship_id = r.id)
        order by 1 limit 1) t
    limit 1
$$;

-- The shortest way from one entity to another along relations: graph_part with path, the ids from the first to the last; null: there is
-- none. What lies between is of p_types alone (null: of any). It is sought from both ends at once, and always on the side that knows less,
-- until a relation joins what the last steps reached: what lies around hubs need not be looked through for that.
create or replace function path_between(p_from uuid, p_to uuid, p_types text[]) returns jsonb language plpgsql stable
set plan_cache_mode = force_custom_plan as $$
declare
    v_ahead uuid[] := array[p_from];   -- reached from the first, and through whom
    v_ahead_via uuid[] := array[null::uuid];
    v_back uuid[] := array[p_to];      -- reached from the last
    v_back_via uuid[] := array[null::uuid];
    v_ahead_edge uuid[] := v_ahead;    -- reached by the last step
    v_back_edge uuid[] := v_back;
    v_via uuid[];
    v_one uuid := p_from;              -- where both sides are joined
    v_other uuid;
    v_path uuid[];
begin
    while p_from <> p_to loop
        select j.one, j.other into v_one, v_other from joined_entities(v_ahead_edge, v_back_edge) j;
        exit when v_one is not null;
        if (case when cardinality(v_ahead) <> cardinality(v_back) then cardinality(v_ahead) < cardinality(v_back)
                else (select count(*) from relations_of(v_ahead_edge)) <= (select count(*) from relations_of(v_back_edge)) end) then
            select array_agg(n.id), array_agg(n.via) into v_ahead_edge, v_via from next_entities(v_ahead_edge, p_types, p_to) n
            where n.id not in (select unnest(v_ahead));
            exit when v_ahead_edge is null;
            v_ahead := v_ahead || v_ahead_edge;
            v_ahead_via := v_ahead_via || v_via;
        else
            select array_agg(n.id), array_agg(n.via) into v_back_edge, v_via from next_entities(v_back_edge, p_types, p_from) n
            where n.id not in (select unnest(v_back));
            exit when v_back_edge is null;
            v_back := v_back || v_back_edge;
            v_back_via := v_back_via || v_via;
        end if;
    end loop;
    if v_one is null then
        return null;
    end if;
    v_path := array_remove(array[v_one, v_other], null);
    while v_path[1] <> p_from loop
        v_path := v_ahead_via[array_position(v_ahead, v_path[1])] || v_path;
    end loop;
    while v_path[cardinality(v_path)] <> p_to loop
        v_path := v_path || v_back_via[array_position(v_back, v_path[cardinality(v_path)])];
    end loop;
    return graph_part(v_path, null, null, 1, 1000) || jsonb_build_object('path', v_path);
end $$;

-- The passages that relate two entities, the surest first; p_object null and p_predicate '': any. Of CO_OCCURS_WITH either end is the subject.
create or replace function relation_passages(p_subject uuid, p_object uuid, p_predicate text, p_skip integer, p_limit integer)
returns table (passage jsonb) language sql stable as $$
    with shown as (
        select r.id, r.predicate, s.entity_id as subject, o.entity_id as object
        from relationships r
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where r.id = any (case when p_object is null then array(select relations_of(array[p_subject]))
                               else array(select relations_among(array[p_subject, p_object])) end)
          and p_predicate in ('', r.predicate)
          and s.entity_id <> o.entity_id
          and (s.entity_id = p_subject or r.predicate = 'CO_OCCURS_WITH')
    ), places as (
        select t.predicate, t.subject, t.object, v.document_id, v.start_offset, v.end_offset, max(v.confidence) as confidence
        from shown t join relationship_evidence v on v.relationship_id = t.id group by 1, 2, 3, 4, 5, 6
    ), page as (
        select p.*, d.source_path from places p join documents d on d.id = p.document_id
        order by p.confidence desc, d.source_path collate "C", p.start_offset, p.end_offset, p.predicate, p.subject, p.object
        offset p_skip limit p_limit
    )
    select jsonb_build_object(
        'document_id', p.document_id, 'source_path', p.source_path, 'start', p.start_offset, 'end', p.end_offset, 'page', w.page,
        'seconds', w.seconds, 'text', substring(d.text from p.start_offset + 1 for p.end_offset - p.start_offset),
        'predicate', p.predicate, 'subject', p.subject, 'object', p.object, 'confidence', p.confidence)
    from page p
    join documents d on d.id = p.document_id
    left join lateral place_of(p.document_id, p.start_offset) w on true
    order by p.confidence desc, p.source_path collate "C", p.start_offset, p.end_offset, p.predicate, p.subject, p.object
$$;
