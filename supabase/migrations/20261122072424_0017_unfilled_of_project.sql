set check_function_bodies = off;

-- Passages that need a new vector are told with their project, which pays for it.
drop function if exists take_unfilled(uuid, integer, interval);
