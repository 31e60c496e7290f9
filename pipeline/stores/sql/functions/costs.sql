-- What paid services use, and budgets. p_prices: {model: {input, output: of a million tokens, page, minute, batch: the share of it that
-- is paid in a batch, half unless it is named}}.

-- Null: the model has no price. A model is called `NAME:batch` where it is asked in batches.
create or replace function usage_cost(p_prices jsonb, p_model text, p_input bigint, p_output bigint, p_pages bigint, p_seconds double precision)
returns numeric language sql immutable parallel safe as $$
    select (coalesce((m ->> 'input')::numeric, 0) * p_input / 1000000 + coalesce((m ->> 'output')::numeric, 0) * p_output / 1000000
            + coalesce((m ->> 'page')::numeric, 0) * p_pages + coalesce((m ->> 'minute')::numeric, 0) * p_seconds::numeric / 60)
           * case when p_prices ? p_model then 1 else coalesce((m ->> 'batch')::numeric, 0.5) end
    from (select coalesce(p_prices -> p_model, p_prices -> nullif(regexp_replace(p_model, ':batch$', ''), p_model)) as m) x where m is not null
$$;

-- Begin a paid call: p_most: {endpoint, model, input_tokens, output_tokens, pages, audio_seconds}. It is paid for by the document's
-- project, or else the one named. Null: it may be made. Else {message, wait}: it must not, and is to be asked for again after so
-- many seconds.
create or replace function begin_call(p_call uuid, p_document uuid, p_step pipeline_step, p_project text, p_most jsonb, p_prices jsonb, p_open_for interval)
returns jsonb language plpgsql as $$
declare
    c paid_calls := jsonb_populate_record(null::paid_calls, p_most);
    v_refusal jsonb;
begin
    c.id := p_call;
    c.document_id := p_document;
    c.step := p_step;
    c.open_until := now() + p_open_for;
    if p_document is not null then
        c.project_id := (select project_id from documents where id = p_document);
        if c.project_id is null then
            raise exception 'document % was deleted', p_document using errcode = 'NL001';
        end if;
    elsif p_project <> '' then
        c.project_id := ensure_project(p_project);
    end if;
    perform end_lost_calls();
    v_refusal := budget_refusal(c, p_prices);
    if v_refusal is null then
        insert into paid_calls select c.* on conflict (id) do nothing;
    end if;
    return v_refusal;
end $$;

-- Why this call must not be made. One call of a project is looked at at a time. For use inside begin_call.
create or replace function budget_refusal(c paid_calls, p_prices jsonb) returns jsonb language plpgsql as $$
declare
    v_amount numeric;
    v_used numeric;
    v_open numeric;
    v_own numeric := usage_cost(p_prices, c.model, c.input_tokens, c.output_tokens, c.pages, c.audio_seconds);
    v_unknown text;
    v_budget text := format('The budget of %s', (select name from projects where id = c.project_id));
begin
    select amount into v_amount from budgets where project_id = c.project_id for update;
    if not found or exists (select from paid_calls where id = c.id) then
        return null;
    end if;
    -- At one moment: a call that ends goes from one table to the other.
    select coalesce(sum(cost) filter (where not open), 0), coalesce(sum(cost) filter (where open), 0), min(model) filter (where cost is null)
    into v_used, v_open, v_unknown
    from (
        select false as open, u.* from project_usage u where u.project_id = c.project_id
        union all
        select true, o.project_id, o.model, o.input_tokens, o.output_tokens, o.pages, o.audio_seconds
        from paid_calls o where o.project_id = c.project_id) x
    cross join lateral usage_cost(p_prices, model, input_tokens, output_tokens, pages, audio_seconds) cost;
    if v_own is null or v_unknown is not null then
        return jsonb_build_object('wait', 600, 'message',
            format('%s cannot be kept: PRICES has no price of %s.', v_budget, case when v_own is null then c.model else v_unknown end));
    end if;
    if v_used + v_own > v_amount then
        return jsonb_build_object('wait', 600, 'message', format('%s is used up: %s are allowed.', v_budget, amount_text(v_amount)));
    elsif v_used + v_open + v_own > v_amount then
        return jsonb_build_object('wait', 15, 'message', format('%s is taken by calls under way: %s are allowed.', v_budget, amount_text(v_amount)));
    end if;
    return null;
end $$;

create or replace function amount_text(p_amount numeric) returns text language sql immutable parallel safe as $$
    select case when scale(trim_scale(p_amount)) > 2 then trim_scale(p_amount) else round(p_amount, 2) end::text
$$;

-- The call has ended; p_used: as p_most, null: nobody knows. False: its end was told before.
create or replace function end_call(p_call uuid, p_used jsonb) returns boolean language plpgsql as $$
declare
    c paid_calls;
begin
    delete from paid_calls where id = p_call returning * into c;
    if not found then
        return false;
    end if;
    perform count_usage(jsonb_populate_record(c, coalesce(p_used, '{}')), p_used is null);
    return true;
end $$;

