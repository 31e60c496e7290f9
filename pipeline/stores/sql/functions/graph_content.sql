-- What the graph must hold follows from these tables alone: documents that it was told of, their chunks and mentions, the entities
-- that they name, and the pairs that they show.

create or replace function was_told(p_graph_token bigint, p_status document_status) returns boolean language sql immutable parallel safe as $$
    select p_graph_token <> -1 or p_status in ('completed', 'partial_error')
$$;

-- Whether a document that the graph was told of names this entity.
create or replace function in_graph(p_entity uuid) returns boolean language sql stable as $$
    select exists (
        select from names_of(p_entity) as n (id)
        join mentions m on m.entity_id = n.id
        join documents d on d.id = m.document_id
        where was_told(d.graph_token, d.status))
$$;

-- Whether the document will still be worked on, and the graph be told of it again.
create or replace function comes_again(p_status document_status) returns boolean language sql immutable parallel safe as $$
    select p_status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing')
$$;
