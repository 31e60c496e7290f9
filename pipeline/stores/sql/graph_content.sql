-- What the graph must hold of a project, in rows: the id of the owner, then the values that ``graph_rows.COLUMNS`` names. A span of
-- owners at a time. Of relationships every owner comes up, with nulls where it has none.

-- name: projects
select id::text, name from projects order by name collate "C";

-- name: sizes
select 'Document', count(*) from documents where project_id = %(project)s
union all select 'Chunk', count(*) from chunks where project_id = %(project)s
union all select 'Entity', count(*) from entities where project_id = %(project)s and merged_into is null;

-- name: Document
select d.id::text, p.name, d.file_name, d.source_path, d.media_type, d.language, d.category, coalesce(d.parent_id::text, '')
from documents d join projects p on p.id = d.project_id
where d.project_id = %(project)s and d.id >= %(low)s and d.id < %(high)s
  and (was_told(d.graph_token, d.status) or d.step > 'create_document_node' or exists (
        select from document_steps s where s.document_id = d.id and s.step = 'create_document_node'));

-- name: Chunk
select c.id::text, c.document_id::text, p.name, c.position, c.start_offset, c.end_offset, c.heading
from chunks c join projects p on p.id = c.project_id join documents d on d.id = c.document_id
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d.graph_token, d.status);

-- name: HAS_CHUNK
select c.id::text, c.document_id::text
from chunks c join documents d on d.id = c.document_id
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d.graph_token, d.status);

-- name: NEXT
select c.id::text, n.id::text
from chunks c
join documents d on d.id = c.document_id
left join chunks n on n.document_id = c.document_id and n.position = c.position + 1
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d.graph_token, d.status);

-- name: MENTIONS
select c.id::text, x.entity_id::text, x.times, x.confidence
from chunks c
join documents d on d.id = c.document_id
left join lateral (
    select e.entity_id, count(*) as times, max(m.confidence) as confidence
    from mentions m join canonical_entities e on e.name_id = m.entity_id
    where m.chunk_id = c.id group by e.entity_id) x on true
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d.graph_token, d.status);

-- name: Entity
select s.entity_id::text, p.name, s.name, s.type::text, s.mentions, s.documents
from entity_summaries(array(
    select e.id from entities e
    where e.project_id = %(project)s and e.id >= %(low)s and e.id < %(high)s and e.merged_into is null and in_graph(e.id))) s
cross join (select name from projects where id = %(project)s) p;

-- name: CO_OCCURS_WITH
with owners as materialized (
    select e.id from entities e
    where e.project_id = %(project)s and e.id >= %(low)s and e.id < %(high)s and e.merged_into is null and in_graph(e.id)
), names as (
    select id as entity_id, id as name_id from owners
    union all
    select o.id, e.id from owners o join entities e on e.merged_into = o.id
), related as (
    select n.entity_id as subject_id, x.entity_id as object_id, r.id
    from names n
    join relationships r on r.subject_id = n.name_id and r.predicate = 'CO_OCCURS_WITH'
    join canonical_entities x on x.name_id = r.object_id
    union all
    select n.entity_id, x.entity_id, r.id
    from names n
    join relationships r on r.object_id = n.name_id and r.predicate = 'CO_OCCURS_WITH'
    join canonical_entities x on x.name_id = r.subject_id
), pairs as (
    select r.subject_id, r.object_id, count(distinct (v.document_id, v.start_offset, v.end_offset)) as weight,
           count(distinct v.document_id) as documents
    from related r
    join relationship_evidence v on v.relationship_id = r.id
    join documents d on d.id = v.document_id
    where r.subject_id < r.object_id
    group by r.subject_id, r.object_id having bool_or(was_told(d.graph_token, d.status))
)
select o.id::text, p.object_id::text, p.weight, p.documents from owners o left join pairs p on p.subject_id = o.id;

-- Of these ids: documents that are on their way, their chunks, and entities that the graph is yet to be told of.
-- name: on_the_way
select i::text from unnest(%(ids)s::uuid[]) i
where exists (select from documents d where d.id = i and comes_again(d.status))
   or exists (select from graph_outdated o where o.document_id = i)
   or exists (select from chunks c join documents d on d.id = c.document_id where c.id = i and comes_again(d.status))
   or exists (select from graph_changes g where g.project_id = %(project)s and g.entity_id = i);

-- Of these entities: those whose figures a document on its way, or one just written, is about to change.
-- name: moving
select i::text from unnest(%(ids)s::uuid[]) i
where exists (
    select from names_of(i) as n (id)
    join mentions m on m.entity_id = n.id
    join documents d on d.id = m.document_id
    where comes_again(d.status) or exists (select from graph_touched t where t.document_id = d.id));
