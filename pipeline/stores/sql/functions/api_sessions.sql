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
