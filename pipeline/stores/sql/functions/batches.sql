-- Questions to a language model that are asked in batches. A document leaves its questions and waits; they are gathered, sent as one
-- file, and looked after until the answers are there. Whoever looks after a batch holds its token, as with a document's lease.

-- By the words of RemoteFinder.
create or replace function waits_for_batch(d documents) returns boolean language sql immutable parallel safe as $$
    select d.waiting_for like '% in a batch, within 24 hours.' and d.lease_until is null and d.not_before is not null
$$;

-- Those of these questions that are here already, and whether they failed in a batch. The document waits for these, and no others.
create or replace function join_questions(p_document uuid, p_fingerprints text[])
returns table (fingerprint text, failed boolean) language plpgsql as $$
#variable_conflict use_column
begin
    perform forget_questions(p_document, p_fingerprints);
    insert into batch_question_uses (fingerprint, document_id)
    select q.fingerprint, d.id from batch_questions q cross join documents d
    where q.fingerprint = any (p_fingerprints) and d.id = p_document order by 1
    on conflict do nothing;
    return query select q.fingerprint, q.failed_at is not null from batch_questions q where q.fingerprint = any (p_fingerprints);
end $$;

-- The document waits for these too: [{fingerprint, request, input_tokens, output_tokens}].
create or replace function leave_questions(p_document uuid, p_step pipeline_step, p_endpoint text, p_model text, p_questions jsonb)
returns void language plpgsql as $$
declare
    v_project uuid := (select project_id from documents where id = p_document for key share);
begin
    if v_project is null then
        raise exception 'document % was deleted', p_document using errcode = 'NL001';
    end if;
    insert into batch_questions (fingerprint, endpoint, model, request, input_tokens, output_tokens, project_id, document_id, step)
    select x.fingerprint, p_endpoint, p_model, x.request, x.input_tokens, x.output_tokens, v_project, p_document, p_step
    from jsonb_to_recordset(p_questions) as x (fingerprint text, request text, input_tokens bigint, output_tokens bigint) order by 1
    on conflict do nothing;
    insert into batch_question_uses (fingerprint, document_id)
    select x.fingerprint, p_document from jsonb_to_recordset(p_questions) as x (fingerprint text) order by 1
    on conflict do nothing;
end $$;

-- The document waits for no questions any more but these: it is deleted, or its content is another. What no document waits for goes;
-- of what was sent already only the text, and its answer will be dropped. For use inside other functions.
create or replace function forget_questions(p_document uuid, p_but text[] default '{}') returns void language plpgsql as $$
declare
    v_own text[];
begin
    with gone as (delete from batch_question_uses where document_id = p_document and fingerprint <> all (p_but) returning fingerprint)
    select array_agg(fingerprint) into v_own from gone;
    if v_own is null then
        return;
    end if;
    perform from batch_questions where fingerprint = any (v_own) order by fingerprint for update;
    update batch_questions q set request = null
    where q.fingerprint = any (v_own) and not exists (select from batch_question_uses u where u.fingerprint = q.fingerprint);
    delete from batch_questions q where q.fingerprint = any (v_own) and q.request is null and q.batch_id is null
      and not exists (select from batch_question_uses u where u.fingerprint = q.fingerprint);
end $$;

-- Questions that can be sent now, for a document that is on its way. Written so that answers and documents are looked up one by one: a
-- planner that takes few documents to be on their way would read all of those for each question.
create or replace function waiting_questions(p_endpoint text, p_model text) returns setof batch_questions language sql stable as $$
    select q.* from batch_questions q
    where q.batch_id is null and q.failed_at is null and q.endpoint = p_endpoint and q.model = p_model and q.request is not null
      and coalesce(q.held_until < now(), true)
      and (select true from paid_answers a where a.fingerprint = q.fingerprint) is null
      and exists (select from batch_question_uses u
                  where u.fingerprint = q.fingerprint and (select on_its_way(d.status) from documents d where d.id = u.document_id))
$$;

