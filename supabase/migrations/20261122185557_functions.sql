set check_function_bodies = off;


-- Answers that were paid for. Each belongs to the documents that asked for it, and goes with the last of them, or when nobody
-- asked for it for long.

-- Those of these answers that are known; the document, if there is one, asked for them.
create or replace function take_answers(p_fingerprints text[], p_document uuid, p_keep interval)
returns table (fingerprint text, answer text) language plpgsql as $$
#variable_conflict use_column
begin
    insert into answer_uses (fingerprint, document_id)
    select a.fingerprint, d.id from paid_answers a cross join documents d
    where a.fingerprint = any (p_fingerprints) and d.id = p_document order by 1
    on conflict do nothing;
    update paid_answers a set keep_until = now() + p_keep
    from (select x.fingerprint from paid_answers x
          where x.fingerprint = any (p_fingerprints) and x.keep_until < now() + p_keep - interval '1 day'
          order by 1 for update skip locked) old
    where a.fingerprint = old.fingerprint;
    return query select a.fingerprint, a.answer from paid_answers a where a.fingerprint = any (p_fingerprints);
end $$;

-- Keep answers, for the document if there is one; what a document asked for that was deleted meanwhile is not kept.
create or replace function keep_answers(p_fingerprints text[], p_answers text[], p_document uuid, p_keep interval)
returns void language plpgsql as $$
begin
    if p_document is not null then
        perform from documents where id = p_document for key share;
        if not found then
            return;
        end if;
    end if;
    insert into paid_answers (fingerprint, answer, keep_until)
    select f, a, now() + p_keep from unnest(p_fingerprints, p_answers) x (f, a) order by 1
    on conflict (fingerprint) do update set answer = excluded.answer, keep_until = excluded.keep_until;
    insert into answer_uses (fingerprint, document_id)
    select f, p_document from unnest(p_fingerprints) f where p_document is not null order by 1
    on conflict do nothing;
end $$;

-- The document is deleted, or its content is another. For use inside other functions.
create or replace function forget_answers(p_document uuid) returns void language plpgsql as $$
declare
    v_own text[];
begin
    perform forget_questions(p_document, '{}');
    with gone as (delete from answer_uses where document_id = p_document returning fingerprint)
    select array_agg(fingerprint) into v_own from gone;
    -- Whoever asks for one meanwhile is seen by the second statement.
    perform from paid_answers where fingerprint = any (v_own) order by fingerprint for update;
    delete from paid_answers a
    where a.fingerprint = any (v_own) and not exists (select from answer_uses u where u.fingerprint = a.fingerprint);
end $$;

create or replace function drop_old_answers() returns void language sql as $$
    delete from paid_answers where fingerprint in (
        select fingerprint from paid_answers where keep_until < now() limit 1000 for update skip locked)
$$;

-- Keys of the HTTP API: known by their hash alone.

-- p_project: "" for all projects.
create or replace function create_api_key(p_name text, p_hash text, p_scope text, p_project text) returns uuid language sql as $$
    insert into api_keys (name, hash, scope, project_id)
    values (p_name, p_hash, p_scope, case when p_project <> '' then ensure_project(p_project) end) returning id
$$;

-- A key that may do everything, unless there is a valid one that does.
create or replace function first_api_key(p_name text, p_hash text) returns uuid language plpgsql as $$
begin
    lock table api_keys in share row exclusive mode;
    if not exists (select 1 from api_keys where revoked_at is null and scope = 'admin' and project_id is null) then
        return create_api_key(p_name, p_hash, 'admin', '');
    end if;
    return null;
end $$;

create or replace function list_api_keys()
returns table (id uuid, name text, scope text, project text, created_at timestamptz, last_used_at timestamptz, revoked_at timestamptz)
language sql stable as $$
    select k.id, k.name, k.scope, coalesce(p.name, ''), k.created_at, k.last_used_at, k.revoked_at
    from api_keys k left join projects p on p.id = k.project_id order by k.created_at, k.id
$$;

-- p_word: an id, or a name, which may stand for several. Returns the ids of those that were valid until now.
create or replace function revoke_api_keys(p_word text) returns uuid[] language sql as $$
    with revoked as (
        update api_keys set revoked_at = now() where revoked_at is null and (id::text = p_word or name = p_word) returning id
    )
    select coalesce(array_agg(id), '{}') from revoked
$$;

-- One key by its id; p_project: the only project whose keys may be revoked, "" for any.
create or replace function revoke_api_key(p_id uuid, p_project text) returns boolean language sql as $$
    with revoked as (
        update api_keys set revoked_at = now()
        where id = p_id and revoked_at is null
          and (p_project = '' or project_id = (select id from projects where name = p_project)) returning 1
    )
    select exists (select 1 from revoked)
$$;

-- No row: there is no such key, or it was revoked.
create or replace function use_api_key(p_hash text) returns table (id uuid, name text, scope text, project text) language sql as $$
    update api_keys set last_used_at = now()
    where hash = p_hash and revoked_at is null and coalesce(last_used_at < now() - interval '1 minute', true);
    select k.id, k.name, k.scope, coalesce(p.name, '') from api_keys k left join projects p on p.id = k.project_id
    where k.hash = p_hash and k.revoked_at is null;
$$;

create or replace function api_key_is_valid(p_id uuid) returns boolean language sql stable as $$
    select exists (select from api_keys where id = p_id and revoked_at is null)
$$;

-- People at the web page. Each of them acts with a key; hashes are SHA-256.

-- Open a session for a key, or for a link, which is void from then on; "" is the one that is not meant. No row: there is none, or its
-- key was revoked.
create or replace function open_api_session(p_key text, p_link text, p_hash text, p_idle interval, p_lifetime interval)
returns table (id uuid, name text, scope text, project text, ends_at timestamptz) language plpgsql as $$
declare
    v_key uuid;
begin
    delete from api_sessions s where s.ends_at <= now() or s.seen_at <= now() - p_idle;
    delete from api_links l where l.ends_at <= now();
    if p_link <> '' then
        delete from api_links l where l.hash = p_link returning l.key_id into v_key;
    else
        select k.id into v_key from api_keys k where k.hash = p_key;
    end if;
    insert into api_sessions (hash, key_id, ends_at)
    select p_hash, k.id, now() + p_lifetime from api_keys k where k.id = v_key and k.revoked_at is null;
    return query select u.id, u.name, u.scope, u.project, u.ends_at from use_api_session(p_hash, p_idle) u;
end $$;

-- The session, without counting as a use of it. No row: there is none, it has ended, or its key was revoked.
create or replace function live_session(p_hash text, p_idle interval) returns setof api_sessions language sql stable as $$
    select s.* from api_sessions s join api_keys k on k.id = s.key_id
    where s.hash = p_hash and s.ends_at > now() and s.seen_at > now() - p_idle and k.revoked_at is null
$$;

-- No row: as for live_session. ends_at: if nothing more is asked.
create or replace function use_api_session(p_hash text, p_idle interval)
returns table (id uuid, name text, scope text, project text, ends_at timestamptz) language sql as $$
    with live as (
        select key_id from live_session(p_hash, p_idle)
    ), seen as (
        update api_sessions s set seen_at = now() from live
        where s.hash = p_hash and s.seen_at < now() - least(p_idle / 10, interval '1 minute')
    )
    update api_keys k set last_used_at = now() from live
    where k.id = live.key_id and coalesce(k.last_used_at < now() - interval '1 minute', true);
    select k.id, k.name, k.scope, coalesce(p.name, ''), least(s.ends_at, s.seen_at + p_idle)
    from live_session(p_hash, p_idle) s join api_keys k on k.id = s.key_id left join projects p on p.id = k.project_id;
$$;

create or replace function end_api_session(p_hash text) returns boolean language sql as $$
    with ended as (delete from api_sessions where hash = p_hash returning 1) select exists (select 1 from ended)
$$;

-- A link for the newest valid key with this id or name; returns whether there is one.
create or replace function make_api_link(p_word text, p_hash text, p_lifetime interval) returns boolean language sql as $$
    with made as (
        insert into api_links (hash, key_id, ends_at)
        select p_hash, id, now() + p_lifetime from api_keys
        where revoked_at is null and (id::text = p_word or name = p_word) order by created_at desc, id limit 1 returning 1
    )
    select exists (select 1 from made)
$$;

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

-- What the HTTP API asks of documents, beside what the commands ask. p_project is the only project that may be seen; "" is any.

-- Queue uploaded files, as submit_documents takes them: [{document_id, source_path, outcome}]. With p_name (not "") a second call with the
-- same files changes nothing and returns what the first returned; with other files it returns null.
create or replace function submit_uploads(p_key uuid, p_name text, p_project text, p_files jsonb) returns jsonb language plpgsql as $$
declare
    v_fingerprint constant text := md5(p_project || p_files::text);
    v_before api_uploads;
    v_answer jsonb;
begin
    if p_name <> '' then
        delete from api_uploads where made_at < now() - interval '1 day';
        perform pg_advisory_xact_lock(hashtextextended(p_key::text || p_name, 0));
        select * into v_before from api_uploads where key_id = p_key and name = p_name;
        if found then
            return case when v_before.fingerprint = v_fingerprint then v_before.answer end;
        end if;
    end if;
    select jsonb_agg(to_jsonb(s)) into v_answer from submit_documents(p_project, p_files) s;
    if p_name <> '' then
        insert into api_uploads (key_id, name, fingerprint, answer) values (p_key, p_name, v_fingerprint, v_answer);
    end if;
    return v_answer;
end $$;

create or replace function file_of_document(p_document uuid, p_project text)
returns table (project text, storage_key text, file_name text, media_type text, sha256 text) language sql stable as $$
    select p.name, d.storage_key, d.file_name, d.media_type, d.sha256
    from documents d join projects p on p.id = d.project_id where d.id = p_document and p_project in ('', p.name)
$$;

-- What a document is to those who look at it; null: it was not read yet.
create or replace function document_format(p_media_type text) returns text language sql immutable as $$
    select case when p_media_type = '' then null
                when p_media_type = 'application/pdf' then 'pdf'
                when p_media_type like 'image/%' then 'image'
                when p_media_type like 'audio/%' or p_media_type like 'video/%' then 'audio'
                when p_media_type like 'message/%' or p_media_type in ('application/mbox', 'application/vnd.ms-outlook') then 'email'
                when p_media_type in ('text/html', 'application/xhtml+xml') then 'html'
                when p_media_type like 'text/%' or p_media_type in ('application/json', 'application/xml') then 'text'
                else 'office' end
$$;

-- What is told of a document wherever it is named. parts: its page ranges by state, empty if it is read as a whole.
create or replace function document_facts(d documents) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'document_id', d.id, 'project', (select name from projects where id = d.project_id), 'filename', d.file_name,
        'source_path', d.source_path, 'size', d.size, 'sha256', d.sha256, 'media_type', d.media_type,
        'format', document_format(d.media_type), 'language', d.language,
        'category', d.category, 'status', d.status, 'step', d.step, 'running', d.lease_until is not null,
        'waiting_for', d.waiting_for, 'error_code', d.error_code, 'error_message', d.error_message,
        'retries', d.retries + d.waits + d.crashes + d.vanished, 'parent_id', d.parent_id,
        'page_count', d.page_count, 'chunk_count', d.chunk_count, 'mention_count', d.mention_count,
        'created_at', d.created_at, 'updated_at', d.updated_at, 'finished_at', d.finished_at,
        'parts', (select coalesce(jsonb_object_agg(status, n), '{}') from (
            select status, count(*) as n from document_parts where document_id = d.id group by status) s))
$$;

-- The newest first, after the one that p_before and p_before_id name (null: from the newest). p_under: a LIKE pattern of paths.
create or replace function list_documents(p_project text, p_statuses text[], p_failed_steps text[], p_under text, p_parent uuid,
    p_before timestamptz, p_before_id uuid, p_limit integer)
returns table (document jsonb) language sql stable as $$
    select document_facts(d) from documents d
    where d.project_id = (select id from projects where name = p_project)
      and (p_statuses is null or d.status::text = any (p_statuses) or d.status = 'error' and d.step::text = any (p_failed_steps))
      and (p_under is null or d.source_path ilike p_under)
      and (p_parent is null or d.parent_id = p_parent)
      and (p_before is null or (d.created_at, d.id) < (p_before, p_before_id))
    order by d.created_at desc, d.id desc limit p_limit
$$;

create or replace function document_state(p_document uuid, p_project text) returns jsonb language sql stable as $$
    select document_facts(d) from documents d join projects p on p.id = d.project_id
    where d.id = p_document and p_project in ('', p.name)
$$;

-- The state, with metadata, and each page range: {number, first_page, last_page, status, error}.
create or replace function document_progress(p_document uuid, p_project text) returns jsonb language sql stable as $$
    select document_facts(d) || jsonb_build_object('metadata', d.metadata, 'ranges', (
        select coalesce(jsonb_agg(jsonb_build_object('number', r.number, 'first_page', r.first_page, 'last_page', r.last_page,
                                                     'status', r.status, 'error', r.error_message) order by r.number), '[]')
        from document_parts r where r.document_id = d.id))
    from documents d join projects p on p.id = d.project_id where d.id = p_document and p_project in ('', p.name)
$$;

-- The state with the whole text and what was found in it: pages, chunks, mentions, entities, relations, history, null unless p_parts names
-- them.
create or replace function document_results(p_document uuid, p_project text, p_parts text[]) returns jsonb language sql stable as $$
    select document_facts(d) || jsonb_build_object('metadata', d.metadata, 'text', d.text) || jsonb_build_object(
        'parent', (select jsonb_build_object('document_id', id, 'source_path', source_path) from documents where id = d.parent_id),
        'attachments', (
            select coalesce(jsonb_agg(jsonb_build_object('document_id', id, 'source_path', source_path, 'status', status)
                                      order by source_path collate "C"), '[]')
            from documents where parent_id = d.id),
        'pages', case when 'pages' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('number', number, 'start', start_offset, 'end', end_offset, 'source', source,
                                                         'confidence', confidence, 'width', width, 'height', height) order by number), '[]')
            from pages where document_id = d.id) end,
        'chunks', case when 'chunks' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('id', id, 'start', start_offset, 'end', end_offset, 'heading', heading, 'text', text)
                                      order by position), '[]')
            from chunks where document_id = d.id) end,
        'mentions', case when 'mentions' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('start', m.start_offset, 'end', m.end_offset, 'type', m.type, 'name', m.name,
                                                         'confidence', m.confidence, 'entity_id', e.entity_id) order by m.number), '[]')
            from mentions m left join canonical_entities e on e.name_id = m.entity_id where m.document_id = d.id) end,
        'entities', case when 'entities' = any (p_parts) then entities_in(d.id) end,
        'relations', case when 'relations' = any (p_parts) then relations_in(d.id) end,
        'history', case when 'history' = any (p_parts) then (
            select coalesce(jsonb_agg(jsonb_build_object('step', step, 'outcome', outcome, 'started_at', started_at, 'finished_at', finished_at,
                                                         'error_code', error_code, 'error_message', error_message) order by id), '[]')
            from document_processing_history where document_id = d.id) end)
    from documents d join projects p on p.id = d.project_id where d.id = p_document and p_project in ('', p.name)
$$;

-- [{id, name, type, mentions}]; how often each is mentioned in this document.
create or replace function entities_in(p_document uuid) returns jsonb language sql stable as $$
    with counted as (
        select e.entity_id, count(*) as mentions from mentions m join canonical_entities e on e.name_id = m.entity_id
        where m.document_id = p_document group by e.entity_id
    )
    select coalesce(jsonb_agg(jsonb_build_object('id', c.entity_id, 'name', s.name, 'type', s.type, 'mentions', c.mentions)
                              order by c.mentions desc, s.name collate "C"), '[]')
    from counted c join entity_summaries(array(select entity_id from counted)) s using (entity_id)
$$;

-- [{subject, predicate, object, evidence: [[start, end, confidence], …]}]; subject and object are ids of entities.
create or replace function relations_in(p_document uuid) returns jsonb language sql stable as $$
    with shown as (
        select case when r.predicate = 'CO_OCCURS_WITH' then least(s.entity_id, o.entity_id) else s.entity_id end as subject, r.predicate,
               case when r.predicate = 'CO_OCCURS_WITH' then greatest(s.entity_id, o.entity_id) else o.entity_id end as object,
               v.start_offset, v.end_offset, max(v.confidence) as confidence
        from relationship_evidence v
        join relationships r on r.id = v.relationship_id
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where v.document_id = p_document and s.entity_id <> o.entity_id group by 1, 2, 3, 4, 5
    ), gathered as (
        select subject, predicate, object,
               jsonb_agg(jsonb_build_array(start_offset, end_offset, confidence) order by start_offset, end_offset) as evidence
        from shown group by subject, predicate, object
    )
    select coalesce(jsonb_agg(to_jsonb(g) order by jsonb_array_length(evidence) desc, subject, predicate, object), '[]') from gathered g
$$;

create or replace function list_projects(p_project text) returns table (name text, documents bigint, created_at timestamptz)
language sql stable as $$
    select p.name, (select coalesce(sum(c.documents), 0)::bigint from project_counts(p.id) c), p.created_at
    from projects p where p_project in ('', p.name) order by p.name collate "C"
$$;

-- Which documents go next.

-- Take up to p_limit waiting documents, as long as no more than p_in_flight are on their way. The highest priority goes first; then
-- projects take turns: the next is of the project that has the fewest on their way, and among those of the one that has waited
-- longest for its turn. Read along the index that gives the order, even where the planner does not know yet how many wait.
create or replace function claim_documents(p_limit integer, p_in_flight integer)
returns table (document_id uuid, step pipeline_step) language plpgsql
set enable_seqscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
    v_free integer;
