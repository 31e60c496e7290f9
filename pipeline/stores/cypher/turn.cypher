// Written in every transaction of a turn: of two at one time the later to commit is refused and tried again (ArcadeDB) or waits (Neo4j).
// name: hold_turn
MERGE (t:GraphTurn {id: $project})
SET t.token = CASE WHEN coalesce(t.token, 0) > $token THEN t.token ELSE $token END, t.writes = coalesce(t.writes, 0) + 1
RETURN t.token AS token
