-- Hybrid search: BM25 over stemmed terms and cosine distance of embeddings, fused by reciprocal rank
-- (Robertson & Zaragoza 2009; Cormack, Clarke & Büttcher 2009).

-- p_filter: which passages are looked at, see chunks_like; null: all. p_tail: so many more are listed that match by their words alone, after
-- all others.
create or replace function search_chunks(p_project uuid, p_question text, p_embedding text, p_limit integer, p_space uuid default null,
                                         p_filter jsonb default null, p_tail integer default 0)
returns table (chunk_id uuid, score double precision) language plpgsql stable
set hnsw.iterative_scan = 'relaxed_order' set plan_cache_mode = force_custom_plan as $$  -- a plan for these ids, not for any
#variable_conflict use_column
declare
    depth constant integer := 50;
    -- Measured on open sets of questions: words count twice, and the first places much.
    k constant double precision := 10;
    words constant double precision := 2;
    v_among uuid[];
    v_words uuid[];
    v_near uuid[];
begin
    perform require_embeddings(p_space);
    v_among := case when p_filter is not null then array(select chunks_like(p_project, p_filter)) end;
    v_words := best_by_words(p_project, p_question, depth + p_tail, v_among);
    v_near := nearest_chunks(p_project, p_embedding, depth, v_among);
    return query
    with lexical as (
        select id, place from unnest(v_words) with ordinality n (id, place)
    ), semantic as (
        select id, place from unnest(v_near) with ordinality n (id, place)
    )
    select coalesce(l.id, s.id),
           case when l.place <= depth then words / (k + l.place) when s.id is null then 1 / (k + l.place) else 0 end
           + coalesce(1 / (k + s.place), 0) as fused
    from lexical l full join semantic s on s.id = l.id
    order by fused desc, 1 limit p_limit;
end $$;

-- Up to p_limit passages of a project, or of these of its passages, by BM25, the best first. Most have a term once, and what that comes to
-- is known; terms are unpacked and counted of those alone that have one more often, and that may be among the best if it is very often.
create or replace function best_by_words(p_project uuid, p_question text, p_limit integer, p_among uuid[])
returns uuid[] language sql stable set plan_cache_mode = force_custom_plan as $$
    with corpus as materialized (
        select greatest(count(*), 1)::double precision as chunks, greatest(avg(length), 1)::double precision as length
        from chunks where project_id = p_project
    ), terms as materialized (
        select a.lexeme, a.query, i.idf, h.ids, h.lengths, r.ids as repeated_ids, r.lengths as repeated_lengths
        from corpus k
        cross join unnest(tsvector_to_array(to_tsvector('english', p_question))) l (lexeme)
        cross join lateral (select l.lexeme, plainto_tsquery('simple', quote_literal(l.lexeme)) as query offset 0) a
        cross join lateral (
            select count(*) as number, array_agg(id) as ids, array_agg(length) as lengths
            from chunks where project_id = p_project and terms @@ a.query) h
        cross join lateral (
            select array_agg(id) as ids, array_agg(length) as lengths
            from chunks where project_id = p_project and repeated_terms(terms) @> array[a.lexeme]) r
        cross join lateral (select ln(1 + (k.chunks - h.number + 0.5) / (h.number + 0.5)) as idf) i
        order by i.idf desc, a.lexeme
    ), words as materialized (
        select query, idf, row_number() over (order by idf desc, lexeme) as place from terms
    ), worth as (  -- at least: once, or twice if it is repeated; at most: once, or without end
        select h.id, h.length, false as repeats, t.idf * bm25(1, h.length / k.length) as least, t.idf * bm25(1, h.length / k.length) as most
        from corpus k cross join terms t cross join unnest(t.ids, t.lengths) h (id, length)
        union all
        select h.id, h.length, true, t.idf * (bm25(2, h.length / k.length) - bm25(1, h.length / k.length)),
               t.idf * (bm25(1e9, h.length / k.length) - bm25(1, h.length / k.length))
        from corpus k cross join terms t cross join unnest(t.repeated_ids, t.repeated_lengths) h (id, length)
    ), bounds as materialized (
        select id, min(length) as length, bool_or(repeats) as repeats, sum(least) as least, sum(most) as most
        from worth where p_among is null or id = any (p_among) group by id
    ), hopeful as (
        select * from bounds
        where most >= coalesce((select least from bounds order by least desc offset p_limit - 1 limit 1), 0) * (1 - 1e-9)  -- rounded sums
    ), scores as (
        select id, least as score from hopeful where not repeats
        union all
        select h.id, (
            select sum(w.idf * bm25(times_in(c.terms, w.query), h.length / k.length) order by w.place) from words w)
        from corpus k cross join hopeful h
        cross join lateral (select terms || '' as terms from chunks where id = h.id offset 0) c  -- unpacked once
        where h.repeats
    ), best as (
        select id, score from scores order by score desc, id limit p_limit
    )
    select coalesce(array_agg(id order by score desc, id), '{}') from best
$$;