begin
    -- A claim that a crash of the database takes back is made again.
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(hashtext('claim_documents'));
    perform fold_counts(1000);
    -- Documents that wait for money, or for a batch, hold up nobody.
    select least(p_limit, p_in_flight - count(*)) into v_free from documents d
    where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and waits_for_budget(d) is not true
      and waits_for_batch(d) is not true;
    if v_free <= 0 then
        return;
    end if;
    return query
    with recursive first_of_each as (  -- from project to project along the index: those with nothing waiting cost nothing
        (select d.project_id, d.priority from documents d where d.status = 'pending'
         order by d.project_id, d.priority desc, d.created_at, d.id limit 1)
        union all
        select n.project_id, n.priority from first_of_each f cross join lateral (
            select d.project_id, d.priority from documents d where d.status = 'pending' and d.project_id > f.project_id
            order by d.project_id, d.priority desc, d.created_at, d.id limit 1) n
    ), moving as (
        select d.project_id, count(*) as documents from documents d
        where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') group by d.project_id
    ), served_next as (  -- whose first is behind so many others has no turn now; some more, in case that one's are locked
        select p.id, p.served_at, coalesce(m.documents, 0) as moving
        from first_of_each f join projects p on p.id = f.project_id left join moving m on m.project_id = p.id
        order by f.priority desc, moving, p.served_at nulls first, p.id limit v_free + 10
    ), in_order as (
        select w.id, row_number() over (order by w.priority desc, p.moving + w.turn, p.served_at nulls first, p.id) as place
        from served_next p cross join lateral (
            select d.id, d.priority, row_number() over (order by d.priority desc, d.created_at, d.id) as turn
            from documents d where d.project_id = p.id and d.status = 'pending'
            order by d.priority desc, d.created_at, d.id limit v_free) w
        order by place limit 2 * v_free + 10
    ), chosen as (
        select d.id, d.project_id, o.place from in_order o join documents d on d.id = o.id
        where d.status = 'pending' order by o.place limit v_free for update of d skip locked
    ), served as (
        update projects p set served_at = clock_timestamp() + c.place * interval '1 microsecond'
        from (select project_id, max(place) as place from chosen group by project_id) c where p.id = c.project_id
    )
    update documents d set status = 'queued', updated_at = now() from chosen
    where d.id = chosen.id
    returning d.id, d.step;
end $$;

-- What people ask of documents while everything runs: cancel, retry, reprocess, delete. Each returns what became of every document.

-- Documents of a project: by id, by LIKE patterns of paths (both null: all), in these states or in error at these steps (null: any).
create or replace function select_documents(p_project text, p_ids uuid[], p_paths text[], p_statuses text[], p_failed_steps text[])
returns uuid[] language sql stable as $$
    select coalesce(array_agg(d.id order by d.source_path collate "C"), '{}') from documents d join projects p on p.id = d.project_id
    where p.name = p_project
      and (p_ids is null and p_paths is null or d.id = any (p_ids) or d.source_path like any (p_paths))
      and (p_statuses is null or d.status::text = any (p_statuses) or d.status = 'error' and d.step::text = any (p_failed_steps))
$$;

-- By the clock, so that no token is given twice, not even to another document with the same id.
create or replace function new_token(p_old bigint) returns bigint language sql volatile as $$
    select greatest(p_old + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
$$;

-- Outcomes: cancelled, ended (nothing to cancel).
create or replace function cancel_documents(p_ids uuid[])
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := 'ended';
        if d.status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing') then
            outcome := 'cancelled';
            perform graph_is_outdated(d);
            if d.lease_until is not null then
                insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
                values (d.id, d.step, 'cancelled', d.worker, d.token, d.lease_started);
            end if;
            update documents set status = 'cancelled', token = new_token(d.token), lease_until = null, not_before = null,
                waiting_for = null, updated_at = now(), finished_at = now()
            where id = d.id;
        end if;
        return next;
    end loop;
end $$;

-- Start again at the step that failed; of a document that was read in part, the failed page ranges are read again. Outcomes: queued, completed, on_its_way.
create or replace function retry_documents(p_ids uuid[])
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := case when d.status = 'completed' then 'completed' else 'on_its_way' end;
        if d.status = 'partial_error' then
            perform restart_document(d.id, 'process_ocr');
            outcome := 'queued';
        elsif d.status in ('error', 'cancelled') then
            perform restart_document(d.id, d.step);
            outcome := 'queued';
        end if;
        return next;
    end loop;
end $$;

-- Run what is stale, and everything from p_from on unless it is null. Outcomes: queued, on_its_way.
create or replace function reprocess_documents(p_ids uuid[], p_from pipeline_step)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := 'on_its_way';
        if d.status in ('completed', 'partial_error', 'error', 'cancelled') then
            delete from document_steps where document_id = d.id and step >= p_from;
            delete from document_parts where document_id = d.id and p_from = 'process_ocr';
            perform restart_document(d.id, 'process_ocr');
            outcome := 'queued';
        end if;
        return next;
    end loop;
end $$;

-- Remove a document with its attachments, and their share in everything. Outcome: deleted.
create or replace function delete_document(p_document uuid)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_level uuid[] := array(select id from documents where id = p_document for update);
    v_family uuid[] := '{}';
    v_keys text[];
    v_relations uuid[];
begin
    -- From the top: nobody can give attachments to a document whose row is held here.
    while cardinality(v_level) > 0 loop
        v_family := v_family || v_level;
        v_level := array(select id from documents where parent_id = any (v_level) order by source_path collate "C" for update);
    end loop;
    v_relations := array(select distinct relationship_id from relationship_evidence where document_id = any (v_family));
    v_keys := array(select distinct storage_key from documents where id = any (v_family));
    return query select id, source_path, 'deleted' from documents where id = any (v_family) order by source_path collate "C";
    perform forget_results(id) from unnest(v_family) id;
    perform drop_relations(v_relations);
    delete from documents where id = p_document;
    perform note_unused_files(v_keys);
    perform pg_notify('nlp_pipeline_finished', p_document::text);
end $$;

-- Those of these files that no document uses are to be removed. For use inside other functions.
create or replace function note_unused_files(p_keys text[]) returns void language sql as $$
    insert into files_unused (storage_key)
    select key from unnest(p_keys) key where not exists (select from documents where storage_key = key) order by key
    on conflict (storage_key) do update set marked_by = null, marked_at = null, removed = false
$$;

-- Remove those of these relations that nothing shows any more.
create or replace function drop_relations(p_ids uuid[]) returns void language plpgsql as $$
begin
    -- Evidence that comes meanwhile is seen by the second statement, or refused and tried again by whoever brings it.
    perform from relationships where id = any (p_ids) order by id for update;
    delete from relationships r
    where r.id = any (p_ids) and not exists (select from relationship_evidence v where v.relationship_id = r.id);
end $$;

-- A file that a document uses is not to be removed. While somebody removes it, nobody can use it: that is to be tried again.
create or replace function keep_file() returns trigger language plpgsql as $$
begin
    delete from files_unused where storage_key = new.storage_key and coalesce(taken_until <= now(), true);
    if not found and exists (select from files_unused where storage_key = new.storage_key and taken_until > now()) then
        raise exception 'the file % is being removed', new.storage_key using errcode = '40001';
    end if;
    return new;
end $$;

create or replace trigger documents_file before insert or update of storage_key on documents
    for each row execute function keep_file();

-- Whoever stores files for documents to come says so before: until the claim is forgotten or over nobody removes them.
create or replace function expect_files(p_claim uuid, p_keys text[], p_lease interval) returns void language plpgsql as $$
begin
    insert into files_expected (storage_key, claim, until)
    select key, p_claim, now() + p_lease from (select distinct unnest(p_keys) as key) k order by key
    on conflict (storage_key, claim) do update set until = excluded.until;
    -- Whoever takes files holds the table above: what was taken before is seen here.
    if exists (select from files_unused where storage_key = any (p_keys) and taken_until > now()) then
        raise exception 'a file is being removed' using errcode = '40001';
    end if;
end $$;

-- The documents are there; what came to nothing is to be removed.
create or replace function forget_expected_files(p_claim uuid) returns void language plpgsql as $$
declare
    v_keys text[];
begin
    with over as (delete from files_expected where claim = p_claim returning storage_key)
    select array_agg(storage_key) into v_keys from over;
    perform note_unused_files(v_keys);
end $$;

-- Whether there are files to be removed; each is told of once in 10 seconds, until it is removed. What has had its time goes by the
-- way: it is called every few seconds.
create or replace function mark_unused_files() returns boolean language plpgsql as $$
begin
    perform drop_old_answers();
    perform end_lost_calls();
    perform forget_expected_files(claim) from (select distinct claim from files_expected where until <= now()) over;
    delete from files_unused where removed and marked_at < now() - interval '1 day';
    update files_unused u set marked_by = pg_current_xact_id(), marked_at = now()
    from (select storage_key from files_unused
          where not removed and (marked_at is null or marked_at < now() - interval '10 s') and coalesce(taken_until < now(), true) for update skip locked) due
    where u.storage_key = due.storage_key;
    return found;
end $$;

-- Up to p_limit files to be removed now; nobody can use them again until they are, or until p_lease is over.
create or replace function take_unused_files(p_limit integer, p_lease interval) returns setof text language plpgsql as $$
begin
    lock table files_expected in share mode;  -- whoever expects a file is waited for, or waits
    delete from files_unused u where exists (select from documents d where d.storage_key = u.storage_key);
    return query
    update files_unused u set taken_until = now() + p_lease
    from (select storage_key from files_unused
          where not removed and marked_by < pg_snapshot_xmin(pg_current_snapshot()) and coalesce(taken_until < now(), true)
            and not exists (select from files_expected e where e.storage_key = files_unused.storage_key)
          limit p_limit for update skip locked) due
    where u.storage_key = due.storage_key
    returning u.storage_key;
end $$;

-- The first were removed, the others are given back.
create or replace function files_removed(p_keys text[], p_given_back text[]) returns void language sql as $$
    update files_unused set removed = true, taken_until = null where storage_key = any (p_keys);
    update files_unused set taken_until = null where storage_key = any (p_given_back);
$$;

-- What paid services use, and budgets. p_prices: {model: {input, output: of a million tokens, page, minute, batch: the share of it that
-- is paid in a batch, half unless it is named}}.

-- Null: the model has no price. A model is called `NAME:batch` where it is asked in batches.
create or replace function usage_cost(p_prices jsonb, p_model text, p_input bigint, p_output bigint, p_pages bigint, p_seconds double precision)
returns numeric language sql immutable parallel safe as $$
    select (coalesce((m ->> 'input')::numeric, 0) * p_input / 1000000 + coalesce((m ->> 'output')::numeric, 0) * p_output / 1000000
            + coalesce((m ->> 'page')::numeric, 0) * p_pages + coalesce((m ->> 'minute')::numeric, 0) * p_seconds::numeric / 60)
           * case when p_prices ? p_model then 1 else coalesce((m ->> 'batch')::numeric, 0.5) end
    from (select coalesce(p_prices -> p_model, p_prices -> nullif(regexp_replace(p_model, ':batch$', ''), p_model)) as m) x where m is not null
$$;

-- Begin a paid call: p_most: {endpoint, model, input_tokens, output_tokens, pages, audio_seconds}. It is paid for by the document's
-- project, or else the one named. Null: it may be made. Else {message, wait}: it must not, and is to be asked for again after so
-- many seconds.
create or replace function begin_call(p_call uuid, p_document uuid, p_step pipeline_step, p_project text, p_most jsonb, p_prices jsonb, p_open_for interval)
returns jsonb language plpgsql as $$
declare
    c paid_calls := jsonb_populate_record(null::paid_calls, p_most);
    v_refusal jsonb;
begin
    c.id := p_call;
    c.document_id := p_document;
    c.step := p_step;
    c.open_until := now() + p_open_for;
    if p_document is not null then
        c.project_id := (select project_id from documents where id = p_document);
        if c.project_id is null then
            raise exception 'document % was deleted', p_document using errcode = 'NL001';
        end if;
    elsif p_project <> '' then
        c.project_id := ensure_project(p_project);
    end if;
    perform end_lost_calls();
    v_refusal := budget_refusal(c, p_prices);
    if v_refusal is null then
        insert into paid_calls select c.* on conflict (id) do nothing;
    end if;
    return v_refusal;
end $$;

-- Why this call must not be made. One call of a project is looked at at a time. For use inside begin_call.
create or replace function budget_refusal(c paid_calls, p_prices jsonb) returns jsonb language plpgsql as $$
declare
    v_amount numeric;
    v_used numeric;
    v_open numeric;
    v_own numeric := usage_cost(p_prices, c.model, c.input_tokens, c.output_tokens, c.pages, c.audio_seconds);
    v_unknown text;
    v_budget text := format('The budget of %s', (select name from projects where id = c.project_id));
begin
    select amount into v_amount from budgets where project_id = c.project_id for update;
    if not found or exists (select from paid_calls where id = c.id) then
        return null;
    end if;
    -- At one moment: a call that ends goes from one table to the other.
    select coalesce(sum(cost) filter (where not open), 0), coalesce(sum(cost) filter (where open), 0), min(model) filter (where cost is null)
    into v_used, v_open, v_unknown
    from (
        select false as open, u.* from project_usage u where u.project_id = c.project_id
        union all
        select true, o.project_id, o.model, o.input_tokens, o.output_tokens, o.pages, o.audio_seconds
        from paid_calls o where o.project_id = c.project_id) x
    cross join lateral usage_cost(p_prices, model, input_tokens, output_tokens, pages, audio_seconds) cost;
    if v_own is null or v_unknown is not null then
        return jsonb_build_object('wait', 600, 'message',
            format('%s cannot be kept: PRICES has no price of %s.', v_budget, case when v_own is null then c.model else v_unknown end));
    end if;
    if v_used + v_own > v_amount then
        return jsonb_build_object('wait', 600, 'message', format('%s is used up: %s are allowed.', v_budget, amount_text(v_amount)));
    elsif v_used + v_open + v_own > v_amount then
        return jsonb_build_object('wait', 15, 'message', format('%s is taken by calls under way: %s are allowed.', v_budget, amount_text(v_amount)));
    end if;
    return null;
end $$;

create or replace function amount_text(p_amount numeric) returns text language sql immutable parallel safe as $$
    select case when scale(trim_scale(p_amount)) > 2 then trim_scale(p_amount) else round(p_amount, 2) end::text
$$;

-- The call has ended; p_used: as p_most, null: nobody knows. False: its end was told before.
create or replace function end_call(p_call uuid, p_used jsonb) returns boolean language plpgsql as $$
declare
    c paid_calls;
begin
    delete from paid_calls where id = p_call returning * into c;
    if not found then
        return false;
    end if;
    perform count_usage(jsonb_populate_record(c, coalesce(p_used, '{}')), p_used is null);
    return true;
end $$;

-- The call was not made, or refused.
create or replace function drop_call(p_call uuid) returns boolean language sql as $$
    delete from paid_calls where id = p_call returning true
$$;

-- Calls whose end was waited for long enough: their worker died. They may have been paid for.
create or replace function end_lost_calls() returns void language plpgsql as $$
declare
    c paid_calls;
begin
    for c in
        delete from paid_calls where id in (select id from paid_calls where open_until < now() limit 100 for update skip locked) returning *
    loop
        perform count_usage(c, true);
    end loop;
end $$;

create or replace function count_usage(c paid_calls, p_guessed boolean) returns void language sql as $$
    insert into project_usage as u (project_id, model, input_tokens, output_tokens, pages, audio_seconds)
    select c.project_id, c.model, c.input_tokens, c.output_tokens, c.pages, c.audio_seconds where c.project_id is not null
    on conflict (project_id, model) do update set
        input_tokens = u.input_tokens + excluded.input_tokens, output_tokens = u.output_tokens + excluded.output_tokens,
        pages = u.pages + excluded.pages, audio_seconds = u.audio_seconds + excluded.audio_seconds;
    insert into paid_usage as u
        (project_id, document_id, step, endpoint, model, calls, guessed, input_tokens, output_tokens, pages, audio_seconds)
    values (c.project_id, c.document_id, c.step, c.endpoint, c.model, 1, p_guessed::integer, c.input_tokens, c.output_tokens, c.pages,
            c.audio_seconds)
    on conflict (project_id, document_id, step, endpoint, model) do update set
        calls = u.calls + 1, guessed = u.guessed + excluded.guessed,
        input_tokens = u.input_tokens + excluded.input_tokens, output_tokens = u.output_tokens + excluded.output_tokens,
        pages = u.pages + excluded.pages, audio_seconds = u.audio_seconds + excluded.audio_seconds;
$$;

-- By the words of budget_refusal.
create or replace function waits_for_budget(d documents) returns boolean language sql immutable parallel safe as $$
    select d.waiting_for like 'The budget of %' and d.lease_until is null and d.not_before is not null
$$;

-- Set a project's budget; null: none. Documents that wait for it are sent on at once.
create or replace function set_budget(p_project text, p_amount numeric) returns void language plpgsql as $$
declare
    v_project uuid := ensure_project(p_project);
begin
    if p_amount is null then
        delete from budgets where project_id = v_project;
    else
        insert into budgets (project_id, amount) values (v_project, p_amount)
        on conflict (project_id) do update set amount = excluded.amount;
    end if;
    update document_parts p set not_before = '-infinity' from documents d
    where d.project_id = v_project and d.status = 'processing_chunks' and d.waiting_for like 'The budget of %'
      and p.document_id = d.id and p.status = 'waiting' and p.not_before > now();
    update documents d set not_before = '-infinity'
    where d.project_id = v_project and on_its_way(d.status) and waits_for_budget(d) and d.not_before > now();
    update batch_questions set held_until = null where project_id = v_project and held_until is not null;
    perform tell_due();
end $$;

-- What a project's documents, models and steps used, and what that costs; null: unknown. Calls under way are not in it, unless their
-- end was waited for long enough.
create or replace function project_costs(p_project uuid, p_prices jsonb)
returns table (document_id uuid, step pipeline_step, endpoint text, model text, calls bigint, guessed bigint, input_tokens bigint,
               output_tokens bigint, pages bigint, audio_seconds double precision, cost numeric)
language sql stable as $$
    select u.document_id, u.step, u.endpoint, u.model, u.calls, u.guessed, u.input_tokens, u.output_tokens, u.pages, u.audio_seconds,
           usage_cost(p_prices, u.model, u.input_tokens, u.output_tokens, u.pages, u.audio_seconds)
    from (
        select x.document_id, x.step, x.endpoint, x.model, x.calls, x.guessed, x.input_tokens, x.output_tokens, x.pages, x.audio_seconds
        from paid_usage x where x.project_id = p_project
        union all
        select c.document_id, c.step, c.endpoint, c.model, 1, 1, c.input_tokens, c.output_tokens, c.pages, c.audio_seconds
        from paid_calls c where c.project_id = p_project and c.open_until < now()) u
$$;

-- A project's budget, null if it has none; what it has used and what is under way, null where a price is missing.
create or replace function budget_state(p_project uuid, p_prices jsonb)
returns table (amount numeric, used numeric, under_way numeric, unpriced text[]) language sql stable as $$
    with u as (select model, usage_cost(p_prices, model, input_tokens, output_tokens, pages, audio_seconds) as cost
               from project_usage where project_id = p_project),
         c as (select model, usage_cost(p_prices, model, input_tokens, output_tokens, pages, audio_seconds) as cost
               from paid_calls where project_id = p_project)
    select (select b.amount from budgets b where b.project_id = p_project), (select coalesce(sum(cost), 0) from u),
           (select coalesce(sum(cost), 0) from c),
           array(select model from u where cost is null union select model from c where cost is null order by 1)
$$;

-- How many documents of a project are in which state, and what they hold, without counting them.

-- As their owner: who may queue a document need not be allowed to change the counts.
create or replace function count_added() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
    select project_id, status, step, count(*), sum(page_count), sum(chunk_count), sum(mention_count) from added
    where not on_its_way(status) group by project_id, status, step;
    return null;
end $$;

create or replace function count_removed() returns trigger language plpgsql security definer set search_path from current as $$
begin
    insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
    select project_id, status, step, -count(*), -sum(page_count), -sum(chunk_count), -sum(mention_count) from removed
    where not on_its_way(status) group by project_id, status, step;
    return null;
end $$;

create or replace function count_changed() returns trigger language plpgsql security definer set search_path from current as $$
begin
    if not on_its_way(old.status) then
        insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
        values (old.project_id, old.status, old.step, -1, -old.page_count, -old.chunk_count, -old.mention_count);
    end if;
    if not on_its_way(new.status) then
        insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)
        values (new.project_id, new.status, new.step, 1, new.page_count, new.chunk_count, new.mention_count);
    end if;
    return null;
