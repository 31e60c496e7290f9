// name: document_id
CREATE CONSTRAINT document_id IF NOT EXISTS FOR (n:Document) REQUIRE n.id IS UNIQUE

// name: chunk_id
CREATE CONSTRAINT chunk_id IF NOT EXISTS FOR (n:Chunk) REQUIRE n.id IS UNIQUE

// name: entity_id
CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE

// name: turn_id
CREATE CONSTRAINT turn_id IF NOT EXISTS FOR (n:GraphTurn) REQUIRE n.id IS UNIQUE
