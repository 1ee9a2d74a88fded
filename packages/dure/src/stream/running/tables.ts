/**
 * What is kept of a topology, in the store of its service: how far it has read, what it has made of it, and how its state is cut.
 * `task` is the partition where copies share the store, and -1 where one process reads all.
 */
const TABLES = `
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

/**
 * What copies hand on to each other: records of a batch for a partition of a stage, numbered by their sender. And what each task says of
 * its time: that of a sender is written with what it hands on. `quiet`: since when it has nothing to read, and goes by the clock.
 */
const EXCHANGE = `
  CREATE TABLE dure_stream_exchange (
    topology TEXT NOT NULL, stage TEXT NOT NULL, partition INTEGER NOT NULL, sender TEXT NOT NULL, sender_partition INTEGER NOT NULL,
    seq BIGINT NOT NULL, bytes INTEGER NOT NULL, records TEXT NOT NULL,
    PRIMARY KEY (topology, stage, partition, sender, sender_partition, seq)
  );
  CREATE TABLE dure_stream_stages (
    topology TEXT NOT NULL, stage TEXT NOT NULL, partition INTEGER NOT NULL, watermark BIGINT, quiet BIGINT,
    sent BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (topology, stage, partition)
  )`

export const MIGRATIONS: Readonly<Record<string, string>> = { 'dure/stream-0001': TABLES, 'dure/stream-0002': EXCHANGE }