end $$;

create or replace function on_its_way(p_status document_status) returns boolean language sql immutable parallel safe as $$
    select p_status in ('queued', 'extracting', 'processing_chunks', 'processing')
$$;

create or replace trigger documents_added after insert on documents
    referencing new table as added for each statement execute function count_added();
create or replace trigger documents_removed after delete on documents
    referencing old table as removed for each statement execute function count_removed();
create or replace trigger documents_changed after update on documents
    for each row when (
        not (on_its_way(old.status) and on_its_way(new.status))
        and (old.project_id, old.status, old.step, old.page_count, old.chunk_count, old.mention_count)
            is distinct from (new.project_id, new.status, new.step, new.page_count, new.chunk_count, new.mention_count))
    execute function count_changed();

-- Fold up to p_most loose changes into the row of their project and state. By one caller at a time.
create or replace function fold_counts(p_most integer) returns void language sql as $$
    with loose as (
        delete from document_counts
        where ctid = any (array(select ctid from document_counts where not folded limit p_most))
        returning project_id, status, step, documents, pages, chunks, mentions
    )
    insert into document_counts as c (project_id, status, step, documents, pages, chunks, mentions, folded)
    select project_id, status, step, sum(documents), sum(pages), sum(chunks), sum(mentions), true
    from loose group by project_id, status, step
    on conflict (project_id, status, step) where folded do update set
        documents = c.documents + excluded.documents, pages = c.pages + excluded.pages,
        chunks = c.chunks + excluded.chunks, mentions = c.mentions + excluded.mentions
$$;

-- Documents of a project by state and step, with the pages, chunks and mentions that they hold.
create or replace function project_counts(p_project uuid)
returns table (status document_status, step pipeline_step, documents bigint, pages bigint, chunks bigint, mentions bigint)
language sql stable as $$
    select status, step, sum(documents)::bigint, sum(pages)::bigint, sum(chunks)::bigint, sum(mentions)::bigint from (
        select status, step, documents, pages, chunks, mentions from document_counts where project_id = p_project
        union all
        select status, step, 1, page_count, chunk_count, mention_count from documents
        where project_id = p_project and status in ('queued', 'extracting', 'processing_chunks', 'processing')) s
    group by status, step having sum(documents) <> 0
$$;

-- Leases that ended without a word from their holder: whom that speaks against, and when it is enough.

-- Whether a step is given up: its process died so often by itself, or its whole worker vanished twice as often, in a row. A worker
-- vanishes when its machine fails or somebody kills it, together with everything that it held; that is bad luck and no proof.
create or replace function given_up(p_crashes integer, p_vanished integer, p_most integer) returns boolean language sql immutable as $$
    select p_crashes >= p_most or p_vanished >= 2 * p_most
$$;

create or replace function set_aside(d documents, p_times integer) returns void language sql as $$
    select end_with_error(d.id, 'worker_killed', format(
        'The worker died %s times while working on this document (%s); it was set aside so that others can go on.', p_times, d.step))
$$;

-- The process that held the lease died and its worker tells of it. The document is sent on at once, or set aside.
create or replace function report_crash(p_document uuid, p_worker text, p_most_crashes integer) returns void language plpgsql as $$
declare
    d documents;
begin
    perform end_turns_of(p_worker);
    select * into d from documents where id = p_document and worker = p_worker and lease_until is not null
        and status in ('extracting', 'processing_chunks', 'processing') for update;
    if not found then
        return;
    end if;
    insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
    values (d.id, d.step, 'crashed', d.worker, d.token, d.lease_started);
    update documents set crashes = crashes + 1, lease_until = null, not_before = '-infinity', updated_at = now() where id = d.id;
    if given_up(d.crashes + 1, 0, p_most_crashes) then
        perform set_aside(d, d.crashes + 1);
    end if;
    perform tell_due();
end $$;

-- The same for a page range.
create or replace function report_part_crash(p_document uuid, p_number integer, p_worker text, p_most_crashes integer)
returns void language plpgsql as $$
declare
    p document_parts;
begin
    select * into p from document_parts where document_id = p_document and number = p_number and worker = p_worker
        and status = 'running' for update;
    if not found then
        return;
    end if;
    perform note_part(p, 'crashed', null, null);
    update document_parts set status = 'waiting', crashes = crashes + 1, lease_until = null, not_before = '-infinity', updated_at = now()
    where document_id = p_document and number = p_number;
    if given_up(p.crashes + 1, 0, p_most_crashes) then
        perform end_part(p, 'worker_killed', format('The worker died %s times while reading them.', p.crashes + 1));
    end if;
    perform tell_due();
end $$;

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

-- Which model's vectors the chunks hold, and the change to another: a second column is filled in the background, then takes the
-- place of the first. Locks are taken in this order: changes of spaces, spaces, chunks. What changes columns does so as their owner:
-- who works on documents need not be it.

create or replace function list_embeddings()
returns table (id uuid, engine text, dimension integer, settings jsonb, active boolean, fault text) language sql stable as $$
    select s.id, s.engine, s.dimension, s.settings, s.active, s.fault from embedding_spaces s order by s.active desc
$$;

-- Length of the vectors that the chunks hold.
create or replace function chunk_dimension() returns integer language sql stable as $$
    select atttypmod from pg_attribute where attrelid = 'chunks'::regclass and attname = 'embedding' and not attisdropped
$$;

-- The active space. While there are no vectors it is the one that is asked for; later it only learns how its engine is built now.
create or replace function open_embeddings(p_engine text, p_dimension integer, p_settings jsonb)
returns setof embedding_spaces language plpgsql security definer set search_path from current as $$
declare
    s embedding_spaces;
begin
    perform pg_advisory_xact_lock(hashtext('embedding_spaces'));
    select * into s from embedding_spaces where active;
    if s.engine = p_engine then
        update embedding_spaces set settings = p_settings where active and settings <> p_settings;
    elsif s.id is null and p_dimension = chunk_dimension() then
        insert into embedding_spaces (engine, dimension, settings, active) values (p_engine, p_dimension, p_settings, true);
    elsif not exists (select from chunks) then
        delete from embedding_spaces where active;
        lock table chunks in access exclusive mode;
        if exists (select from chunks) then
            raise exception 'vectors arrived meanwhile' using errcode = '40001';
        end if;
        execute format('alter table chunks alter column embedding type vector(%s)', p_dimension);
        insert into embedding_spaces (engine, dimension, settings, active) values (p_engine, p_dimension, p_settings, true);
    elsif s.id is null then
        insert into embedding_spaces (engine, dimension, active) values ('unknown', chunk_dimension(), true);
    end if;
    return query select * from embedding_spaces where active;
end $$;

-- Begin the change to another model, or go on with it. A change to a third one is given up.
create or replace function change_embeddings(p_engine text, p_dimension integer, p_settings jsonb)
returns setof embedding_spaces language plpgsql security definer set search_path from current set lock_timeout = '30s' as $$
begin
    perform pg_advisory_xact_lock(hashtext('embedding_spaces'));
    if not exists (select from embedding_spaces where not active and engine = p_engine) then
        perform cancel_embeddings();
        execute format('alter table chunks add column next_embedding vector(%s)', p_dimension);
        create index chunks_unfilled on chunks (id) where next_embedding is null;
        create index chunks_next_embedding on chunks using hnsw (next_embedding vector_cosine_ops);
        insert into embedding_spaces (engine, dimension, settings, active) values (p_engine, p_dimension, p_settings, false);
    end if;
    update embedding_spaces set settings = p_settings, fault = '' where not active;
    perform tell_due();
    return query select * from embedding_spaces where not active;
end $$;

-- Give the change up; the vectors made so far are dropped.
create or replace function cancel_embeddings() returns boolean language plpgsql
security definer set search_path from current set lock_timeout = '30s' as $$
begin
    perform pg_advisory_xact_lock(hashtext('embedding_spaces'));
    delete from embedding_spaces where not active;
    if not found then
        return false;
    end if;
    alter table chunks drop column next_embedding;
    return true;
end $$;

create or replace function chunk_digest(p_heading text, p_text text) returns text language sql immutable as $$
    select md5(concat_ws(chr(31), p_heading, p_text))
$$;

-- Up to p_limit chunks that have no vector of this space and that nobody computes one for; they are left to the caller for p_lease.
create or replace function take_unfilled(p_space uuid, p_limit integer, p_lease interval)
returns table (chunk_id uuid, heading text, passage text, digest text, project text) language plpgsql
set enable_seqscan = off set enable_sort = off as $$
#variable_conflict use_column
begin
    perform from embedding_spaces where id = p_space and not active for no key update;
    if not found then
        return;
    end if;
    return query
    with taken as (
        insert into embedding_portions (chunk_id, space_id, lease_until)
        select c.id, p_space, clock_timestamp() + p_lease from chunks c
        where c.next_embedding is null
          and not exists (select from embedding_portions p where p.chunk_id = c.id and p.lease_until > clock_timestamp())
        order by c.id limit p_limit
        on conflict (chunk_id) do update set space_id = excluded.space_id, lease_until = excluded.lease_until
        returning chunk_id
    )
    select c.id, c.heading, c.text, chunk_digest(c.heading, c.text), p.name
    from taken t join chunks c on c.id = t.chunk_id join projects p on p.id = c.project_id;
end $$;

-- p_vectors: [{chunk, digest, embedding: "[…]"}]. A chunk that has another text by now, or is gone, is passed over.
create or replace function save_vectors(p_space uuid, p_vectors jsonb) returns integer language plpgsql as $$
declare
    v_saved integer;
begin
    perform from embedding_spaces where id = p_space and not active for key share;
    if not found then
        return 0;
    end if;
    update chunks c set next_embedding = x.embedding::vector
    from jsonb_to_recordset(p_vectors) as x (chunk uuid, digest text, embedding text)
    where c.id = x.chunk and chunk_digest(c.heading, c.text) = x.digest;
    get diagnostics v_saved = row_count;
    delete from embedding_portions where chunk_id in (select (x ->> 'chunk')::uuid from jsonb_array_elements(p_vectors) x);
    update embedding_spaces set fault = '' where id = p_space and fault <> '';
    return v_saved;
end $$;

-- Whether that is news.
create or replace function note_embedding_fault(p_space uuid, p_fault text) returns boolean language plpgsql as $$
begin
    update embedding_spaces set fault = p_fault where id = p_space and not active and fault <> p_fault;
    return found;
end $$;

-- Change over if every chunk has its next vector; false if one has none, or if chunks are being read for too long just now.
create or replace function finish_embeddings(p_space uuid) returns boolean language plpgsql
security definer set search_path from current set lock_timeout = '3s' as $$
begin
    perform pg_advisory_xact_lock(hashtext('embedding_spaces'));
    perform from embedding_spaces where id = p_space and not active for update;
    if not found then
        return false;
    elsif exists (select from chunks where next_embedding is null) then
        return false;
    end if;
    lock table chunks in access exclusive mode;
    if exists (select from chunks where next_embedding is null) then
        return false;
    end if;
    delete from embedding_spaces where active;
    update embedding_spaces set active = true, fault = '' where id = p_space;
    delete from embedding_portions;
    drop index chunks_unfilled;
    alter table chunks drop column embedding;
    alter table chunks rename column next_embedding to embedding;
    alter table chunks alter column embedding set not null;
    alter index chunks_next_embedding rename to chunks_embedding;
    return true;
exception when lock_not_available then
    return false;
end $$;

-- Chunks, and those that have no vector of the next model yet; 0 while no change is under way.
create or replace function embedding_progress() returns table (chunks bigint, unfilled bigint) language plpgsql stable as $$
begin
    chunks := (select count(*) from chunks);
    unfilled := 0;
    if exists (select from embedding_spaces where not active) then
        unfilled := (select count(*) from chunks where next_embedding is null);
    end if;
    return next;
end $$;

-- Vectors of another model must not be mixed in. For use inside functions that hold a lock on chunks.
create or replace function require_embeddings(p_space uuid) returns void language plpgsql stable as $$
begin
    if p_space is not null and not exists (select from embedding_spaces where id = p_space and active) then
        raise exception 'the embeddings were changed meanwhile' using errcode = '40001';
    end if;
end $$;

-- They change tables with the right of their owner: not for everybody who may connect.
revoke execute on function open_embeddings(text, integer, jsonb), change_embeddings(text, integer, jsonb), cancel_embeddings(),
    finish_embeddings(uuid) from public;

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

-- What changed, for those who watch documents. Rows bear the time at which their transaction began, and appear when it ends: whoever looks again
-- and again asks for what changed since the horizon of the time before, and passes over what is known.

-- A moment before which nothing will appear any more. Who only reads for long holds nothing back.
create or replace function changes_horizon() returns timestamptz language sql volatile as $$
    select greatest(least(now(), min(xact_start)), now() - interval '10 min') - interval '1 s' from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
      and (backend_xid is not null or xact_start > now() - interval '1 min')
$$;

-- Of these projects up to p_limit documents that changed since, the first to change first, and those whose page ranges are being read (the
-- row of such a document does not change with each range).
create or replace function changed_documents(p_projects text[], p_since timestamptz, p_limit integer)
returns table (project text, document jsonb) language plpgsql stable
set enable_seqscan = off set enable_sort = off as $$  -- along the index, whatever the planner thinks of a moment that it does not know
#variable_conflict use_column
declare
    v_projects uuid[] := array(select id from projects where name = any (p_projects));
begin
    return query
    with moved as (
        select id, updated_at from documents where updated_at >= p_since and project_id = any (v_projects)
        order by updated_at limit p_limit
    ), seen as (
        select id from moved
        union
        select id from documents where status in ('queued', 'extracting', 'processing_chunks', 'processing')
            and status = 'processing_chunks' and project_id = any (v_projects)
    )
    select p.name, document_news(d) from seen s join documents d on d.id = s.id join projects p on p.id = d.project_id
    order by d.updated_at;
end $$;

-- Less than document_facts says, and quicker.
create or replace function document_news(d documents) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'document_id', d.id, 'source_path', d.source_path, 'status', d.status, 'step', d.step, 'error_message', d.error_message,
        'waiting_for', d.waiting_for, 'updated_at', d.updated_at,
        'parts', case when d.step = 'process_ocr' then (select coalesce(jsonb_object_agg(status, n), '{}') from (
            select status, count(*) as n from document_parts where document_id = d.id group by status) s) else '{}' end)
$$;

create or replace function known_documents(p_documents uuid[]) returns uuid[] language sql stable as $$
    select coalesce(array_agg(id), '{}') from documents where id = any (p_documents)
$$;

-- p_project is the only project that may be seen; "" is any.
create or replace function news_of_document(p_document uuid, p_project text)
returns table (project text, document jsonb) language sql stable as $$
    select p.name, document_news(d) from documents d join projects p on p.id = d.project_id
    where d.id = p_document and p_project in ('', p.name)
$$;

-- What the graph is told, and when.

-- Note that the graph is being told of this document. Returns the documents whose figures are now to be brought up to date
-- there: p_most at the latest (of a large project an eighth, as counting what it holds grows with it; 16 times p_most at most), and
-- all when no other document of the project is on its way.
create or replace function tell_of_document(p_document uuid, p_token bigint, p_most integer) returns setof uuid language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'build_relationships', p_token);
    v_touched bigint;
    v_enough boolean;
begin
    update documents set graph_token = p_token where id = p_document;
    insert into graph_touched (document_id, project_id) values (d.id, d.project_id) on conflict do nothing;
    select count(*) into v_touched from graph_touched t where t.project_id = d.project_id;
    v_enough := v_touched >= p_most and v_touched >= least(16 * p_most, (
        select coalesce(sum(documents) / 8, 0) from document_counts where project_id = d.project_id and status = 'completed'));
    if v_enough or not graph_busy(d.project_id) then
        return query select t.document_id from graph_touched t where t.project_id = d.project_id;
    end if;
end $$;

