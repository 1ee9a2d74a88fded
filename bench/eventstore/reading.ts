import { snapped, type Counters } from './ours.ts'
import { median } from './rates.ts'

/** Milliseconds that a state of 10,000 events takes to load, 50 events behind its snapshot. */
export async function measureSnapshot({ store, database, events }: Counters): Promise<number> {
  await store.transaction((tx) => tx.run(insert('snapped', 'long', 1, 9_949)), { timeout: 60_000 })
  const stream = snapped.stream('long')
  // The first that is decided is the one that has it kept.
  for (let n = 0; n < 51; n++) await database.transaction((tx) => tx.decide(stream, { id: 'long', n }), { timeout: 60_000 })
  const times: number[] = []
  for (let at = 0; at < 50; at++) {
    const begun = performance.now()
    const { version } = await events.load(stream)
    times.push(performance.now() - begun)
    if (version !== 10_000) throw new Error(`The stream is at version ${version}`)
  }
  return median(times)
}

/** Events a second that a subscription makes a row's sum of. */
export async function measureProjection({ store, subscriptions }: Counters, many: number): Promise<number> {
  await store.transaction((tx) => tx.run(insert('counter', 'projected', 1, many)), { timeout: 60_000 })
  const [{ total }] = (await store.select('SELECT count(*) AS total FROM dure_events')) as [{ total: number }]
  const begun = performance.now()
  await subscriptions.listen!()
  while ((await subscriptions.busy!()) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const rate = (total * 1_000) / (performance.now() - begun)
  await subscriptions.stop({ timeout: 1_000 })
  return rate
}

/** Seconds in which a million events are read in their order, each decoded. */
export async function measureRebuild({ store, events }: Counters, many: number): Promise<number> {
  await store.transaction((tx) => tx.run(insert('counter', 'rebuilt', 1, many)), { timeout: 300_000 })
  let read = 0
  const begun = performance.now()
  for await (const { version } of events.readAll()) read += version > 0 ? 1 : 0
  return (((performance.now() - begun) / 1_000) * 1_000_000) / read
}

function insert(stream: string, id: string, from: number, to: number): string {
  return `INSERT INTO dure_events (version, time, schema_version, stream, stream_id, type, id, correlation_id, data)
    SELECT n, 0, 1, '${stream}', '${id}', 'counted', 'id-' || n, 'bench', '{"id":"${id}","n":1,"note":"${'x'.repeat(100)}"}'
    FROM generate_series(${from}, ${to}) AS n`
}
