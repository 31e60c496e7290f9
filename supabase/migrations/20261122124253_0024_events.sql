set check_function_bodies = off;

-- What changed since a moment, for those who watch documents.
create index documents_changed on documents (updated_at);
