-- The results of each step, committed together with the end of its lease.

-- Files inside a document become documents: [{source_path, file_name, storage_key, size, sha256}]. For use inside other functions.
create or replace function add_children(d documents, p_children jsonb) returns void language sql as $$
    insert into documents (id, project_id, parent_id, depth, source_path, file_name, storage_key, size, sha256, priority)
    select derived_id('document', d.project_id::text, x.source_path), d.project_id, d.id, d.depth + 1, x.source_path, x.file_name,
           x.storage_key, x.size, x.sha256, d.priority
    from jsonb_to_recordset(p_children) as x (source_path text, file_name text, storage_key text, size bigint, sha256 text)
    on conflict do nothing;
$$;

-- p_pages: [{number, start, end, source, confidence, width, height, words, segments}]; p_children: [{id?, source_path, file_name, storage_key, size, sha256}].
create or replace function commit_pages(p_document uuid, p_token bigint, p_media_type text, p_metadata jsonb, p_text text, p_pages jsonb, p_children jsonb)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    delete from pages where document_id = p_document;
    insert into pages (document_id, number, start_offset, end_offset, source, confidence, width, height, words, segments)
    select p_document, x.number, x.start, x."end", x.source, x.confidence, x.width, x.height, x.words, x.segments
    from jsonb_to_recordset(p_pages) as x
        (number integer, start integer, "end" integer, source text, confidence real, width real, height real, words jsonb, segments jsonb);
    perform add_children(d, p_children);
    update documents set text = p_text, media_type = p_media_type, metadata = p_metadata, failed_pages = '{}' where id = p_document;
    perform finish_step(d);
end $$;

create or replace function commit_node(p_document uuid, p_token bigint, p_language text, p_category text) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'create_document_node', p_token);
begin
    update documents set language = p_language, category = p_category where id = p_document;
    perform finish_step(d);
end $$;

-- p_chunks: [{number, start, end, heading, embedding: "[…]"}], the last portion; p_space: whose vectors they are, null: the active ones.
create or replace function commit_chunks(p_document uuid, p_token bigint, p_chunks jsonb, p_space uuid default null)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_chunking', p_token);
    v_text constant text := d.text || '';  -- unpacked once
begin
    delete from chunks where document_id = p_document;
    perform require_embeddings(p_space);
    insert into chunks (id, document_id, project_id, position, start_offset, end_offset, heading, text, terms, length, embedding)
    with w as materialized (select * from windows(v_text))
    select derived_id('chunk', p_document::text, x.number::text), p_document, d.project_id, x.number, x.start, x."end", x.heading,
           y.text, z.terms, (select coalesce(sum(cardinality(positions)), 0) from unnest(z.terms)), x.embedding::vector
    from portions(p_document, p_token, p_chunks) p
    cross join lateral jsonb_to_recordset(p) as x (number integer, start integer, "end" integer, heading text, embedding text)
    join w on w.n = x.start / 32768
    cross join lateral (select passage(w.text, v_text, x.start, x."end") as text) y
    cross join lateral (select to_tsvector('english', concat_ws(' ', x.heading, y.text)) as terms) z;
    perform finish_step(d);
end $$;

-- The graph is to be told anew of the entities that these names stand for: a document no longer says of them what it said.
create or replace function note_changes(p_project uuid, p_names uuid[]) returns void language plpgsql as $$
begin
    if p_names is not null then
        insert into graph_changes (project_id, entity_id)
        select distinct p_project, entity_id from canonical_entities where name_id = any (p_names) order by entity_id
        on conflict (project_id, entity_id) do update set number = default;
    end if;
end $$;

-- p_mentions: [{number, start, end, type, confidence}], the last portion; the chunk of a mention is the one that it starts in.
-- p_relation_mentions: [{subject, predicate, object, start, end, confidence}], subject and object as numbers of mentions.
create or replace function commit_mentions(p_document uuid, p_token bigint, p_mentions jsonb, p_relation_mentions jsonb, p_notes jsonb)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'extract_entities', p_token);
    v_text constant text := d.text || '';
    v_before uuid[];
