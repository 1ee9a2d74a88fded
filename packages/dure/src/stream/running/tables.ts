/**
 * What is kept of a topology, in the store of its service: how far it has read, what it has made of it, and how its state is cut.
 * `task` is the partition where copies share the store, and -1 where one process reads all.
 */
export const TABLES: string = `
  CREATE TABLE dure_stream_positions (
    topology TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, broker TEXT NOT NULL, epoch BIGINT NOT NULL,
    position TEXT, records BIGINT NOT NULL DEFAULT 0, newest BIGINT, PRIMARY KEY (topology, topic, partition)
  );
  CREATE TABLE dure_stream_tasks (
    topology TEXT NOT NULL, task INTEGER NOT NULL, watermark BIGINT NOT NULL, PRIMARY KEY (topology, task)
  );
  CREATE TABLE dure_stream_state (
    topology TEXT NOT NULL, task INTEGER NOT NULL, part TEXT NOT NULL, at BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    long_key TEXT, PRIMARY KEY (topology, task, part, at, key)
  );
  CREATE TABLE dure_stream_shapes (topology TEXT PRIMARY KEY, shapes TEXT NOT NULL)`