-- Whether a document of the project is on its way that the graph was not told of. Where most are, to read the table from its
-- beginning looks quickest, and is the slowest for the project that has none.
create or replace function graph_busy(p_project uuid) returns boolean language sql stable set enable_seqscan = off as $$
    select exists (
        select from documents d
        where d.project_id = p_project and d.graph_token <> d.token
          and d.status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing'))
$$;

-- The graph is to be made to hold what the database says of this document, which was told of and is to be deleted, stopped or read
-- anew. For use inside other functions.
create or replace function graph_is_outdated(d documents) returns void language sql as $$
    insert into graph_outdated (document_id, project_id, again_at)
    select d.id, d.project_id, greatest(d.lease_until, now()) + interval '30 s' * case when d.lease_until is not null then 1 end
    where d.token > 0
    on conflict (document_id) do update set
        number = default, not_before = now(), again_at = greatest(graph_outdated.again_at, excluded.again_at)
$$;

-- Up to p_most documents of which the graph is to be made to hold what the database says, each with the number of its note.
-- What is said of those that stand counts among what all documents say.
create or replace function outdated_documents(p_project uuid, p_most integer)
returns table (document_id uuid, number bigint) language plpgsql as $$
#variable_conflict use_column
begin
    return query
    select o.document_id, o.number from graph_outdated o
    where o.project_id = p_project and o.not_before <= now() order by 1 limit p_most;
    insert into graph_touched (document_id, project_id)
    select d.id, p_project from graph_outdated o join documents d on d.id = o.document_id
    where o.project_id = p_project and o.not_before <= now() and d.graph_token <> -1
    on conflict do nothing;
end $$;

-- The graph was told. What was noted meanwhile stays, and what a worker may still write is looked after once more.
create or replace function outdated_done(p_project uuid, p_ids uuid[], p_numbers bigint[]) returns void language sql as $$
    delete from graph_outdated o using unnest(p_ids, p_numbers) as done (id, number)
    where o.document_id = done.id and o.number = done.number and coalesce(o.again_at <= o.not_before, true);
    update graph_outdated o set not_before = o.again_at from unnest(p_ids, p_numbers) as done (id, number)
    where o.document_id = done.id and o.number = done.number;
    update projects set graph_asked_at = null where id = p_project;
$$;

-- Projects whose graph waits to be brought up to date: because of what was removed, or of figures or changes although no document is
-- on its way. Each is told of once in 10 seconds until it is done.
create or replace function ask_for_graphs() returns setof uuid language sql as $$
    update projects p set graph_asked_at = now()
    where (p.graph_asked_at is null or p.graph_asked_at < now() - interval '10 s')
      and not exists (select from graph_turns t where t.project_id = p.id and t.until >= now())  -- or workers would stand in line
      and (exists (select from graph_outdated o where o.project_id = p.id and o.not_before <= now())
           or (exists (select from graph_changes c where c.project_id = p.id) and not graph_busy(p.id))
           or (exists (select from graph_touched t where t.project_id = p.id and t.touched_at < now() - interval '2 s')
               and not graph_busy(p.id)))
    returning p.id
$$;

-- What the graph must hold follows from these tables alone: documents, and of those that it was told of their chunks and mentions, the
-- entities that they name, and the pairs that they show. What others say does not count.

-- Whether chunks, mentions and relations of the document are in the graph.
create or replace function was_told(d documents) returns boolean language sql immutable parallel safe as $$
    select d.graph_token <> -1 or d.status in ('completed', 'partial_error')
$$;

-- Whether the document has a node in the graph.
create or replace function has_node(d documents) returns boolean language sql stable parallel safe as $$
    select was_told(d) or d.step > 'create_document_node'
        or exists (select from document_steps s where s.document_id = d.id and s.step = 'create_document_node')
$$;

-- Whether the document will still be worked on, and the graph be told of it again.
create or replace function comes_again(p_status document_status) returns boolean language sql immutable parallel safe as $$
    select p_status in ('pending', 'queued', 'extracting', 'processing_chunks', 'processing')
$$;

-- The pairs of these entities with any other, the smaller id first: passages and documents. p_smaller: only pairs in which the given
-- entity is the first.
create or replace function graph_pairs(p_entities uuid[], p_smaller boolean default false)
returns table (subject_id uuid, object_id uuid, weight bigint, documents bigint) language sql stable as $$
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), related as (
        select n.entity_id as one, x.entity_id as other, r.id
        from names n
        join relationships r on r.subject_id = n.name_id and r.predicate = 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.object_id
        union all
        select n.entity_id, x.entity_id, r.id
        from names n
        join relationships r on r.object_id = n.name_id and r.predicate = 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.subject_id
    ), pairs as (
        select distinct least(one, other) as a, greatest(one, other) as b, id from related
        where one < other or one > other and not p_smaller
    )
    select p.a, p.b, count(distinct (v.document_id, v.start_offset, v.end_offset)), count(distinct v.document_id)
    from pairs p
    join relationship_evidence v on v.relationship_id = p.id
    join documents d on d.id = v.document_id
    where was_told(d)
    group by 1, 2
$$;

-- The typed relations of these entities with any other: passages, documents, and the highest confidence. p_subjects: only those in
-- which the given entity is the subject.
create or replace function graph_related(p_entities uuid[], p_subjects boolean default false)
returns table (subject_id uuid, predicate text, object_id uuid, evidence bigint, documents bigint, confidence real)
language plpgsql stable as $$
#variable_conflict use_column
begin
    if not exists (select from entities e join relationships r on r.project_id = e.project_id
                   where e.id = any (p_entities) and r.predicate <> 'CO_OCCURS_WITH') then
        return;
    end if;
    return query
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), related as (
        select n.entity_id as subject, r.predicate, x.entity_id as object, r.id
        from names n
        join relationships r on r.subject_id = n.name_id and r.predicate <> 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.object_id
        union
        select x.entity_id, r.predicate, n.entity_id, r.id
        from names n
        join relationships r on r.object_id = n.name_id and r.predicate <> 'CO_OCCURS_WITH'
        join canonical_entities x on x.name_id = r.subject_id
        where not p_subjects
    )
    select t.subject, t.predicate, t.object, count(distinct (v.document_id, v.start_offset, v.end_offset)),
           count(distinct v.document_id), max(v.confidence)
    from related t
    join relationship_evidence v on v.relationship_id = t.id
    join documents d on d.id = v.document_id
    where t.subject <> t.object and was_told(d)
    group by 1, 2, 3;
end $$;

-- Those among them that these documents show.
create or replace function related_of(p_documents uuid[])
returns table (subject_id uuid, predicate text, object_id uuid, evidence bigint, documents bigint, confidence real)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_shown uuid[] := array(
        select distinct s.entity_id
        from documents d
        join relation_mentions t on t.document_id = d.id
        join mentions m on m.document_id = d.id and m.number = t.subject
        join canonical_entities s on s.name_id = m.entity_id
        where d.id = any (p_documents));
begin
    return query select * from graph_related(v_shown, true);
end $$;

-- Documents that a service reads by itself: handed over, submitted as a job, looked at until it has ended. In between no worker and no
-- lease is held: the document is `extracting`, and not_before says when it is looked at again.

-- Commit that a service is to read the file; the document's lease ends.
create or replace function hand_over(p_document uuid, p_token bigint, p_media_type text, p_metadata jsonb, p_children jsonb,
                                     p_pages integer default 0)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    insert into document_jobs (document_id, engine, pages) values (p_document, d.lease_engine, p_pages)
    on conflict (document_id) do update set engine = excluded.engine, pages = excluded.pages, job = null, submitted_at = null;
    perform add_children(d, p_children);
    update documents set media_type = p_media_type, metadata = p_metadata, lease_until = null, updated_at = now() where id = p_document;
end $$;

-- End the lease, because another task goes on. Returns the document's job, '' if it is yet to be submitted; null: it is not
-- handed over to the engine of this lease.
create or replace function pass_on(p_document uuid, p_token bigint) returns text language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    update documents set lease_until = null, updated_at = now() where id = p_document;
    return (select coalesce(job, '') from document_jobs where document_id = p_document and engine = d.lease_engine);
end $$;

create or replace function save_job(p_document uuid, p_token bigint, p_job text) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    update document_jobs set job = p_job, submitted_at = now() where document_id = p_document and engine = d.lease_engine;
end $$;

-- The job came to nothing: the next one is another.
create or replace function drop_job(p_document uuid, p_token bigint) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    update document_jobs set job = null, submitted_at = null, attempt = attempt + 1 where document_id = d.id;
end $$;

-- Keep some of a job's pages until the last have come. p_pages: as commit_pages takes them, offsets into p_text.
create or replace function save_job_part(p_document uuid, p_token bigint, p_number integer, p_first integer, p_last integer, p_text text, p_pages jsonb)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from document_parts where document_id = d.id and number = p_number;
    insert into document_parts (document_id, number, first_page, last_page, status, text, pages)
    values (d.id, p_number, p_first, p_last, 'done', p_text, p_pages);
end $$;

-- Commit `process_ocr` of a document that a service has read: p_parts were saved; p_failed: [{number, reason}], pages that could not
-- be read, or not as a whole.
create or replace function commit_job(p_document uuid, p_token bigint, p_parts integer, p_failed jsonb) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
    v_torn integer[];
begin
    delete from document_parts where document_id = p_document and number > p_parts;
    v_torn := array(
        select x.number from jsonb_to_recordset(p_failed) as x (number integer)
        join document_parts p on p.document_id = p_document and x.number between p.first_page and p.last_page order by 1);
    insert into document_parts (document_id, number, first_page, last_page, status, error_code, error_message)
    select p_document, p_parts + row_number() over (order by x.number), x.number, x.number, 'failed', 'page_failed', x.reason
    from jsonb_to_recordset(p_failed) as x (number integer, reason text) where x.number <> all (v_torn);
    update document_jobs set engine = null, job = null, submitted_at = null, attempt = attempt + 1 where document_id = p_document;
    perform put_together(d, v_torn);
end $$;

-- These jobs have ended: look at them now. Returns those that somebody was looking at already, maybe a moment too early.
create or replace function wake_jobs(p_jobs text[]) returns text[] language plpgsql as $$
begin
    update documents d set not_before = '-infinity' from document_jobs j
    where j.job = any (p_jobs) and d.id = j.document_id and d.lease_until is null and d.not_before is not null;
    perform tell_due();
    return array(
        select j.job from document_jobs j join documents d on d.id = j.document_id
        where j.job = any (p_jobs) and d.lease_until is not null order by 1);
end $$;

-- What changes the state of a document. Each function is one transaction; a token that is no longer the newest is refused.

create or replace function check_move() returns trigger language plpgsql as $$
begin
    if not exists (select from permitted_moves m where m.old = old.status and m.new = new.status) then
        raise exception 'a document cannot go from % to %', old.status, new.status using errcode = 'NL002';
    end if;
    return new;
end $$;

create or replace trigger documents_move before update of status on documents
    for each row when (old.status is distinct from new.status) execute function check_move();

create or replace function tell_waiting() returns trigger language plpgsql as $$
begin
    perform pg_notify('nlp_pipeline_pending', new.project_id::text);
    return null;
end $$;

create or replace trigger documents_inserted after insert on documents
    for each row when (new.status = 'pending') execute function tell_waiting();
create or replace trigger documents_waiting_again after update of status on documents
    for each row when (new.status = 'pending' and old.status is distinct from 'pending') execute function tell_waiting();

create or replace function tell_finished() returns trigger language plpgsql as $$
begin
    perform pg_notify('nlp_pipeline_finished', new.id::text);
    return null;
end $$;

create or replace trigger documents_finished after update of status on documents
    for each row when (new.status in ('completed', 'partial_error', 'error', 'cancelled') and old.status is distinct from new.status)
    execute function tell_finished();

create or replace function derived_id(variadic p_parts text[]) returns uuid language sql immutable parallel safe as $$
    select md5(array_to_string(p_parts, chr(31)))::uuid
$$;

create or replace function ensure_project(p_name text) returns uuid language sql as $$
    insert into projects (id, name) values (derived_id('project', p_name), p_name) on conflict do nothing;
    select id from projects where name = p_name;
$$;

-- Queue files: [{source_path, file_name, storage_key, size, sha256, priority}]. A file known by path with the same content is left
-- alone, unless it failed for a reason that may have passed; new content under a known path is processed from the start, and what
-- came of the old is forgotten.
create or replace function submit_documents(p_project text, p_files jsonb)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_project uuid := ensure_project(p_project);
    f record;
    d documents;
begin
    for f in select * from jsonb_to_recordset(p_files) as x
            (source_path text, file_name text, storage_key text, size bigint, sha256 text, priority integer) loop
        insert into documents (id, project_id, source_path, file_name, storage_key, size, sha256, priority)
        values (derived_id('document', v_project::text, f.source_path), v_project, f.source_path, f.file_name, f.storage_key,
                coalesce(f.size, 0), coalesce(f.sha256, ''), coalesce(f.priority, 0))
        on conflict do nothing returning * into d;
        if found then
            outcome := 'submitted';
        else
            select * into d from documents x
            where x.project_id = v_project and x.source_path = f.source_path for update;
            if d.sha256 <> f.sha256 then
                perform cancel_documents(array[d.id]);  -- whoever reads the old content loses its lease
                perform delete_document(x.id) from documents x where x.parent_id = d.id;
                perform forget_results(d.id);
                update documents set storage_key = f.storage_key, size = f.size, sha256 = f.sha256 where id = d.id;
                perform note_unused_files(array[d.storage_key]);
                perform restart_document(d.id, 'process_ocr');
                outcome := 'changed';
            elsif d.status = 'error' and d.error_code in ('service_unavailable', 'throttled', 'misconfigured', 'worker_killed', 'internal') then
                perform restart_document(d.id, d.step);
                outcome := 'retried';
            else
                outcome := 'known';
            end if;
        end if;
        document_id := d.id;
        source_path := d.source_path;
        return next;
    end loop;
end $$;

create or replace function restart_document(p_document uuid, p_step pipeline_step) returns void language sql as $$
    update documents set status = 'pending', step = p_step, lease_until = null, crashes = 0, vanished = 0, retries = 0, waits = 0,
        not_before = null, waiting_for = null, error_code = null, error_message = null, finished_at = null, updated_at = now()
    where id = p_document;
$$;

-- Documents that are to be sent on: whose lease ran out, whose next try is due, that were handed back (not_before '-infinity'), or
-- that stand between two steps for longer than p_idle. p_known: ids of which a message waits in the broker; those are not lost,
-- however long the queue. Each document is told to one caller only.
create or replace function repair_documents(p_idle interval, p_known text[], p_limit integer)
returns table (document_id uuid, step pipeline_step) language sql as $$
    with lost as (
        select d.id from documents d
        where d.status in ('queued', 'extracting', 'processing_chunks', 'processing')
          and case when d.lease_until is not null then d.lease_until < now() and d.updated_at < now() - least(p_idle, interval '10 s')
                   when d.not_before is not null then d.not_before <= now()
                   when d.status = 'processing_chunks' then parts_lost(d.id, d.updated_at, p_idle)
                   else d.updated_at < now() - p_idle end
          and d.id::text <> all (p_known)
        order by d.updated_at limit p_limit for update skip locked
    )
    update documents d set updated_at = now(), not_before = null from lost where d.id = lost.id
    returning d.id, d.step;
$$;

-- Wake the queue processors: a document will want to be sent on before they would look for it.
create or replace function tell_due() returns void language sql as $$
    select pg_notify('nlp_pipeline_due', '')
$$;

create or replace function next_step(p_step pipeline_step) returns pipeline_step language sql immutable as $$
    select min(s) from unnest(enum_range(null::pipeline_step)) s where s > p_step
$$;

create or replace function running_status(p_step pipeline_step) returns document_status language sql immutable as $$
    select case when p_step = 'process_ocr' then 'extracting' else 'processing' end::document_status
$$;

-- End a document's way with an error. For use inside other functions.
create or replace function end_with_error(p_document uuid, p_code text, p_message text) returns void language sql as $$
    select graph_is_outdated(d) from documents d where d.id = p_document and d.graph_token >= 0;
    update documents set status = 'error', error_code = p_code, error_message = p_message, lease_until = null, waiting_for = null,
        not_before = null, updated_at = now(), finished_at = now()
    where id = p_document;
$$;

-- Go on to the next step, or to the end. For use inside other functions, the document's row being locked.
create or replace function advance(p_document uuid, p_step pipeline_step) returns void language sql as $$
    update documents set
        step = coalesce(next_step(p_step), p_step),
        status = case when next_step(p_step) is not null then running_status(next_step(p_step))
                      when cardinality(failed_pages) > 0 then 'partial_error' else 'completed' end::document_status,
        finished_at = case when next_step(p_step) is null then now() end,
        page_count = case p_step when 'process_ocr' then (select count(*) from pages where document_id = p_document) else page_count end,
        chunk_count = case p_step when 'process_chunking' then (select count(*) from chunks where document_id = p_document) else chunk_count end,
        mention_count = case p_step when 'extract_entities' then (select count(*) from mentions where document_id = p_document) else mention_count end,
        lease_until = null, crashes = 0, vanished = 0, retries = 0, waits = 0, not_before = null, waiting_for = null,
        updated_at = now()
    where id = p_document;
$$;

-- Ask for the lease on a step. Verdicts: run (token given), done (pass on to the next step), taken (another works on it),
-- early (an earlier step is missing), gone (deleted, ended or waiting to be claimed), paused (its queue is).
create or replace function begin_step(p_document uuid, p_step pipeline_step, p_engine text, p_worker text, p_lease interval, p_most_crashes integer)
returns table (verdict text, token bigint) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
    v_before text;
    v_fingerprint text;
    v_split boolean;
    v_paused text := paused_queue(p_step::text);
