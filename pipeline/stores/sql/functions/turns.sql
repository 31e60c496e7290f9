-- Turns at writing a project's part of the graph. A turn is a lease: only its token prolongs or ends it, and who dies with it is waited
-- for no longer than it lasts. While one has it, everything that it reads here is of one moment, and nobody else writes.
--
-- Who was silent for longer than its turn (stopped, cut off) may still write to the graph what it read before another's turn: the graph
-- refuses that once anything was written in a later turn, see `hold_turn` in cypher/graph.cypher. It learns of that, or when it ends the
-- turn; whatever it was given is then noted again, as if it had just changed, and the next turn writes what is true by then. The document
-- that it wrote itself is worked on again in any case, because its lease ran out too.

-- Ask for the turn; its token, or null: another has it. p_claim: names this wish for it, of which an answer may have been lost.
create or replace function take_turn(p_project uuid, p_holder text, p_claim text, p_lease interval) returns bigint language plpgsql as $$
declare
    v_token bigint;
begin
    -- Nobody waits for a row that another is just taking.
    if exists (select from graph_turns where project_id = p_project and until >= clock_timestamp() and claim <> p_claim) then
        return null;
    end if;
    insert into graph_turns as t (project_id, token, holder, claim, until)
    select id, new_token(0), p_holder, p_claim, clock_timestamp() + p_lease from projects where id = p_project
    on conflict (project_id) do update set
        token = new_token(t.token), holder = excluded.holder, claim = excluded.claim, until = excluded.until
    where t.until is null or t.until < clock_timestamp() or t.claim = p_claim
    returning token into v_token;
    if v_token is null and not exists (select from projects where id = p_project) then
        raise exception 'project % is gone', p_project using errcode = 'NL001';
    end if;
    return v_token;
end $$;

-- Prolong the turn, even one that ran out while nobody else asked for it; false if it is no longer ours.
create or replace function renew_turn(p_project uuid, p_turn bigint, p_lease interval) returns boolean language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    update graph_turns set until = clock_timestamp() + p_lease where project_id = p_project and token = p_turn and until is not null;
    return found;
end $$;

-- The processes of these names have ended: nobody waits for their turns. For use inside other functions.
create or replace function end_turns_of(p_holder text) returns void language sql as $$
    update graph_turns set until = null where (holder = p_holder or starts_with(holder, p_holder || '/')) and until is not null
$$;

-- Take the turn for a document, whose part is to be written; what is to be written, or null: another has the turn.
create or replace function take_graph_turn(p_document uuid, p_token bigint, p_lease interval, p_most integer) returns json
language plpgsql as $$
declare
    d documents;
    v_turn bigint;
    v_touched uuid[];
    v_work json;
begin
    select * into d from documents where id = p_document;
    if found then
        v_turn := take_turn(d.project_id, coalesce(d.worker, ''), concat_ws('/', p_document, p_token), p_lease);
        if v_turn is null then
            return null;
        end if;
    end if;
    v_touched := array(select tell_of_document(p_document, p_token, p_most));
    v_work := graph_work(d.project_id, v_turn, array[p_document], null, v_touched);
    -- Reading all that may take longer than a lease. (Not renew_turn: that the graph is being told must outlive a crash.)
    update graph_turns set until = clock_timestamp() + p_lease where project_id = d.project_id and token = v_turn;
    perform hold_on(p_document, p_token, p_lease);
    return v_work;
end $$;

-- The same without a document: for what was removed, and for figures that nobody wrote.
create or replace function take_refresh_turn(p_project uuid, p_holder text, p_claim text, p_lease interval, p_most integer) returns json
language plpgsql as $$
declare
    v_turn bigint := take_turn(p_project, p_holder, p_claim, p_lease);
    v_documents uuid[];
    v_numbers bigint[];
    v_work json;
begin
    if v_turn is null then
        return null;
    end if;
    select array_agg(document_id), array_agg(number) into v_documents, v_numbers from outdated_documents(p_project, p_most);
    v_work := graph_work(p_project, v_turn, coalesce(v_documents, '{}'), coalesce(v_numbers, '{}'),
                         array(select document_id from graph_touched where project_id = p_project));
    perform renew_turn(p_project, v_turn, p_lease);
    return v_work;
end $$;

-- End the turn; false if it is no longer ours. p_done: what was given with it was written, and need not be told again; what was
-- noted meanwhile has another number. p_document_numbers: null for a document's own turn. Whoever wrote without having the turn may have written over what was newer: it is noted again.
create or replace function end_turn(p_project uuid, p_turn bigint, p_done boolean, p_changed uuid[], p_numbers bigint[], p_touched uuid[],
                                    p_documents uuid[], p_document_numbers bigint[]) returns boolean language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'off', true);  -- what is told twice does no harm
    update graph_turns set until = null where project_id = p_project and token = p_turn;
    if not found then
        insert into graph_changes (project_id, entity_id)
        select p.id, i from projects p cross join unnest(p_changed) i where p.id = p_project order by i
        on conflict (project_id, entity_id) do update set number = default;
        insert into graph_touched (document_id, project_id)
        select id, project_id from documents where id = any (p_touched) order by id on conflict do nothing;
        insert into graph_outdated (document_id, project_id)
        select i, p.id from projects p cross join unnest(p_documents) i where p.id = p_project order by i
        on conflict (document_id) do update set number = default, not_before = now();
        return false;
    end if;
    if p_done then
        delete from graph_changes c using unnest(p_changed, p_numbers) as done (id, number)
        where c.project_id = p_project and c.entity_id = done.id and c.number = done.number;
        delete from graph_touched where document_id = any (p_touched);
        if p_document_numbers is not null then
            perform outdated_done(p_project, p_documents, p_document_numbers);
        end if;
    end if;
    return true;
