-- What keeps questions quick over large archives.

-- Terms that stand in a passage more than once: of all others it is known without unpacking them how often. An index rests on it: it
-- never changes.
create or replace function repeated_terms(p_terms tsvector) returns text[] language sql immutable strict parallel safe as $$
    select coalesce(array_agg(lexeme), '{}') from unnest(p_terms) where cardinality(positions) > 1
$$;

create index chunks_repeated on chunks using gin (repeated_terms(terms));
