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
  and has_node(d);

-- name: Chunk
select c.id::text, c.document_id::text, p.name, c.position, c.start_offset, c.end_offset, c.heading
from chunks c join projects p on p.id = c.project_id join documents d on d.id = c.document_id
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d);

-- name: HAS_CHUNK
select c.id::text, c.document_id::text
from chunks c join documents d on d.id = c.document_id
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d);

-- name: NEXT
select c.id::text, n.id::text
from chunks c
join documents d on d.id = c.document_id
left join chunks n on n.document_id = c.document_id and n.position = c.position + 1
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d);

-- name: MENTIONS
select c.id::text, x.entity_id::text, x.times, x.confidence
from chunks c
join documents d on d.id = c.document_id
left join lateral (
    select e.entity_id, count(*) as times, max(m.confidence) as confidence
    from mentions m join canonical_entities e on e.name_id = m.entity_id
    where m.chunk_id = c.id group by e.entity_id) x on true
where c.project_id = %(project)s and c.id >= %(low)s and c.id < %(high)s and was_told(d);

-- name: Entity
select s.entity_id::text, p.name, s.name, s.type::text, s.mentions, s.documents
from entity_summaries(array(
    select id from entities
    where project_id = %(project)s and id >= %(low)s and id < %(high)s and merged_into is null), true) s
cross join (select name from projects where id = %(project)s) p;

-- name: CO_OCCURS_WITH
with owners as materialized (
    select id from entities
    where project_id = %(project)s and id >= %(low)s and id < %(high)s and merged_into is null
)
select o.id::text, p.object_id::text, p.weight, p.documents
from owners o left join graph_pairs(array(select id from owners), true) p on p.subject_id = o.id;

-- name: RELATED
with owners as materialized (
    select id from entities
    where project_id = %(project)s and id >= %(low)s and id < %(high)s and merged_into is null
)
select o.id::text, s.object_id::text, s.predicate, s.evidence, s.documents, s.confidence
from owners o left join graph_related(array(select id from owners), true) s on s.subject_id = o.id;

-- Of these ids: documents that are on their way or of which something is to be removed, their chunks, and entities that the graph is
-- yet to be told of.
-- name: on_the_way
select i::text from unnest(%(ids)s::uuid[]) i
where exists (select from documents d where d.id = i and comes_again(d.status))
   or exists (select from chunks c join documents d on d.id = c.document_id where c.id = i and comes_again(d.status))
   or exists (select from graph_outdated o where o.document_id = i)
   or exists (select from chunks c join graph_outdated o on o.document_id = c.document_id where c.id = i)
   or exists (select from graph_changes g where g.project_id = %(project)s and g.entity_id = i);

-- Of these entities: those whose figures a document on its way, or one just written, is about to change.
-- name: moving
select i::text from unnest(%(ids)s::uuid[]) i
where exists (
    select from names_of(i) as n (id)
    join mentions m on m.entity_id = n.id
    join documents d on d.id = m.document_id
    where comes_again(d.status) or exists (select from graph_touched t where t.document_id = d.id));
