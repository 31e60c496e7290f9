// The same text runs on Neo4j 5 and on the embedded ArcadeDB, where some ways of writing it grow with the graph:
// - MERGE on two labels does not use the index; MERGE of a relationship walks all relationships of its first node.
//   So: OPTIONAL MATCH and CREATE, and patterns start at the node with the fewest relationships.
// - One list in one record is five times faster to fetch than as many records.

// name: write_node
MERGE (d:Document {id: $node.id}) SET d = $node

// name: document_state
MATCH (:Document {id: $document})-[:HAS_CHUNK]->(c:Chunk)
OPTIONAL MATCH (c)-[m:MENTIONS]->(e:Entity)
WITH c, collect([e.id, m.count, m.confidence]) AS mentions
RETURN collect([properties(c), mentions]) AS state

// name: delete_chunks
MATCH (:Document {id: $document})-[:HAS_CHUNK]->(c:Chunk) DETACH DELETE c

// name: create_chunks
MATCH (d:Document {id: $document}) UNWIND $rows AS row CREATE (d)-[:HAS_CHUNK]->(c:Chunk) SET c = row

// name: create_order
UNWIND $rows AS row MATCH (a:Chunk {id: row.before}) MATCH (b:Chunk {id: row.after}) CREATE (a)-[:NEXT]->(b)

// name: delete_document
MATCH (d:Document {id: $document}) OPTIONAL MATCH (d)-[:HAS_CHUNK]->(c:Chunk) DETACH DELETE c, d

// name: known_entities
UNWIND $ids AS id MATCH (e:Entity {id: id}) RETURN collect([e.id, e.project]) AS state

// name: entities_state
UNWIND $ids AS id MATCH (e:Entity {id: id}) RETURN collect([labels(e), properties(e)]) AS state

// name: delete_entities
UNWIND $rows AS id MATCH (e:Entity {id: id}) DETACH DELETE e

// One list for each type: a label cannot be a parameter on every server.
// name: create_entities
FOREACH (row IN $PERSON | CREATE (e:Entity:Person) SET e = row)
FOREACH (row IN $ORGANIZATION | CREATE (e:Entity:Organization) SET e = row)
FOREACH (row IN $LOCATION | CREATE (e:Entity:Location) SET e = row)
FOREACH (row IN $DATE | CREATE (e:Entity:Date) SET e = row)
FOREACH (row IN $MONEY | CREATE (e:Entity:Money) SET e = row)
FOREACH (row IN $EVENT | CREATE (e:Entity:Event) SET e = row)
FOREACH (row IN $WORK | CREATE (e:Entity:Work) SET e = row)
FOREACH (row IN $PRODUCT | CREATE (e:Entity:Product) SET e = row)
FOREACH (row IN $LAW | CREATE (e:Entity:Law) SET e = row)
FOREACH (row IN $GROUP | CREATE (e:Entity:Group) SET e = row)
FOREACH (row IN $OTHER | CREATE (e:Entity:Other) SET e = row)
FOREACH (row IN $EMAIL | CREATE (e:Entity:Email) SET e = row)
FOREACH (row IN $PHONE | CREATE (e:Entity:Phone) SET e = row)
FOREACH (row IN $URL | CREATE (e:Entity:Url) SET e = row)

// name: set_entities
UNWIND $rows AS row MATCH (e:Entity {id: row.id}) SET e += row

// Collected first: on ArcadeDB a node that changes its label comes up again in the same search.
// name: relabel
UNWIND $ids AS id MATCH (e:Entity {id: id}) WITH collect(e) AS found UNWIND found AS e REMOVE e:OLD_LABEL SET e:NEW_LABEL

// name: adopt
UNWIND $ids AS id MATCH (e:Entity {id: id})<-[:MENTIONS]-(c:Chunk)
WITH e, min(c.project) AS project SET e.project = project

// name: entities_mentions
UNWIND $ids AS id MATCH (e:Entity {id: id})<-[m:MENTIONS]-(c:Chunk)
RETURN collect([c.id, e.id, m.count, m.confidence]) AS state

// name: create_mentions
UNWIND $rows AS row MATCH (c:Chunk {id: row.chunk}) MATCH (e:Entity {id: row.entity})
CREATE (c)-[:MENTIONS {count: row.count, confidence: row.confidence}]->(e)

// name: set_mentions
UNWIND $rows AS row MATCH (c:Chunk {id: row.chunk})-[m:MENTIONS]->(:Entity {id: row.entity})
SET m.count = row.count, m.confidence = row.confidence

// name: delete_mentions
UNWIND $rows AS row MATCH (c:Chunk {id: row.chunk})-[m:MENTIONS]->(:Entity {id: row.entity}) DELETE m

// name: entities_relations
UNWIND $ids AS id MATCH (e:Entity {id: id})-[r:CO_OCCURS_WITH]-(other:Entity)
RETURN collect([e.id, other.id, r.weight, r.documents]) AS state

// name: write_relations
UNWIND $rows AS row MATCH (a:Entity {id: row.rare}) MATCH (b:Entity {id: row.common})
OPTIONAL MATCH (a)-[r:CO_OCCURS_WITH]-(b) SET r.weight = row.weight, r.documents = row.documents
WITH row, r WHERE r IS NULL
MATCH (s:Entity {id: row.subject}) MATCH (o:Entity {id: row.object})
CREATE (s)-[:CO_OCCURS_WITH {weight: row.weight, documents: row.documents}]->(o)

// name: delete_relations
UNWIND $rows AS row MATCH (a:Entity {id: row.rare})-[r:CO_OCCURS_WITH]-(:Entity {id: row.common}) DELETE r

// name: entities_related
UNWIND $ids AS id MATCH (e:Entity {id: id})-[r:RELATED]->(o:Entity)
RETURN collect([e.id, r.predicate, o.id, r.evidence, r.documents, r.confidence]) AS state

// name: entities_related_to
UNWIND $ids AS id MATCH (e:Entity {id: id})<-[r:RELATED]-(s:Entity)
RETURN collect([s.id, r.predicate, e.id, r.evidence, r.documents, r.confidence]) AS state

// name: write_related
UNWIND $rows AS row MATCH (s:Entity {id: row.subject}) MATCH (o:Entity {id: row.object})
OPTIONAL MATCH (s)-[r:RELATED {predicate: row.predicate}]->(o)
SET r.evidence = row.evidence, r.documents = row.documents, r.confidence = row.confidence
WITH row, r WHERE r IS NULL
MATCH (s:Entity {id: row.subject}) MATCH (o:Entity {id: row.object})
CREATE (s)-[:RELATED {predicate: row.predicate, evidence: row.evidence, documents: row.documents, confidence: row.confidence}]->(o)

// name: delete_related
UNWIND $rows AS row MATCH (s:Entity {id: row.subject})-[r:RELATED {predicate: row.predicate}]->(:Entity {id: row.object}) DELETE r

// name: count_nodes
MATCH (n:Document {project: $project}) RETURN 'Document' AS name, count(n) AS number
UNION ALL MATCH (n:Chunk {project: $project}) RETURN 'Chunk' AS name, count(n) AS number
UNION ALL MATCH (n:Entity {project: $project}) UNWIND labels(n) AS name RETURN name, count(*) AS number

// name: count_relationships
MATCH (:Document {project: $project})-[r]->() RETURN type(r) AS name, count(r) AS number
UNION ALL MATCH (:Chunk {project: $project})-[r]->() RETURN type(r) AS name, count(r) AS number
UNION ALL MATCH (:Entity {project: $project})-[r]->() RETURN type(r) AS name, count(r) AS number
