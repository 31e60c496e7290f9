set check_function_bodies = off;

-- A worker process that dies alone over a document speaks against the document; a whole worker that vanishes with all it held hardly does.

-- Leases of this step whose whole worker vanished. `crashes` counts those whose worker lived on to tell of it.
alter table documents add column vanished integer not null default 0;
alter table document_parts add column vanished integer not null default 0;
