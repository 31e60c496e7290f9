-- What people decide of entities, and what they decided. p_within is the only project that may be seen; "" is any. Each change relinks the
-- names concerned at once, and leaves a note by which the graph follows.

-- Whether it is so: a later decision may say otherwise.
create or replace function decision_holds(d entity_decisions) returns boolean language sql stable as $$
    with named as (
        select c.entity_id, t.bound from decided_names t join canonical_entities c on c.name_id = t.name_id where t.decision_id = d.id
    )
    select d.taken_back_at is null and (select count(distinct entity_id) <= 1 from named where bound)
        and (d.kind = 'merge' or not exists (select from named a join named b using (entity_id) where a.bound and not b.bound))
$$;

create or replace function decision_facts(d entity_decisions) returns jsonb language sql stable as $$
    select jsonb_build_object('id', d.id, 'kind', d.kind, 'names', d.names, 'reason', d.reason, 'by', d.made_by, 'at', d.made_at,
                              'holds', decision_holds(d), 'taken_back_by', d.taken_back_by, 'taken_back_at', d.taken_back_at)
$$;

-- The decisions that name one of its names, the newest first.
create or replace function decisions_of(p_entity uuid) returns table (decision jsonb) language sql stable as $$
    select decision_facts(d) from entity_decisions d
    where d.taken_back_at is null and exists (
        select from decided_names t where t.decision_id = d.id and t.name_id in (select names_of(p_entity)))
    order by d.number desc
$$;

-- All of a project, those that were taken back too, the newest first; p_before: older than the one of this id.
create or replace function list_decisions(p_project text, p_before uuid, p_limit integer) returns table (decision jsonb)
language sql stable as $$
    select decision_facts(d) from entity_decisions d
    where d.project_id = (select id from projects where name = p_project)
      and (p_before is null or d.number < (select number from entity_decisions where id = p_before))
    order by d.number desc limit p_limit
$$;

-- Write down a decision and have it take effect: its facts, and in `overruled` those that held before and do not hold any more. For use
-- inside other functions, which hold the project's names.
create or replace function decide(p_project uuid, p_kind text, p_names text[], p_reason text, p_by text, p_bound uuid[], p_rest uuid[])
returns jsonb language plpgsql as $$
declare
    v_held constant uuid[] := array(
        select d.id from entity_decisions d where d.project_id = p_project and d.taken_back_at is null and decision_holds(d));
    v_decision uuid;
begin
    insert into entity_decisions (project_id, kind, names, reason, made_by)
    values (p_project, p_kind, p_names, p_reason, p_by) returning id into v_decision;
    insert into decided_names (decision_id, name_id, key, bound)
    select v_decision, e.id, e.key, e.id = any (p_bound) from entities e where e.id = any (p_bound || p_rest);
    perform relink(p_project, p_bound || p_rest);
    return (select decision_facts(d) from entity_decisions d where d.id = v_decision) || jsonb_build_object('overruled', (
        select coalesce(jsonb_agg(decision_facts(d) order by d.number desc), '[]') from entity_decisions d
        where d.id = any (v_held) and not decision_holds(d)));
end $$;

-- Hold the names of an entity's project until this transaction ends; the entity that the name stands for then, null: there is none.
create or replace function hold_entity(p_entity uuid, p_within text) returns canonical_entities language plpgsql as $$
declare
    e canonical_entities;
begin
    perform pg_advisory_xact_lock(hashtext('names'), hashtext(n.project_id::text)) from entities n where n.id = p_entity;
    select c.* into e from canonical_entities c join projects p on p.id = c.project_id where c.name_id = p_entity and p_within in ('', p.name);
    return e;
end $$;

-- Two entities are one from now on: {decision, entity}, or {fault}: no_such_entity, one_already.
create or replace function merge_entities(p_one uuid, p_other uuid, p_within text, p_reason text, p_by text) returns jsonb
language plpgsql as $$
declare
    a canonical_entities := hold_entity(p_one, p_within);
    b canonical_entities := hold_entity(p_other, p_within);
    v_all uuid[];
    v_bound uuid[];
    v_decision jsonb;
