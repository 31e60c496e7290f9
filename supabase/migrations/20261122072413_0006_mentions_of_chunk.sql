set check_function_bodies = off;

-- A chunk that is replaced asks for its mentions; so does the comparison of the graph with the database.
create index mentions_of_chunk on mentions (chunk_id);
