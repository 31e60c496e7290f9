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
