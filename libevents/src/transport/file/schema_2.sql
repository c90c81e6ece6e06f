-- SPDX-License-Identifier: MIT
-- schema_2.sql - what version 2 of the format adds to schema.sql.

-- The registry of schemas: texts by their keys, of which the file knows no more. `@state` is another text after each
-- change.
CREATE TABLE registry (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
