import type { Store } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { endsSession, explain, type StoreAddress } from './errors.ts'
import type { Witness } from './witness.ts'

/** Milliseconds between two looks, at first and at most. */
const [FIRST, LONGEST] = [1, 50]

/**
 * Those of a service's writing sessions (`$1`: how their names begin) that are in a transaction: all, or of these (`$2`) the ones
 * that are still. Sessions called `$3` are ended. A transaction has its own number locked from before its snapshot to its end.
 */
const OPEN = `
  SELECT virtualtransaction AS id, CASE application_name WHEN $3 THEN pg_terminate_backend(pid) END AS ended
  FROM pg_locks JOIN pg_stat_activity USING (pid)
  WHERE locktype = 'virtualxid' AND mode = 'ExclusiveLock'
    AND usename = session_user AND datname = current_database() AND starts_with(application_name, $1)
    AND ($2::text IS NULL OR virtualtransaction = ANY (string_to_array($2, ',')))`

/**
 * Waits for the writing transactions of a service that are open now, in whichever process. What has waited for a lock still reads
 * by its old snapshot, and clocks step; so a new owner, having raised its epoch, looks which transactions may not know of it, and
 * waits until they are gone.
 */
export function createWaitOut(options: {
  readonly service: string
  readonly address: StoreAddress
  /** How the names of all writing sessions of the service begin. */
  readonly prefix: string
  /** What those of one process are called. */
  readonly writersOf: (member: string) => string
  readonly witness: Witness
  readonly runtime: Runtime
  /** Milliseconds that a server which is away is waited for. */
  readonly silence: number
}): NonNullable<Store['waitOut']> {
  const { service, address, prefix, writersOf, witness, runtime, silence } = options
  const { clock, timers } = runtime
  return async ({ before, patience }) => {
    const until = clock.monotonic() + patience
    let left: string | null = null
    const failed = (error: unknown): unknown => explain(error, `Waiting for transactions of service "${service}"`, address)
    for (let pause = FIRST; ; pause = Math.min(2 * pause, LONGEST)) {
      const session = await witness.awaited(silence)
      if (session === undefined) throw failed(new Error('Connection terminated: it was not there again in time'))
      try {
        const ended = before !== undefined && clock.monotonic() >= until ? writersOf(before) : null
        const { rows } = await session.heard(silence, () => session.query(OPEN, [prefix, left, ended]))
        if (rows.length === 0) return
        left = rows.map(({ id }) => String(id)).join(',')
      } catch (error) {
        // The next session is asked again.
        if (!endsSession(error)) throw failed(error)
      }
      await timers.sleep(pause)
    }
  }
}
