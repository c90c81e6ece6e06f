-- SPDX-License-Identifier: MIT
-- schema.sql - the tables of a file of events, in version 1 of the format. A version that was released is never
-- changed: the next one is a step from it (schema_2.sql; file_open.c).
--
-- Places: entry n of stream s is s * 2^40 + n; so is what one reader (a group on a stream) has pending, with its
-- own number for s. Numbers of a stream begin at 1 and have no holes: entries go from the front only. Times are
-- milliseconds since 1970.

-- What is published: topics, how many partitions and which order the first publisher gave them, and types (`*`: too
-- many).
CREATE TABLE topic (
  name TEXT PRIMARY KEY,
  partitions INTEGER NOT NULL,
  ordering INTEGER NOT NULL,       -- as EVS_ORDER_...
  on_dead_letter INTEGER NOT NULL, -- as EVS_DEAD_LETTER_...
  changed INTEGER NOT NULL,        -- number of the news that told of its newest type
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE type (topic TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (topic, name)) WITHOUT ROWID;

-- A topic or one of its partitions; or what a replay copied from one, for its own group (`feed` names the replay).
CREATE TABLE stream (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, as those of readers and members
  name TEXT NOT NULL UNIQUE,       -- topic, or topic:partition
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,      -- -1: none
  feed TEXT,
  first INTEGER NOT NULL DEFAULT 1, -- lowest number that is still there
  last INTEGER NOT NULL DEFAULT 0,  -- highest number ever given
  bytes INTEGER NOT NULL DEFAULT 0,
  limits TEXT,                     -- JSON of the route that published last; NULL: the transport's
  trimmed INTEGER NOT NULL DEFAULT 0,
  forced INTEGER NOT NULL DEFAULT 0,   -- of these, not acknowledged by a live group
  letters INTEGER NOT NULL DEFAULT 0,  -- dead letters that were removed for their age or number
  trimmed_at INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  data BLOB,      -- the envelope; NULL: no event was found in what was imported
  raw BLOB,       -- bytes of a body that is not JSON
  requeue TEXT,   -- JSON, of an event that came back
  batch INTEGER,  -- 1: data holds several events
  more TEXT       -- JSON [[name, value]…]: other fields, as they came
);

-- Groups on streams, and how far they are. Counters tell what became of every entry since `base`.
CREATE TABLE reader (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  grp TEXT NOT NULL,
  stream INTEGER NOT NULL,
  delivered INTEGER NOT NULL,      -- given to a member up to here
  base INTEGER NOT NULL,           -- it never gets what is up to here
  acked INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,
  trimmed INTEGER NOT NULL DEFAULT 0,
  handed INTEGER NOT NULL DEFAULT 0,
  seen INTEGER NOT NULL,           -- when a member lived
  version INTEGER NOT NULL,        -- of its membership
  owner INTEGER,                   -- NULL: all members read it; else it is ordered: the only one that does, or 0
  heir INTEGER,                    -- member that is to have it next
  UNIQUE (grp, stream)
);

-- Who lives: a beat that stands still means dead. An id is never used again, so it fences.
CREATE TABLE member (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  grp TEXT NOT NULL,
  name TEXT NOT NULL,
  beat INTEGER NOT NULL DEFAULT 0,
  relaxed INTEGER NOT NULL,        -- 1: it does without the order of topics
  looked INTEGER NOT NULL,         -- number of the news that it has looked at
  info TEXT NOT NULL               -- JSON {host, pid, subscriptions}
);
CREATE TABLE reading (reader INTEGER NOT NULL, member INTEGER NOT NULL, PRIMARY KEY (reader, member)) WITHOUT ROWID;

-- Given and not settled. `due` NULL: a member holds it; else it waits, for `member` where that is not NULL. What is
-- pending in an ordered stream stays with its owner, parked or not.
CREATE TABLE pending (
  id INTEGER PRIMARY KEY,
  reader INTEGER NOT NULL,
  member INTEGER,
  due INTEGER,
  deliveries INTEGER NOT NULL,
  state TEXT,                      -- JSON that goes along to the next attempt
  letter INTEGER                   -- of an ordered stream: the dead letter behind which it stays, and holds up others
);
CREATE INDEX pending_due ON pending (reader, due) WHERE due IS NOT NULL;
CREATE INDEX pending_letter ON pending (letter) WHERE letter IS NOT NULL;

-- What a requeue put in place of an entry that stayed behind its dead letter.
CREATE TABLE replaced (pending INTEGER PRIMARY KEY, data BLOB, raw BLOB, requeue TEXT, batch INTEGER, more TEXT);

CREATE TABLE paused (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;

-- Not yet due: they become entries then.
CREATE TABLE delayed (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream INTEGER NOT NULL,
  due INTEGER NOT NULL,
  data BLOB,
  raw BLOB
);
CREATE INDEX delayed_due ON delayed (due);
CREATE INDEX delayed_stream ON delayed (stream, due);

-- Ids that were published lately, where a transport is idempotent; and lines that were imported.
CREATE TABLE known (
  stream INTEGER NOT NULL,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  place TEXT NOT NULL,
  PRIMARY KEY (stream, id)
) WITHOUT ROWID;
CREATE INDEX known_at ON known (stream, at);

CREATE TABLE letter (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream INTEGER NOT NULL,
  at INTEGER NOT NULL,
  data BLOB, raw BLOB, requeue TEXT, batch INTEGER, more TEXT, -- as in entry
  dead TEXT,                       -- the record: who failed, and why
  fingerprint TEXT,
  back INTEGER NOT NULL,           -- 1: it was requeued before
  note TEXT                        -- JSON {text, by, at}
);
CREATE INDEX letter_stream ON letter (stream, id);

-- How many letters of each kind there are, so that counting costs what there are kinds.
CREATE TABLE kind (
  stream INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  count INTEGER NOT NULL,
  back INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  newest INTEGER NOT NULL,         -- the newest letter
  about TEXT NOT NULL,             -- JSON {type, group, class, message} of it
  PRIMARY KEY (stream, fingerprint)
) WITHOUT ROWID;

-- Letters that were requeued or discarded, under the ids that they had.
CREATE TABLE archive (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  letter INTEGER NOT NULL UNIQUE,
  stream INTEGER NOT NULL,
  at INTEGER NOT NULL,
  data BLOB, raw BLOB, requeue TEXT, batch INTEGER, more TEXT,
  dead TEXT,
  fingerprint TEXT,
  back INTEGER NOT NULL,
  archive TEXT NOT NULL            -- JSON: what was done, by whom
);
CREATE INDEX archive_stream ON archive (stream, id);

-- Operations and replays, and how far each is in a stream.
CREATE TABLE operation (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  version INTEGER NOT NULL,
  owner TEXT NOT NULL,
  beat INTEGER NOT NULL,
  progress TEXT,
  key TEXT UNIQUE
) WITHOUT ROWID;
CREATE TABLE progress (
  operation TEXT NOT NULL,
  stream INTEGER NOT NULL,
  owner TEXT NOT NULL DEFAULT '',
  position INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  again INTEGER NOT NULL DEFAULT 0, -- of what it sent, died again here
  PRIMARY KEY (operation, stream)
) WITHOUT ROWID;
CREATE TABLE refused (operation TEXT NOT NULL, letter TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (operation, letter)) WITHOUT ROWID;
CREATE TABLE canary (operation TEXT NOT NULL, copy INTEGER NOT NULL, PRIMARY KEY (operation, copy)) WITHOUT ROWID;

CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, row TEXT NOT NULL);

CREATE TABLE fleet (
  service TEXT NOT NULL,
  instance TEXT NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (service, instance)
) WITHOUT ROWID;

-- How far a copy from another store is in a stream, by what it brings.
CREATE TABLE copied (
  stream TEXT NOT NULL,
  what TEXT NOT NULL,
  copy TEXT NOT NULL,
  position TEXT NOT NULL,
  PRIMARY KEY (stream, what)
) WITHOUT ROWID;

-- Raised by whatever members have to look at: topics, pauses, members that come and go.
CREATE TABLE news (number INTEGER NOT NULL);
INSERT INTO news VALUES (1);
