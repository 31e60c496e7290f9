set check_function_bodies = off;

-- Waiting for servers that are away.

-- Tries of this step that met a server that was away.
alter table documents add column waits integer not null default 0;
alter table document_parts add column waits integer not null default 0;

drop function if exists repair_documents(interval, integer);
drop function if exists fail_step(uuid, pipeline_step, bigint, text, text, boolean, integer, interval);
drop function if exists fail_part(uuid, integer, bigint, text, text, boolean, integer, interval);
