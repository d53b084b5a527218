-- Processes that work on the catalogue beside each other, from different data folders. A catalogue in a file has none: a
-- lock in the data folder is enough there.
CREATE TABLE members (
    -- As in the leases of its workers.
    name     TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- It is dead unless it renews this, Unix milliseconds on the database's clock.
    until    BIGINT NOT NULL,
    -- From then on it may take others for dead: it has lived for a whole lease, so others had as long to say that they do.
    judges   BIGINT NOT NULL,
    -- The change that its index has followed; NULL without an index.
    followed BIGINT,
    -- The models that it has, with their revisions: JSON.
    models   TEXT COLLATE "C" NOT NULL
);

-- What one member at a time does. A term begins when another takes it, and fences off what the one before still writes.
CREATE TABLE roles (
    name   TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- Empty if nobody has it.
    holder TEXT COLLATE "C" NOT NULL,
    term   BIGINT NOT NULL
);

-- The store of the catalogue, by what the store says of itself, and complete copies of it.
CREATE TABLE store_identity (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- 1 of a copy, which takes the place of the store when a process that works alone has it.
    is_copy BIGINT NOT NULL
);

-- Objects of watched places that were announced to a member that does not watch them.
CREATE TABLE announced_objects (
    uri TEXT COLLATE "C" PRIMARY KEY NOT NULL
);

-- Who has it under way. What a dead member had is given up.
ALTER TABLE uploads ADD COLUMN member TEXT COLLATE "C";
ALTER TABLE idempotency ADD COLUMN member TEXT COLLATE "C";
ALTER TABLE redactions ADD COLUMN member TEXT COLLATE "C";

-- The spool folder in which its bytes are; NULL before the first.
ALTER TABLE resumable_uploads ADD COLUMN spool TEXT COLLATE "C";
