/** What API management keeps. Keys stand in it as digests. */
import { database, sql, type DatabaseDefinition, type Kysely } from 'dure/data'

export type ApisTables = {
  /** One row: how often anything has changed that gateways have to know. */
  sequence: { id: number; value: number; /** What was deleted up to there is no longer told. */ forgotten: number }
  products: { name: string; owner: string; summary: string | null }
  versions: {
    product: string
    line: string
    version: string
    contract: string
    published: number
    deprecated: number | null
    sunset: number | null
    changed: number
  }
  plans: { product: string; name: string; terms: string; changed: number }
  applications: { id: string; name: string; owner: string; made: number }
  subscriptions: { id: string; application: string; product: string; plan: string; state: string; made: number; changed: number }
  keys: {
    id: string
    subscription: string
    digest: string
    made: number
    expires: number | null
    revoked: number | null
    used: number | null
    changed: number
  }
  gateways: { id: string; batch: number; heard: number }
  quotas: { subscription: string; period: string; used: number; at: number }
  grants: { gateway: string; subscription: string; period: string; calls: number }
  counts: {
    span: string
    at: number
    subscription: string
    line: string
    operation: string
    status: number
    calls: number
    bytes_in: number
    bytes_out: number
    buckets: string
  }
  feedback: {
    id: string
    application: string
    product: string
    kind: string
    at: number
    stars: number | null
    text: string | null
    trace: string | null
    explained: string | null
    answer: string | null
    answered: number | null
  }
  webhooks: {
    id: string
    subscription: string
    address: string
    secret: string
    events: string
    made: number
    /** The number of the last delivery. */
    said: number
    delivered: number | null
    /** Of what has failed last. */
    failed: number | null
    status: number | null
    why: string | null
  }
  deliveries: {
    id: string
    webhook: string
    number: number
    event: string
    key: string
    body: string
    at: number
    due: number
    attempts: number
    state: string
    status: number | null
    why: string | null
  }
}

export type Reading = Kysely<ApisTables>

export const apisDatabase: DatabaseDefinition<ApisTables> = database<ApisTables>({
  migrations: {
    '001-apis': `
      CREATE TABLE sequence (id INTEGER PRIMARY KEY, value BIGINT NOT NULL, forgotten BIGINT NOT NULL);
      INSERT INTO sequence (id, value, forgotten) VALUES (1, 0, 0);
      CREATE TABLE products (name TEXT PRIMARY KEY, owner TEXT NOT NULL, summary TEXT);
      CREATE TABLE versions (
        product TEXT NOT NULL, line TEXT NOT NULL, version TEXT NOT NULL, contract TEXT NOT NULL, published BIGINT NOT NULL,
        deprecated BIGINT, sunset BIGINT, changed BIGINT NOT NULL, PRIMARY KEY (product, line)
      );
      CREATE INDEX versions_changed ON versions (changed);
      CREATE TABLE plans (
        product TEXT NOT NULL, name TEXT NOT NULL, terms TEXT NOT NULL, changed BIGINT NOT NULL, PRIMARY KEY (product, name)
      );
      CREATE INDEX plans_changed ON plans (changed);
      CREATE TABLE applications (id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, made BIGINT NOT NULL);
      CREATE INDEX applications_owner ON applications (owner);
      CREATE TABLE subscriptions (
        id TEXT PRIMARY KEY, application TEXT NOT NULL, product TEXT NOT NULL, plan TEXT NOT NULL, state TEXT NOT NULL,
        made BIGINT NOT NULL, changed BIGINT NOT NULL, UNIQUE (application, product)
      );
      CREATE INDEX subscriptions_product ON subscriptions (product, state);
      CREATE INDEX subscriptions_changed ON subscriptions (changed);
      CREATE TABLE keys (
        id TEXT PRIMARY KEY, subscription TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, made BIGINT NOT NULL, expires BIGINT,
        revoked BIGINT, used BIGINT, changed BIGINT NOT NULL
      );
      CREATE INDEX keys_subscription ON keys (subscription);
      CREATE INDEX keys_changed ON keys (changed);
      CREATE TABLE gateways (id TEXT PRIMARY KEY, batch BIGINT NOT NULL, heard BIGINT NOT NULL);
      CREATE TABLE quotas (
        subscription TEXT NOT NULL, period TEXT NOT NULL, used BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (subscription, period)
      );
      CREATE TABLE grants (
        gateway TEXT NOT NULL, subscription TEXT NOT NULL, period TEXT NOT NULL, calls BIGINT NOT NULL,
        PRIMARY KEY (gateway, subscription)
      );
      CREATE INDEX grants_subscription ON grants (subscription);
      CREATE TABLE counts (
        span TEXT NOT NULL, at BIGINT NOT NULL, subscription TEXT NOT NULL, line TEXT NOT NULL, operation TEXT NOT NULL,
        status INTEGER NOT NULL, calls BIGINT NOT NULL, bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL, buckets TEXT NOT NULL,
        PRIMARY KEY (span, at, subscription, line, operation, status)
      );
      CREATE INDEX counts_subscription ON counts (subscription, span, at);`,
    '002-feedback': `
      CREATE TABLE feedback (
        id TEXT PRIMARY KEY, application TEXT NOT NULL, product TEXT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, stars INTEGER,
        text TEXT, trace TEXT, explained TEXT, answer TEXT, answered BIGINT
      );
      CREATE INDEX feedback_application ON feedback (application, product, kind);
      CREATE INDEX feedback_product ON feedback (product, at);`,
    '003-webhooks': `
      CREATE TABLE webhooks (
        id TEXT PRIMARY KEY, subscription TEXT NOT NULL, address TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL,
        made BIGINT NOT NULL, said BIGINT NOT NULL, delivered BIGINT, failed BIGINT, status INTEGER, why TEXT
      );
      CREATE INDEX webhooks_subscription ON webhooks (subscription);
      CREATE TABLE deliveries (
        id TEXT PRIMARY KEY, webhook TEXT NOT NULL, number BIGINT NOT NULL, event TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
        at BIGINT NOT NULL, due BIGINT NOT NULL, attempts INTEGER NOT NULL, state TEXT NOT NULL, status INTEGER, why TEXT
      );
      CREATE INDEX deliveries_key ON deliveries (webhook, key, number);
      CREATE INDEX deliveries_due ON deliveries (state, due);`,
  },
})

/**
 * The number of this change. It is written first, by whoever changes something that gateways have to know: its row is locked until the
 * transaction ends, so that whoever reads a number sees all that was changed up to it.
 */
export async function nextChange(tx: Reading): Promise<number> {
  const { value } = await tx
    .updateTable('sequence')
    .set({ value: sql<number>`value + 1` })
    .where('id', '=', 1)
    .returning('value')
    .executeTakeFirstOrThrow()
  return Number(value)
}
