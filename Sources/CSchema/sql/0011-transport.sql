-- How requests to a destination travel: one JSON object, as its declaration says it.
ALTER TABLE leat.destination ADD COLUMN transport text NOT NULL DEFAULT '{}';
