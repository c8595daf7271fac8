-- Accounts own projects and keys.
CREATE TABLE accounts (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE projects (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    name       text NOT NULL,
    -- The domain that its maker plans to send from.
    domain     text,
    -- Whether its mails tell that they are opened, and that their links are followed, unless they say otherwise.
    track_opens  boolean NOT NULL DEFAULT false,
    track_clicks boolean NOT NULL DEFAULT false,
    -- Mails are kept for so long; null for as long as the server keeps them.
    retention_days integer CONSTRAINT projects_retention_days CHECK (retention_days > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- A deleted project keeps what it has for a month or the retention time, and does nothing any more.
    deleted_at timestamptz,
    -- Since when nothing is left of what a deleted project had.
    emptied_at timestamptz
);

CREATE INDEX projects_account_id ON projects (account_id, id);
CREATE INDEX projects_retention_days ON projects (id) WHERE retention_days IS NOT NULL;
CREATE INDEX projects_to_empty ON projects (id) WHERE deleted_at IS NOT NULL AND emptied_at IS NULL;

CREATE TABLE api_keys (
    id             uuid PRIMARY KEY,
    account_id     uuid NOT NULL REFERENCES accounts (id),
    -- Null for account keys.
    project_id     uuid REFERENCES projects (id),
    name           text NOT NULL,
    type           text NOT NULL CONSTRAINT api_keys_type CHECK (type IN ('project', 'account')),
    mode           text NOT NULL CONSTRAINT api_keys_mode CHECK (mode IN ('live', 'test')),
    public_id      text NOT NULL CONSTRAINT api_keys_public_id UNIQUE,
    -- What lists show: the first eight and the last four characters.
    display_key    text NOT NULL,
    -- The durable truth: an Argon2id PHC string of the secret.
    secret_phc     text NOT NULL,
    -- What requests are compared with: HMAC-SHA-256 of the whole key under a key derived from SECRET_KEY, and which
    -- SECRET_KEY that was. Renewed from the PHC string when SECRET_KEY changes.
    digest         bytea NOT NULL,
    digest_version bytea NOT NULL,
    permissions    text[] NOT NULL,
    -- Domains that the key may send from; null for every domain of the project. An empty list sends nothing.
    domains        text[],
    -- Addresses or domains that the key may send to; null for everyone.
    recipients     text[],
    ip_allowlist   text[],
    ip_allowlist_dry_run boolean NOT NULL DEFAULT false,
    -- Null for the server's own figures.
    per_second     integer CONSTRAINT api_keys_per_second CHECK (per_second > 0),
    per_minute     integer CONSTRAINT api_keys_per_minute CHECK (per_minute > 0),
    active         boolean NOT NULL DEFAULT true,
    expires_at     timestamptz,
    revoked_at     timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL,
    -- The key that this one takes the place of, after a rotation.
    replaces       uuid REFERENCES api_keys (id),
    -- Whether it may be used, but for its expiry, which comes by itself.
    state          text NOT NULL GENERATED ALWAYS AS (
                       CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN active THEN 'active' ELSE 'inactive' END
                   ) STORED,
    -- Whether it ever expires, so that those that have are looked for among few.
    expires        boolean NOT NULL GENERATED ALWAYS AS (expires_at IS NOT NULL) STORED,
    CONSTRAINT api_keys_project_of_type CHECK ((type = 'project') = (project_id IS NOT NULL))
);

CREATE INDEX api_keys_account_id ON api_keys (account_id, id);

-- Lists by any choice of state, expiry, type and mode are merged from their parts, each of which is in order here.
CREATE INDEX api_keys_listing ON api_keys (account_id, state, expires, type, mode, id);
CREATE INDEX api_keys_project_listing ON api_keys (project_id, state, expires, mode, id) WHERE project_id IS NOT NULL;
CREATE INDEX api_keys_replaces ON api_keys (replaces) WHERE replaces IS NOT NULL;

-- Searches by how a name, a display key or a public id begins, whatever the collation of the database.
CREATE INDEX api_keys_name ON api_keys (account_id, lower(name) COLLATE "C");
CREATE INDEX api_keys_display_key ON api_keys (account_id, display_key COLLATE "C");
CREATE INDEX api_keys_public_id_prefix ON api_keys (account_id, public_id COLLATE "C");

-- Apart from the keys, because sends hold a share lock on their key's row and must not wait for bookkeeping.
CREATE TABLE api_key_usage (
    key_id       uuid PRIMARY KEY REFERENCES api_keys (id),
    last_used_at timestamptz NOT NULL,
    last_used_ip text NOT NULL
);

-- Requests by key, hour, endpoint and status: written in batches, and never a part of what a request waits for.
CREATE TABLE api_key_hours (
    key_id   uuid NOT NULL,
    -- Its beginning.
    hour     timestamptz NOT NULL,
    -- Method and route, such as `POST /v1/mails/send`.
    endpoint text NOT NULL,
    status   smallint NOT NULL,
    requests bigint NOT NULL,
    PRIMARY KEY (key_id, hour, endpoint, status)
);

CREATE INDEX api_key_hours_hour ON api_key_hours (hour);

-- The latest requests of each key: not all of them, where there were many.
CREATE TABLE api_key_requests (
    -- The request's own id.
    id       uuid PRIMARY KEY,
    key_id   uuid NOT NULL,
    at       timestamptz NOT NULL,
    endpoint text NOT NULL,
    status   smallint NOT NULL,
    -- The published code of a refusal.
    code     text,
    ip       text NOT NULL
);

CREATE INDEX api_key_requests_key_id ON api_key_requests (key_id, id);

-- Networks from which a key was used: /24 of IPv4, /48 of IPv6.
CREATE TABLE api_key_networks (
    key_id        uuid NOT NULL,
    network       text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    PRIMARY KEY (key_id, network)
);

-- Requests that an allowlist would have refused if it did more than count.
CREATE TABLE api_key_would_have_blocked (
    key_id        uuid NOT NULL,
    ip            text NOT NULL,
    requests      bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    PRIMARY KEY (key_id, ip)
);

CREATE INDEX api_key_would_have_blocked_last_seen_at ON api_key_would_have_blocked (last_seen_at);

-- Notes about unusual use of keys: one a day of each kind for a key.
CREATE TABLE alerts (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL,
    key_id       uuid NOT NULL,
    kind         text NOT NULL,
    day          date NOT NULL,
    message      text NOT NULL,
    details      jsonb NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    dismissed_at timestamptz,
    CONSTRAINT alerts_one_a_day UNIQUE (key_id, kind, day)
);

CREATE INDEX alerts_account_id ON alerts (account_id, id);
CREATE INDEX alerts_open ON alerts (account_id, id) WHERE dismissed_at IS NULL;

-- People who may sign in.
CREATE TABLE users (
    id             uuid PRIMARY KEY,
    account_id     uuid NOT NULL REFERENCES accounts (id),
    -- In lower case.
    email          text NOT NULL CONSTRAINT users_email UNIQUE,
    name           text NOT NULL,
    role           text NOT NULL CONSTRAINT users_role CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    -- Argon2id.
    password_phc   text NOT NULL,
    -- Encrypted with SECRET_KEY; null without a second factor.
    totp_secret    bytea,
    -- The same, until its owner has shown a code of it.
    totp_pending   bytea,
    -- The last time step that a code was taken for, so that none is good twice.
    totp_step      bigint,
    -- SHA-256 of the codes that stand in for a lost second factor; each is good once.
    recovery_codes bytea[] NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    signed_in_at   timestamptz
);

CREATE INDEX users_account_id ON users (account_id, id);

CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    -- SHA-256 of the cookie, which nobody but the browser has.
    token_digest bytea NOT NULL CONSTRAINT sessions_token_digest UNIQUE,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ip           text NOT NULL,
    user_agent   text NOT NULL
);

-- There is none on expires_at, which plans made on an empty table would take for the way to a session: what is over is
-- found by the age of its id.
CREATE INDEX sessions_user_id ON sessions (user_id, id);

-- Links that are good once: for the first owner, for invited people, for a forgotten password. Use deletes the row.
CREATE TABLE one_time_links (
    id           uuid PRIMARY KEY,
    -- SHA-256 of the token in the link.
    token_digest bytea NOT NULL CONSTRAINT one_time_links_token_digest UNIQUE,
    account_id   uuid NOT NULL REFERENCES accounts (id),
    purpose      text NOT NULL
                 CONSTRAINT one_time_links_purpose CHECK (purpose IN ('set_up', 'invitation', 'password_reset')),
    -- Whose password is forgotten.
    user_id      uuid REFERENCES users (id) ON DELETE CASCADE,
    -- Who is invited, as what.
    email        text,
    role         text,
    -- Who invited, if that was a person: an invitation goes when the right to make it does.
    inviter_id   uuid REFERENCES users (id) ON DELETE CASCADE,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);

CREATE INDEX one_time_links_account_id ON one_time_links (account_id, purpose, id);
CREATE INDEX one_time_links_user_id ON one_time_links (user_id);
CREATE INDEX one_time_links_inviter_id ON one_time_links (inviter_id);

-- Everything that was done to keys, projects and people. The words stay when what they name is gone.
CREATE TABLE audit_log (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    project_id uuid,
    actor_kind text NOT NULL,
    actor_id   uuid,
    actor      text NOT NULL,
    from_ip    text,
    action     text NOT NULL,
    subject_id uuid NOT NULL,
    subject    text NOT NULL,
    details    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX audit_log_account_id ON audit_log (account_id, id);
CREATE INDEX audit_log_action ON audit_log (account_id, action, id);
CREATE INDEX audit_log_project_id ON audit_log (project_id, id) WHERE project_id IS NOT NULL;
CREATE INDEX audit_log_subject_id ON audit_log (subject_id, id);

-- Domains that projects send from. A deleted one keeps its keys until mail that was accepted before is out.
CREATE TABLE domains (
    id              uuid PRIMARY KEY,
    account_id      uuid NOT NULL REFERENCES accounts (id),
    project_id      uuid NOT NULL REFERENCES projects (id),
    -- A-labels in lower case.
    name            text NOT NULL,
    -- What proves, in a TXT record, that this project owns the domain.
    ownership_token text NOT NULL,
    -- What the names of its keys in DNS begin with.
    selector        text NOT NULL,
    rsa_public      text NOT NULL,
    ed25519_public  text NOT NULL,
    -- Encrypted with SECRET_KEY.
    rsa_private     bytea NOT NULL,
    ed25519_private bytea NOT NULL,
    -- What the last look into DNS found.
    findings        jsonb,
    -- Since when mail may be sent from it; null while it may not.
    verified_at     timestamptz,
    -- Since when the records of a verified domain are gone.
    lost_at         timestamptz,
    -- Looks in a row that did not find the records of a verified domain.
    misses          smallint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_checked_at timestamptz,
    -- When DNS is asked next; when a deleted domain's keys are destroyed.
    next_check_at   timestamptz NOT NULL,
    -- When somebody last wanted it to be checked at once.
    asked_at        timestamptz,
    deleted_at      timestamptz
);

CREATE UNIQUE INDEX domains_project_id ON domains (project_id, name) WHERE deleted_at IS NULL;
CREATE INDEX domains_next_check_at ON domains (next_check_at);

-- Addresses that projects write from.
CREATE TABLE senders (
    id         uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id),
    -- In the form in which addresses are compared: in lower case.
    email_key  text NOT NULL,
    email      text NOT NULL,
    name       text NOT NULL,
    reply_to   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT senders_email UNIQUE (project_id, email_key)
);

-- What lists and states need, narrow and updated in place (HOT: no index holds a column that changes; fillfactor leaves room).
CREATE TABLE mails (
    id                uuid PRIMARY KEY,
    -- Both are the nil UUID for Posthaste's own mails, which hold links that nobody but their recipient may see.
    project_id        uuid NOT NULL,
    key_id            uuid NOT NULL,
    test              boolean NOT NULL,
    on_ambiguous      text NOT NULL,
    status            text NOT NULL,
    -- Deliveries by where they stand; pending + sent + failed + held is the number of recipients.
    pending           smallint NOT NULL,
    sent              smallint NOT NULL DEFAULT 0,
    failed            smallint NOT NULL DEFAULT 0,
    held              smallint NOT NULL DEFAULT 0,
    from_address      text NOT NULL,
    from_name         text,
    -- The first recipient.
    to_address        text NOT NULL,
    to_name           text,
    subject           text NOT NULL,
    missing_variables text[] NOT NULL,
    -- What else the author said of it; null where that is nothing.
    details           jsonb,
    created_at        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);

CREATE INDEX mails_project_id ON mails (project_id, id);
-- What a list of mails may be narrowed to. States change and are in none of them: see `events` and `deliveries`.
CREATE INDEX mails_to_address ON mails (project_id, to_address, id);
CREATE INDEX mails_from_address ON mails (project_id, lower(from_address), id);
CREATE INDEX mails_key_id ON mails (project_id, key_id, id);
CREATE INDEX mails_test ON mails (project_id, id) WHERE test;

-- The recipients of a mail after the first, so that a mail is found by each of them. Most mails have none.
CREATE TABLE mail_recipients (
    project_id uuid NOT NULL,
    address    text NOT NULL,
    mail_id    uuid NOT NULL,
    PRIMARY KEY (project_id, address, mail_id)
);

-- For their removal with the mail. As text, so that no search by address takes it for an order of ids.
CREATE INDEX mail_recipients_mail_id ON mail_recipients ((mail_id::text));

-- The content, compressed by us and never updated; claims and lists do not touch it.
CREATE TABLE mail_bodies (
    mail_id   uuid PRIMARY KEY,
    content   bytea NOT NULL,
    -- What it has in common with other mails of one request.
    shared_id uuid
);

ALTER TABLE mail_bodies ALTER COLUMN content SET STORAGE EXTERNAL;

-- The queue: one row for each recipient who is still to be served, deleted when that is over.
CREATE TABLE deliveries (
    id               uuid PRIMARY KEY,
    project_id       uuid NOT NULL,
    mail_id          uuid NOT NULL,
    -- The recipient's place among to, cc and bcc of the mail.
    position         smallint NOT NULL,
    -- Stop when the end of an attempt is not known, instead of trying again.
    hold             boolean NOT NULL,
    attempts         smallint NOT NULL DEFAULT 0,
    -- Leases that ran out, because their worker died or had to be given up.
    times_abandoned  smallint NOT NULL DEFAULT 0,
    -- When something happens next: the next attempt, or, under a lease, the moment it may be taken over.
    due_at           timestamptz NOT NULL,
    -- The fencing token of whoever works on it; null when nobody does.
    lease_token      uuid,
    -- For held deliveries: written before an attempt goes onto the wire.
    begun_at         timestamptz,
    -- Somebody asked to stop while an attempt was being made: there is no other after it.
    cancelled        boolean NOT NULL DEFAULT false,
    -- When a person decided to try again what was held: its time begins there.
    retried_at       timestamptz,
    -- Why it is not there yet.
    last_reply       jsonb
) WITH (fillfactor = 80);

CREATE INDEX deliveries_due_at ON deliveries (due_at);
-- By the project first: that is how its unfinished mails are listed.
CREATE INDEX deliveries_mail_id ON deliveries (project_id, mail_id);

-- The history of each mail, one row for each thing that happened after it was accepted, which its own row says.
CREATE TABLE events (
    id       uuid NOT NULL,
    mail_id  uuid NOT NULL,
    -- Null for what concerns the whole mail.
    position smallint,
    type     text NOT NULL,
    attempt  smallint NOT NULL DEFAULT 0,
    reply    jsonb,
    -- The link that was followed.
    url      text,
    at       timestamptz NOT NULL DEFAULT now(),
    -- Null for `deferred`, `retried` and `sent`: what happens to most mails is not indexed.
    project_id uuid,
    -- One index, since an event is never looked for without its mail.
    PRIMARY KEY (mail_id, id)
);

-- How mails in a rare state are found, whose own rows have no index on what changes.
CREATE INDEX events_project_id ON events (project_id, type, mail_id) WHERE project_id IS NOT NULL;

-- Recipients by what became of their mail, by the day (UTC) on which it did.
CREATE TABLE mail_days (
    project_id uuid NOT NULL,
    day        date NOT NULL,
    accepted   bigint NOT NULL DEFAULT 0,
    delivered  bigint NOT NULL DEFAULT 0,
    captured   bigint NOT NULL DEFAULT 0,
    bounced    bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, day)
);

