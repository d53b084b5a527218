-- Names are compared without case by `lower`, which every database has, and no longer by a collation of SQLite.

DROP INDEX titles_in_order;
CREATE UNIQUE INDEX titles_in_order ON titles (lower(name), name);

DROP INDEX people_by_name;
CREATE UNIQUE INDEX people_by_name ON people (lower(name)) WHERE name IS NOT NULL;