-- What a term is worth in a passage of this length (1: as long as they are on average) where it stands so many times, before its idf.
create or replace function bm25(p_times double precision, p_length double precision) returns double precision language sql immutable as $$
    select p_times * (1.2 + 1) / (p_times + 1.2 * (1 - 0.75 + 0.75 * p_length))
$$;

create or replace function rank_bounds() returns double precision[] language sql immutable as $$
    select array_agg(0.1 * (h - 0.5 / (n * n)) / 1.64493406685 order by n)
    from (select n, sum(1 / (n::double precision * n)) over (order by n) as h from generate_series(1, 256) n) x
$$;

-- How often a term stands in a text, 0 to 256: ts_rank, which is much quicker than unnest, adds up 1/n² for the nth time.
create or replace function times_in(p_terms tsvector, p_term tsquery) returns double precision language sql immutable as $$
    select width_bucket(ts_rank(p_terms, p_term)::double precision, rank_bounds())::double precision
$$;

-- Up to p_limit passages of a project, or of these of its passages, the nearest first. Few are compared one by one: the index finds the
-- nearest of all and gives up when it meets none of them for too long.
create or replace function nearest_chunks(p_project uuid, p_embedding text, p_limit integer, p_among uuid[])
returns uuid[] language plpgsql stable
set hnsw.iterative_scan = 'relaxed_order' set plan_cache_mode = force_custom_plan as $$
declare
    few constant integer := 5000;
    v_found uuid[];
begin
    if p_embedding is null or p_among = '{}' then
        return '{}';
    elsif p_among is null then
        return array(
            select id from (
                select id, embedding <=> p_embedding::vector as distance from chunks where project_id = p_project
                order by embedding <=> p_embedding::vector limit p_limit) n
            order by distance, id);
    elsif cardinality(p_among) > few then
        v_found := array(
            select id from (
                select id, embedding <=> p_embedding::vector as distance from chunks where project_id = p_project and id = any (p_among)
                order by embedding <=> p_embedding::vector limit p_limit) n
            order by distance, id);
        if cardinality(v_found) = p_limit then
            return v_found;
        end if;
    end if;
    return array(
        select c.id from unnest(p_among) a (id) join chunks c on c.id = a.id
        order by (c.embedding <=> p_embedding::vector) + 0, c.id limit p_limit);
end $$;

-- Passages of a project that a filter leaves: {document, format, type, entity, from, to}, of which any may be missing. type, entity: one
-- that the passage names. from, to: days; the passage names a date that may lie between them, or belongs to a mail of such a date.
create or replace function chunks_like(p_project uuid, p_filter jsonb) returns setof uuid language plpgsql stable as $$
declare
    v_where text := '';
begin
    if p_filter ? 'document' then
        v_where := v_where || ' and c.document_id in (
            select id from documents where project_id = $1 and (
                source_path = $2 ->> ''document'' or id = substring($2 ->> ''document'' from ''^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'')::uuid))';
    end if;
    if p_filter ? 'format' then
        v_where := v_where || ' and c.document_id in (
            select id from documents where project_id = $1 and document_format(media_type) = $2 ->> ''format'')';
    end if;
    if p_filter ? 'type' then
        v_where := v_where || ' and c.id in (select chunk_id from mentions where type = ($2 ->> ''type'')::entity_type)';
    end if;
    if p_filter ? 'entity' then
        v_where := v_where || ' and c.id in (
            select chunk_id from mentions where entity_id in (
                select n from canonical_entities e cross join lateral names_of(e.entity_id) n where e.name_id = ($2 ->> ''entity'')::uuid))';
    end if;
    if p_filter ?| array['from', 'to'] then
        v_where := v_where || ' and (c.id in (
            select m.chunk_id from entity_dates x join mentions m on m.entity_id = x.entity_id
            where x.project_id = $1 and x.last >= coalesce(($2 ->> ''from'')::date, x.last) and x.first <= coalesce(($2 ->> ''to'')::date, x.first))
            or c.document_id in (
            select d.id from documents d cross join lateral mail_date(d.metadata ->> ''date'') as day
            where d.project_id = $1 and d.media_type = ''message/rfc822''
              and day between coalesce(($2 ->> ''from'')::date, day) and coalesce(($2 ->> ''to'')::date, day)))';
    end if;
    return query execute 'select c.id from chunks c where c.project_id = $1' || v_where using p_project, p_filter;
end $$;

-- The day of a mail's header; null: it names none.
create or replace function mail_date(p_header text) returns date language sql immutable as $$
    select make_date(f[3]::integer, array_position(array['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'], lower(f[2])), 1)
           + (f[1]::integer - 1)
    from regexp_match(p_header, '\m(\d\d?) (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) ([12]\d{3})\M', 'i') f
$$;

-- Dates of a project that nobody has read yet, as they are written first.
create or replace function unread_dates(p_project text, p_limit integer)
returns table (entity_id uuid, written text) language sql stable as $$
    select e.id, m.name
    from projects p
    join entities e on e.project_id = p.id and e.key like 'date/%'
    cross join lateral (select name from mentions where entity_id = e.id order by name collate "C" limit 1) m
    where p.name = p_project and not exists (select from entity_dates x where x.entity_id = e.id)
    limit p_limit
