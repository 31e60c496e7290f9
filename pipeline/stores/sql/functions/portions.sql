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

-- What was laid down under older leases goes too.
create or replace function drop_portions(p_document uuid) returns void language sql as $$
    delete from staged_rows where document_id = p_document
$$;
