set check_function_bodies = off;

-- What was a transaction of several statements is one call now.

-- While somebody removes the file: nobody can use it again until then.
alter table files_unused add column taken_until timestamptz;

drop function if exists take_unused_files(integer);
drop function if exists select_documents(text, uuid[], text[], text[], text[]);
drop function if exists commit_resolution(uuid, bigint, bigint, jsonb, jsonb, jsonb);
