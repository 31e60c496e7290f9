set check_function_bodies = off;

-- Both take another argument now.
drop function if exists entity_summaries(uuid[]);
drop function if exists pair_weights(uuid[]);
