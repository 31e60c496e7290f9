// The graph in rows, as ``graph_rows.COLUMNS`` names them. On ArcadeDB the index on the id is used for a span where the project comes
// after a WITH, and where no relationship is asked for in the same statement: so those are asked for by the ids of their owners.

// name: projects
MATCH (n:Document) RETURN DISTINCT coalesce(n.project, '') AS name
UNION MATCH (n:Chunk) RETURN DISTINCT coalesce(n.project, '') AS name
UNION MATCH (n:Entity) RETURN DISTINCT coalesce(n.project, '') AS name

// name: sizes
MATCH (n:Document) WHERE coalesce(n.project, '') = $project RETURN 'Document' AS label, count(n) AS number
UNION ALL MATCH (n:Chunk) WHERE coalesce(n.project, '') = $project RETURN 'Chunk' AS label, count(n) AS number
UNION ALL MATCH (n:Entity) WHERE coalesce(n.project, '') = $project RETURN 'Entity' AS label, count(n) AS number

// name: read_Document
MATCH (n:Document) WHERE n.id >= $low AND n.id < $high WITH n WHERE coalesce(n.project, '') = $project
RETURN collect([n.id, n.project, n.file_name, n.source_path, n.media_type, n.language, n.category, n.parent_id]) AS found

// name: read_Chunk
MATCH (n:Chunk) WHERE n.id >= $low AND n.id < $high WITH n WHERE coalesce(n.project, '') = $project
RETURN collect([n.id, n.document_id, n.project, n.index, n.start, n.end, n.heading]) AS found

// name: read_Entity
MATCH (n:Entity) WHERE n.id >= $low AND n.id < $high WITH n WHERE coalesce(n.project, '') = $project
RETURN collect([n.id, n.project, n.name, n.type, n.mentions, n.documents, labels(n)]) AS found

// name: read_HAS_CHUNK
UNWIND $ids AS id MATCH (n:Chunk {id: id})<-[:HAS_CHUNK]-(o) RETURN collect([n.id, o.id]) AS found

// name: read_NEXT
UNWIND $ids AS id MATCH (n:Chunk {id: id})-[:NEXT]->(o) RETURN collect([n.id, o.id]) AS found

// name: read_MENTIONS
UNWIND $ids AS id MATCH (n:Chunk {id: id})-[r:MENTIONS]->(o) RETURN collect([n.id, o.id, r.count, r.confidence]) AS found

// name: read_CO_OCCURS_WITH
UNWIND $ids AS id MATCH (n:Entity {id: id})-[r:CO_OCCURS_WITH]->(o) RETURN collect([n.id, o.id, r.weight, r.documents]) AS found

// name: read_RELATED
UNWIND $ids AS id MATCH (n:Entity {id: id})-[r:RELATED]->(o)
RETURN collect([n.id, o.id, r.predicate, r.evidence, r.documents, r.confidence]) AS found

// name: write_Document
UNWIND $rows AS row MERGE (n:Document {id: row.id}) SET n += row

// name: write_Chunk
UNWIND $rows AS row MERGE (n:Chunk {id: row.id}) SET n += row

// name: labels
UNWIND $ids AS id MATCH (n:Entity {id: id}) RETURN collect([n.id, labels(n)]) AS found

// name: set_entities
UNWIND $rows AS row MATCH (n:Entity {id: row.id}) SET n += row

// Collected first: on ArcadeDB a node that changes its label comes up again in the same search.
// name: add_label
UNWIND $ids AS id MATCH (n:Entity {id: id}) WITH collect(n) AS found UNWIND found AS n SET n:LABEL

// name: remove_label
UNWIND $ids AS id MATCH (n:Entity {id: id}) WITH collect(n) AS found UNWIND found AS n REMOVE n:LABEL

// name: remove_Document
UNWIND $ids AS id MATCH (n:Document {id: id}) DETACH DELETE n

// name: remove_Chunk
UNWIND $ids AS id MATCH (n:Chunk {id: id}) DETACH DELETE n

// name: remove_Entity
UNWIND $ids AS id MATCH (n:Entity {id: id}) DETACH DELETE n

// name: clear_HAS_CHUNK
UNWIND $ids AS id MATCH (n:Chunk {id: id})<-[r:HAS_CHUNK]-() DELETE r

// name: clear_NEXT
UNWIND $ids AS id MATCH (n:Chunk {id: id})-[r:NEXT]->() DELETE r

// name: clear_MENTIONS
UNWIND $ids AS id MATCH (n:Chunk {id: id})-[r:MENTIONS]->() DELETE r

// name: clear_CO_OCCURS_WITH
UNWIND $ids AS id MATCH (n:Entity {id: id})-[r:CO_OCCURS_WITH]->() DELETE r

// name: clear_RELATED
UNWIND $ids AS id MATCH (n:Entity {id: id})-[r:RELATED]->() DELETE r

// name: write_HAS_CHUNK
UNWIND $rows AS row MATCH (n:Chunk {id: row[0]}) MATCH (o:Document {id: row[1]}) CREATE (n)<-[:HAS_CHUNK]-(o)

// name: write_NEXT
UNWIND $rows AS row MATCH (n:Chunk {id: row[0]}) MATCH (o:Chunk {id: row[1]}) CREATE (n)-[:NEXT]->(o)

// name: write_MENTIONS
UNWIND $rows AS row MATCH (n:Chunk {id: row[0]}) MATCH (o:Entity {id: row[1]})
CREATE (n)-[:MENTIONS {count: row[2], confidence: row[3]}]->(o)

// name: write_CO_OCCURS_WITH
UNWIND $rows AS row MATCH (n:Entity {id: row[0]}) MATCH (o:Entity {id: row[1]})
CREATE (n)-[:CO_OCCURS_WITH {weight: row[2], documents: row[3]}]->(o)

// name: write_RELATED
UNWIND $rows AS row MATCH (n:Entity {id: row[0]}) MATCH (o:Entity {id: row[1]})
CREATE (n)-[:RELATED {predicate: row[2], evidence: row[3], documents: row[4], confidence: row[5]}]->(o)

// Nodes that lost their id are reached by no span.
// name: count_nameless
MATCH (n:Document) WHERE n.id IS NULL AND coalesce(n.project, '') = $project RETURN 'Document' AS label, count(n) AS number
UNION ALL MATCH (n:Chunk) WHERE n.id IS NULL AND coalesce(n.project, '') = $project RETURN 'Chunk' AS label, count(n) AS number
UNION ALL MATCH (n:Entity) WHERE n.id IS NULL AND coalesce(n.project, '') = $project RETURN 'Entity' AS label, count(n) AS number

// name: wipe_nameless
MATCH (n) WHERE (n:Document OR n:Chunk OR n:Entity) AND n.id IS NULL AND coalesce(n.project, '') = $project DETACH DELETE n
