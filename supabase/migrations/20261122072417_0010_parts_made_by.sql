set check_function_bodies = off;

-- What a page range was read by: ranges that were read well are kept when the others are tried again.
alter table document_parts add column fingerprint text not null default '';
