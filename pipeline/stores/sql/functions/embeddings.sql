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
