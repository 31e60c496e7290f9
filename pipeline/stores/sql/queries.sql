-- Each is one call of one function, as it can be made over REST too: `select function(…)`, or `select columns from function(…)`.

-- name: submit
select document_id::text, source_path, outcome from submit_documents(%(project)s, %(files)s);

-- name: claim
select document_id::text, step::text from claim_documents(%(limit)s, %(in_flight)s);

-- name: repair
select document_id::text, step::text from repair_documents(%(idle)s, %(known)s, %(limit)s);

-- name: next_due
select next_due();

-- name: begin
select verdict, token from begin_step(%(document)s, %(step)s, %(engine)s, %(worker)s, %(lease)s, %(most_crashes)s);

-- name: renew
select renew_lease(%(document)s, %(token)s, %(lease)s);

-- name: release
select release_lease(%(document)s, %(token)s);

-- name: report_crash
select report_crash(%(document)s, %(worker)s, %(most_crashes)s);

-- name: report_part_crash
select report_part_crash(%(document)s, %(part)s, %(worker)s, %(most_crashes)s);

-- name: release_all
select release_leases(%(worker)s);

-- name: fail
select fail_step(%(document)s, %(step)s, %(token)s, %(code)s, %(message)s, %(retry)s, %(most_retries)s, %(wait)s, %(longest)s);

-- name: split
select split_document(%(document)s, %(token)s, %(media_type)s, %(metadata)s, %(children)s, %(ranges)s);

-- name: missing_parts
select missing_parts(%(document)s, %(token)s);

-- name: begin_part
select verdict, token from begin_part(%(document)s, %(part)s, %(worker)s, %(lease)s, %(most_crashes)s);

-- name: renew_part
select renew_part(%(document)s, %(part)s, %(token)s, %(lease)s);

-- name: release_part
select release_part(%(document)s, %(part)s, %(token)s);

-- name: fail_part
select fail_part(%(document)s, %(part)s, %(token)s, %(code)s, %(message)s, %(retry)s, %(most_retries)s, %(wait)s, %(longest)s);

-- name: part
select first_page, last_page from range_of(%(document)s, %(part)s);

-- name: save_part
select commit_part(%(document)s, %(part)s, %(token)s, %(text)s, %(pages)s);

-- name: join_parts
select join_parts(%(document)s, %(token)s);

-- name: hand_over
select hand_over(%(document)s, %(token)s, %(media_type)s, %(metadata)s, %(children)s, %(pages)s);

-- name: job
select job, attempt, waited, content, pages from job_of(%(document)s);

-- name: pass_on
select pass_on(%(document)s, %(token)s);

-- name: save_job
select save_job(%(document)s, %(token)s, %(job)s);

-- name: drop_job
select drop_job(%(document)s, %(token)s);

-- name: save_job_part
select save_job_part(%(document)s, %(token)s, %(part)s, %(first)s, %(last)s, %(text)s, %(pages)s);

-- name: finish_job
select commit_job(%(document)s, %(token)s, %(parts)s, %(failed)s);

-- name: wake_jobs
select wake_jobs(%(jobs)s);

-- name: save_pages
select commit_pages(%(document)s, %(token)s, %(media_type)s, %(metadata)s, %(text)s, %(pages)s, %(children)s);

-- name: stage_rows
select stage_rows(%(document)s, %(token)s, %(number)s, %(rows)s);

-- name: save_node
select commit_node(%(document)s, %(token)s, %(language)s, %(category)s);

-- name: save_chunks
select commit_chunks(%(document)s, %(token)s, %(chunks)s, %(space)s);

-- name: save_mentions
select commit_mentions(%(document)s, %(token)s, %(mentions)s, %(relation_mentions)s, %(notes)s);

-- name: candidates
select candidates_of(%(document)s, %(keys)s, %(blocking_keys)s);

-- name: save_resolution
select commit_resolution(%(document)s, %(token)s, %(arrival)s, %(clusters)s, %(names)s, %(links)s);

-- name: save_relations
select save_relationships(%(document)s, %(token)s, %(relations)s);

-- name: finish_graph
select commit_graph(%(document)s, %(token)s);

-- name: file
select storage_key, file_name, source_path, depth, project, split from file_of(%(document)s);

-- name: reading
select text, media_type, metadata, pages from reading_of(%(document)s);

-- name: node
select id::text, project, file_name, source_path, media_type, language, category, parent from node_of(%(document)s);

-- name: mentions
select mentions_of(%(document)s);

-- name: relation_mentions
select relation_mentions_of(%(document)s);

-- name: take_graph_turn
select take_graph_turn(%(document)s, %(token)s, %(lease)s, %(most)s);

