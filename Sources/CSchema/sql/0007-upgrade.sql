-- What lets programs of two versions run side by side: each node says what it knows, and what was done to the database
-- says who can live with it.

-- NULL for programs that came before this step.
ALTER TABLE leat.node
    ADD COLUMN schema_version integer,
    ADD COLUMN routines_level integer;

-- Whether a program that does not know the step can go on.
ALTER TABLE leat.schema_version ADD COLUMN keeps_older boolean NOT NULL DEFAULT false;

-- Grows when an older program could not work with the functions any more.
ALTER TABLE leat.schema_routines ADD COLUMN level integer NOT NULL DEFAULT 0;
