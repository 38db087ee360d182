-- Quarantine: a source whose bytes failed for good is not fetched and converted again at each sync. What failed is the
-- fingerprint under a converter and its limits; when one of them changes, or a caller asks, it is tried again.

ALTER TABLE source_sync_state
  -- The converter and the limits under which the conversion failed; null when it did not, or when the fault was another's.
  ADD COLUMN failed_under text,
  -- How many jobs in a row failed so on the same fingerprint.
  ADD COLUMN failed_times integer NOT NULL DEFAULT 0;