-- name: take_refresh_turn
select take_refresh_turn(%(project)s, %(holder)s, %(claim)s, %(lease)s, %(most)s);

-- name: take_turn
select take_turn(%(project)s, %(holder)s, %(claim)s, %(lease)s);

-- name: renew_turn
select renew_turn(%(project)s, %(turn)s, %(lease)s);

-- name: end_turn
select end_turn(%(project)s, %(turn)s, %(done)s, %(changed)s::uuid[], %(numbers)s::bigint[], %(touched)s::uuid[],
                %(documents)s::uuid[], %(document_numbers)s::bigint[]);

-- name: stale_graphs
select ask_for_graphs::text from ask_for_graphs();

-- name: select_documents
select select_documents(%(project)s, %(ids)s::uuid[], %(paths)s::text[], %(statuses)s::text[], %(failed_steps)s::text[])::text[];

-- name: cancel
select document_id::text, source_path, outcome from cancel_documents(%(documents)s::uuid[]);

-- name: retry
select document_id::text, source_path, outcome from retry_documents(%(documents)s::uuid[]);

-- name: reprocess
select document_id::text, source_path, outcome from reprocess_documents(%(documents)s::uuid[], %(since)s);

-- name: delete
select document_id::text, source_path, outcome from delete_document(%(document)s);

-- name: moved_sources
select moved_sources(%(source)s, %(ids)s::text[]);

-- name: move_documents
select source_id, document_id::text, outcome from move_documents(%(source)s, %(files)s);

-- name: stalled_documents
select stalled_documents(%(project)s, %(idle)s)::text[];

-- name: restart_stalled
select document_id::text, source_path, outcome from restart_stalled(%(documents)s::uuid[], %(idle)s);

-- name: pause
select pause_queue(%(queue)s, %(tasks)s);

-- name: resume
select resume_queue(%(queue)s);

-- name: pauses
select queue, tasks, seconds from list_pauses();

-- name: expect_files
select expect_files(%(claim)s, %(keys)s, %(lease)s);

-- name: forget_expected_files
select forget_expected_files(%(claim)s);

-- name: mark_unused_files
select mark_unused_files();

-- name: take_unused_files
select take_unused_files from take_unused_files(%(most)s, %(lease)s);

-- name: files_removed
select files_removed(%(removed)s::text[], %(given_back)s::text[]);

-- name: begin_call
select begin_call(%(call)s, %(document)s, %(step)s, %(project)s, %(most)s, %(prices)s, %(open_for)s);

-- name: end_call
select end_call(%(call)s, %(used)s);

-- name: drop_call
select drop_call(%(call)s);

-- name: set_budget
select set_budget(%(project)s, %(amount)s::numeric)::text;

-- name: take_answers
select fingerprint, answer from take_answers(%(fingerprints)s, %(document)s, %(keep)s);

-- name: keep_answers
select keep_answers(%(fingerprints)s, %(answers)s, %(document)s, %(keep)s)::text;

-- name: join_questions
select fingerprint, failed from join_questions(%(document)s, %(fingerprints)s);

-- name: leave_questions
select leave_questions(%(document)s, %(step)s, %(endpoint)s, %(model)s, %(questions)s)::text;

-- name: batches_due
select batches_due(%(endpoint)s, %(model)s, %(most)s, %(bytes)s, %(age)s);

-- name: begin_batch
select begin_batch(%(endpoint)s, %(model)s, %(prices)s, %(most)s, %(bytes)s, %(age)s, %(open_for)s);

-- name: take_batch
select take_batch(%(lease)s);

-- name: questions_of_batch
select fingerprint, request from questions_of_batch(%(batch)s, %(token)s, %(after)s, %(most)s);

-- name: note_batch
select note_batch(%(batch)s, %(token)s, %(facts)s, %(lease)s, %(again)s)::text;

-- name: settle_questions
select settle_questions(%(batch)s, %(token)s, %(lines)s, %(keep)s)::text;

-- name: end_batch
select end_batch(%(batch)s, %(token)s, %(state)s, %(fault)s, %(rest)s, %(hold)s)::text;

-- name: embeddings
select id::text, engine, dimension, settings, active, fault from list_embeddings();

-- name: open_embeddings
select id::text, engine, dimension, settings, active, fault from open_embeddings(%(engine)s, %(dimension)s, %(settings)s);

-- name: change_embeddings
select id::text, engine, dimension, settings, active, fault from change_embeddings(%(engine)s, %(dimension)s, %(settings)s);

-- name: cancel_embeddings
select cancel_embeddings();

-- name: take_unfilled
select chunk_id::text, heading, passage, digest, project from take_unfilled(%(space)s, %(most)s, %(lease)s);

-- name: save_vectors
select save_vectors(%(space)s, %(vectors)s);