begin
    -- A lease that a crash of the database takes back costs a repetition and no result.
    perform set_config('synchronous_commit', 'off', true);
    select * into d from documents where id = p_document for update;
    if not found or d.status not in ('queued', 'extracting', 'processing_chunks', 'processing') then
        return query select 'gone', 0::bigint;
        return;
    elsif d.step > p_step then
        return query select 'done', 0::bigint;
        return;
    elsif d.step < p_step then
        return query select 'early', 0::bigint;
        return;
    elsif d.lease_until >= now() then
        return query select 'taken', 0::bigint;
        return;
    end if;
    -- A lease that was last renewed before the database itself started is no sign of a crash.
    if d.lease_until - p_lease > pg_postmaster_start_time() then
        d.vanished := d.vanished + 1;
        insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code)
        values (d.id, p_step, 'crashed', d.worker, d.token, d.lease_started, 'vanished');
        if given_up(d.crashes, d.vanished, p_most_crashes) then
            perform set_aside(d, d.crashes + d.vanished);
            return query select 'gone', 0::bigint;
            return;
        end if;
    end if;
    if v_paused is not null then
        update documents set lease_until = null, vanished = d.vanished, not_before = 'infinity', updated_at = now(),
            waiting_for = format('The queue %s is paused.', v_paused)
        where id = p_document;
        return query select 'paused', 0::bigint;
        return;
    end if;
    v_split := d.status = 'processing_chunks';  -- its result is what the page ranges give, and was begun with the split
    select s.fingerprint into v_before from document_steps s
    where s.document_id = p_document and s.step < p_step order by s.step desc limit 1;
    v_fingerprint := encode(sha256(convert_to(
        concat_ws(chr(31), coalesce(v_before, nullif(d.sha256, ''), d.storage_key), p_step, p_engine), 'UTF8')), 'hex');
    if not v_split and exists (
        select from document_steps s where s.document_id = p_document and s.step = p_step and s.fingerprint = v_fingerprint) then
        if d.status = 'queued' then
            update documents set status = running_status(p_step) where id = d.id;
        end if;
        perform advance(p_document, p_step);
        return query select 'done', 0::bigint;
        return;
    end if;
    -- By the clock, so that a token which a crash of the database takes back is never given again.
    d.token := greatest(d.token + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
    update documents set
        status = case when v_split then d.status else running_status(p_step) end, token = d.token, lease_until = now() + p_lease,
        lease_started = case when v_split then d.lease_started else now() end,
        lease_fingerprint = case when v_split then d.lease_fingerprint else v_fingerprint end,
        lease_engine = case when v_split then d.lease_engine else p_engine end, worker = p_worker, vanished = d.vanished,
        not_before = null, waiting_for = null, updated_at = now()
    where id = p_document;
    return query select 'run', d.token;
end $$;

-- Prolong the lease, even one that ran out while nobody else asked for it; false if it is no longer ours.
create or replace function renew_lease(p_document uuid, p_token bigint, p_lease interval) returns boolean language plpgsql as $$
declare
    v_step pipeline_step;
begin
    -- A commit of a large document may hold the row for longer than the lease lasts: it counts from when we come through.
    perform from documents where id = p_document for update;
    update documents set lease_until = clock_timestamp() + p_lease, updated_at = clock_timestamp()
    where id = p_document and token = p_token and lease_until is not null
      and status in ('extracting', 'processing_chunks', 'processing');
    if found then
        return true;
    end if;
    -- Who speaks after its lease was given to another was slow, not killed: that does not count against the document.
    update document_processing_history set outcome = 'retry', error_code = 'silent',
        error_message = 'The worker was silent for longer than LEASE_DURATION.'
    where document_id = p_document and token = p_token and outcome = 'crashed' and error_code = 'vanished' returning step into v_step;
    update documents set vanished = vanished - 1 where id = p_document and step = v_step and vanished > 0;
    return false;
end $$;

-- The lease, of which nothing could be said while the document's row was held by this transaction, is as good as new. For use
-- at the end of functions that keep it.
create or replace function hold_on(p_document uuid, p_token bigint, p_lease interval default '20 s') returns void language sql as $$
    update documents set lease_until = greatest(lease_until, clock_timestamp() + p_lease)
    where id = p_document and token = p_token and lease_until is not null
$$;

-- Lock the document and make sure that the token is the newest. For use inside the functions that commit.
create or replace function hold_lease(p_document uuid, p_step pipeline_step, p_token bigint) returns documents language plpgsql as $$
declare
    d documents;
begin
    select * into d from documents where id = p_document for update;
    if not found or d.token <> p_token or d.step <> p_step or d.lease_until is null
            or d.status not in ('extracting', 'processing_chunks', 'processing') then
        raise exception 'the lease on % of document % was lost', p_step, p_document using errcode = 'NL001';
    end if;
    return d;
end $$;

create or replace function finish_step(d documents) returns void language plpgsql as $$
begin
    -- A step that a crash of the database takes back is done again; only the last one must outlive it.
    if next_step(d.step) is not null then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    insert into document_steps (document_id, step, fingerprint, engine)
    values (d.id, d.step, d.lease_fingerprint, d.lease_engine)
    on conflict (document_id, step) do update set
        fingerprint = excluded.fingerprint, engine = excluded.engine, finished_at = now();
    insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
    values (d.id, d.step, 'done', d.worker, d.token, d.lease_started);
    perform drop_portions(d.id);
    perform advance(d.id, d.step);
end $$;

create or replace function next_wait(p_tries integer, p_wait interval, p_longest interval) returns interval language sql volatile as $$
    select case when p_longest is null then p_wait
                else least(p_longest, p_wait * 2.0 ^ least(p_tries, 16)) * (0.5 + random() / 2) end
$$;

-- Give the lease back after a failure. With p_retry the step is tried again, at most p_most_retries times; null: as often as it
-- takes, without a count against the document. The next try comes after p_wait; with p_longest that doubles from try to try up to
-- p_longest, with jitter. Returns how often it was tried in vain, or -1 if the document has ended in error.
create or replace function fail_step(p_document uuid, p_step pipeline_step, p_token bigint, p_code text, p_message text,
                                     p_retry boolean, p_most_retries integer, p_wait interval, p_longest interval default null)
returns integer language plpgsql as $$
declare
    d documents := hold_lease(p_document, p_step, p_token);
    v_again boolean := p_retry and (p_most_retries is null or d.retries < p_most_retries);
    v_tries integer := case when p_most_retries is null then d.waits else d.retries end;
begin
    -- An outage is written down once, however many tries it takes.
    if p_most_retries is not null or not v_again or d.waits = 0 then
        insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code, error_message)
        values (d.id, d.step, case when v_again then 'retry' else 'failed' end, d.worker, d.token, d.lease_started, p_code, p_message);
    end if;
    if not v_again then
        perform end_with_error(d.id, p_code, p_message);
        return -1;
    end if;
    update documents set retries = retries + (p_most_retries is not null)::integer, waits = waits + (p_most_retries is null)::integer,
        lease_until = null, waiting_for = p_message, not_before = now() + next_wait(v_tries, p_wait, p_longest),
        updated_at = now()
    where id = d.id;
    perform tell_due();
    return v_tries + 1;
end $$;

-- Give the lease back without a word against the document: the work was stopped. The document is sent on at once.
create or replace function release_lease(p_document uuid, p_token bigint) returns void language sql as $$
    update documents set lease_until = null, not_before = '-infinity', updated_at = now()
    where id = p_document and token = p_token and lease_until is not null
      and status in ('extracting', 'processing_chunks', 'processing');
    select tell_due();
$$;

-- The same for everything that a worker holds. Returns how many documents that were.
create or replace function release_leases(p_worker text) returns bigint language sql as $$
    select end_turns_of(p_worker);
    with released as (
        update documents set lease_until = null, not_before = '-infinity', updated_at = now()
        where starts_with(worker, p_worker || '/') and lease_until is not null and status in ('extracting', 'processing_chunks', 'processing')
        returning 1
    ), parts as (
        update document_parts set status = 'waiting', lease_until = null, not_before = '-infinity', updated_at = now()
        where starts_with(worker, p_worker || '/') and status = 'running'
        returning 1
    ), held as (select * from released union all select * from parts)
    select count(*) from held, tell_due();
$$;

-- Which entity each name stands for: it follows from names, links and decisions alone, whatever the order in which they came.
-- ``stages.canonicalizing.canonicalize`` says the same in Python, and a test compares the two.

-- The names that a decision names with this one; p_bound: that it binds to this one.
create or replace function decided_with(p_name uuid, p_bound boolean default false) returns setof uuid language sql stable rows 1 as $$
    select o.name_id
    from decided_names t
    join entity_decisions d on d.id = t.decision_id and d.taken_back_at is null
    join decided_names o on o.decision_id = t.decision_id
    where t.name_id = p_name and o.name_id <> p_name and (not p_bound or t.bound and o.bound)
$$;

-- Pairs of a project's names that a split keeps apart, unless a later merge names both.
create or replace function kept_apart(p_project uuid) returns table (one uuid, other uuid, number bigint) language sql stable as $$
    select a.name_id, b.name_id, d.number
    from entity_decisions d
    join decided_names a on a.decision_id = d.id and a.bound
    join decided_names b on b.decision_id = d.id and not b.bound
    where d.project_id = p_project and d.kind = 'split' and d.taken_back_at is null and not exists (
        select from decided_names x
        join entity_decisions m on m.id = x.decision_id and m.kind = 'merge' and m.taken_back_at is null and m.number > d.number
        join decided_names y on y.decision_id = x.decision_id and y.name_id = b.name_id
        where x.name_id = a.name_id)
$$;

-- The components that strong links and decisions make of these names, which must be all that hang together. p_decided: whether there are
-- decisions.
create or replace function components(p_project uuid, p_names uuid[], p_decided boolean) returns table (id uuid, part uuid)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_parts uuid[];
    v_names uuid[];
    v_broken uuid[];  -- components that a split parts
begin
    with recursive reach (id, member) as (
        select i, i from unnest(p_names) i
        union
        select r.id, n.id from reach r cross join lateral (
            select right_id as id from entity_links where left_id = r.member and strong
            union all select left_id from entity_links where right_id = r.member and strong
            union all select e.id from decided_with(r.member, true) x join entities e on e.id = x where p_decided) n
    ), grouped as (
        select r.id, min(r.member::text)::uuid as part from reach r group by r.id
    )
    select array_agg(g.id), array_agg(g.part) into v_names, v_parts from grouped g;
    if p_decided then
        v_broken := array(
            select distinct a.part from kept_apart(p_project) k
            join unnest(v_names, v_parts) a (id, part) on a.id = k.one
            join unnest(v_names, v_parts) b (id, part) on b.id = k.other and b.part = a.part);
    end if;
    return query select n.id, n.part from unnest(v_names, v_parts) n (id, part) where v_broken is null or n.part <> all (v_broken);
    return query
    select x.id, x.part from unnest(v_broken) b (part)
    cross join lateral parted(p_project, array(select n.id from unnest(v_names, v_parts) n (id, part) where n.part = b.part)) x;
end $$;

-- The same where a split parts what hangs together: decisions count from the newest to the oldest, then strong links from the surest on;
-- what contradicts one before it does not count.
create or replace function parted(p_project uuid, p_names uuid[]) returns table (id uuid, part uuid) language plpgsql stable as $$
declare
    v_names constant uuid[] := array(select e.id from entities e where e.id = any (p_names) order by e.key collate "C");
    v_parts integer[] := array(select generate_series(1, cardinality(v_names)));
    v_one integer[];
    v_other integer[];
    s record;
begin
    for s in
        with name as (
            select n.id, n.place::integer as place from unnest(v_names) with ordinality n (id, place)
        ), said as (
            select k.number, true as apart, 0::real as score, a.place as one, b.place as other
            from kept_apart(p_project) k join name a on a.id = k.one join name b on b.id = k.other
            union all
            select d.number, false, 0, a.place, b.place
            from name a
            join decided_names t on t.name_id = a.id and t.bound
            join entity_decisions d on d.id = t.decision_id and d.taken_back_at is null
            join decided_names o on o.decision_id = t.decision_id and o.bound
            join name b on b.id = o.name_id and b.place > a.place
            union all
            select 0, false, max(l.score), least(a.place, b.place), greatest(a.place, b.place)
            from name a join entity_links l on l.left_id = a.id and l.strong join name b on b.id = l.right_id group by 4, 5
        )
        select * from said order by number desc, apart desc, score desc, one, other
    loop
        if v_parts[s.one] = v_parts[s.other] then
            continue;
        elsif s.apart then
            v_one := v_one || s.one;
            v_other := v_other || s.other;
        elsif not exists (
            select from unnest(v_one, v_other) x (one, other)
            where (v_parts[x.one], v_parts[x.other]) in ((v_parts[s.one], v_parts[s.other]), (v_parts[s.other], v_parts[s.one]))) then
            v_parts := array_replace(v_parts, v_parts[s.other], v_parts[s.one]);
        end if;
    end loop;
    return query select n.id, v_names[v_parts[n.place]] from unnest(v_names) with ordinality n (id, place);
end $$;

-- Components, by their roots, to which weak links lead from this one. From one that a person joined (p_joined) only those of its best name
-- count, and none leads to what must stay apart (pairs of p_one and p_other).
create or replace function leads_to(p_root uuid, p_joined uuid[], p_one uuid[], p_other uuid[]) returns setof uuid
language sql stable rows 2 as $$
    select t.root
    from entities s
    join entity_links l on l.left_id = s.id and not l.strong
    join entities t on t.id = l.right_id
    where s.root = p_root and t.root <> p_root and (s.id = p_root or p_root <> all (p_joined))
      and not exists (select from unnest(p_one, p_other) x (one, other) where x.one = s.root and x.other = t.root)
$$;

-- Of components with the one that each would belong to, those that may not: it, or a better one that belongs to it too, must stay apart.
create or replace function refused(p_starts uuid[], p_homes uuid[], p_one uuid[], p_other uuid[]) returns uuid[] language plpgsql stable as $$
declare
    v_refused uuid[] := '{}';
    v_taken uuid[] := '{}';
    v_taken_home uuid[] := '{}';
    s record;
begin
    for s in
        select h.start, h.home from unnest(p_starts, p_homes) h (start, home) join entities e on e.id = h.start
        where h.start <> h.home and h.start = any (p_one)
        order by e.tokens desc, length(substring(e.key from position('/' in e.key) + 1)) desc, e.key collate "C"
    loop
        if exists (
            select from unnest(p_one, p_other) x (one, other)
            where x.one = s.start and (x.other = s.home or x.other in (
                select t.start from unnest(v_taken, v_taken_home) t (start, home) where t.home = s.home))) then
            v_refused := v_refused || s.start;
        else
            v_taken := v_taken || s.start;
            v_taken_home := v_taken_home || s.home;
        end if;
    end loop;
    return v_refused;
end $$;

-- Compute anew which entity each name stands for, around the given names: strong links and decisions make components; from each, the weak
-- links are followed to where none leads further, and if that is one component, the first belongs to it.
create or replace function relink(p_project uuid, p_ids uuid[]) returns void language plpgsql as $$
declare
    v_affected uuid[];
    v_names uuid[];
    v_parts uuid[];
    v_decided constant boolean := exists (select from entity_decisions where project_id = p_project and taken_back_at is null);
    v_joined uuid[] := '{}';
    v_one uuid[] := '{}';  -- roots that must stay apart, each pair both ways
    v_other uuid[] := '{}';
    v_starts uuid[];
    v_homes uuid[];
    v_refused uuid[] := '{}';
begin
    if p_ids is null then
        return;
    end if;
    with recursive affected (id) as (
        select unnest(p_ids)
        union
        select n.id from affected a cross join lateral (
            select right_id as id from entity_links where left_id = a.id and strong
            union all select left_id from entity_links where right_id = a.id
            union all select x from decided_with(a.id) x where v_decided) n
    ) select array_agg(id) into v_affected from affected;

    select array_agg(id), array_agg(part) into v_names, v_parts from components(p_project, v_affected, v_decided);
    with best as (
        select distinct on (p.part) p.part, e.id as root
        from unnest(v_names, v_parts) p (id, part) join entities e on e.id = p.id
        order by p.part, e.tokens desc, length(substring(e.key from position('/' in e.key) + 1)) desc, e.key collate "C"
    )
    update entities e set root = b.root from unnest(v_names, v_parts) p (id, part) join best b using (part)
    where e.id = p.id and e.root is distinct from b.root;

    if v_decided then
        v_joined := array(
            select e.root from entity_decisions d join decided_names t on t.decision_id = d.id and t.bound join entities e on e.id = t.name_id
            where d.project_id = p_project and d.taken_back_at is null group by d.id, e.root having count(*) > 1);
        select coalesce(array_agg(x.one), '{}'), coalesce(array_agg(x.other), '{}') into v_one, v_other from (
            select s.root as one, o.root as other from kept_apart(p_project) k join entities s on s.id = k.one join entities o on o.id = k.other
            union
            select o.root, s.root from kept_apart(p_project) k join entities s on s.id = k.one join entities o on o.id = k.other) x
        where x.one <> x.other;
    end if;

    with recursive onward (start, place) as (
        select root, root from entities where id = any (v_affected)
        union
        select o.start, n from onward o cross join lateral leads_to(o.place, v_joined, v_one, v_other) n
    ), homes as (
        select start, min(place::text)::uuid as home from onward o
        where not exists (select from leads_to(o.place, v_joined, v_one, v_other)) group by start having count(*) = 1
    )
    select array_agg(start), array_agg(home) into v_starts, v_homes from homes;
    if v_one <> '{}' then
        v_refused := refused(v_starts, v_homes, v_one, v_other);
    end if;

    with homes as (
        select h.start, h.home from unnest(v_starts, v_homes) h (start, home) where h.start <> all (v_refused)
    ), targets as (
        select e.id, nullif(coalesce(h.home, e.root), e.id) as merged_into
        from entities e left join homes h on h.start = e.root where e.id = any (v_affected)
    ), outcome as (
        select t.id, t.merged_into, coalesce(who.reason, why.reason) as reason, coalesce(who.score, why.score) as score
        from targets t
        left join lateral (  -- the surest link
            select l.reason, l.score from entity_links l
            where l.left_id = t.id or (l.right_id = t.id and l.strong)
            order by l.strong desc, l.score desc, l.reason limit 1) why on t.merged_into is not null
        left join lateral (  -- a person bound it, and no link leads straight to the entity
            select 'decided by a person' as reason, 1::real as score from decided_with(t.id, true) x join entities e on e.id = x
            where not exists (
                select from entity_links l
                where l.left_id = t.id and l.right_id = t.merged_into or l.right_id = t.id and l.left_id = t.merged_into and l.strong)
            limit 1) who on v_decided and t.merged_into is not null
    ), changed as (
        update entities e set merged_into = o.merged_into, merge_reason = o.reason, merge_score = o.score
        from outcome o, entities before
        where e.id = o.id and before.id = o.id
          and (e.merged_into, e.merge_reason, e.merge_score) is distinct from (o.merged_into, o.reason, o.score)
        returning e.id, e.merged_into, before.merged_into as merged_before
    )
    insert into graph_changes (project_id, entity_id)
    select distinct p_project, x from changed, unnest(array[changed.id, changed.merged_into, changed.merged_before]) x
    where x is not null and changed.merged_into is distinct from changed.merged_before order by x
    on conflict (project_id, entity_id) do update set number = default;
end $$;

-- Documents that come from earlier systems, and our own that nobody went on with.

-- Of these rows of an old table, those that were moved already.
create or replace function moved_sources(p_source text, p_ids text[]) returns text[] language sql stable as $$
    select coalesce(array_agg(source_id), '{}') from moved_documents where source = p_source and source_id = any (p_ids)
$$;

