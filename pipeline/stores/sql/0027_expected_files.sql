-- Files that are being stored for documents which do not stand in the database yet: they are not removed. See functions/control.sql.

create table files_expected (
    storage_key text not null,
    claim uuid not null,  -- of whoever stores it
    until timestamptz not null,
    primary key (storage_key, claim)
);

create index files_expected_of_claim on files_expected (claim);
create index files_expected_over on files_expected (until);

alter table files_expected enable row level security;