end $$;

-- Everything that is to be written in a turn, as of one moment: `stable` makes all of it read the same snapshot. Most turns write one
-- document and nothing else, so what is not asked for is not even planned.
create or replace function graph_work(p_project uuid, p_turn bigint, p_documents uuid[], p_numbers bigint[], p_touched uuid[])
returns json language plpgsql stable as $$
declare
    v_most constant integer := 1000;  -- entities of one turn; what else changed has the next one
    v_changes uuid[] := array(
        select entity_id from graph_changes where project_id = p_project order by number limit v_most);
    v_stand uuid[];
    v_changed json;
    v_entities json;
    v_mentions json;
    v_relations json;
    v_related json;
    v_touched_entities json;
    v_touched_relations json;
    v_touched_related json;
begin
    if v_changes <> '{}' then
        v_changed := (
            select json_agg(json_build_array(entity_id, number) order by entity_id) from graph_changes
            where project_id = p_project and entity_id = any (v_changes));
        v_stand := array(select id from entities where id = any (v_changes) and merged_into is null);
        v_entities := (
            select json_agg(json_build_array(entity_id, name, type, mentions, documents) order by entity_id)
            from entity_summaries(v_stand, true));
        v_mentions := (
            select json_agg(json_build_array(chunk_id, entity_id, mentions, confidence) order by chunk_id, entity_id) from (
                select m.chunk_id, e.entity_id, count(*) as mentions, max(m.confidence) as confidence
                from canonical_entities e join mentions m on m.entity_id = e.name_id
                where e.entity_id = any (v_stand) and m.chunk_id is not null group by 1, 2) t);
        v_relations := (
            select json_agg(json_build_array(subject_id, object_id, weight, documents) order by subject_id, object_id)
            from graph_pairs(v_stand));
        v_related := (
            select json_agg(json_build_array(subject_id, predicate, object_id, evidence, documents, confidence)
                            order by subject_id, predicate, object_id) from graph_related(v_stand));
    end if;
    if p_touched <> '{}' then
        v_touched_entities := (
            select json_agg(json_build_array(entity_id, name, type, mentions, documents) order by entity_id)
            from entity_summaries(array(
                select distinct e.entity_id from mentions m join canonical_entities e on e.name_id = m.entity_id
                where m.document_id = any (p_touched)), true));
        v_touched_relations := (
            select json_agg(json_build_array(subject_id, object_id, weight, documents) order by subject_id, object_id)
            from pair_weights(p_touched, true));
        v_touched_related := (
            select json_agg(json_build_array(subject_id, predicate, object_id, evidence, documents, confidence)
                            order by subject_id, predicate, object_id) from related_of(p_touched));
    end if;
    return json_build_object(
        'project', p_project, 'turn', p_turn, 'touched', p_touched, 'numbers', p_numbers,
        'documents', (
            select json_agg(json_build_array(i, graph_part(i)) order by n) from unnest(p_documents) with ordinality u (i, n)),
        'changed', v_changed, 'more', cardinality(v_changes) = v_most,
        'entities', v_entities, 'mentions', v_mentions, 'relations', v_relations, 'related', v_related,
        'touched_entities', v_touched_entities, 'touched_relations', v_touched_relations, 'touched_related', v_touched_related);
end $$;

-- What the graph holds of a document: nothing before its node was made, its chunks once it was told of them.
create or replace function graph_part(p_document uuid) returns json language plpgsql stable as $$
declare
    d documents;
begin
    select * into d from documents where id = p_document;
    if not found or not has_node(d) then
        return null;
    end if;
    return json_build_object(
        'node', json_build_array(d.id, (select name from projects where id = d.project_id), d.file_name, d.source_path, d.media_type,
                                 d.language, d.category, coalesce(d.parent_id::text, '')),
        'chunks', (
            select json_agg(json_build_array(id, position, start_offset, end_offset, heading) order by position)
            from chunks where document_id = p_document and was_told(d)),
        'entities', (
            select json_agg(json_build_array(entity_id, name, type, mentions, 1) order by entity_id) from (
                select e.entity_id, min(m.name) as name, min(m.type) as type, count(*) as mentions
                from mentions m join canonical_entities e on e.name_id = m.entity_id
                where m.document_id = p_document and was_told(d) group by 1) t),
        'mentions', (
            select json_agg(json_build_array(chunk_id, entity_id, mentions, confidence) order by chunk_id, entity_id) from (
                select m.chunk_id, e.entity_id, count(*) as mentions, max(m.confidence) as confidence
                from mentions m join canonical_entities e on e.name_id = m.entity_id
                where m.document_id = p_document and m.chunk_id is not null and was_told(d) group by 1, 2) t));
end $$;