-- The call was not made, or refused.
create or replace function drop_call(p_call uuid) returns boolean language sql as $$
    delete from paid_calls where id = p_call returning true
$$;

-- Calls whose end was waited for long enough: their worker died. They may have been paid for.
create or replace function end_lost_calls() returns void language plpgsql as $$
declare
    c paid_calls;
begin
    for c in
        delete from paid_calls where id in (select id from paid_calls where open_until < now() limit 100 for update skip locked) returning *
    loop
        perform count_usage(c, true);
    end loop;
end $$;

create or replace function count_usage(c paid_calls, p_guessed boolean) returns void language sql as $$
    insert into project_usage as u (project_id, model, input_tokens, output_tokens, pages, audio_seconds)
    select c.project_id, c.model, c.input_tokens, c.output_tokens, c.pages, c.audio_seconds where c.project_id is not null
    on conflict (project_id, model) do update set
        input_tokens = u.input_tokens + excluded.input_tokens, output_tokens = u.output_tokens + excluded.output_tokens,
        pages = u.pages + excluded.pages, audio_seconds = u.audio_seconds + excluded.audio_seconds;
    insert into paid_usage as u
        (project_id, document_id, step, endpoint, model, calls, guessed, input_tokens, output_tokens, pages, audio_seconds)
    values (c.project_id, c.document_id, c.step, c.endpoint, c.model, 1, p_guessed::integer, c.input_tokens, c.output_tokens, c.pages,
            c.audio_seconds)
    on conflict (project_id, document_id, step, endpoint, model) do update set
        calls = u.calls + 1, guessed = u.guessed + excluded.guessed,
        input_tokens = u.input_tokens + excluded.input_tokens, output_tokens = u.output_tokens + excluded.output_tokens,
        pages = u.pages + excluded.pages, audio_seconds = u.audio_seconds + excluded.audio_seconds;
$$;

-- By the words of budget_refusal.
create or replace function waits_for_budget(d documents) returns boolean language sql immutable parallel safe as $$
    select d.waiting_for like 'The budget of %' and d.lease_until is null and d.not_before is not null
$$;

-- Set a project's budget; null: none. Documents that wait for it are sent on at once.
create or replace function set_budget(p_project text, p_amount numeric) returns void language plpgsql as $$
declare
    v_project uuid := ensure_project(p_project);
begin
    if p_amount is null then
        delete from budgets where project_id = v_project;
    else
        insert into budgets (project_id, amount) values (v_project, p_amount)
        on conflict (project_id) do update set amount = excluded.amount;
    end if;
    update document_parts p set not_before = '-infinity' from documents d
    where d.project_id = v_project and d.status = 'processing_chunks' and d.waiting_for like 'The budget of %'
      and p.document_id = d.id and p.status = 'waiting' and p.not_before > now();
    update documents d set not_before = '-infinity'
    where d.project_id = v_project and on_its_way(d.status) and waits_for_budget(d) and d.not_before > now();
    update batch_questions set held_until = null where project_id = v_project and held_until is not null;
    perform tell_due();
end $$;

-- What a project's documents, models and steps used, and what that costs; null: unknown. Calls under way are not in it, unless their
-- end was waited for long enough.
create or replace function project_costs(p_project uuid, p_prices jsonb)
returns table (document_id uuid, step pipeline_step, endpoint text, model text, calls bigint, guessed bigint, input_tokens bigint,
               output_tokens bigint, pages bigint, audio_seconds double precision, cost numeric)
language sql stable as $$
    select u.document_id, u.step, u.endpoint, u.model, u.calls, u.guessed, u.input_tokens, u.output_tokens, u.pages, u.audio_seconds,
           usage_cost(p_prices, u.model, u.input_tokens, u.output_tokens, u.pages, u.audio_seconds)
    from (
        select x.document_id, x.step, x.endpoint, x.model, x.calls, x.guessed, x.input_tokens, x.output_tokens, x.pages, x.audio_seconds
        from paid_usage x where x.project_id = p_project
        union all
        select c.document_id, c.step, c.endpoint, c.model, 1, 1, c.input_tokens, c.output_tokens, c.pages, c.audio_seconds
        from paid_calls c where c.project_id = p_project and c.open_until < now()) u
$$;

-- A project's budget, null if it has none; what it has used and what is under way, null where a price is missing.
create or replace function budget_state(p_project uuid, p_prices jsonb)
returns table (amount numeric, used numeric, under_way numeric, unpriced text[]) language sql stable as $$
    with u as (select model, usage_cost(p_prices, model, input_tokens, output_tokens, pages, audio_seconds) as cost
               from project_usage where project_id = p_project),
         c as (select model, usage_cost(p_prices, model, input_tokens, output_tokens, pages, audio_seconds) as cost
               from paid_calls where project_id = p_project)
    select (select b.amount from budgets b where b.project_id = p_project), (select coalesce(sum(cost), 0) from u),
           (select coalesce(sum(cost), 0) from c),
           array(select model from u where cost is null union select model from c where cost is null order by 1)
$$;