begin
    select array_agg(distinct entity_id) into v_before from mentions where document_id = p_document and entity_id is not null;
    perform note_changes(d.project_id, v_before);
    delete from relationship_evidence where document_id = p_document;
    delete from mentions where document_id = p_document;
    insert into mentions (document_id, number, start_offset, end_offset, type, confidence, name, chunk_id)
    with w as materialized (select * from windows(v_text))
    select p_document, x.number, x.start, x."end", x.type, x.confidence,
           regexp_replace(
               case when x."end" <= c.end_offset then substring(c.text from x.start - c.start_offset + 1 for x."end" - x.start)
                    else passage(w.text, v_text, x.start, x."end") end, '\s+', ' ', 'g'),
           c.id
    from portions(p_document, p_token, p_mentions) p
    cross join lateral jsonb_to_recordset(p) as x (number integer, start integer, "end" integer, type entity_type, confidence real)
    join w on w.n = x.start / 32768
    left join lateral (
        select id, start_offset, end_offset, text from chunks where document_id = p_document and start_offset <= x.start
        order by start_offset desc limit 1) c on true;
    delete from relation_mentions where document_id = p_document;
    insert into relation_mentions (document_id, number, subject, predicate, object, start_offset, end_offset, confidence)
    select p_document, x.number, x.subject, x.predicate, x.object, x.start, x."end", x.confidence
    from rows from (jsonb_to_recordset(p_relation_mentions) as
        (subject integer, predicate text, object integer, start integer, "end" integer, confidence real))
        with ordinality as x (subject, predicate, object, start, "end", confidence, number);
    perform drop_unused(d.project_id, v_before);
    perform finish_step(d);
    update document_steps set notes = p_notes where document_id = p_document and step = 'extract_entities';
end $$;

-- Known names that share a blocking key with the given ones or are among them, and the arrival up to which they are complete.
create or replace function candidate_names(p_project uuid, p_keys text[], p_blocking_keys text[]) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'arrival', coalesce((select max(arrival) from entities where project_id = p_project), 0),
        'keys', coalesce((
            select jsonb_agg(key) from (
                select e.key from entities e where e.project_id = p_project and e.key = any (p_keys)
                union
                select e.key from entity_keys k join entities e on e.id = k.entity_id
                where k.project_id = p_project and k.blocking_key = any (p_blocking_keys)) found), '[]'))
$$;

-- p_clusters: [{key, mentions: [number]}]; p_names: the names that were not known: [{key, tokens, blocking_keys}];
-- p_links: [{left, right, strong, reason, score, by_document}] by key. False, and nothing is written, if a name arrived after p_arrival that
-- should have been compared; refused by a foreign key if one was dropped since: read the candidates again.
create or replace function commit_resolution(p_document uuid, p_token bigint, p_arrival bigint, p_clusters jsonb, p_names jsonb, p_links jsonb)
returns boolean language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'resolve_entities', p_token);
    v_before uuid[];
    v_parted uuid[];
    v_linked uuid[];
begin
    select array_agg(id) into v_parted from (
        select left_id as id from entity_links where document_id = p_document
        union select right_id from entity_links where document_id = p_document) t;
    if p_names <> '[]' or p_links <> '[]' or v_parted is not null then
        perform pg_advisory_xact_lock(hashtext('names'), hashtext(d.project_id::text));
        if exists (
            select from jsonb_array_elements(p_names) n
            cross join lateral jsonb_array_elements_text(n -> 'blocking_keys') b
            join entity_keys k on k.project_id = d.project_id and k.blocking_key = b
            join entities e on e.id = k.entity_id
            where e.arrival > p_arrival) then
            return false;
        end if;
        insert into entities (id, project_id, key, tokens, root)
        select derived_id('entity', d.project_id::text, x.key), d.project_id, x.key, x.tokens, derived_id('entity', d.project_id::text, x.key)
        from jsonb_to_recordset(p_names) as x (key text, tokens integer)
        on conflict do nothing;
        insert into entity_keys (project_id, blocking_key, entity_id)
        select distinct d.project_id, b, derived_id('entity', d.project_id::text, n ->> 'key')
        from jsonb_array_elements(p_names) n cross join lateral jsonb_array_elements_text(n -> 'blocking_keys') b
        on conflict do nothing;
        delete from entity_links where document_id = p_document;
        with linked as (
            insert into entity_links (left_id, right_id, document_id, strong, reason, score)
            select derived_id('entity', d.project_id::text, x.left), derived_id('entity', d.project_id::text, x.right),
                   case when x.by_document then p_document end, x.strong, x.reason, x.score
            from jsonb_to_recordset(p_links) as x
                ("left" text, "right" text, strong boolean, reason text, score real, by_document boolean)
            on conflict do nothing returning left_id, right_id)
        select array_agg(id) into v_linked from (
            select left_id as id from linked union select right_id from linked
            union select n.name_id from decided_names n join jsonb_to_recordset(p_names) as x (key text)
                on n.name_id = derived_id('entity', d.project_id::text, x.key)) t;
        perform relink(d.project_id, v_parted || v_linked);
    end if;
    select array_agg(distinct entity_id) into v_before from mentions where document_id = p_document and entity_id is not null;
    perform note_changes(d.project_id, v_before);
    update mentions m set entity_id = derived_id('entity', d.project_id::text, c.key)
    from (select x ->> 'key' as key, n::integer as number
          from jsonb_array_elements(p_clusters) x cross join lateral jsonb_array_elements_text(x -> 'mentions') n) c
    where m.document_id = p_document and m.number = c.number;
    perform drop_unused(d.project_id, v_before || v_parted);
    perform finish_step(d);
    return true;
