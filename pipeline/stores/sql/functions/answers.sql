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
