import type { Logger } from 'dure/telemetry'
import { pollingRelay, walRelay, type PollingRelay, type WalRelay, type WalRelayOptions } from '../outbox.ts'
import { onPlaces, type Check, type Place as Furnished } from '../../place.test-support.ts'
import { RELAXED, type ServerVersion } from '../../server.test-support.ts'

export type Place = Furnished & {
  /** Relays that stop with the test. */
  readonly relay: (deliver: WalRelayOptions['deliver'], options?: Partial<WalRelayOptions>) => ReturnType<typeof walRelay>
  readonly polling: (deliver: WalRelayOptions['deliver']) => PollingRelay
  readonly slots: () => Promise<readonly { readonly name: string; readonly status: string; readonly confirmed: string }[]>
  /** Resolves when the query answers with a row whose first column is true. */
  readonly until: (sql: string, values?: readonly unknown[]) => Promise<void>
  /** What was said, as `level message`. */
  readonly said: readonly string[]
}

export const LOGICAL = { ...RELAXED, wal_level: 'logical', max_replication_slots: 12, max_wal_senders: 12 } as const

/** Limits under which tests need not wait. */
export const QUICK = { lease: 1_000, heartbeat: 200, backoff: [20, 200], poll: 100 } as const

/**
 * `check(what, run)`: a test on a database of its own, of servers that write their log for reading. To be called once, at the
 * top of a file.
 */
export function onServers(
  versions: readonly ServerVersion[] = [18],
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Check<Place>> {
  return onPlaces({ versions, settings: { ...LOGICAL, ...settings }, furnish: withLog })
}

export function withLog(place: Furnished): Place {
  const { url, pool, closing } = place
  const said: string[] = []
  return {
    ...{ ...place, said },
    slots: async () =>
      (
        await pool.query<{ name: string; status: string; confirmed: string }>(
          'SELECT slot_name AS name, wal_status AS status, confirmed_flush_lsn AS confirmed FROM pg_replication_slots WHERE database = current_database() ORDER BY 1',
        )
      ).rows,
    relay: (deliver, options) => {
      const relay = walRelay({
        connection: url,
        deliver,
        log: recorder(said),
        acceptLoss: true,
        ...options,
        limits: { ...QUICK, ...options?.limits },
      })
      closing(() => relay.stop({ timeout: 0 }))
      return relay
    },
    polling: (deliver) => {
      const relay = pollingRelay({ connection: url, deliver, limits: { lease: QUICK.lease, poll: QUICK.poll } })
      closing(() => relay.stop({ timeout: 0 }))
      return relay
    },
    until: async (sql, values = []) => {
      for (;;) {
        const { rows } = await pool
          .query({ text: sql, values: [...values], rowMode: 'array' })
          .catch(() => ({ rows: [] as unknown[][] }))
        if ((rows[0] as unknown[] | undefined)?.[0] === true) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  }
}

export function recorder(said: string[]): Logger {
  const at =
    (level: string): Logger['info'] =>
    (message, fields) =>
      void said.push(`${level} ${message}${fields?.['error'] === undefined ? '' : ` (${String(fields['error'])})`}`)
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), with: () => logger }
  return logger
}

/** Looks again until it holds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Writes into the log, and lets the server look at what its slots hold. */
export async function flood(place: Place, megabytes = 12): Promise<void> {
  await place.pool.query('CREATE TABLE IF NOT EXISTS flood (data text)')
  for (let i = 0; i < megabytes * 4; i++) {
    await place.pool.query(`INSERT INTO flood SELECT repeat(md5(n::text), 8) FROM generate_series(1, 800) AS n`)
    if (i % 4 === 3) await place.pool.query('CHECKPOINT')
  }
}

/** A little of it, and until the relay has looked. */
export async function trickle(place: Place, relay: WalRelay): Promise<void> {
  const held = relay.state().slot?.held
  await flood(place, 0.25)
  await place.pool.query('CHECKPOINT')
  await eventually(() => relay.state().by !== 'wal' || relay.state().slot?.held !== held)
}

export function rung(place: Place, words: RegExp): boolean {
  return place.said.some((line) => words.test(line))
}

/** Removes the slot from under whoever reads it. */
export async function dropUnderReader(place: Place, slot: string): Promise<void> {
  await eventually(async () => {
    await endReader(place, slot)
    return place.pool.query('SELECT pg_drop_replication_slot($1)', [slot]).then(
      () => true,
      () => false,
    )
  })
}

/** Ends the connection of whoever reads it. */
export async function endReader({ pool }: Place, slot: string): Promise<void> {
  await pool.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [slot])
}
