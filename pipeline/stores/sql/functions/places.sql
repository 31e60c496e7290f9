-- Where what was found stands in the original. p_project is the only project that may be seen; "" is any.

-- A page with its text, words and segments as they are stored (offsets into the page) and the mentions on it (offsets into the document).
create or replace function page_of_document(p_document uuid, p_project text, p_number integer) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'number', g.number, 'start', g.start_offset, 'end', g.end_offset, 'source', g.source, 'confidence', g.confidence,
        'width', g.width, 'height', g.height, 'format', document_format(d.media_type), 'words', g.words, 'segments', g.segments,
        'text', substring(d.text from g.start_offset + 1 for g.end_offset - g.start_offset),
        'mentions', (
            select coalesce(jsonb_agg(jsonb_build_object('start', m.start_offset, 'end', m.end_offset, 'type', m.type, 'name', m.name,
                                                         'confidence', m.confidence, 'entity_id', e.entity_id) order by m.number), '[]')
            from mentions m left join canonical_entities e on e.name_id = m.entity_id
            where m.document_id = d.id and m.start_offset < g.end_offset and m.end_offset > g.start_offset))
    from documents d join projects p on p.id = d.project_id join pages g on g.document_id = d.id
    where d.id = p_document and p_project in ('', p.name) and g.number = p_number
$$;

-- Pages that stretches of documents stand on, p_ranges: [[document, start, end], …]; each page once, with those words and segments that lie
-- between the first and the last stretch on it, as they are stored: [{document_id, page, start, end, words, segments}], in order.
create or replace function places_of(p_ranges jsonb, p_project text) returns jsonb language sql stable as $$
    with touched as (
        select g.document_id, g.number, min(r.first) - g.start_offset as first, max(r.last) - g.start_offset as last
        from (select (r ->> 0)::uuid as document_id, (r ->> 1)::integer as first, (r ->> 2)::integer as last
              from jsonb_array_elements(p_ranges) r) r
        join documents d on d.id = r.document_id
        join projects p on p.id = d.project_id and p_project in ('', p.name)
        cross join lateral (
            select document_id, number, start_offset from pages
            where document_id = r.document_id and start_offset < r.last and end_offset > r.first
              and start_offset >= coalesce((
                select start_offset from pages where document_id = r.document_id and start_offset <= r.first
                order by start_offset desc limit 1), 0)) g
        group by g.document_id, g.number, g.start_offset
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'document_id', document_id, 'page', number, 'start', g.start_offset, 'end', g.end_offset,
        'words', jsonb_path_query_array(g.words, 'strict $[*] ? (@[0] < $end && @[1] > $start)', v.inside),
        'segments', jsonb_path_query_array(g.segments, 'strict $[*] ? (@[0] < $end && @[1] > $start)', v.inside))
        order by document_id, number), '[]')
    from touched t join pages g using (document_id, number)
    cross join lateral (select jsonb_build_object('start', t.first, 'end', t.last) as inside) v
$$;