-- Queue rows of an old table: [{source_id, project, and what submit_documents takes}]. Outcomes: moved, before.
create or replace function move_documents(p_source text, p_files jsonb)
returns table (source_id text, document_id uuid, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    f record;
    v_document uuid;
begin
    for f in select file ->> 'source_id' as id, file ->> 'project' as project, file from jsonb_array_elements(p_files) file order by 1 loop
        insert into moved_documents (source, source_id) values (p_source, f.id) on conflict do nothing;
        if found then
            select s.document_id into v_document from submit_documents(f.project, jsonb_build_array(f.file)) s;
            update moved_documents m set document_id = v_document where m.source = p_source and m.source_id = f.id;
            return query select f.id, v_document, 'moved';
        else
            return query select m.source_id, m.document_id, 'before' from moved_documents m
            where m.source = p_source and m.source_id = f.id;
        end if;
    end loop;
end $$;

-- Whether nobody has worked on a document on its way for p_idle: no lease was renewed, nothing is waited for.
create or replace function stands_still(d documents, p_idle interval) returns boolean language sql stable as $$
    select d.status in ('queued', 'extracting', 'processing_chunks', 'processing')
       and d.updated_at < now() - p_idle
       and coalesce(d.lease_until, '-infinity') < now() - p_idle
       and coalesce(d.not_before, '-infinity') <= now()
       and not exists (select from document_parts p where p.document_id = d.id and p.lease_until >= now() - p_idle)
$$;

create or replace function stalled_documents(p_project text, p_idle interval) returns uuid[] language sql stable as $$
    select coalesce(array_agg(d.id order by d.source_path collate "C"), '{}')
    from documents d join projects p on p.id = d.project_id
    where p.name = p_project and d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and stands_still(d, p_idle)
$$;

-- Queue those of them that still stand still again, at their step. Outcomes: queued, on_its_way.
create or replace function restart_stalled(p_ids uuid[], p_idle interval)
returns table (document_id uuid, source_path text, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    d documents;
begin
    for d in select * from documents where id = any (p_ids) order by source_path collate "C" for update loop
        document_id := d.id;
        source_path := d.source_path;
        outcome := 'on_its_way';
        if stands_still(d, p_idle) then
            perform cancel_documents(array[d.id]);  -- whoever wakes after all finds its lease gone
            perform restart_document(d.id, d.step);
            outcome := 'queued';
        end if;
        return next;
    end loop;
end $$;

-- Large documents: split into page ranges, each with a lease of its own, and put together when all of them have ended.

-- Commit the split instead of pages: the step stays, the document's own lease ends. p_ranges: [{first, last}], in order. Ranges
-- that were read before by the same engines are not read again.
create or replace function split_document(p_document uuid, p_token bigint, p_media_type text, p_metadata jsonb, p_children jsonb, p_ranges jsonb)
returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    delete from document_parts
    where document_id = p_document
      and (status <> 'done' or fingerprint <> d.lease_fingerprint
           or p_ranges -> (number - 1) is distinct from jsonb_build_object('first', first_page, 'last', last_page));
    insert into document_parts (document_id, number, first_page, last_page, fingerprint)
    select p_document, x.number, x.first, x.last, d.lease_fingerprint
    from rows from (jsonb_to_recordset(p_ranges) as (first integer, last integer)) with ordinality as x (first, last, number)
    on conflict do nothing;
    perform add_children(d, p_children);
    update documents set
        status = 'processing_chunks', media_type = p_media_type, metadata = p_metadata, lease_until = null, crashes = 0,
        vanished = 0, retries = 0, not_before = null, waiting_for = null, updated_at = now()
    where id = p_document;
end $$;

create or replace function parts_finished(p_document uuid) returns boolean language sql stable as $$
    select not exists (select from document_parts where document_id = p_document and status in ('waiting', 'running'))
$$;

-- The ranges that a message must be sent for; the document's lease ends, because others go on. Null: all ranges have ended,
-- and the lease is kept to put them together. A range that a living worker has, or whose turn comes later, is left alone.
create or replace function missing_parts(p_document uuid, p_token bigint) returns integer[] language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
    v_missing integer[];
    v_moves boolean := exists (select from document_parts where document_id = p_document and lease_until >= now());
begin
    if parts_finished(p_document) then
        return null;
    end if;
    with sent as (
        update document_parts set not_before = null, updated_at = now()
        where document_id = p_document and status in ('waiting', 'running') and coalesce(not_before <= now(), true)
          and (lease_until < now() or not_before <= now() or lease_until is null and not v_moves)
        returning number)
    select coalesce(array_agg(number order by number), '{}') into v_missing from sent;
    update documents set lease_until = null, updated_at = now() where id = p_document;
    return v_missing;
end $$;

-- Whether a split document of which no message waits stands still: the worker of a range died, a range's next try is due, or
-- nobody works on it.
create or replace function parts_lost(p_document uuid, p_updated timestamptz, p_idle interval) returns boolean language sql stable as $$
    select coalesce(bool_or(not_before <= now()), false)
        or coalesce(bool_or(lease_until < now()), false) and p_updated < now() - least(p_idle, interval '10 s')
        or not coalesce(bool_or(lease_until >= now() or not_before = 'infinity'), false)
            and greatest(p_updated, max(updated_at)) < now() - p_idle
    from document_parts where document_id = p_document
$$;

-- Ask for the lease on a range. Verdicts: run (token given), done (it has ended, well or not), taken (another works on it),
-- gone (the document is no longer split: ended, deleted or read anew), paused (the queue of page ranges is).
create or replace function begin_part(p_document uuid, p_number integer, p_worker text, p_lease interval, p_most_crashes integer)
returns table (verdict text, token bigint) language plpgsql as $$
#variable_conflict use_column
declare
    p document_parts;
begin
    perform set_config('synchronous_commit', 'off', true);
    select x.* into p from document_parts x join documents d on d.id = x.document_id
    where x.document_id = p_document and x.number = p_number and d.status = 'processing_chunks' for update of x;
    if not found then
        return query select 'gone', 0::bigint;
        return;
    elsif p.status in ('done', 'failed') then
        return query select 'done', 0::bigint;
        return;
    elsif p.lease_until >= now() then
        return query select 'taken', 0::bigint;
        return;
    end if;
    if p.lease_until - p_lease > pg_postmaster_start_time() then
        p.vanished := p.vanished + 1;
        perform note_part(p, 'crashed', 'vanished', null);
        if given_up(p.crashes, p.vanished, p_most_crashes) then
            perform end_part(p, 'worker_killed', format('The worker died %s times while reading them.', p.crashes + p.vanished));
            return query select 'done', 0::bigint;
            return;
        end if;
    end if;
    if paused_queue('process_pages') is not null then
        update document_parts set status = 'waiting', lease_until = null, vanished = p.vanished, not_before = 'infinity', updated_at = now()
        where document_id = p_document and number = p_number;
        update documents set waiting_for = format('The queue %s is paused.', paused_queue('process_pages')) where id = p_document;
        return query select 'paused', 0::bigint;
        return;
    end if;
    p.token := greatest(p.token + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
    update document_parts set
        status = 'running', token = p.token, lease_until = now() + p_lease, lease_started = now(), worker = p_worker,
        vanished = p.vanished, not_before = null, updated_at = now()
    where document_id = p_document and number = p_number;
    return query select 'run', p.token;
end $$;

create or replace function note_part(p document_parts, p_outcome text, p_code text, p_message text) returns void language sql as $$
    insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code, error_message)
    values (p.document_id, 'process_ocr', p_outcome, p.worker, p.token, p.lease_started, p_code, p_message)
$$;

-- A range has failed for good; its document goes on. For use inside other functions.
create or replace function end_part(p document_parts, p_code text, p_message text) returns void language sql as $$
    update document_parts set status = 'failed', error_code = p_code, error_message = p_message, lease_until = null,
        not_before = null, updated_at = now()
    where document_id = p.document_id and number = p.number
$$;

-- Prolong the lease; false if it is no longer ours, or the document has been cancelled.
create or replace function renew_part(p_document uuid, p_number integer, p_token bigint, p_lease interval) returns boolean language sql as $$
    select from document_parts where document_id = p_document and number = p_number for update;
    with renewed as (
        update document_parts x set lease_until = clock_timestamp() + p_lease, updated_at = clock_timestamp() from documents d
        where x.document_id = p_document and x.number = p_number and x.token = p_token and x.status = 'running'
          and d.id = p_document and d.status = 'processing_chunks'
        returning 1)
    select exists (select from renewed);
$$;

-- Give the lease back without a word against the range: the worker is stopping. It is sent on at once.
create or replace function release_part(p_document uuid, p_number integer, p_token bigint) returns void language sql as $$
    update document_parts set status = 'waiting', lease_until = null, not_before = '-infinity', updated_at = now()
    where document_id = p_document and number = p_number and token = p_token and status = 'running';
    select tell_due();
$$;

-- Lock the range and make sure that the token is the newest. For use inside the functions that commit.
create or replace function hold_part(p_document uuid, p_number integer, p_token bigint) returns document_parts language plpgsql as $$
declare
    p document_parts;
begin
    select x.* into p from document_parts x join documents d on d.id = x.document_id
    where x.document_id = p_document and x.number = p_number and d.status = 'processing_chunks' for update of x;
    if not found or p.token <> p_token or p.status <> 'running' then
        raise exception 'the lease on page range % of document % was lost', p_number, p_document using errcode = 'NL001';
    end if;
    return p;
end $$;

-- p_pages: as commit_pages takes them, offsets into p_text.
create or replace function commit_part(p_document uuid, p_number integer, p_token bigint, p_text text, p_pages jsonb)
returns void language plpgsql as $$
declare
    p document_parts := hold_part(p_document, p_number, p_token);
    v_most constant integer := 64 * 1024 * 1024;  -- bytes; as much as readers/limits.py lets a document have that is read at once
    v_full constant text := 'The document holds more than 64 MB of text.';
begin
    perform set_config('synchronous_commit', 'off', true);
    if octet_length(p_text) + (select coalesce(sum(octet_length(text)), 0) from document_parts where document_id = p_document) > v_most then
        perform note_part(p, 'failed', 'too_large', v_full);
        perform end_part(p, 'too_large', v_full);
        return;
    end if;
    update document_parts set status = 'done', text = p_text, pages = p_pages, lease_until = null, not_before = null,
        error_code = null, error_message = null, updated_at = now()
    where document_id = p_document and number = p_number;
    update documents set waiting_for = null where id = p_document and waiting_for is not null;
end $$;

-- Give the lease back after a failure, as fail_step does.
-- Returns how often it was tried in vain, or -1 if it has failed for good.
create or replace function fail_part(p_document uuid, p_number integer, p_token bigint, p_code text, p_message text,
                                     p_retry boolean, p_most_retries integer, p_wait interval, p_longest interval default null)
returns integer language plpgsql as $$
declare
    p document_parts := hold_part(p_document, p_number, p_token);
    v_again boolean := p_retry and (p_most_retries is null or p.retries < p_most_retries);
    v_tries integer := case when p_most_retries is null then p.waits else p.retries end;
begin
    if p_most_retries is not null or not v_again or p.waits = 0 then
        perform note_part(p, case when v_again then 'retry' else 'failed' end, p_code, p_message);
    end if;
    if not v_again then
        perform end_part(p, p_code, p_message);
        return -1;
    end if;
    update document_parts set status = 'waiting', retries = retries + (p_most_retries is not null)::integer,
        waits = waits + (p_most_retries is null)::integer, lease_until = null,
        not_before = now() + next_wait(v_tries, p_wait, p_longest), updated_at = now()
    where document_id = p_document and number = p_number;
    update documents set waiting_for = p_message where id = p_document;
    perform tell_due();
    return v_tries + 1;
end $$;

-- Commit `process_ocr` of a split document.
create or replace function join_parts(p_document uuid, p_token bigint) returns void language plpgsql as $$
declare
    d documents := hold_lease(p_document, 'process_ocr', p_token);
begin
    if d.status <> 'processing_chunks' or not parts_finished(p_document) then
        raise exception 'page ranges of document % are not finished', p_document using errcode = 'NL001';
    end if;
    perform put_together(d);
end $$;

-- The ranges' texts in order, with a page break (stages/canonical.py) between them, and their pages with offsets into the whole. A
-- failed range gives empty pages, whose numbers are kept; if all have failed, so has the document. p_torn: pages that were read in
-- part. For use inside the functions that commit.
create or replace function put_together(d documents, p_torn integer[] default '{}') returns void language plpgsql as $$
declare
    p_document constant uuid := d.id;
    v_break constant text := E'\n\n';
    f document_parts;
begin
    select * into f from document_parts where document_id = p_document and status = 'failed' order by first_page limit 1;
    if not exists (select from document_parts where document_id = p_document and status = 'done') then
        insert into document_processing_history (document_id, step, outcome, worker, token, started_at, error_code, error_message)
        values (d.id, d.step, 'failed', d.worker, d.token, d.lease_started, f.error_code, f.error_message);
        perform end_with_error(p_document, f.error_code, format('No page could be read. %s', f.error_message));
        return;
    end if;
    update document_parts set text = repeat(v_break, last_page - first_page), pages = (
        select jsonb_agg(jsonb_build_object(
            'number', n, 'start', length(v_break) * (n - first_page), 'end', length(v_break) * (n - first_page), 'source', 'text',
            'confidence', 0, 'width', 0, 'height', 0, 'words', '[]'::jsonb, 'segments', '[]'::jsonb) order by n)
        from generate_series(first_page, last_page) n)
    where document_id = p_document and status = 'failed';
    delete from pages where document_id = p_document;
    insert into pages (document_id, number, start_offset, end_offset, source, confidence, width, height, words, segments)
    select p_document, x.number, p.before + x.start, p.before + x."end", x.source, x.confidence, x.width, x.height, x.words, x.segments
    from (select pages, sum(length(text) + length(v_break)) over (order by first_page) - length(text) - length(v_break) as before
          from document_parts where document_id = p_document) p
    cross join lateral jsonb_to_recordset(p.pages) as x
        (number integer, start integer, "end" integer, source text, confidence real, width real, height real, words jsonb, segments jsonb);
    update documents set
        text = (select string_agg(text, v_break order by first_page) from document_parts where document_id = p_document),
        failed_pages = array(
            select n from document_parts p cross join lateral generate_series(p.first_page, p.last_page) n
            where p.document_id = p_document and p.status = 'failed' union select unnest(p_torn) order by 1),
        error_code = case when f.number is not null or p_torn <> '{}' then 'pages_failed' end,
        error_message = nullif(concat_ws(' ', failed_parts(p_document), torn_pages(p_torn)), '')
    where id = p_document;
    if f.number is null and p_torn = '{}' then
        update document_parts set text = '', pages = '[]', fingerprint = '' where document_id = p_document;
    else
        -- So that reading it again is not skipped, and what is made of another text is.
        d.lease_fingerprint := concat_ws('/', d.lease_fingerprint, 'without', (
            select string_agg(n::text, ',' order by n) from (
                select first_page from document_parts where document_id = p_document and status = 'failed' union select unnest(p_torn)) t (n)));
    end if;
    perform finish_step(d);
end $$;

create or replace function torn_pages(p_torn integer[]) returns text language sql immutable as $$
    select format('Pages %s could be read in part only.', array_to_string(p_torn, ', ')) where p_torn <> '{}'
$$;

-- Which pages could not be read, and why the first of them could not; null if all were.
create or replace function failed_parts(p_document uuid) returns text language sql stable as $$
    select format('Pages %s could not be read: %s',
        string_agg(case when first_page = last_page then first_page::text else first_page || '-' || last_page end, ', ' order by first_page),
        (array_agg(error_message order by first_page))[1])
    from document_parts where document_id = p_document and status = 'failed' having count(*) > 0
$$;

-- Queues that stand still because a person asked for it. What runs, ends; nothing of theirs begins: a document that comes to such a
-- step is put aside (not_before 'infinity') until the queue is resumed. So it holds for every worker, also for those to come.

create or replace function pause_queue(p_queue text, p_tasks text[]) returns void language sql as $$
    insert into paused_queues (queue, tasks) values (p_queue, p_tasks) on conflict (queue) do update set tasks = excluded.tasks
$$;

-- What was put aside is sent on at once. False: the queue was not paused.
create or replace function resume_queue(p_queue text) returns boolean language plpgsql as $$
declare
    v_tasks text[];
begin
    delete from paused_queues where queue = p_queue returning tasks into v_tasks;
    if not found then
        return false;
    end if;
    update documents set not_before = '-infinity', waiting_for = null, updated_at = now()
    where status in ('queued', 'extracting', 'processing_chunks', 'processing') and lease_until is null and not_before = 'infinity'
      and step::text = any (v_tasks);
    update document_parts p set not_before = '-infinity', updated_at = now() from documents d
    where d.id = p.document_id and d.status = 'processing_chunks' and p.not_before = 'infinity' and 'process_pages' = any (v_tasks);
    perform tell_due();
    return true;
end $$;

-- seconds: since it was paused.
create or replace function list_pauses() returns table (queue text, tasks text[], seconds double precision) language sql stable as $$
    select queue, tasks, extract(epoch from now() - paused_at)::float from paused_queues order by queue
$$;

-- The paused queue that a task belongs to; null: none.
create or replace function paused_queue(p_task text) returns text language sql stable as $$
    select min(queue) from paused_queues where p_task = any (tasks)
$$;

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

-- Results that come in portions: all but the last are laid down here, the last comes with the commit.

create or replace function stage_rows(p_document uuid, p_token bigint, p_number integer, p_rows jsonb) returns void language plpgsql as $$
begin
    perform from documents where id = p_document and token = p_token and lease_until is not null for key share;
    if not found then
        raise exception 'the lease on document % was lost', p_document using errcode = 'NL001';
    end if;
    insert into staged_rows (document_id, token, number, rows) values (p_document, p_token, p_number, p_rows)
    on conflict (document_id, token, number) do update set rows = excluded.rows;
end $$;

-- All portions of a result, in order. For use inside the functions that commit.
create or replace function portions(p_document uuid, p_token bigint, p_last jsonb) returns setof jsonb language sql stable rows 1 as $$
    select rows from (
        select number, rows from staged_rows where document_id = p_document and token = p_token
        union all select 2147483647, p_last) t order by number
$$;

-- A text in overlapping windows, number n from character n * 32768 on. To cut a passage out of a long text takes time in proportion
-- to the whole: out of a window it does not.
create or replace function windows(p_text text) returns table (n integer, text text) language sql immutable rows 10 as $$
    select n, substring(p_text from n * 32768 + 1 for 65536) from generate_series(0, length(p_text) / 32768) n
$$;

-- The passage of a text whose window, the one that it begins in, is given; out of the text itself if the window ends before it.
create or replace function passage(p_window text, p_text text, p_start integer, p_end integer) returns text language sql immutable as $$
    select case when p_end - p_start <= 32768 then substring(p_window from p_start % 32768 + 1 for p_end - p_start)
                else substring(p_text from p_start + 1 for p_end - p_start) end
$$;

-- What was laid down under older leases goes too.
create or replace function drop_portions(p_document uuid) returns void language sql as $$
    delete from staged_rows where document_id = p_document
$$;

-- What the steps need to know of a document. What may be many rows comes as one value.

-- Seconds until the next document is due that waits for its next try; null: there is none.
create or replace function next_due() returns double precision language sql stable as $$
    select extract(epoch from min(greatest(moment, now())) - now())::float from documents d
    cross join lateral (
        select d.not_before as moment
        union all
        select p.not_before from document_parts p where p.document_id = d.id and d.status = 'processing_chunks') t
    where d.status in ('queued', 'extracting', 'processing_chunks', 'processing') and d.lease_until is null and moment < 'infinity'
$$;

create or replace function file_of(p_document uuid)
returns table (storage_key text, file_name text, source_path text, depth integer, project text, split boolean) language sql stable as $$
    select d.storage_key, d.file_name, d.source_path, d.depth, p.name, d.status = 'processing_chunks'
    from documents d join projects p on p.id = d.project_id where d.id = p_document
$$;

create or replace function range_of(p_document uuid, p_number integer) returns table (first_page integer, last_page integer)
language sql stable as $$
    select first_page, last_page from document_parts where document_id = p_document and number = p_number
$$;

-- content: what a job is named after, the same for the same file.
create or replace function job_of(p_document uuid)
returns table (job text, attempt integer, waited double precision, content text, pages integer) language sql stable as $$
    select j.job, j.attempt, coalesce(extract(epoch from now() - j.submitted_at), 0)::float, coalesce(nullif(d.sha256, ''), d.storage_key),
           j.pages
    from document_jobs j join documents d on d.id = j.document_id and d.lease_engine = j.engine where d.id = p_document
$$;

-- pages: [[number, start, end, source, confidence], …]
create or replace function reading_of(p_document uuid) returns table (text text, media_type text, metadata jsonb, pages jsonb)
language sql stable as $$
    select d.text, d.media_type, d.metadata,
           (select coalesce(jsonb_agg(jsonb_build_array(p.number, p.start_offset, p.end_offset, p.source, p.confidence) order by p.number), '[]')
            from pages p where p.document_id = d.id)
    from documents d where d.id = p_document
$$;

create or replace function node_of(p_document uuid)
returns table (id uuid, project text, file_name text, source_path text, media_type text, language text, category text, parent text)
language sql stable as $$
    select d.id, p.name, d.file_name, d.source_path, d.media_type, d.language, d.category, coalesce(d.parent_id::text, '')
    from documents d join projects p on p.id = d.project_id where d.id = p_document
$$;

-- [[start, end, type, confidence, entity], …]
create or replace function mentions_of(p_document uuid) returns json language sql stable as $$
    select coalesce(json_agg(json_build_array(start_offset, end_offset, type, confidence, coalesce(entity_id::text, '')) order by number), '[]')
    from mentions where document_id = p_document
$$;

-- [[subject, predicate, object, start, end, confidence], …]
create or replace function relation_mentions_of(p_document uuid) returns json language sql stable as $$
    select coalesce(json_agg(json_build_array(subject, predicate, object, start_offset, end_offset, confidence) order by number), '[]')
    from relation_mentions where document_id = p_document
$$;

create or replace function candidates_of(p_document uuid, p_keys text[], p_blocking_keys text[]) returns jsonb language sql stable as $$
    select candidate_names(project_id, p_keys, p_blocking_keys) from documents where id = p_document
$$;

-- Relations between entities as the HTTP API shows them: a part of the graph, the shortest way between two, the passages of one.

-- What these relations come to between the entities that their names stand for: passages and documents.
create or replace function relation_weights(p_relations uuid[])
returns table (subject_id uuid, predicate text, object_id uuid, weight bigint, documents bigint) language sql stable as $$
    with shown as (
        select r.id, r.predicate,
               case when r.predicate = 'CO_OCCURS_WITH' then least(s.entity_id, o.entity_id) else s.entity_id end as subject,
               case when r.predicate = 'CO_OCCURS_WITH' then greatest(s.entity_id, o.entity_id) else o.entity_id end as object
        from relationships r
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where r.id = any (p_relations) and s.entity_id <> o.entity_id
    ), places as (
        select distinct t.subject, t.predicate, t.object, v.document_id, v.start_offset, v.end_offset
        from shown t join relationship_evidence v on v.relationship_id = t.id
    ), told as (
        select subject, predicate, object, document_id, count(*) as times from places group by 1, 2, 3, 4
    )
    select subject, predicate, object, sum(times)::bigint, count(*) from told group by 1, 2, 3
$$;

-- Relations with an end among these entities; p_predicates: of these kinds alone.
create or replace function relations_of(p_entities uuid[], p_predicates text[] default null) returns setof uuid language sql stable as $$
    with names as materialized (
        select i as id from unnest(p_entities) i union all select e.id from entities e where e.merged_into = any (p_entities)
    )
    select r.id from names n join relationships r on r.subject_id = n.id where p_predicates is null or r.predicate = any (p_predicates)
    union
    select r.id from names n join relationships r on r.object_id = n.id where p_predicates is null or r.predicate = any (p_predicates)
$$;

-- Relations with both ends among them.
create or replace function relations_among(p_entities uuid[], p_predicates text[] default null) returns setof uuid language sql stable as $$
    with names as materialized (
        select i as id from unnest(p_entities) i union all select e.id from entities e where e.merged_into = any (p_entities)
    )
    select r.id from names s join relationships r on r.subject_id = s.id join names o on o.id = r.object_id
    where p_predicates is null or r.predicate = any (p_predicates)
$$;

-- Entities and the relations between them: {nodes: [{id, name, type, mentions, documents}], edges: [{subject, predicate, object, weight,
-- documents}], more}, in the order given, and the heaviest first, p_edges at most; those with p_centre (may be null) before all others.
create or replace function graph_part(p_entities uuid[], p_centre uuid, p_predicates text[], p_min_weight bigint, p_edges integer)
returns jsonb language sql stable as $$
    with edges as (
        select w.*, row_number() over (
            order by coalesce(p_centre in (w.subject_id, w.object_id), false) desc, w.weight desc, w.subject_id, w.predicate, w.object_id) as place
        from relation_weights(array(select relations_among(p_entities, p_predicates))) w where w.weight >= p_min_weight
    )
    select jsonb_build_object(
        'nodes', (
            select coalesce(jsonb_agg(jsonb_build_object('id', s.entity_id, 'name', s.name, 'type', s.type, 'mentions', s.mentions,
                                                         'documents', s.documents) order by array_position(p_entities, s.entity_id)), '[]')
            from entity_summaries(p_entities) s),
        'edges', (
            select coalesce(jsonb_agg(jsonb_build_object('subject', subject_id, 'predicate', predicate, 'object', object_id, 'weight', weight,
                                                         'documents', documents) order by place), '[]')
            from edges where place <= p_edges),
        'more', (select count(*) > p_edges from edges))
$$;

-- An entity with what is related to it, those with the heaviest relations first: p_limit entities at most, at most p_depth relations away.
-- p_types and p_predicates: of these kinds alone; null: all.
create or replace function graph_around(p_entity uuid, p_depth integer, p_limit integer, p_types text[], p_predicates text[], p_min_weight bigint)
returns jsonb language plpgsql stable as $$
declare
    v_nodes uuid[] := array[p_entity];
    v_edge uuid[] := v_nodes;
    v_found uuid[];
    v_more boolean := false;
begin
    for step in 1 .. p_depth loop
        with near as (
            select case when w.subject_id = any (v_edge) then w.object_id else w.subject_id end as id, w.weight
            from relation_weights(array(select relations_of(v_edge, p_predicates))) w where w.weight >= p_min_weight
        ), outside as (
            select id, sum(weight) as weight from near where id not in (select unnest(v_nodes)) group by id
        ), fitting as (
            select o.* from outside o
            where p_types is null or o.id in (
                select t.entity_id from entity_types(array(select id from outside)) t where t.type::text = any (p_types))
            order by o.weight desc, o.id limit p_limit - cardinality(v_nodes) + 1
        )
        select array_agg(id order by weight desc, id) into v_found from fitting;
        v_more := v_more or cardinality(v_nodes) + coalesce(cardinality(v_found), 0) > p_limit;
        v_nodes := (v_nodes || v_found)[:p_limit];
        exit when v_found is null or v_more;
        v_edge := v_found[:50];  -- what is around the heaviest
        v_more := v_more or step < p_depth and cardinality(v_found) > 50;
    end loop;
    return graph_part(v_nodes, p_entity, p_predicates, p_min_weight, 5 * p_limit)
        || case when v_more then jsonb_build_object('more', true) else '{}' end;
end $$;

-- The heaviest relations of a project with the entities that they join, p_limit at most. Chosen among the relations that most passages show,
-- counted by spelling; what is shown of them is exact.
create or replace function graph_of_project(p_project text, p_limit integer, p_types text[], p_predicates text[], p_min_weight bigint)
returns jsonb language plpgsql stable set work_mem = '64MB' as $$
declare
    v_nodes uuid[];
begin
    with heavy as materialized (
        select r.id, r.subject_id, r.object_id, count(*) as times
        from relationships r join relationship_evidence v on v.relationship_id = r.id
        where r.project_id = (select id from projects where name = p_project) and (p_predicates is null or r.predicate = any (p_predicates))
        group by r.id order by times desc, r.id limit p_limit * case when p_types is null then 20 else 200 end
    ), edges as materialized (
        select s.entity_id as one, o.entity_id as other, sum(h.times) as weight
        from heavy h
        join canonical_entities s on s.name_id = h.subject_id
        join canonical_entities o on o.name_id = h.object_id
        where s.entity_id <> o.entity_id group by 1, 2 having sum(h.times) >= p_min_weight
    ), kinds as materialized (
        select t.entity_id from entity_types(array(
            select one from edges where p_types is not null union select other from edges where p_types is not null)) t
        where t.type::text = any (p_types)
    ), heaviest as (
        select x.id, max(e.weight) as weight from edges e cross join lateral (values (e.one), (e.other)) x (id)
        where p_types is null or e.one in (select entity_id from kinds) and e.other in (select entity_id from kinds)
        group by x.id order by weight desc, x.id limit p_limit + 1
    )
    select array_agg(id order by weight desc, id) into v_nodes from heaviest;
    return graph_part(coalesce(v_nodes[:p_limit], '{}'), null, p_predicates, p_min_weight, 5 * p_limit)
        || case when cardinality(v_nodes) > p_limit then jsonb_build_object('more', true) else '{}' end;
end $$;

-- Entities one relation away from these, and through which of them; p_types: of these kinds alone, null: all. p_end is always among them.
create or replace function next_entities(p_entities uuid[], p_types text[], p_end uuid) returns table (id uuid, via uuid)
language sql stable as $$
    with names as materialized (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), related as (
        select n.entity_id as via, r.object_id as other, r.id from names n join relationships r on r.subject_id = n.name_id
        union all
        select n.entity_id, r.subject_id, r.id from names n join relationships r on r.object_id = n.name_id
    ), near as materialized (
        select distinct on (o.entity_id) o.entity_id as id, t.via
        from related t join canonical_entities o on o.name_id = t.other
        where exists (select from relationship_evidence v where v.relationship_id = t.id)
        order by o.entity_id, t.via
    )
    select n.id, n.via from near n
    where p_types is null or n.id = p_end or n.id in (
        select t.entity_id from entity_types(array(select m.id from near m)) t where t.type::text = any (p_types))
$$;

-- A relation that joins one of these entities to one of those: along the indexes from one to the next, until there is one.
create or replace function joined_entities(p_ones uuid[], p_others uuid[]) returns table (one uuid, other uuid) language sql stable rows 1
set enable_seqscan = off set plan_cache_mode = force_custom_plan as $$
    with ones as materialized (
        select i as entity_id, i as name_id from unnest(p_ones) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_ones)
    ), others as materialized (
        select i as name_id from unnest(p_others) i union all select e.id from entities e where e.merged_into = any (p_others)
    )
    select a.entity_id, (select c.entity_id from canonical_entities c where c.name_id = t.name_id)
    from (select entity_id, name_id from ones order by 1, 2) a cross join lateral (
        select r.object_id as name_id from relationships r
        where r.subject_id = a.name_id and r.object_id in (select name_id from others)
          and exists (select from relationship_evidence v where v.relationship_id = r.id)
        union all
        select r.subject_id from relationships r
        where r.object_id = a.name_id and r.subject_id in (select name_id from others)
          and exists (select from relationship_evidence v where v.relationship_id = r.id)
        order by 1 limit 1) t
    limit 1
$$;

-- The shortest way from one entity to another along relations: graph_part with path, the ids from the first to the last; null: there is
-- none. What lies between is of p_types alone (null: of any). It is sought from both ends at once, and always on the side that knows less,
-- until a relation joins what the last steps reached: what lies around hubs need not be looked through for that.
create or replace function path_between(p_from uuid, p_to uuid, p_types text[]) returns jsonb language plpgsql stable
set plan_cache_mode = force_custom_plan as $$
declare
    v_ahead uuid[] := array[p_from];   -- reached from the first, and through whom
    v_ahead_via uuid[] := array[null::uuid];
    v_back uuid[] := array[p_to];      -- reached from the last
    v_back_via uuid[] := array[null::uuid];
    v_ahead_edge uuid[] := v_ahead;    -- reached by the last step
    v_back_edge uuid[] := v_back;
    v_via uuid[];
    v_one uuid := p_from;              -- where both sides are joined
    v_other uuid;
    v_path uuid[];
begin
    while p_from <> p_to loop
        select j.one, j.other into v_one, v_other from joined_entities(v_ahead_edge, v_back_edge) j;
        exit when v_one is not null;
        if (case when cardinality(v_ahead) <> cardinality(v_back) then cardinality(v_ahead) < cardinality(v_back)
                else (select count(*) from relations_of(v_ahead_edge)) <= (select count(*) from relations_of(v_back_edge)) end) then
            select array_agg(n.id), array_agg(n.via) into v_ahead_edge, v_via from next_entities(v_ahead_edge, p_types, p_to) n
            where n.id not in (select unnest(v_ahead));
            exit when v_ahead_edge is null;
            v_ahead := v_ahead || v_ahead_edge;
            v_ahead_via := v_ahead_via || v_via;
        else
            select array_agg(n.id), array_agg(n.via) into v_back_edge, v_via from next_entities(v_back_edge, p_types, p_from) n
            where n.id not in (select unnest(v_back));
            exit when v_back_edge is null;
            v_back := v_back || v_back_edge;
            v_back_via := v_back_via || v_via;
        end if;
    end loop;
    if v_one is null then
        return null;
    end if;
    v_path := array_remove(array[v_one, v_other], null);
    while v_path[1] <> p_from loop
        v_path := v_ahead_via[array_position(v_ahead, v_path[1])] || v_path;
    end loop;
    while v_path[cardinality(v_path)] <> p_to loop
        v_path := v_path || v_back_via[array_position(v_back, v_path[cardinality(v_path)])];
    end loop;
    return graph_part(v_path, null, null, 1, 1000) || jsonb_build_object('path', v_path);
end $$;

-- The passages that relate two entities, the surest first; p_object null and p_predicate '': any. Of CO_OCCURS_WITH either end is the subject.
create or replace function relation_passages(p_subject uuid, p_object uuid, p_predicate text, p_skip integer, p_limit integer)
returns table (passage jsonb) language sql stable as $$
    with shown as (
        select r.id, r.predicate, s.entity_id as subject, o.entity_id as object
        from relationships r
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where r.id = any (case when p_object is null then array(select relations_of(array[p_subject]))
                               else array(select relations_among(array[p_subject, p_object])) end)
          and p_predicate in ('', r.predicate)
          and s.entity_id <> o.entity_id
          and (s.entity_id = p_subject or r.predicate = 'CO_OCCURS_WITH')
    ), places as (
        select t.predicate, t.subject, t.object, v.document_id, v.start_offset, v.end_offset, max(v.confidence) as confidence
        from shown t join relationship_evidence v on v.relationship_id = t.id group by 1, 2, 3, 4, 5, 6
    ), page as (
        select p.*, d.source_path from places p join documents d on d.id = p.document_id
        order by p.confidence desc, d.source_path collate "C", p.start_offset, p.end_offset, p.predicate, p.subject, p.object
        offset p_skip limit p_limit
    )
    select jsonb_build_object(
        'document_id', p.document_id, 'source_path', p.source_path, 'start', p.start_offset, 'end', p.end_offset, 'page', w.page,
        'seconds', w.seconds, 'text', substring(d.text from p.start_offset + 1 for p.end_offset - p.start_offset),
        'predicate', p.predicate, 'subject', p.subject, 'object', p.object, 'confidence', p.confidence)
    from page p
    join documents d on d.id = p.document_id
    left join lateral place_of(p.document_id, p.start_offset) w on true
    order by p.confidence desc, p.source_path collate "C", p.start_offset, p.end_offset, p.predicate, p.subject, p.object
$$;

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

-- What is computed of an entity and of a pair: never stored, so never wrong.

-- All names that stand for a canonical entity.
create or replace function names_of(p_entity uuid) returns setof uuid language sql stable rows 3 as $$
    select p_entity union all select id from entities where merged_into = p_entity
$$;

-- Of each entity: the most frequent type; of the spellings of its canonical name that are about as long as its key, the most
-- frequent. Entities without mentions are left out. p_told: by documents that the graph was told of alone.
create or replace function entity_summaries(p_entities uuid[], p_told boolean default false)
returns table (entity_id uuid, name text, type entity_type, mentions bigint, documents bigint) language sql stable as $$
    with names as (
        select i as entity_id, i as name_id from unnest(p_entities) i
        union all
        select e.merged_into, e.id from entities e where e.merged_into = any (p_entities)
    ), forms as (
        select n.entity_id, n.name_id = n.entity_id as own, m.name, m.type, m.document_id, count(*) as times
        from names n join mentions m on m.entity_id = n.name_id
        where not p_told or exists (select from documents d where d.id = m.document_id and was_told(d))
        group by 1, 2, 3, 4, 5
    ), totals as (
        select entity_id, sum(times)::bigint as mentions, count(distinct document_id) as documents from forms group by 1
    ), types as (
        select distinct on (entity_id) entity_id, type from forms group by 1, 2 order by 1, sum(times) desc, 2
    ), spellings as (
        select distinct on (f.entity_id) f.entity_id, f.name
        from forms f join entities e on e.id = f.entity_id
        group by f.entity_id, f.own, f.name, e.tokens
        order by f.entity_id, f.own desc, abs(cardinality(string_to_array(f.name, ' ')) - e.tokens), sum(f.times) desc,
                 f.name collate "C"
    )
    select entity_id, s.name, y.type, t.mentions, t.documents
    from totals t join types y using (entity_id) join spellings s using (entity_id)
$$;

create or replace function entity_summary(p_entity uuid)
returns table (name text, type entity_type, mentions bigint, documents bigint) language sql stable rows 1 as $$
    select name, type, mentions, documents from entity_summaries(array[p_entity])
$$;

-- Of each pair of entities that these documents show together: passages and documents over the whole project; p_told: of those
-- that the graph was told of.
create or replace function pair_weights(p_documents uuid[], p_told boolean default false)
returns table (subject_id uuid, object_id uuid, weight bigint, documents bigint) language sql stable as $$
    with pairs as (
        select distinct least(s.entity_id, o.entity_id) as a, greatest(s.entity_id, o.entity_id) as b
        from relationship_evidence v
        join relationships r on r.id = v.relationship_id and r.predicate = 'CO_OCCURS_WITH'
        join canonical_entities s on s.name_id = r.subject_id
        join canonical_entities o on o.name_id = r.object_id
        where v.document_id = any (p_documents) and s.entity_id <> o.entity_id
    )
    -- Relations are asked for one by one, by their ids: no plan that rests on what was counted of the tables can go wrong.
    select p.a, p.b, w.weight, w.documents
    from pairs p cross join lateral (
        select count(distinct (v.document_id, v.start_offset, v.end_offset)) as weight, count(distinct v.document_id) as documents
        from names_of(p.a) a (id) cross join names_of(p.b) b (id)
        cross join unnest(array[derived_id('relationship', a.id::text, 'CO_OCCURS_WITH', b.id::text),
                                derived_id('relationship', b.id::text, 'CO_OCCURS_WITH', a.id::text)]) r (id)
        join relationship_evidence v on v.relationship_id = r.id
        where not p_told or exists (select from documents d where d.id = v.document_id and was_told(d))) w
    where w.weight > 0
$$;

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

-- Seconds for which the oldest document waits to be claimed, of a project or (null) of all; null: none waits. From project to project
-- and from priority to priority along the index of what waits, whatever the planner thinks of it.
create or replace function oldest_pending(p_project uuid) returns double precision language sql stable
set enable_seqscan = off set enable_sort = off as $$
    with recursive heads as (
        (select project_id, priority, created_at from documents
         where status = 'pending' and (p_project is null or project_id = p_project)
         order by project_id, priority desc, created_at, id limit 1)
        union all
        select n.project_id, n.priority, n.created_at from heads h cross join lateral (
            select * from (
                (select project_id, priority, created_at from documents
                 where status = 'pending' and project_id = h.project_id and priority < h.priority
                 order by priority desc, created_at, id limit 1)
                union all
                (select project_id, priority, created_at from documents
                 where status = 'pending' and p_project is null and project_id > h.project_id
                 order by project_id, priority desc, created_at, id limit 1)) either
            limit 1) n
    )
    select extract(epoch from now() - min(created_at))::float from heads
$$;

create table if not exists schema_migrations
    (name text primary key, sha256 text not null, applied_at timestamptz not null default now());
alter table schema_migrations enable row level security;
insert into schema_migrations (name, sha256) values
    ('0001_tables.sql', '79c709fbd0c399d12cc9bdbed62a0a43b73e44d1d3a0ef1426e0b132ddc5e0cc'),
    ('0002_document_parts.sql', '5a5e8750c142f6bf6ed3e4482954b241b727714e1fb6732a4819c07c2c00d977'),
    ('0003_many_documents.sql', '04c7acf1c3a57751461e2e7662d7c196595921da88444fb72742b9481811fda0'),
    ('0004_control.sql', 'c770b23c69c7ef262a09c7b3266c90b3932a1305a54d292a520cfb7139b7d068'),
    ('0005_waits.sql', '40edf56cb6bf7fc471543e6a1c4c2ac3af480c784786169f0d85eb63efc0d3b8'),
    ('0006_mentions_of_chunk.sql', 'b6a5de443f0d407f54fd293d73c9c296b8368dcee7a9dd6c100bfd236cb447f2'),
    ('0007_portions.sql', '03a7047a812a1e1acab51151de738c2e3cddfbfa7d8467eb2ac2a7605486f013'),
    ('0008_told_documents.sql', '797640d11ee934897886330c90599521dbee2f5453efa0f06720eb5b98dd339f'),
    ('0009_failures.sql', 'a4551e328d82d698f73be37c774df710826d45d9ad716d553ec96cd7f7072ca3'),
    ('0010_parts_made_by.sql', '7cb014d2d34ed11e6f515ced334a06efdbb1805a9b5fbc06646e08e72c8248bf'),
    ('0011_vanished.sql', 'ead0d76739a05d1fa5d72af0e6a7b062d3f1f9cc16599bb08eb6b4e73cdde2b4'),
    ('0012_jobs.sql', 'e71bf3defc1dec473dc5e18c274470d6727153d9fc0be52b9e6ff838944cc114'),
    ('0013_relation_mentions.sql', 'fc563493b63bb7da1bee6dcc17400a93750e5ccb53e17fb257a4ca4612aeb1a2'),
    ('0014_graph_turns.sql', '2fdfb3a76c810eb5a0d914a80e8a5f373fa4ccd6fe5c5268ba7d3b96a8f23b15'),
    ('0015_costs.sql', '25a663c3923acc51e5b8769840c40602246fb458442b47b052ee2388d0f1bf74'),
    ('0016_embeddings.sql', '416e92babb5a8f54cd58ff21900a8071351a8c32e93edd19b6427314e0845f7b'),
    ('0017_unfilled_of_project.sql', '3dfe172b410922ae7157a618fe3f358789d6dbe2a46f5ccdc3ca97a60230d426'),
    ('0018_single_calls.sql', 'c252867bccd1e7fa1fce9d044a05f6a953a093c94f97aa358743358b0fb4041d'),
    ('0019_batches.sql', '7baf9cdb145f3d447fef1492bdd313ba3ba3d8914456bcff39b35b8a4f602cfa'),
    ('0020_moved_documents.sql', 'd74c800ae312447e884a0afd4335db4e618495661c441180e9a8e33827d1e76a'),
    ('0021_monitor.sql', 'fd0525a6278336673361255ba2cdf7eaa66d253d2c3b51709a07e861179a6936'),
    ('0022_api.sql', 'ca2c035051457e2bfc5ed6e2a4321a09d85bd50123b6d31bc2610dfecb9fc075'),
    ('0023_sessions.sql', '9a72ccedb443b644b57dfc011b3f90c5d2bb74a031fa64837d29f0a278173cfa'),
    ('0024_events.sql', 'eb9554ac394401af32880e44752e6dee9d006d6f2b7705ccb396bbb9d4c8be60'),
    ('0025_places.sql', '15b1b90812e41080fac8b660ffbf5a68b87181c4e773b9053006f2b4c5b31582'),
    ('0026_decisions.sql', 'c2e57b94e6350ad8116aaf928689954c7349c94350809999d1cb49adbcae38ce'),
    ('0027_expected_files.sql', 'ea2f8abd80d6609534cab2a5dc7985d4ee1901308f14e38cabbe428ddf2e2305'),
    ('0028_search.sql', '6b962edc0f45bf2924502d545caa79876e05fdffe87c3b4718fd97e7cf863746'),
    ('0029_quick_questions.sql', '2c3a6bcb2e5ec95f5a0b25a33074d3911f4e82ab2f5fde9b6f4a027f2e525ea5'),
    ('0030_paths.sql', '8aeff7e7eaf74162621854f1fd68ca7c37f94bdebf3727f3e1a1fa8b20703a85'),
    ('0031_pending_paths.sql', '5cb49a38f296de866811f37c5270cc52f0093f7181eacf8ae77d2ef76ced6e66'),
    ('functions/answers.sql', 'aa6bb9d3acc135ea3ab4034ff317935fafb0f3d071fec2982cf4450ee65f1c4c'),
    ('functions/api_keys.sql', '6db9ca7a68ef128dc2b6bf589a0505d13f83005772bfbaf57b537de93df4053f'),
    ('functions/api_sessions.sql', 'd6520f46abedd3b461b322a7227dc2cb0a2002e9e0a4b3db3760b8b93f11b08a'),
    ('functions/batches.sql', '430d7a317324f59424c4be32ec135d5cbc48a2f46e1451d58b2c05d186ab420b'),
    ('functions/catalog.sql', '950f609386673f97b4f13869d4dddbd1edd31f20b4dc1841527dc780fbd881c4'),
    ('functions/claim.sql', 'dd7d9da140fc6ca91a5fc59f9326e427a31b6237bc12f6afb7454eacf1e9b05a'),
    ('functions/control.sql', '4c256a5b1e0811f673d54191b5510ab2a0532798495ad02d9e8ade054b2e6f4e'),
    ('functions/costs.sql', '2d4edf6e1973493d39ece41923caf8c7f3e5f3f6a75f62d927b3d534d29e3e89'),
    ('functions/counts.sql', '538731d8e169fb193c34fdb0ca936381f5b5cb736f183ddbff2462359f336733'),
    ('functions/crashes.sql', '6b56bb6425105ca352952fe964a1495c5a100f01d7ece5c0c83f9dcbbd800939'),
    ('functions/decisions.sql', 'f9b93f37fee94f7c846190090ea4441317f7c7383de837d4790efe29c310bc0a'),
    ('functions/embeddings.sql', 'cb2a5c9de3ff47b0bc811138510694e4fead2741873cac97058de2a4be1bc3e4'),
    ('functions/entities.sql', 'a255593fd1c08a203fc6573a755553f99c501a47b341f1ac4aa544a72d78b384'),
    ('functions/events.sql', 'ddc1c571776d287a80dc7bfe30f0de02fddc58679a1771aa3e212c750c0619f6'),
    ('functions/graph.sql', 'e1a4c40c80d5d64f5557847f5d1b6ca05e7493e2898209cf2317b9c020c02549'),
    ('functions/graph_content.sql', 'fbd9a7129eea93bd2b67bf833e2f2fc4572e477f1a86e02350070dddf460abcb'),
    ('functions/jobs.sql', '110d594bad1c04f6a9c7772f7a705c555f5cb27c8eb116edd45ab54309380770'),
    ('functions/lifecycle.sql', 'c58417b9b6b00ca35f4d531eca6ddbee549aa7ce3097c4c03392e971002b432d'),
    ('functions/linking.sql', '609752f39e7f6e3d294ebef73e4c2e6645d1bf316d6ad5924791663a058fa648'),
    ('functions/moving.sql', '7307aed8efdb22603b88519c1d6ac89842c871367fb20d7aeb67dee92446aa4f'),
    ('functions/parts.sql', '7854a11d47ada7a28d856561ccd8c1182b4a1a47b978dd5218873eb439862571'),
    ('functions/pauses.sql', '34169ea352ff14b7e381ae513fc7608a51b5365e34d6f52aadaa0b89a67cc8c2'),
    ('functions/places.sql', '4780c0f9c4714b6c312f63a11e9f2f06b8a9ae7df1627b82f0db7ad932bf8b36'),
    ('functions/portions.sql', 'cc827f86cd199c3af0704dad59df5279bc92aad7e9692a3d53fbfceaeb0ac642'),
    ('functions/reading.sql', 'c0c98259f2816c1978c0ea6a51ce675d3594a35423e2b098c2194cc0d4acda1b'),
    ('functions/relations.sql', '07297162695274e667a8d94f1c6281df01052babc25d5b7a75897d462c4515b4'),
    ('functions/results.sql', '43dfe5e26d69a014e5f1bcdf7eddde6ee8898bc3d6a98ca172bf29076e2666d9'),
    ('functions/search.sql', 'c77bc19909c34936d8dd14445a086563a6b87cd7593872647d8b57bb12cc3ac1'),
    ('functions/summaries.sql', 'a09c02b8893402f5d7622b17a88b28a25f8ecee361b1c87ef271b3c4f2231b3c'),
    ('functions/turns.sql', '156b758a6bccb4deb6ef5abf4c3ce9f7fd0da421c6eb25e65b7775f62b48d72d'),
    ('functions/watching.sql', '38425b0d0143fe4b8f2bd750ac1418d386886ed5fe3da2396574bac041817a77')
on conflict (name) do update set sha256 = excluded.sha256, applied_at = now();

-- On Supabase whatever is made in `public` is open to everybody who has the project's public key. Of what is ours, only the service role
-- may do anything. Runs after every migration, and does nothing where these roles do not exist.
do $access$
declare
    v_tables constant text[] := '{answer_uses,api_keys,api_links,api_sessions,api_uploads,batch_question_uses,batch_questions,budgets,canonical_entities,canonical_evidence,chunks,decided_names,document_counts,document_jobs,document_parts,document_processing_history,document_steps,documents,embedding_portions,embedding_spaces,entities,entity_dates,entity_decisions,entity_keys,entity_links,files_expected,files_unused,graph_changes,graph_outdated,graph_touched,graph_turns,mentions,moved_documents,pages,paid_answers,paid_batches,paid_calls,paid_usage,paused_queues,permitted_moves,project_usage,projects,relation_mentions,relationship_evidence,relationships,schema_migrations,staged_rows}';
    v_functions constant text[] := '{add_children,advance,amount_text,api_key_is_valid,ask_for_graphs,batches_due,begin_batch,begin_call,begin_part,begin_step,best_by_words,bm25,budget_refusal,budget_state,cancel_documents,cancel_embeddings,candidate_names,candidates_of,change_embeddings,changed_documents,changes_horizon,check_move,chunk_digest,chunk_dimension,chunks_like,claim_documents,comes_again,commit_chunks,commit_graph,commit_job,commit_mentions,commit_node,commit_pages,commit_part,commit_resolution,components,count_added,count_changed,count_removed,count_usage,create_api_key,dates_near,decide,decided_with,decision_facts,decision_holds,decisions_of,delete_document,derived_id,document_facts,document_format,document_news,document_progress,document_results,document_state,documents_of_entity,drop_call,drop_job,drop_old_answers,drop_old_questions,drop_portions,drop_relations,drop_unused,embedding_progress,end_api_session,end_batch,end_call,end_lost_calls,end_part,end_turn,end_turns_of,end_with_error,ensure_project,entities_in,entity_mentions,entity_of,entity_summaries,entity_summary,entity_types,expect_files,fail_part,fail_step,failed_parts,file_of,file_of_document,files_removed,finish_embeddings,finish_step,first_api_key,fold_counts,forget_answers,forget_expected_files,forget_questions,forget_results,given_up,graph_around,graph_busy,graph_is_outdated,graph_of_project,graph_pairs,graph_part,graph_related,graph_work,hand_over,has_node,hold_batch,hold_entity,hold_lease,hold_on,hold_part,hold_questions,job_of,join_parts,join_questions,joined_entities,keep_answers,keep_file,kept_apart,known_documents,leads_to,leave_questions,list_api_keys,list_decisions,list_documents,list_embeddings,list_entities,list_pauses,list_projects,live_session,mail_date,make_api_link,mark_unused_files,mentions_of,merge_entities,missing_parts,move_documents,moved_sources,names_of,nearest_chunks,new_token,news_of_document,next_due,next_entities,next_step,next_wait,node_of,note_batch,note_changes,note_embedding_fault,note_part,note_unused_files,oldest_pending,on_its_way,open_api_session,open_embeddings,outdated_documents,outdated_done,page_of_document,pair_weights,parted,parts_finished,parts_lost,pass_on,pass_questions,passage,path_between,pause_queue,paused_queue,place_of,places_of,portions,project_costs,project_counts,put_together,question_call,questions_of_batch,questions_ready,questions_suffice,range_of,rank_bounds,reading_of,refused,related_of,relation_mentions_of,relation_passages,relation_weights,relations_among,relations_in,relations_of,release_lease,release_leases,release_part,relink,renew_lease,renew_part,renew_turn,repair_documents,repeated_terms,report_crash,report_part_crash,reprocess_documents,require_embeddings,restart_document,restart_stalled,resume_queue,retry_documents,revoke_api_key,revoke_api_keys,running_status,save_dates,save_job,save_job_part,save_relationships,save_vectors,search_chunks,search_facets,search_passages,select_documents,set_aside,set_budget,settle_questions,shown_name,split_document,split_entity,stage_rows,stalled_documents,stands_still,submit_documents,submit_uploads,take_answers,take_back_decision,take_batch,take_graph_turn,take_refresh_turn,take_turn,take_unfilled,take_unused_files,tell_due,tell_finished,tell_of_document,tell_waiting,text_around,times_in,torn_pages,unread_dates,usage_cost,use_api_key,use_api_session,waiting_questions,waits_for_batch,waits_for_budget,wake_jobs,was_told,windows}';
    o record;
begin
    if (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 then
        return;
    end if;
    for o in select format('table %s', c.oid::regclass) as thing, c.relkind from pg_class c
             where c.relnamespace = current_schema()::regnamespace and c.relname = any (v_tables)
             union all
             select format('function %s', p.oid::regprocedure), 'f' from pg_proc p
             where p.pronamespace = current_schema()::regnamespace and p.proname = any (v_functions) loop
        execute format('revoke all on %s from public, anon, authenticated', o.thing);
        execute format('grant all on %s to service_role', o.thing);
        if o.relkind = 'r' then
            execute format('alter %s enable row level security', o.thing);
        end if;
    end loop;
    -- A large document's results take longer than the 8 seconds that Supabase allows.
    begin
        alter role service_role set statement_timeout = '5min';
        notify pgrst, 'reload config';
    exception when insufficient_privilege then
        raise notice 'set statement_timeout of service_role by hand';
    end;
    notify pgrst, 'reload schema';
end $access$;