-- Whether there are enough of them, or the oldest has waited long enough; not while the service has too much. Those that nobody waits
-- for are counted only if it would be so without them: it is asked every few seconds.
create or replace function questions_ready(p_endpoint text, p_model text, p_most integer, p_bytes bigint, p_age interval)
returns boolean language plpgsql stable as $$
begin
    return not exists (select from paid_batches where endpoint = p_endpoint and model = p_model and held_until > now())
       and (select questions_suffice(count(*), sum(octet_length(q.request)), min(q.left_at), p_most, p_bytes, p_age) from batch_questions q
            where q.batch_id is null and q.failed_at is null and q.endpoint = p_endpoint and q.model = p_model
              and coalesce(q.held_until < now(), true))
       and (select questions_suffice(count(*), sum(octet_length(q.request)), min(q.left_at), p_most, p_bytes, p_age)
            from waiting_questions(p_endpoint, p_model) q);
end $$;

create or replace function questions_suffice(p_questions bigint, p_size bigint, p_oldest timestamptz, p_most integer, p_bytes bigint, p_age interval)
returns boolean language sql stable as $$
    select p_questions > 0 and (p_questions >= p_most or p_size >= p_bytes or p_oldest <= now() - p_age)
$$;

-- Whether a batch is to be made or looked at. An empty model: none is to be made.
create or replace function batches_due(p_endpoint text, p_model text, p_most integer, p_bytes bigint, p_age interval)
returns boolean language sql stable as $$
    select exists (select from paid_batches where ended_at is null and look_at <= now() and coalesce(taken_until < now(), true))
        or (p_model <> '' and questions_ready(p_endpoint, p_model, p_most, p_bytes, p_age))
$$;

-- What has had its time: questions that nobody waits for, that were answered in another way, or failed long ago; old batches. For use
-- inside other functions.
create or replace function drop_old_questions() returns void language sql as $$
    delete from batch_questions q where q.batch_id is null
      and (failed_at < now() - interval '7 days'
           or (select true from paid_answers a where a.fingerprint = q.fingerprint)
           or not exists (select from batch_question_uses u where u.fingerprint = q.fingerprint));
    delete from paid_batches b where b.ended_at < now() - interval '30 days'
      and not exists (select from batch_questions q where q.batch_id = b.id);
$$;

-- Make a batch of what waits, if it is time to: the oldest first, at most so many questions and bytes, and no more than the budgets of
-- their projects bear. What they may cost is under way from now on. Returns how many questions there are in it.
create or replace function begin_batch(p_endpoint text, p_model text, p_prices jsonb, p_most integer, p_bytes bigint, p_age interval,
                                       p_open_for interval)
returns integer language plpgsql as $$
declare
    v_batch uuid := gen_random_uuid();
    v_priced text := p_model || ':batch';
    v_most integer;
    v_chosen text[];
    v_refused text[];
begin
    perform pg_advisory_xact_lock(hashtext('begin_batch'));
    if not questions_ready(p_endpoint, p_model, p_most, p_bytes, p_age) then
        return 0;
    end if;
    -- Half of what was too much lately.
    select least(p_most, min(greatest(questions / 2, 1))) into v_most from paid_batches
    where endpoint = p_endpoint and model = p_model and held_until > now() - interval '1 day';
    perform from budgets where project_id in (select project_id from waiting_questions(p_endpoint, p_model)) order by project_id for update;
    with waiting as materialized (
        select fingerprint, project_id, left_at, octet_length(request)::bigint + octet_length(fingerprint) + 100 as size,
               usage_cost(p_prices, v_priced, input_tokens, output_tokens, 0, 0) as cost
        from waiting_questions(p_endpoint, p_model) order by left_at, fingerprint limit v_most
    ), rooms as materialized (
        select x.project_id, b.amount is null as free, case when b.unpriced = '{}' then b.amount - b.used - b.under_way end as room
        from (select distinct project_id from waiting) x cross join lateral budget_state(x.project_id, p_prices) b
    ), paid as (
        select w.*, r.free or coalesce(sum(coalesce(w.cost, 'infinity')) over (partition by w.project_id order by w.left_at, w.fingerprint) <= r.room, false)
                    as allowed
        from waiting w join rooms r using (project_id)
    ), placed as (
        select *, sum(size) over (partition by allowed order by left_at, fingerprint) as total,
               row_number() over (partition by allowed order by left_at, fingerprint) as place from paid
    )
    select array_agg(fingerprint) filter (where allowed and (total <= p_bytes or place = 1)), array_agg(fingerprint) filter (where not allowed)
    into v_chosen, v_refused from placed;
    if v_chosen is not null then
        insert into paid_batches (id, endpoint, model, questions) values (v_batch, p_endpoint, p_model, cardinality(v_chosen));
        update batch_questions set batch_id = v_batch where fingerprint = any (v_chosen);
        insert into paid_calls (id, project_id, document_id, step, endpoint, model, input_tokens, output_tokens, open_until)
        select question_call(v_batch, fingerprint), project_id, document_id, step, endpoint, v_priced, input_tokens, output_tokens, now() + p_open_for
        from batch_questions where batch_id = v_batch;
    end if;
    perform hold_questions(v_refused, v_priced, p_prices);
    return coalesce(cardinality(v_chosen), 0);
