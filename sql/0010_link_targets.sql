-- Links that wait for a document are asked for at every ingest: with a list of pending entries, which each question would
-- read through, the cost of a document grew with the number of links before it.
ALTER INDEX document_links_targets SET (fastupdate = off);