$$;

-- p_dates: [{entity, first, last}]; null: it names no day.
create or replace function save_dates(p_dates jsonb) returns void language sql as $$
    insert into entity_dates (entity_id, project_id, first, last)
    select e.id, e.project_id, x.first, x.last
    from jsonb_to_recordset(p_dates) as x (entity uuid, first date, last date) join entities e on e.id = x.entity
    order by e.id
    on conflict (entity_id) do nothing
$$;

-- What the HTTP API shows of a search: {results, more, facets}. results: passages from place p_skip on, with their place; `marked` is the text
-- with U+E000 and U+E001 around matching words. facets: what all that was found (up to 550 passages) holds, and how many of them.
create or replace function search_passages(p_project text, p_question text, p_embedding text, p_skip integer, p_limit integer, p_space uuid,
                                           p_filter jsonb)
returns jsonb language plpgsql stable set plan_cache_mode = force_custom_plan as $$
declare
    v_terms constant tsquery := to_tsquery('simple', coalesce((
        select string_agg(quote_literal(l), ' | ') from unnest(tsvector_to_array(to_tsvector('english', p_question))) l), ''));
    v_marks constant text := format('StartSel=%s, StopSel=%s, HighlightAll=true', chr(57344), chr(57345));
    v_project constant uuid := (select id from projects where name = p_project);
    v_ids uuid[];
    v_scores double precision[];
begin
    select array_agg(f.chunk_id order by f.score desc, f.chunk_id), array_agg(f.score order by f.score desc, f.chunk_id) into v_ids, v_scores
    from search_chunks(v_project, p_question, p_embedding, 550, p_space, p_filter, 450) f;
    return jsonb_build_object(
        'more', coalesce(cardinality(v_ids) > p_skip + p_limit, false),
        'facets', search_facets(v_ids),
        'results', (select coalesce(jsonb_agg(jsonb_build_object(
            'document_id', d.id, 'source_path', d.source_path, 'filename', d.file_name, 'format', document_format(d.media_type),
            'chunk_id', c.id, 'start', c.start_offset, 'end', c.end_offset, 'score', f.score, 'heading', c.heading,
            'marked', ts_headline('english', c.text, v_terms, v_marks), 'page', p.number, 'seconds', s.seconds) order by f.place), '[]')
            from unnest(v_ids[p_skip + 1 : p_skip + p_limit], v_scores[p_skip + 1 : p_skip + p_limit]) with ordinality f (id, score, place)
            join chunks c on c.id = f.id
            join documents d on d.id = c.document_id
            left join lateral (
                select number, start_offset, segments from pages
                where document_id = d.id and start_offset <= c.start_offset order by start_offset desc limit 1) p on true
            left join lateral (
                select (x ->> 2)::float as seconds from jsonb_array_elements(p.segments) x
                where (x ->> 1)::integer > c.start_offset - p.start_offset order by (x ->> 0)::integer limit 1) s on true));
end $$;

-- How many of these passages stand in which documents and formats, and name what: the first 20 of each.
create or replace function search_facets(p_chunks uuid[]) returns jsonb language sql stable as $$
    with found as materialized (
        select c.id, c.document_id, d.source_path, document_format(d.media_type) as format
        from unnest(p_chunks) f (id) join chunks c on c.id = f.id join documents d on d.id = c.document_id
    ), named as materialized (
        select distinct m.chunk_id, m.type, m.entity_id, m.name from found f join mentions m on m.chunk_id = f.id
    ), known as materialized (
        select e.entity_id, n.chunk_id, n.name, n.type from named n join canonical_entities e on e.name_id = n.entity_id
    ), counted as (
        select entity_id, count(distinct chunk_id) as number, rank() over (order by count(distinct chunk_id) desc) as place
        from known group by entity_id
    ), most as (
        select c.entity_id, c.number, mode() within group (order by k.name) as name, mode() within group (order by k.type) as type
        from counted c join known k using (entity_id) where c.place <= 20 group by c.entity_id, c.number
    )
    select jsonb_build_object(
        'formats', (select coalesce(jsonb_agg(to_jsonb(x) order by count desc, value), '[]')
                    from (select format as value, count(*) from found where format is not null group by format) x),
        'types', (select coalesce(jsonb_agg(to_jsonb(x) order by count desc, value), '[]')
                  from (select type as value, count(distinct chunk_id) from named group by type) x),
        'entities', (select coalesce(jsonb_agg(to_jsonb(x) order by count desc, name collate "C", id), '[]')
                     from (select entity_id as id, name, type, number as count from most
                           order by number desc, name collate "C", entity_id limit 20) x),
        'documents', (select coalesce(jsonb_agg(to_jsonb(x) order by count desc, source_path collate "C"), '[]')
                      from (select document_id, source_path, count(*) from found group by document_id, source_path
                            order by count(*) desc, source_path collate "C" limit 20) x))
$$;
