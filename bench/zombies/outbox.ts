import { setTimeout as sleep } from 'node:timers/promises'
import { freeze, processAt, thaw, until, withDesks, type Rig, type RoleOptions, type Seen, type Sent } from './rig.ts'

/** The relay of a desk that delivers lanes of its outbox's table, or reads the log, stands still while it does. */
export function relays(options: RoleOptions, outbox: 'polling' | 'wal'): Promise<Seen> {
  return withDesks(options, outbox, async (rig) => {
    const { times, random, say } = options
    const stop = rig.load(12)
    let [inside, takeover] = [0, 0]
    await until('messages come', () => rig.log().length > 50)
    for (let round = 0; round < times; round++) {
      const lanes = outbox === 'polling'
      if (lanes) await until('both relays have lanes', async () => (await owners(rig)).length === 2)
      const before = await owners(rig)
      await sleep(random() * 200)
      const holder = lanes ? rig.pids('desk')[round % 2]! : await until1(() => reader(rig))
      const [slot] = lanes ? [] : await rig.ask(SLOT)
      freeze(holder)
      if (await insideOne(rig, 'desk')) inside++
      const committed = await numbers(rig)
      try {
        takeover = Math.max(
          takeover,
          await until('its successor delivers', async () => {
            if (lanes) return (await owners(rig)).length === 1
            const [now] = await rig.ask(SLOT)
            return Number(now?.['pid'] ?? 0) > 0 && now?.['pid'] !== slot?.['pid']
          }),
        )
        const from = rig.log().length
        await until('it has gone on with later ones', () => {
          const log = rig.log()
          const newest = newestOf(log)
          return log.length > from + 20 && committed.every(([key, n]) => (newest.get(key) ?? 0) >= n)
        })
      } finally {
        const mark = rig.log().length
        const seen = rig.log()
        thaw(holder)
        if (lanes) await until('it has lanes again', async () => (await owners(rig)).length === 2)
        await sleep(500)
        const late = again(seen, rig.log())
        say(`${round + 1}: ${before.length > 1 ? 'lanes' : 'log'} taken over, ${mark} messages, ${late} of them again`)
      }
    }
    await stop()
    await until('all has been delivered', async () => {
      const newest = newestOf(rig.log())
      return (await numbers(rig)).every(([key, n]) => newest.get(key) === n)
    })
    // A message that came for the first time after a later one of its key was skipped by that one.
    return { past: gaps(rig.log()), inside, takeover }
  })
}

const SLOT = `
  SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name =
    (SELECT 'dure_outbox_' || oid FROM pg_database WHERE datname = current_database()) || '_' || 'desk.dure_outbox'::regclass::oid`

/** How many were brought again after those that were seen: what was under way when it stood still comes late, and its inbox knows it. */
function again(seen: readonly Sent[], now: readonly Sent[]): number {
  const newest = newestOf(seen)
  return now.slice(seen.length).filter(({ key, n }) => n <= (newest.get(key) ?? 0)).length
}

/** Numbers of a key that were skipped when they had not been sent. */
function gaps(log: readonly Sent[]): readonly string[] {
  const newest = new Map<string, number>()
  return log.flatMap(({ key, n }) => {
    const last = newest.get(key) ?? 0
    newest.set(key, Math.max(last, n))
    return n > last + 1 ? [`${key}: ${n} was sent after ${last}`] : []
  })
}

function newestOf(log: readonly Sent[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>()
  for (const { key, n } of log) newest.set(key, Math.max(n, newest.get(key) ?? 0))
  return newest
}

async function owners(rig: Rig): Promise<readonly unknown[]> {
  const rows = await rig.ask(
    'SELECT DISTINCT owner FROM desk.dure_outbox_lanes WHERE owner IS NOT NULL AND expires > clock_timestamp()',
  )
  return rows.map(({ owner }) => owner)
}

async function numbers(rig: Rig): Promise<readonly (readonly [string, number])[]> {
  return (await rig.ask('SELECT key, n::int FROM desk.counters')).map(({ key, n }) => [String(key), Number(n)])
}

/** Whether a writing session of the service has a transaction in which nothing happens. */
export async function insideOne(rig: Rig, service: string): Promise<boolean> {
  const open = `
    SELECT pid, xact_start::text FROM pg_stat_activity
    WHERE starts_with(application_name, 'dure writer ${service}') AND state = 'idle in transaction'`
  const first = await rig.ask(open)
  await sleep(100)
  const texts = new Set((await rig.ask(open)).map((row) => JSON.stringify(row)))
  return first.some((row) => texts.has(JSON.stringify(row)))
}

/** The process that reads the slot: the one which has the socket at the other end. */
async function reader(rig: Rig): Promise<number | undefined> {
  const [row] = await rig.ask(`SELECT client_port AS port FROM pg_stat_activity WHERE pid IN (${SLOT})`)
  if (row === undefined) return undefined
  return processAt(Number(row['port']), rig.pids('desk'))
}

async function until1<T>(find: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined
  await until('a relay reads the log', async () => (found = await find()) !== undefined)
  return found!
}