-- Recipients whose mail is on its way, or waits for a decision.
CREATE TABLE mail_backlogs (
    project_id uuid PRIMARY KEY,
    pending    bigint NOT NULL,
    held       bigint NOT NULL
);

-- What is to be added to the two tables above. The statements that store and record mail leave a row for each project
-- here, in their own commit, because all would wait for each other if they counted in one row. A loop adds them up every
-- few seconds; whoever reads adds the rest. Without an index, since all of it is read and soon gone.
CREATE TABLE mail_changes (
    project_id uuid NOT NULL,
    day        date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    accepted   integer NOT NULL DEFAULT 0,
    delivered  integer NOT NULL DEFAULT 0,
    captured   integer NOT NULL DEFAULT 0,
    bounced    integer NOT NULL DEFAULT 0,
    failed     integer NOT NULL DEFAULT 0,
    -- Less than zero when held mail was decided about.
    held       integer NOT NULL DEFAULT 0
);

-- The answers that a repeated request gets again.
CREATE TABLE idempotency_keys (
    project_id     uuid NOT NULL,
    -- SHA-256 of the caller's key, in hexadecimal digits: keys often name people.
    key            text NOT NULL,
    request_digest bytea NOT NULL,
    mail_id        uuid NOT NULL,
    recipients     smallint NOT NULL,
    -- What else the answer said; null where that is nothing.
    answer         json,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, key)
);

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Who gets no mail of a project: nothing at all (group `GLOBAL`), or nothing of one of its groups.
CREATE TABLE suppressions (
    project_id uuid NOT NULL,
    -- In the form in which addresses are compared.
    address    text NOT NULL,
    group_id   text NOT NULL DEFAULT 'GLOBAL',
    -- Of version 7, as ours: the milliseconds, the version, and chance.
    id         uuid NOT NULL DEFAULT encode(set_bit(set_bit(overlay(
                   uuid_send(gen_random_uuid())
                   PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                   FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid,
    reason     text NOT NULL
               CONSTRAINT suppressions_reason CHECK (reason IN ('unsubscribe', 'bounce', 'complaint', 'manual')),
    -- The mail that it came of, if it was one.
    mail_id    uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- One look finds all that keeps a mail from an address.
    PRIMARY KEY (project_id, address, group_id)
);

-- For lists. As text, so that whoever looks for an address has no index to look into but the one by addresses, whatever
-- a plan was made on: while the table is empty they all seem as good.
CREATE INDEX suppressions_id ON suppressions ((project_id::text), id);
CREATE INDEX suppressions_group_id ON suppressions ((project_id::text || group_id), id);

-- Where projects are told what happened to their mails.
CREATE TABLE webhooks (
    id              uuid PRIMARY KEY,
    project_id      uuid NOT NULL REFERENCES projects (id),
    url             text NOT NULL,
    -- Encrypted with SECRET_KEY.
    secret          bytea NOT NULL,
    events          text[] NOT NULL,
    metadata        jsonb NOT NULL,
    active          boolean NOT NULL DEFAULT true,
    -- Why the server switched it off, in words.
    disabled_reason text,
    -- Whether those who are responsible know of that.
    owners_told     boolean NOT NULL DEFAULT true,
    -- Attempts that failed since the last one that did not, and since when.
    failures        integer NOT NULL DEFAULT 0,
    failing_since   timestamptz,
    -- An endpoint that fails is left alone for a while, so that it takes nobody else's place.
    rests_until     timestamptz,
    last_failed_at  timestamptz,
    last_success_at timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);

CREATE INDEX webhooks_project_id ON webhooks (project_id, id);
CREATE INDEX webhooks_owners_told ON webhooks (id) WHERE NOT owners_told;

-- What webhooks are told: a queue as long as `due_at` is not null, and then a log for some days.
CREATE TABLE webhook_deliveries (
    -- Of version 7, as ours: the milliseconds, the version, and chance.
    id           uuid PRIMARY KEY DEFAULT encode(set_bit(set_bit(overlay(
                     uuid_send(gen_random_uuid())
                     PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                     FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid,
    project_id   uuid NOT NULL,
    webhook_id   uuid NOT NULL,
    type         text NOT NULL,
    -- What it tells of: an event of a mail, or else a payload. A payload that tells no news, since it was told before or a
    -- caller gave it, has the id here by which receivers know it.
    event_id     uuid,
    mail_id      uuid,
    payload      text,
    attempts     smallint NOT NULL DEFAULT 0,
    -- When something happens next: the next attempt, or, under a lease, the moment it may be taken over.
    due_at       timestamptz,
    -- The fencing token of whoever works on it.
    lease_token  uuid,
    -- What the last attempt came to.
    succeeded    boolean NOT NULL DEFAULT false,
    status_code  smallint,
    duration     integer,
    answer       text,
    trouble      text,
    delivered_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);

-- By the webhook first, so that those who wait for one endpoint are in nobody else's way.
CREATE INDEX webhook_deliveries_due_at ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_mail_id ON webhook_deliveries (mail_id) WHERE mail_id IS NOT NULL;

-- Kinds of mail that recipients can want or not want.
CREATE TABLE suppression_groups (
    project_id  uuid NOT NULL REFERENCES projects (id),
    -- The short name that mails give.
    group_id    text NOT NULL,
    id          uuid NOT NULL,
    name        text NOT NULL,
    description text,
    active      boolean NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    -- A deleted one keeps its entries: mails of it may be on their way, and their links must go on to work.
    deleted_at  timestamptz,
    PRIMARY KEY (project_id, group_id)
);

-- Whom projects know: people with an address, and what a project notes of them.
CREATE TABLE contacts (
    id            uuid PRIMARY KEY,
    project_id    uuid NOT NULL,
    -- In lower case.
    email         text NOT NULL,
    first_name    text,
    last_name     text,
    -- The project's own name for the person.
    user_id       text,
    -- As E.164 has it.
    mobile        text,
    -- Text, numbers and booleans by name.
    custom_fields jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT contacts_email UNIQUE (project_id, email)
);

-- As text, for the same reason as with suppressions: who looks for an address, or for the project's own name for somebody,
-- has one index each to look into.
CREATE INDEX contacts_project_id ON contacts ((project_id::text), id);
CREATE INDEX contacts_user_id ON contacts ((project_id::text || user_id), id) WHERE user_id IS NOT NULL;

CREATE TABLE contact_lists (
    id          uuid PRIMARY KEY,
    project_id  uuid NOT NULL,
    name        text NOT NULL,
    description text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT contact_lists_name UNIQUE (project_id, name)
);

CREATE INDEX contact_lists_project_id ON contact_lists (project_id, id);

CREATE TABLE contact_list_members (
    list_id    uuid NOT NULL REFERENCES contact_lists (id) ON DELETE CASCADE,
    contact_id uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    PRIMARY KEY (list_id, contact_id)
);

CREATE INDEX contact_list_members_contact_id ON contact_list_members (contact_id, list_id);

-- What projects may note of their contacts, and as what type.
CREATE TABLE contact_properties (
    id            uuid PRIMARY KEY,
    project_id    uuid NOT NULL,
    name          text NOT NULL,
    type          text NOT NULL CONSTRAINT contact_properties_type CHECK (type IN ('string', 'number', 'boolean', 'date')),
    description   text,
    default_value text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT contact_properties_name UNIQUE (project_id, name)
);

-- How often recipients opened a mail and followed its links; what programs did is counted apart. Its rows are as many as
-- recipients have links, however often those are followed.
CREATE TABLE engagements (
    mail_id   uuid NOT NULL,
    position  smallint NOT NULL,
    type      text NOT NULL,
    automated boolean NOT NULL,
    -- Half of the SHA-256 of its URL; empty for what is no link.
    link      bytea NOT NULL,
    times     bigint NOT NULL,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    PRIMARY KEY (mail_id, position, type, automated, link)
);

-- Subjects and bodies that a project keeps. What they say is in their versions.
CREATE TABLE templates (
    -- A number that the API shows in base 62.
    id                uuid PRIMARY KEY,
    project_id        uuid NOT NULL REFERENCES projects (id),
    name              text NOT NULL,
    -- What programs may call it by, in place of its id.
    alias             text,
    description       text NOT NULL,
    type              text NOT NULL CONSTRAINT templates_type CHECK (type IN ('transactional', 'marketing')),
    builder           text NOT NULL CONSTRAINT templates_builder CHECK (builder IN ('code', 'visual')),
    -- Whom its mails are from, where the request does not say. A sender in use stays.
    sender_id         uuid CONSTRAINT templates_sender REFERENCES senders (id),
    latest_version    integer NOT NULL,
    -- What is sent; null before anything was published.
    published_version integer,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX templates_project_id ON templates (project_id, id);
CREATE INDEX templates_sender_id ON templates (sender_id) WHERE sender_id IS NOT NULL;
CREATE UNIQUE INDEX templates_alias ON templates (alias, project_id) WHERE alias IS NOT NULL;

-- What templates say and said. Rows never change.
CREATE TABLE template_versions (
    template_id  uuid NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    version      integer NOT NULL,
    subject      text NOT NULL,
    preview_text text NOT NULL,
    html         text,
    text         text,
    variables    jsonb NOT NULL,
    -- The version that it was made from.
    based_on     integer,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (template_id, version)
);

-- People who are to be forgotten, and how far that is.
CREATE TABLE erasures (
    id                uuid PRIMARY KEY,
    account_id        uuid NOT NULL,
    project_id        uuid NOT NULL,
    -- HMAC of the address under a key derived from SECRET_KEY: it tells one person from another, and not who it is.
    digest            text NOT NULL,
    -- Encrypted with SECRET_KEY; null once nothing is left to be done.
    address           bytea,
    keep_suppressions boolean NOT NULL,
    -- Nobody else works on it before then.
    claimed_until     timestamptz,
    -- How far the mails to others have been looked through, and what webhooks were told.
    mails_looked_until uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    looked_until      uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    mails_removed     bigint NOT NULL DEFAULT 0,
    mails_changed     bigint NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    completed_at      timestamptz
);

CREATE UNIQUE INDEX erasures_unfinished ON erasures (project_id, digest) WHERE completed_at IS NULL;
CREATE INDEX erasures_to_do ON erasures (id) WHERE completed_at IS NULL;
-- As text, so that whoever looks for an unfinished one has no other index to look into.
CREATE INDEX erasures_project_id ON erasures ((project_id::text), id);

-- What the mails of one request have in common, such as files: stored once, and removed with the last of them.
CREATE TABLE shared_bodies (
    id      uuid PRIMARY KEY,
    content bytea NOT NULL,
    -- Mails whose contents refer to it.
    uses    smallint NOT NULL
);

ALTER TABLE shared_bodies ALTER COLUMN content SET STORAGE EXTERNAL;

-- Here and not in the statements that remove mails, of which there are several: none can forget it.
CREATE FUNCTION release_shared_body() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE shared_bodies SET uses = uses - 1 WHERE id = OLD.shared_id;
    DELETE FROM shared_bodies WHERE id = OLD.shared_id AND uses <= 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER release_shared_body
    AFTER DELETE ON mail_bodies
    FOR EACH ROW
    WHEN (OLD.shared_id IS NOT NULL)
    EXECUTE FUNCTION release_shared_body();

CREATE TRIGGER release_shared_body_left
    AFTER UPDATE OF shared_id ON mail_bodies
    FOR EACH ROW
    WHEN (OLD.shared_id IS NOT NULL AND NEW.shared_id IS NULL)
    EXECUTE FUNCTION release_shared_body();

-- What mails are found by that most do not have: `tag:` and a tag, `batch:` and the id of a request for many.
CREATE TABLE mail_labels (
    project_id uuid NOT NULL,
    label      text NOT NULL,
    mail_id    uuid NOT NULL,
    PRIMARY KEY (project_id, label, mail_id)
);

CREATE FUNCTION mail_labels_of(details jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'tag:' || tag FROM jsonb_array_elements_text(details->'tags') AS tag
    UNION ALL
    SELECT 'batch:' || (details->>'batchId') WHERE details ? 'batchId'
$$;

-- As with what mails share: whoever removes a mail need not know of them.
CREATE FUNCTION remove_mail_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mail_labels
    WHERE project_id = OLD.project_id AND mail_id = OLD.id
      AND label = ANY (ARRAY(SELECT mail_labels_of(OLD.details)));
    RETURN NULL;
END
$$;

CREATE TRIGGER remove_mail_labels
    AFTER DELETE ON mails
    FOR EACH ROW
    WHEN (OLD.details IS NOT NULL)
    EXECUTE FUNCTION remove_mail_labels();

-- The same for all that other tables have of each mail.
CREATE FUNCTION remove_what_mails_have() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mail_bodies WHERE mail_id = ANY (ARRAY(SELECT id FROM gone));
    DELETE FROM events WHERE mail_id = ANY (ARRAY(SELECT id FROM gone));
    DELETE FROM engagements WHERE mail_id = ANY (ARRAY(SELECT id FROM gone));
    DELETE FROM mail_recipients WHERE mail_id::text = ANY (ARRAY(SELECT id::text FROM gone));
    RETURN NULL;
END
$$;

CREATE TRIGGER remove_what_mails_have
    AFTER DELETE ON mails
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT
    EXECUTE FUNCTION remove_what_mails_have();
