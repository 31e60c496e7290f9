-- On Supabase whatever is made in `public` is open to everybody who has the project's public key. Of what is ours, only the service role
-- may do anything. Runs after every migration, and does nothing where these roles do not exist.
do $access$
declare
    v_tables constant text[] := '{TABLES}';
    v_functions constant text[] := '{FUNCTIONS}';
    o record;
begin
    if (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 then
        return;
    end if;
    for o in select format('table %s', c.oid::regclass) as thing, c.relkind from pg_class c
             where c.relnamespace = current_schema()::regnamespace and c.relname = any (v_tables)
             union all
             select format('function %s', p.oid::regprocedure), 'f' from pg_proc p
             where p.pronamespace = current_schema()::regnamespace and p.proname = any (v_functions) loop
        execute format('revoke all on %s from public, anon, authenticated', o.thing);
        execute format('grant all on %s to service_role', o.thing);
        if o.relkind = 'r' then
            execute format('alter %s enable row level security', o.thing);
        end if;
    end loop;
    -- A large document's results take longer than the 8 seconds that Supabase allows.
    begin
        alter role service_role set statement_timeout = '5min';
        notify pgrst, 'reload config';
    exception when insufficient_privilege then
        raise notice 'set statement_timeout of service_role by hand';
    end;
    notify pgrst, 'reload schema';
end $access$;
