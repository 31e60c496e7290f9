-- What waits is looked through by its path without looking at the documents.
drop index documents_waiting;
create index documents_waiting on documents (project_id, priority desc, created_at, id) include (source_path) where status = 'pending';
