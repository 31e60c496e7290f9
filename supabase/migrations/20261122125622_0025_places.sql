set check_function_bodies = off;

-- What stands at a place of a document's text.

create index pages_of_place on pages (document_id, start_offset);
create index mentions_of_place on mentions (document_id, start_offset);
