-- What the HTTP API asks of entities. p_project is the only project that may be seen; "" is any. Where many rows are wanted, one comes
-- more than was asked for if there are any.

-- An entity by its id, or by that of one that was merged into it.
create or replace function entity_of(p_entity uuid, p_project text)
returns table (project text, id uuid, name text, type text, mentions bigint, documents bigint) language sql stable as $$
    select p.name, e.entity_id, s.name, s.type::text, s.mentions, s.documents
    from canonical_entities e
    join projects p on p.id = e.project_id
    cross join lateral entity_summary(e.entity_id) s
    where e.name_id = p_entity and p_project in ('', p.name)
$$;

create or replace function documents_of_entity(p_entity uuid, p_limit integer)
returns table (document_id uuid, source_path text, mentions bigint) language sql stable as $$
    select d.id, d.source_path, count(*) from mentions m join documents d on d.id = m.document_id
    where m.entity_id in (select names_of(p_entity)) group by d.id order by count(*) desc, d.source_path collate "C" limit p_limit
$$;

-- The type that most mentions of each entity were given.
create or replace function entity_types(p_entities uuid[]) returns table (entity_id uuid, type entity_type) language sql stable as $$
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    )
    select distinct on (n.entity_id) n.entity_id, m.type
    from names n join mentions m on m.entity_id = n.name_id
    group by 1, 2 order by 1, count(*) desc, 2
$$;

-- Entities that a name may mean, by distance: 0 by key (p_keys), 1 by spelling, 2 by beginning, 3 by part (p_pattern of LIKE); without a name
-- all but dates and sums, 0. Then those with most mentions. p_after: distance, mentions and id of the last that was seen.
create or replace function list_entities(p_project text, p_name text, p_pattern text, p_keys text[], p_type text,
    p_after_distance integer, p_after_mentions bigint, p_after uuid, p_limit integer)
returns table (id uuid, name text, type text, mentions bigint, documents bigint, distance integer) language sql stable as $$
    with counted as (
        select coalesce(e.merged_into, e.id) as entity_id, m.type, count(*) as times,
               min(case when p_name = '' or e.key = any (p_keys) then 0
                        when lower(m.name) = lower(p_name) then 1
                        when m.name ilike p_pattern || '%' then 2
                        when m.name ilike '%' || p_pattern || '%' then 3 end) as distance
        from entities e join mentions m on m.entity_id = e.id
        where e.project_id = (select id from projects where name = p_project)
        group by 1, 2
    ), kinds as (
        select *, row_number() over (partition by entity_id order by times desc, type) as place from counted
    ), totals as (
        select entity_id, sum(times)::bigint as mentions, min(distance) as distance, min(type) filter (where place = 1) as type
        from kinds group by entity_id
    ), page as (
        select t.entity_id, t.distance from totals t
        where t.distance is not null
          and case when p_type <> '' then t.type::text = p_type else p_name <> '' or t.type not in ('DATE', 'MONEY') end
          and (p_after is null
               or (t.distance, -t.mentions, t.entity_id) > (p_after_distance, -p_after_mentions, p_after))
        order by t.distance, t.mentions desc, t.entity_id limit p_limit
    )
    select s.entity_id, s.name, s.type::text, s.mentions, s.documents, p.distance
    from entity_summaries(array(select entity_id from page)) s join page p using (entity_id)
    order by p.distance, s.mentions desc, s.entity_id
$$;

-- Where a place of a document's text stands: the page, and in a recording seconds from its start.
create or replace function place_of(p_document uuid, p_offset integer) returns table (page integer, seconds double precision)
language sql stable rows 1 as $$
    select p.number, (
        select (x ->> 2)::float from jsonb_array_elements(p.segments) x
        where (x ->> 1)::integer > p_offset - p.start_offset order by (x ->> 0)::integer limit 1)
    from pages p where p.document_id = p_document and p.start_offset <= p_offset order by p.start_offset desc limit 1
$$;

-- Where an entity is named, by path and place; text: what stands around it, from text_start on. p_after: path and number of the last that
-- was seen.
create or replace function entity_mentions(p_entity uuid, p_after_path text, p_after integer, p_limit integer)
returns table (mention jsonb) language sql stable as $$
    with page as (
        select m.*, d.source_path from mentions m join documents d on d.id = m.document_id
        where m.entity_id in (select names_of(p_entity))
          and (p_after_path is null or d.source_path collate "C" > p_after_path
               or d.source_path collate "C" = p_after_path and m.number > p_after)
        order by d.source_path collate "C", m.number limit p_limit
    )
    select jsonb_build_object(
        'document_id', m.document_id, 'source_path', m.source_path, 'number', m.number, 'start', m.start_offset, 'end', m.end_offset,
        'type', m.type, 'name', m.name, 'confidence', m.confidence, 'page', w.page, 'seconds', w.seconds,
        'text', coalesce(x.text, m.name), 'text_start', coalesce(x.start, m.start_offset))
    from page m
    left join lateral place_of(m.document_id, m.start_offset) w on true
    left join lateral text_around(m.chunk_id, m.start_offset, m.end_offset) x on true
    order by m.source_path collate "C", m.number
$$;

-- What stands around a place in a passage, and where it begins.
create or replace function text_around(p_chunk uuid, p_start integer, p_end integer) returns table (start integer, text text)
language sql stable rows 1 as $$
    select s.start, substring(c.text from s.start - c.start_offset + 1 for p_end + 200 - s.start)
    from chunks c cross join lateral (select greatest(c.start_offset, p_start - 200) as start) s where c.id = p_chunk
$$;

-- Dates that stand near an entity, 200 letters away at most, each with the mention that is nearest; the nearest pairs first.
create or replace function dates_near(p_entity uuid, p_limit integer) returns table (near jsonb) language sql stable as $$
    with pairs as (
        select distinct on (t.document_id, t.number) t.document_id, t.number, t.chunk_id, t.name, t.start_offset, t.end_offset,
               m.start_offset as named_start, m.end_offset as named_end,
               greatest(t.start_offset - m.end_offset, m.start_offset - t.end_offset) as gap
        from mentions m
        join mentions t on t.chunk_id = m.chunk_id and t.type = 'DATE'
        where m.entity_id in (select names_of(p_entity))
          and t.start_offset <= m.end_offset + 200 and t.end_offset >= m.start_offset - 200
        order by t.document_id, t.number, gap
    ), nearest as (
        select * from pairs order by gap, document_id, number limit p_limit
    )
    select jsonb_build_object(
        'document_id', n.document_id, 'source_path', d.source_path, 'page', w.page, 'seconds', w.seconds, 'date', n.name,
        'date_span', jsonb_build_array(n.start_offset, n.end_offset), 'name_span', jsonb_build_array(n.named_start, n.named_end),
        'text', x.text, 'text_start', x.start)
    from nearest n
    join documents d on d.id = n.document_id
    left join lateral place_of(n.document_id, n.start_offset) w on true
    cross join lateral text_around(n.chunk_id, least(n.start_offset, n.named_start), greatest(n.end_offset, n.named_end)) x
    order by d.source_path collate "C", n.start_offset
$$;
