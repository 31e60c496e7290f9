-- What is computed of an entity and of a pair: never stored, so never wrong.

-- All names that stand for a canonical entity.
create or replace function names_of(p_entity uuid) returns setof uuid language sql stable rows 3 as $$
    select p_entity union all select id from entities where merged_into = p_entity
$$;

-- Of each entity: the most frequent type; of the spellings of its canonical name that are about as long as its key, the most
-- frequent. Entities without mentions are left out. p_told: by documents that the graph was told of alone.
create or replace function entity_summaries(p_entities uuid[], p_told boolean default false)
returns table (entity_id uuid, name text, type entity_type, mentions bigint, documents bigint) language sql stable as $$
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), forms as (
        select n.entity_id, n.name_id = n.entity_id as own, m.name, m.type, m.document_id, count(*) as times
        from names n join mentions m on m.entity_id = n.name_id
        where not p_told or exists (select from documents d where d.id = m.document_id and was_told(d))
        group by 1, 2, 3, 4, 5
    ), totals as (
        select entity_id, sum(times)::bigint as mentions, count(distinct document_id) as documents from forms group by 1
    ), types as (
        select distinct on (entity_id) entity_id, type from forms group by 1, 2 order by 1, sum(times) desc, 2
    ), spellings as (
        select distinct on (f.entity_id) f.entity_id, f.name
        from forms f join entities e on e.id = f.entity_id
        group by f.entity_id, f.own, f.name, e.tokens
        order by f.entity_id, f.own desc, abs(cardinality(string_to_array(f.name, ' ')) - e.tokens), sum(f.times) desc,
                 f.name collate "C"
    )
    select entity_id, s.name, y.type, t.mentions, t.documents
    from totals t join types y using (entity_id) join spellings s using (entity_id)
$$;

create or replace function entity_summary(p_entity uuid)
returns table (name text, type entity_type, mentions bigint, documents bigint) language sql stable rows 1 as $$
    select name, type, mentions, documents from entity_summaries(array[p_entity])
$$;

-- Of each pair of entities that these documents show together: passages and documents over the whole project; p_told: of those
-- that the graph was told of.
create or replace function pair_weights(p_documents uuid[], p_told boolean default false)
returns table (subject_id uuid, object_id uuid, weight bigint, documents bigint) language sql stable as $$
    with pairs as (
        select distinct least(s.entity_id, o.entity_id) as a, greatest(s.entity_id, o.entity_id) as b
        from relationship_evidence v
        join relationships r on r.id = v.relationship_id and r.predicate = 'CO_OCCURS_WITH'
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where v.document_id = any (p_documents) and s.entity_id <> o.entity_id
    )
    -- Relations are asked for one by one, by their ids: no plan that rests on what was counted of the tables can go wrong.
    select p.a, p.b, w.weight, w.documents
    from pairs p cross join lateral (
        select count(distinct (v.document_id, v.start_offset, v.end_offset)) as weight, count(distinct v.document_id) as documents
        from names_of(p.a) a (id) cross join names_of(p.b) b (id)
        cross join unnest(array[derived_id('relationship', a.id::text, 'CO_OCCURS_WITH', b.id::text),
                                derived_id('relationship', b.id::text, 'CO_OCCURS_WITH', a.id::text)]) r (id)
        join relationship_evidence v on v.relationship_id = r.id
        where not p_told or exists (select from documents d where d.id = v.document_id and was_told(d))) w
    where w.weight > 0
$$;
