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