end $$;

-- Names that no mention and no document's own link use any more are removed, and what hung on them is linked anew.
create or replace function drop_unused(p_project uuid, p_ids uuid[]) returns void language plpgsql as $$
declare
    v_unused uuid[];
    v_around uuid[];
begin
    if p_ids is null then
        return;
    end if;
    select array_agg(e.id) into v_unused from entities e
    where e.id = any (p_ids) and not exists (select from mentions m where m.entity_id = e.id)
      and not exists (select from entity_links l where l.left_id = e.id and l.document_id is not null)
      and not exists (select from entity_links l where l.right_id = e.id and l.document_id is not null);
    if v_unused is null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext('names'), hashtext(p_project::text));
    insert into graph_changes (project_id, entity_id) select p_project, id from unnest(v_unused) id order by id
    on conflict (project_id, entity_id) do update set number = default;
    select array_agg(id) into v_around from (
        select right_id as id from entity_links where left_id = any (v_unused)
        union select left_id from entity_links where right_id = any (v_unused)
        union select x from unnest(v_unused) u cross join lateral decided_with(u) x) t
    where id <> all (v_unused);
    delete from entities where id = any (v_unused);
    perform relink(p_project, v_around);
end $$;

-- What was read from the document's former content: gone before the new one is read, so that an error never shows the old.
create or replace function forget_results(p_document uuid) returns void language plpgsql as $$
declare
    v_project uuid := (select project_id from documents where id = p_document);
    v_before uuid[] := (select array_agg(distinct entity_id) from mentions where document_id = p_document and entity_id is not null);
    v_parted uuid[] := (
        select array_agg(id) from (
            select left_id as id from entity_links where document_id = p_document
            union select right_id from entity_links where document_id = p_document) t);
begin
    perform graph_is_outdated(d) from documents d where d.id = p_document;
    perform pg_advisory_xact_lock(hashtext('names'), hashtext(v_project::text));
    perform note_changes(v_project, v_before);
    delete from relationship_evidence where document_id = p_document;
    delete from relation_mentions where document_id = p_document;
    delete from mentions where document_id = p_document;
    delete from entity_links where document_id = p_document;
    delete from chunks where document_id = p_document;
    delete from pages where document_id = p_document;
    delete from document_parts where document_id = p_document;
    delete from document_jobs where document_id = p_document;
    delete from document_steps where document_id = p_document;
    perform forget_answers(p_document);
    update documents set text = '', media_type = '', language = '', category = '', metadata = '{}',
        graph_token = -1, page_count = 0, chunk_count = 0, mention_count = 0
    where id = p_document;
    perform relink(v_project, v_parted);
    perform drop_unused(v_project, v_before || v_parted);
end $$;

-- p_relations: [{subject, predicate, object, start, end, confidence}], the last portion, ends by entity id. Replaces the
-- document's evidence.
create or replace function save_relationships(p_document uuid, p_token bigint, p_relations jsonb) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'build_relationships', p_token);
begin
    perform note_changes(d.project_id, array_agg(n)) from relationship_evidence v
    join relationships r on r.id = v.relationship_id cross join unnest(array[r.subject_id, r.object_id]) n
    where v.document_id = p_document;
    delete from relationship_evidence where document_id = p_document;
    insert into relationships (id, project_id, subject_id, predicate, object_id)
    select distinct derived_id('relationship', x.subject::text, x.predicate, x.object::text), d.project_id, x.subject, x.predicate, x.object
    from portions(p_document, p_token, p_relations) p cross join lateral jsonb_to_recordset(p) as x
        (subject uuid, predicate text, object uuid)
    on conflict do nothing;
    insert into relationship_evidence (relationship_id, document_id, start_offset, end_offset, confidence)
    select derived_id('relationship', x.subject::text, x.predicate, x.object::text), p_document, x.start, x."end", max(x.confidence)
    from portions(p_document, p_token, p_relations) p cross join lateral jsonb_to_recordset(p) as x
        (subject uuid, predicate text, object uuid, start integer, "end" integer, confidence real)
    group by 1, 2, 3, 4;
    perform hold_on(p_document, p_token);
end $$;

create or replace function commit_graph(p_document uuid, p_token bigint) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'build_relationships', p_token);
begin
    perform finish_step(d);
end $$;
