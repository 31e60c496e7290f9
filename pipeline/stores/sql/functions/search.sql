-- Hybrid search: BM25 over stemmed terms and cosine distance of embeddings, fused by reciprocal rank
-- (Robertson & Zaragoza 2009; Cormack, Clarke & Büttcher 2009).

create or replace function search_chunks(p_project uuid, p_question text, p_embedding text, p_limit integer, p_space uuid default null)
returns table (chunk_id uuid, score double precision) language plpgsql stable
set hnsw.iterative_scan = 'relaxed_order' as $$
#variable_conflict use_column
declare
    k1 constant double precision := 1.2;
    b constant double precision := 0.75;
    depth constant integer := 50;
    -- Measured on open sets of questions: words count twice, and the first places much.
    k constant double precision := 10;
    words constant double precision := 2;
    v_lexemes text[] := tsvector_to_array(to_tsvector('english', p_question));
    v_chunks double precision;
    v_length double precision;
begin
    perform require_embeddings(p_space);
    select greatest(count(*), 1), greatest(avg(c.length), 1) into v_chunks, v_length
    from chunks c where c.project_id = p_project;
    return query
    with terms as (
        select l.lexeme, plainto_tsquery('simple', quote_literal(l.lexeme)) as query from unnest(v_lexemes) l (lexeme)
    ), weights as (
        select t.lexeme, t.query, ln(1 + (v_chunks - n.documents + 0.5) / (n.documents + 0.5)) as idf
        from terms t
        cross join lateral (
            select count(*) as documents from chunks c where c.project_id = p_project and c.terms @@ t.query) n
        where n.documents > 0
    ), hits as (
        select c.id, w.idf * f.times * (k1 + 1) / (f.times + k1 * (1 - b + b * c.length / v_length)) as part
        from weights w
        join chunks c on c.project_id = p_project and c.terms @@ w.query
        cross join lateral (
            select coalesce(cardinality(u.positions), 1)::double precision as times
            from unnest(c.terms) u where u.lexeme = w.lexeme) f
    ), lexical as (
        select id, row_number() over (order by sum(part) desc, id) as place from hits group by id
        order by place limit depth
    ), near as (
        select c.id, c.embedding <=> p_embedding::vector as distance from chunks c
        where p_embedding is not null and c.project_id = p_project
        order by c.embedding <=> p_embedding::vector limit depth
    ), semantic as (
        select id, row_number() over (order by distance, id) as place from near
    )
    select coalesce(l.id, s.id), coalesce(words / (k + l.place), 0) + coalesce(1 / (k + s.place), 0) as fused
    from lexical l full join semantic s on s.id = l.id
    order by fused desc, 1 limit p_limit;
end $$;