end $$;

-- How the books call a question of a batch.
create or replace function question_call(p_batch uuid, p_fingerprint text) returns uuid language sql immutable parallel safe as $$
    select derived_id('question', p_batch::text, p_fingerprint)
$$;

-- Their projects' budgets do not bear these questions: their documents say so. For use inside begin_batch.
create or replace function hold_questions(p_fingerprints text[], p_priced text, p_prices jsonb) returns void language plpgsql as $$
declare
    q batch_questions;
    c paid_calls;
    v_refusal jsonb;
begin
    update batch_questions set held_until = now() + interval '1 min' where fingerprint = any (p_fingerprints);
    for q in select distinct on (project_id) * from batch_questions where fingerprint = any (p_fingerprints) order by project_id, left_at loop
        c := jsonb_populate_record(null::paid_calls, to_jsonb(q) - 'request' || jsonb_build_object('model', p_priced, 'pages', 0, 'audio_seconds', 0));
        v_refusal := budget_refusal(c, p_prices);
        update documents d set waiting_for = v_refusal ->> 'message'
        where v_refusal is not null and waits_for_batch(d) and d.id in (
            select u.document_id from batch_question_uses u join batch_questions x using (fingerprint)
            where x.project_id = q.project_id and x.fingerprint = any (p_fingerprints));
    end loop;
end $$;

-- A batch that is to be looked after now, for one caller: {id, token, endpoint, model, questions, file, batch, age, looks}; null: none.
-- age: seconds since it was sent, or made.
create or replace function take_batch(p_lease interval) returns jsonb language sql as $$
    update paid_batches b set token = new_token(b.token), taken_until = now() + p_lease, looks = b.looks + 1
    from (select id from paid_batches where ended_at is null and look_at <= now() and coalesce(taken_until < now(), true)
          order by look_at limit 1 for update skip locked) due
    where b.id = due.id
    returning jsonb_build_object(
        'id', b.id, 'token', b.token, 'endpoint', b.endpoint, 'model', b.model, 'questions', b.questions, 'file', coalesce(b.file, ''),
        'batch', coalesce(b.batch, ''), 'age', extract(epoch from now() - coalesce(b.submitted_at, b.made_at)), 'looks', b.looks)
$$;

-- Lock the batch and make sure that the token is the newest. For use inside other functions.
create or replace function hold_batch(p_batch uuid, p_token bigint) returns void language plpgsql as $$
begin
    perform from paid_batches where id = p_batch and token = p_token and ended_at is null for update;
    if not found then
        raise exception 'the batch % is another''s now', p_batch using errcode = 'NL001';
    end if;
end $$;

-- Its questions, some at a time, in the order of their fingerprints.
create or replace function questions_of_batch(p_batch uuid, p_token bigint, p_after text, p_most integer)
returns table (fingerprint text, request text) language plpgsql as $$
#variable_conflict use_column
begin
    perform hold_batch(p_batch, p_token);
    return query select q.fingerprint, q.request from batch_questions q
        where q.batch_id = p_batch and q.request is not null and q.fingerprint > p_after order by 1 limit p_most;
end $$;

-- What is known of it: {file, name, state, fault}, each only if it is new; it is held on to for p_lease, or let go until p_again is over.
create or replace function note_batch(p_batch uuid, p_token bigint, p_facts jsonb, p_lease interval, p_again interval) returns void
language plpgsql as $$
begin
    perform hold_batch(p_batch, p_token);
    update paid_batches set
        file = coalesce(p_facts ->> 'file', file), batch = coalesce(p_facts ->> 'name', batch),
        submitted_at = case when p_facts ? 'name' then coalesce(submitted_at, now()) else submitted_at end,
        state = coalesce(p_facts ->> 'state', state), fault = nullif(coalesce(p_facts ->> 'fault', fault), ''),
        look_at = now() + coalesce(p_again, interval '0'), taken_until = case when p_again is null then now() + p_lease end
    where id = p_batch;
