-- What the graph must hold follows from these tables alone: documents, and of those that it was told of their chunks and mentions, the
-- entities that they name, and the pairs that they show. What others say does not count.

-- Whether chunks, mentions and relations of the document are in the graph.
create or replace function was_told(d documents) returns boolean language sql immutable parallel safe as $$
    select d.graph_token <> -1 or d.status in ('completed', 'partial_error')
$$;

-- Whether the document has a node in the graph.
create or replace function has_node(d documents) returns boolean language sql stable parallel safe as $$
    select was_told(d) or d.step > 'create_document_node'
        or exists (select from document_steps s where s.document_id = d.id and s.step = 'create_document_node')
$$;

-- Whether the document will still be worked on, and the graph be told of it again.
create or replace function comes_again(p_status document_status) returns boolean language sql immutable parallel safe as $$
    select p_status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing')
$$;

-- The pairs of these entities with any other, the smaller id first: passages and documents. p_smaller: only pairs in which the given
-- entity is the first.
create or replace function graph_pairs(p_entities uuid[], p_smaller boolean default false)
returns table (subject_id uuid, object_id uuid, weight bigint, documents bigint) language sql stable as $$
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), related as (
        select n.entity_id as one, x.entity_id as other, r.id
        from names n
        join relationships r on r.subject_id = n.name_id and r.predicate = 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.object_id
        union all
        select n.entity_id, x.entity_id, r.id
        from names n
        join relationships r on r.object_id = n.name_id and r.predicate = 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.subject_id
    ), pairs as (
        select distinct least(one, other) as a, greatest(one, other) as b, id from related
        where one < other or one > other and not p_smaller
    )
    select p.a, p.b, count(distinct (v.document_id, v.start_offset, v.end_offset)), count(distinct v.document_id)
    from pairs p
    join relationship_evidence v on v.relationship_id = p.id
    join documents d on d.id = v.document_id
    where was_told(d)
    group by 1, 2
$$;

-- The typed relations of these entities with any other: passages, documents, and the highest confidence. p_subjects: only those in
-- which the given entity is the subject.
create or replace function graph_related(p_entities uuid[], p_subjects boolean default false)
returns table (subject_id uuid, predicate text, object_id uuid, evidence bigint, documents bigint, confidence real)
language plpgsql stable as $$
#variable_conflict use_column
begin
    if not exists (select from entities e join relationships r on r.project_id = e.project_id
                   where e.id = any (p_entities) and r.predicate <> 'CO_OCCURS_WITH') then
        return;
    end if;
    return query
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), related as (
        select n.entity_id as subject, r.predicate, x.entity_id as object, r.id
        from names n
        join relationships r on r.subject_id = n.name_id and r.predicate <> 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.object_id
        union
        select x.entity_id, r.predicate, n.entity_id, r.id
        from names n
        join relationships r on r.object_id = n.name_id and r.predicate <> 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.subject_id
        where not p_subjects
    )
    select t.subject, t.predicate, t.object, count(distinct (v.document_id, v.start_offset, v.end_offset)),
           count(distinct v.document_id), max(v.confidence)
    from related t
    join relationship_evidence v on v.relationship_id = t.id
    join documents d on d.id = v.document_id
    where t.subject <> t.object and was_told(d)
    group by 1, 2, 3;
end $$;

-- Those among them that these documents show.
create or replace function related_of(p_documents uuid[])
returns table (subject_id uuid, predicate text, object_id uuid, evidence bigint, documents bigint, confidence real)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_shown uuid[] := array(
        select distinct s.entity_id
        from documents d
        join relation_mentions t on t.document_id = d.id
        join mentions m on m.document_id = d.id and m.number = t.subject
        join canonical_entities s on s.name_id = m.entity_id
        where d.id = any (p_documents));
begin
    return query select * from graph_related(v_shown, true);
end $$;