-- name: note_embedding_fault
select note_embedding_fault(%(space)s, %(fault)s);

-- name: finish_embeddings
select finish_embeddings(%(space)s);

-- name: embedding_progress
select chunks, unfilled from embedding_progress();

-- name: create_api_key
select create_api_key(%(name)s, %(hash)s, %(scope)s, %(project)s)::text;

-- name: first_api_key
select first_api_key(%(name)s, %(hash)s)::text;

-- name: list_api_keys
select id::text, name, scope, project, created_at::text, last_used_at::text, revoked_at::text from list_api_keys();

-- name: revoke_api_keys
select revoke_api_keys(%(word)s)::text[];

-- name: revoke_api_key
select revoke_api_key(%(id)s, %(project)s);

-- name: api_key_is_valid
select api_key_is_valid(%(id)s);

-- name: use_api_key
select id::text, name, scope, project from use_api_key(%(hash)s);

-- name: open_api_session
select id::text, name, scope, project, ends_at from open_api_session(%(key)s, %(link)s, %(hash)s, %(idle)s, %(lifetime)s);

-- name: use_api_session
select id::text, name, scope, project, ends_at from use_api_session(%(hash)s, %(idle)s);

-- name: is_api_session
select exists (select from live_session(%(hash)s, %(idle)s));

-- name: end_api_session
select end_api_session(%(hash)s);

-- name: make_api_link
select make_api_link(%(word)s, %(hash)s, %(lifetime)s);

-- name: submit_uploads
select submit_uploads(%(key)s, %(name)s, %(project)s, %(files)s);

-- name: file_of_document
select project, storage_key, file_name, media_type, sha256 from file_of_document(%(document)s, %(project)s);

-- name: list_documents
select document from list_documents(%(project)s, %(statuses)s, %(failed_steps)s, %(under)s, %(parent)s, %(before)s, %(before_id)s, %(limit)s);

-- name: document_state
select document_state(%(document)s, %(project)s);

-- name: document_progress
select document_progress(%(document)s, %(project)s);

-- name: document_results
select document_results(%(document)s, %(project)s, %(parts)s);

-- name: list_projects
select name, documents, created_at from list_projects(%(project)s);

-- name: search_passages
select search_passages(%(project)s, %(question)s, %(embedding)s, %(skip)s, %(limit)s, %(space)s, %(filter)s);

-- name: unread_dates
select entity_id::text, written from unread_dates(%(project)s, %(limit)s);

-- name: save_dates
select save_dates(%(dates)s);

-- name: entity_of
select project, id::text, name, type, mentions, documents from entity_of(%(entity)s, %(project)s);

-- name: documents_of_entity
select document_id::text, source_path, mentions from documents_of_entity(%(entity)s, %(limit)s);

-- name: list_entities
select id::text, name, type, mentions, documents, distance from list_entities(%(project)s, %(name)s, %(pattern)s, %(keys)s, %(type)s,
    %(after_distance)s, %(after_mentions)s, %(after)s, %(limit)s);

-- name: entity_mentions
select mention from entity_mentions(%(entity)s, %(after_path)s, %(after)s, %(limit)s);

-- name: dates_near
select near from dates_near(%(entity)s, %(limit)s);

-- name: graph_around
select graph_around(%(entity)s, %(depth)s, %(limit)s, %(types)s, %(predicates)s, %(min_weight)s);

-- name: graph_of_project
select graph_of_project(%(project)s, %(limit)s, %(types)s, %(predicates)s, %(min_weight)s);

-- name: path_between
select path_between(%(start)s, %(end)s, %(types)s);

-- name: relation_passages
select passage from relation_passages(%(subject)s, %(object)s, %(predicate)s, %(skip)s, %(limit)s);

-- name: changes_horizon
select changes_horizon();

-- name: changed_documents
select project, document from changed_documents(%(projects)s, %(since)s, %(limit)s);

-- name: known_documents
select known_documents(%(documents)s)::text[];

-- name: news_of_document
select project, document from news_of_document(%(document)s, %(project)s);

-- name: page_of_document
select page_of_document(%(document)s, %(project)s, %(number)s);

-- name: places_of
select places_of(%(ranges)s, %(project)s);

-- name: merge_entities
select merge_entities(%(one)s, %(other)s, %(within)s, %(reason)s, %(by)s);

-- name: split_entity
select split_entity(%(entity)s, %(names)s, %(within)s, %(reason)s, %(by)s);

-- name: take_back_decision
select take_back_decision(%(decision)s, %(within)s, %(by)s);

-- name: decisions_of
select decision from decisions_of(%(entity)s);

-- name: list_decisions
select decision from list_decisions(%(project)s, %(before)s, %(limit)s);
