set check_function_bodies = off;

-- The relation of two entities is found without going through all relations of one of them.
create index relationships_ends on relationships (subject_id, object_id);
drop index relationships_subject;  -- the other one begins with it
