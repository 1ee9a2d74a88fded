import { Client } from 'pg'
import { messageOf } from './store.ts'

/** What is used of the peer. */
type GraphileWorker = {
  readonly run: (options: object) => Promise<{ readonly stop: () => Promise<void> }>
  readonly runMigrations: (options: object) => Promise<void>
  readonly Logger: new (factory: () => () => void) => unknown
}

/** Jobs a second that one worker takes from a table full of them, with the settings of its own performance page. */
export async function graphileWorker(peer: (name: string) => Promise<unknown>, url: string, backlog: number): Promise<number> {
  const { run, runMigrations, Logger } = (await peer('graphile-worker')) as GraphileWorker
  const logger = new Logger(() => () => {})
  await runMigrations({ connectionString: url, logger })
  const client = new Client({ connectionString: url })
  await client.connect()
  const payloads = Array.from({ length: backlog }, (_, n) => messageOf(n).data)
  for (let from = 0; from < backlog; from += 1_000) {
    await client.query(`SELECT graphile_worker.add_job('happened', payload::json) FROM unnest($1::text[]) AS payload`, [
      payloads.slice(from, from + 1_000),
    ])
  }
  await client.end()
  const done = Promise.withResolvers<void>()
  let count = 0
  const started = performance.now()
  let last = started
  const runner = await run({
    connectionString: url,
    logger,
    noHandleSignals: true,
    concurrency: 24,
    taskList: {
      happened: () => {
        last = performance.now()
        if (++count === backlog) done.resolve()
      },
    },
    preset: {
      worker: { localQueue: { size: 500, refetchDelay: { durationMs: 10 } }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
    },
  })
  await done.promise
  await runner.stop()
  return backlog / ((last - started) / 1_000)
}