end $$;

-- What came of questions of the batch: [{fingerprint, answer, paid, used: {input_tokens, output_tokens}}]; no answer: it failed. Told
-- twice, it counts once. Answers are kept for the documents that wait for them, and those are sent on.
create or replace function settle_questions(p_batch uuid, p_token bigint, p_lines jsonb, p_keep interval) returns void language plpgsql as $$
declare
    x record;
    v_answered text[];
    v_failed text[];
begin
    perform hold_batch(p_batch, p_token);
    for x in select l.*, question_call(p_batch, l.fingerprint) as call
             from jsonb_to_recordset(p_lines) as l (fingerprint text, paid boolean, used jsonb) loop
        if x.paid then
            perform end_call(x.call, nullif(x.used, 'null'));
        else
            perform drop_call(x.call);
        end if;
    end loop;
    select array_agg(fingerprint) filter (where answer is not null), array_agg(fingerprint) filter (where answer is null)
    into v_answered, v_failed
    from (select q.fingerprint, l.answer from jsonb_to_recordset(p_lines) as l (fingerprint text, answer text)
          join batch_questions q on q.fingerprint = l.fingerprint and q.batch_id = p_batch order by 1 for update of q) known;
    insert into paid_answers (fingerprint, answer, keep_until)
    select l.fingerprint, l.answer, now() + p_keep from jsonb_to_recordset(p_lines) as l (fingerprint text, answer text)
    where l.fingerprint = any (v_answered) and exists (select from batch_question_uses u where u.fingerprint = l.fingerprint) order by 1
    on conflict (fingerprint) do update set answer = excluded.answer, keep_until = excluded.keep_until;
    insert into answer_uses (fingerprint, document_id)
    select u.fingerprint, u.document_id from batch_question_uses u where u.fingerprint = any (v_answered) order by 1, 2
    on conflict do nothing;
    perform pass_questions(p_batch, v_answered, v_failed);
end $$;

-- These are answered, those failed; documents that wait for no other question are sent on. For use inside other functions.
create or replace function pass_questions(p_batch uuid, p_answered text[], p_failed text[]) returns void language plpgsql as $$
declare
    v_documents uuid[] := array(
        select distinct document_id from batch_question_uses where fingerprint = any (p_answered) or fingerprint = any (p_failed));
begin
    delete from batch_questions where fingerprint = any (p_answered);
    update batch_questions set failed_at = now(), batch_id = null, request = null where fingerprint = any (p_failed);
    update paid_batches set answered = answered + coalesce(cardinality(p_answered), 0), failed = failed + coalesce(cardinality(p_failed), 0)
    where id = p_batch;
    update documents d set not_before = '-infinity' from (
        select id from documents x where x.id = any (v_documents) and x.lease_until is null and x.not_before > now() and not exists (
            select from batch_question_uses u join batch_questions q using (fingerprint) where u.document_id = x.id and q.failed_at is null)
        order by id for update) ready
    where d.id = ready.id;
    perform tell_due();
end $$;

-- The batch has ended. What it left unanswered has failed, and cost nothing; p_rest = 'unknown': it may have been paid for;
-- p_rest = 'again': it goes into another batch, the next of which is made after p_hold.
create or replace function end_batch(p_batch uuid, p_token bigint, p_state text, p_fault text, p_rest text, p_hold interval) returns void
language plpgsql as $$
declare
    v_rest text[];
    v_call uuid;
begin
    perform hold_batch(p_batch, p_token);
    v_rest := array(select fingerprint from batch_questions where batch_id = p_batch order by 1 for update);
    foreach v_call in array array(select question_call(p_batch, f) from unnest(v_rest) f) loop
        if p_rest = 'unknown' then
            perform end_call(v_call, null);
        else
            perform drop_call(v_call);
        end if;
    end loop;
    if p_rest = 'again' then
        update batch_questions set batch_id = null where batch_id = p_batch;
    else
        perform pass_questions(p_batch, null, v_rest);
    end if;
    update paid_batches set state = p_state, fault = nullif(p_fault, ''), ended_at = now(), held_until = now() + p_hold, taken_until = null
    where id = p_batch;
    perform drop_old_questions();
end $$;
