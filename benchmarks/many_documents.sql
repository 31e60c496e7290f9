-- Fills an empty database: %(pending)s waiting documents and %(finished)s finished ones of 1,000 projects. Most of both belong to
-- one project, some to nine others; the rest of the projects have nothing waiting. 32 more are on their way.

insert into projects (id, name) select derived_id('project', 'p' || n), 'p' || n from generate_series(0, 999) n;

insert into documents (id, project_id, source_path, file_name, storage_key, size, sha256, status, step, token, graph_token,
                       text, page_count, error_code, error_message, created_at, finished_at)
select derived_id('finished', n::text), derived_id('project', 'p' || case when n %% 3 > 0 then 0 else n %% 1000 end),
       'finished/' || n, 'a.txt', 'f/' || n, 1, n::text, s.status::document_status, 'build_relationships', n, n,
       repeat(md5(n::text), 20), 1, e.code, e.code, now() - interval '1 day', now() - n %% 1440 * interval '1 minute'
from generate_series(1, %(finished)s) n
cross join lateral (select case n %% 500 when 0 then 'error' when 1 then 'partial_error' else 'completed' end as status) s
cross join lateral (select case when s.status <> 'completed' then 'unreadable' end as code) e;

insert into documents (id, project_id, source_path, file_name, storage_key, size, sha256, created_at)
select derived_id('waiting', n::text), derived_id('project', 'p' || case when n %% 100 > 0 then 0 else 1 + n / 100 %% 9 end),
       'waiting/' || n, 'b.txt', 'w/' || n, 1, n::text, now() - interval '1 day' + n / 100 * interval '1 s'
from generate_series(1, %(pending)s) n;

insert into documents (id, project_id, source_path, file_name, storage_key, size, sha256, status, step, token, lease_until,
                       updated_at)
select derived_id('moving', n::text), derived_id('project', 'p' || n %% 10), 'moving/' || n, 'c.txt', 'm/' || n, 1, n::text,
       'processing', 'process_chunking', n, now() + (n - 8) * interval '1 hour', now() - interval '1 minute'
from generate_series(1, 32) n;

insert into document_steps (document_id, step, fingerprint, engine)
select d.id, s, 'f', 'e' from documents d cross join unnest(enum_range(null::pipeline_step)) s where d.finished_at is not null;

insert into document_processing_history (document_id, step, outcome, worker, token, started_at)
select d.id, s, 'done', 'w', d.token, now() from documents d cross join unnest(enum_range(null::pipeline_step)) s
where d.finished_at is not null;

insert into pages (document_id, number, start_offset, end_offset, source, confidence, width, height)
select id, 1, 0, 640, 'text', 1, 1, 1 from documents where finished_at is not null;

insert into graph_touched (document_id, project_id, touched_at)
select id, project_id, now() - interval '1 minute' from documents where status = 'processing';
