set check_function_bodies = off;

-- The first failures by path, however many there are.
create index documents_failed on documents (project_id, source_path collate "C") where status in ('error', 'partial_error', 'cancelled');
