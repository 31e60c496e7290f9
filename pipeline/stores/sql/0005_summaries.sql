-- What is computed of an entity and of a pair: never stored, so never wrong.

-- All names that stand for a canonical entity.
create function names_of(p_entity uuid) returns setof uuid language sql stable rows 3 as $$
    select p_entity union all select id from entities where merged_into = p_entity
$$;

-- Name: of the spellings of the canonical name that are about as long as its key, the most frequent; type: the most frequent one.
create function entity_summary(p_entity uuid)
returns table (name text, type entity_type, mentions bigint, documents bigint) language sql stable rows 1 as $$
    with all_mentions as (
        select m.name, m.type, m.document_id, m.entity_id from mentions m where m.entity_id in (select names_of(p_entity))
    )
    select (select a.name from all_mentions a join entities e on e.id = a.entity_id
            where a.entity_id = p_entity group by a.name, e.tokens
            order by abs(cardinality(string_to_array(a.name, ' ')) - e.tokens), count(*) desc, a.name collate "C" limit 1),
           (select a.type from all_mentions a group by a.type order by count(*) desc, a.type limit 1),
           count(*), count(distinct a.document_id)
    from all_mentions a
$$;

-- How many passages and documents name both entities together.
create function pair_weight(p_one uuid, p_other uuid)
returns table (weight bigint, documents bigint) language sql stable rows 1 as $$
    select count(distinct (v.document_id, v.start_offset, v.end_offset)), count(distinct v.document_id)
    from (
        select r.id from relationships r
        where r.subject_id in (select names_of(p_one)) and r.object_id in (select names_of(p_other)) and r.predicate = 'CO_OCCURS_WITH'
        union all
        select r.id from relationships r
        where r.subject_id in (select names_of(p_other)) and r.object_id in (select names_of(p_one)) and r.predicate = 'CO_OCCURS_WITH'
    ) pair join relationship_evidence v on v.relationship_id = pair.id
$$;