begin
    if a.entity_id is null or b.entity_id is null or a.project_id <> b.project_id then
        return jsonb_build_object('fault', 'no_such_entity');
    elsif a.entity_id = b.entity_id then
        return jsonb_build_object('fault', 'one_already');
    end if;
    v_all := array(select names_of(a.entity_id) union all select names_of(b.entity_id));
    v_bound := array(select id from entities where root in (a.entity_id, b.entity_id));
    v_decision := decide(
        a.project_id, 'merge', array[shown_name(a.entity_id), shown_name(b.entity_id)], p_reason, p_by, v_bound, v_all);
    return jsonb_build_object('decision', v_decision, 'entity', (select entity_id from canonical_entities where name_id = p_one));
end $$;

create or replace function shown_name(p_entity uuid) returns text language sql stable as $$
    select coalesce((select name from entity_summary(p_entity)), (select split_part(key, '/', 2) from entities where id = p_entity), '')
$$;

-- Some names of an entity are one of their own from now on: {decision, entity, new_entity}, or {fault, names}: no_such_entity, no_such_name,
-- nothing_left. p_names: [{name, keys}]; a spelling is the name of one of its keys, or else each name of the entity that is only spelt so.
create or replace function split_entity(p_entity uuid, p_names jsonb, p_within text, p_reason text, p_by text) returns jsonb
language plpgsql as $$
declare
    e canonical_entities := hold_entity(p_entity, p_within);
    v_all uuid[];
    v_bound uuid[];
    v_unknown text[];
    v_decision jsonb;
begin
    if e.entity_id is null then
        return jsonb_build_object('fault', 'no_such_entity');
    end if;
    v_all := array(select names_of(e.entity_id));
    with asked as (
        select x.name, x.keys from jsonb_to_recordset(p_names) as x (name text, keys text[])
    ), by_key as (
        select a.name, n.id from asked a join entities n on n.id = any (v_all) and n.key = any (a.keys)
    ), by_spelling as (
        select a.name, n.id from asked a cross join unnest(v_all) n (id)
        where exists (select from mentions m where m.entity_id = n.id and m.name = a.name)
          and not exists (select from mentions m where m.entity_id = n.id and m.name not in (select name from asked))
    ), meant as (
        select * from by_key union select * from by_spelling
    )
    select array_agg(distinct m.id), array(select a.name from asked a where a.name not in (select name from meant))
    into v_bound, v_unknown from meant m;
    if cardinality(v_unknown) > 0 then
        return jsonb_build_object('fault', 'no_such_name', 'names', v_unknown);
    elsif cardinality(v_bound) = cardinality(v_all) then
        return jsonb_build_object('fault', 'nothing_left', 'names', '[]'::jsonb);
    end if;
    v_decision := decide(
        e.project_id, 'split', array(select x.name from jsonb_to_recordset(p_names) as x (name text)), p_reason, p_by, v_bound, v_all);
    return jsonb_build_object(
        'decision', v_decision,
        'new_entity', (select entity_id from canonical_entities where name_id = v_bound[1]),
        'entity', (
            select c.entity_id from canonical_entities c
            where c.name_id = any (v_all) and c.name_id <> all (v_bound)
            order by c.name_id = e.entity_id desc, (select count(*) from mentions m where m.entity_id = c.name_id) desc, c.name_id limit 1));
end $$;

-- A decision holds no more; false: there is none that does.
create or replace function take_back_decision(p_decision uuid, p_within text, p_by text) returns boolean language plpgsql as $$
declare
    v_project uuid := (
        select d.project_id from entity_decisions d join projects p on p.id = d.project_id where d.id = p_decision and p_within in ('', p.name));
begin
    perform pg_advisory_xact_lock(hashtext('names'), hashtext(v_project::text)) where v_project is not null;
    update entity_decisions set taken_back_at = now(), taken_back_by = p_by
    where id = p_decision and project_id = v_project and taken_back_at is null;
    if not found then
        return false;
    end if;
    perform relink(v_project, array_agg(name_id)) from decided_names where decision_id = p_decision;
    return true;
end $$;
