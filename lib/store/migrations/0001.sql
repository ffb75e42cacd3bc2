-- The schema of the first release. Text columns are never NULL ("" = none), times are milliseconds, 0 = never.

CREATE TABLE settings (
    name {text} NOT NULL PRIMARY KEY,
    value {text} NOT NULL
);

CREATE TABLE leases (
    name {text} NOT NULL PRIMARY KEY,
    holder {text} NOT NULL,
    generation BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE images (
    name {text} NOT NULL,
    version BIGINT NOT NULL,
    state {text} NOT NULL,
    source {text} NOT NULL,
    source_format {text} NOT NULL,
    path {text} NOT NULL,
    format {text} NOT NULL,
    virtual_size BIGINT NOT NULL,
    sha256 {text} NOT NULL,
    os_kind {text} NOT NULL,
    prep {text} NOT NULL,
    firmware {text} NOT NULL,
    kernel {text} NOT NULL,
    initrd {text} NOT NULL,
    cmdline {text} NOT NULL,
    min_memory_mib BIGINT NOT NULL,
    progress BIGINT NOT NULL,
    error {text} NOT NULL,
    created_at BIGINT NOT NULL,
    state_at BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE hosts (
    name {text} NOT NULL PRIMARY KEY,
    uri {text} NOT NULL,
    state {text} NOT NULL,
    labels {text} NOT NULL,
    memory_mib BIGINT NOT NULL,
    vcpus BIGINT NOT NULL,
    max_desktops BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    error {text} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE pools (
    name {text} NOT NULL PRIMARY KEY,
    description {text} NOT NULL,
    kind {text} NOT NULL,
    image {text} NOT NULL,
    image_version BIGINT NOT NULL,
    network {text} NOT NULL,
    host {text} NOT NULL,
    memory_mib BIGINT NOT NULL,
    vcpus BIGINT NOT NULL,
    size_min BIGINT NOT NULL,
    size_max BIGINT NOT NULL,
    spare BIGINT NOT NULL,
    credentials {text} NOT NULL,
    security {text} NOT NULL,
    grace_s BIGINT NOT NULL,
    idle_s BIGINT NOT NULL,
    bind_address BIGINT NOT NULL,
    state {text} NOT NULL,
    boot_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE entitlements (
    pool {text} NOT NULL,
    kind {text} NOT NULL,
    subject {text} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pool, kind, subject)
);

CREATE TABLE desktops (
    id {text} NOT NULL PRIMARY KEY,
    pool {text} NOT NULL,
    number BIGINT NOT NULL,
    name {text} NOT NULL UNIQUE,
    host {text} NOT NULL,
    image {text} NOT NULL,
    image_version BIGINT NOT NULL,
    state {text} NOT NULL,
    owner {text} NOT NULL,
    deadline BIGINT NOT NULL,
    state_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    uuid {text} NOT NULL,
    mac {text} NOT NULL,
    address {text} NOT NULL,
    rdp_port BIGINT NOT NULL,
    cert_sha256 {text} NOT NULL,
    error {text} NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ready_at BIGINT NOT NULL,
    assignment {text} NOT NULL,
    UNIQUE (pool, number)
);
-- The order in which free desktops are given away. No other index offers this order, so PostgreSQL's planner cannot
-- choose to walk over the taken ones.
CREATE INDEX desktops_free ON desktops (pool, ready_at, id) WHERE state = 'ready' AND assignment = '';
CREATE INDEX desktops_pool ON desktops (pool, state);
CREATE INDEX desktops_host ON desktops (host);
CREATE INDEX desktops_deadline ON desktops (deadline) WHERE deadline > 0;

CREATE TABLE sessions (
    seq {serial},
    id {text} NOT NULL UNIQUE,
    pool {text} NOT NULL,
    person {text} NOT NULL,
    display {text} NOT NULL,
    state {text} NOT NULL,
    desktop {text} NOT NULL,
    desktop_name {text} NOT NULL,
    assignment {text} NOT NULL,
    connection {text} NOT NULL,
    intent {text} NOT NULL,
    guest_user {text} NOT NULL,
    created_at BIGINT NOT NULL,
    assigned_at BIGINT NOT NULL,
    ready_at BIGINT NOT NULL,
    logged_on_at BIGINT NOT NULL,
    state_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    end_reason {text} NOT NULL
);
CREATE UNIQUE INDEX sessions_open ON sessions (pool, person) WHERE state <> 'ended';
-- The queue. "seq + 0" and not "seq", for the same reason as above.
CREATE INDEX sessions_queue ON sessions (pool, (seq + 0)) WHERE state = 'preparing' AND desktop = '';
CREATE INDEX sessions_person ON sessions (person, seq);
CREATE INDEX sessions_desktop ON sessions (desktop) WHERE desktop <> '';
CREATE INDEX sessions_deadline ON sessions (deadline) WHERE deadline > 0;
CREATE INDEX sessions_intent ON sessions (intent) WHERE intent <> '';

CREATE TABLE assignments (
    id {text} NOT NULL PRIMARY KEY,
    pool {text} NOT NULL,
    person {text} NOT NULL,
    desktop {text} NOT NULL,
    session {text} NOT NULL,
    kind {text} NOT NULL,
    state {text} NOT NULL,
    opened_at BIGINT NOT NULL,
    released_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX assignments_desktop ON assignments (desktop) WHERE state = 'open';
CREATE UNIQUE INDEX assignments_person ON assignments (pool, person) WHERE state = 'open';

CREATE TABLE tickets (
    hash {text} NOT NULL PRIMARY KEY,
    session {text} NOT NULL,
    door {text} NOT NULL,
    address {text} NOT NULL,
    state {text} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT NOT NULL,
    connection {text} NOT NULL
);
CREATE INDEX tickets_session ON tickets (session);
CREATE INDEX tickets_expires ON tickets (expires_at) WHERE state <> 'leased';

CREATE TABLE connections (
    id {text} NOT NULL PRIMARY KEY,
    session {text} NOT NULL,
    door {text} NOT NULL,
    gateway {text} NOT NULL,
    instance {text} NOT NULL,
    worker {text} NOT NULL,
    address {text} NOT NULL,
    state {text} NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT NOT NULL,
    bytes_up BIGINT NOT NULL,
    bytes_down BIGINT NOT NULL,
    reason {text} NOT NULL
);
CREATE UNIQUE INDEX connections_open ON connections (session) WHERE state = 'open';
CREATE INDEX connections_session ON connections (session);
CREATE INDEX connections_gateway ON connections (gateway) WHERE state = 'open';

CREATE TABLE logins (
    hash {text} NOT NULL PRIMARY KEY,
    username {text} NOT NULL,
    display {text} NOT NULL,
    dn {text} NOT NULL,
    roles {text} NOT NULL,
    member_of {text} NOT NULL,
    address {text} NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    idle_ms BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX logins_username ON logins (username);
CREATE INDEX logins_expires ON logins (expires_at);

CREATE TABLE gateways (
    name {text} NOT NULL PRIMARY KEY,
    instance {text} NOT NULL,
    address {text} NOT NULL,
    seen_at BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);
