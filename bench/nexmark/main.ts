/**
 * `npm run nexmark -- [--events N] [--queries q0,q5] [--fixtures FOLDER] [--broker NAME] [--kill N] [--rebalance N]`: Nexmark's queries as topologies, and as SQL over the same events in a
 * PostgreSQL of its own; a line each, exit 1 when one differs. Events arrive in another order in groups of a thousand, and
 * one in ten three seconds late. With `--fixtures`, a folder that has RisingWave's `e2e_test`, over its events, and its
 * rows are asked as well. With `--broker` (embedded, served, kafka or nats), `--kill` or `--rebalance` a service in a process of its own runs
 * them on SQLite: the process is killed so often, and members join the groups of queries and leave them, spread over the run.
 */
import { parseArgs } from 'node:util'
import { answering, keyOf, type Answering } from './answers.ts'
import { arrivals } from './arrivals.ts'
import { BASE_TIME, nexmarkEvent, type NexmarkEvent } from './events.ts'
import { asFixture, fixtureEvents, fixtureRows } from './fixtures.ts'
import { openOracle, type Oracle } from './postgres.ts'
import { queries } from './queries/queries.ts'
import { comparison, rowText, type Difference, type Row } from './rows.ts'
import { runQueries } from './running/running.ts'
import { BROKERS, type BrokerName } from './running/system.ts'
import { queryNames, type QueryName } from './sql.ts'

const DISORDER = { group: 1_000, late: 0.1, lateBy: 30_000 } as const
/** Ten thousand a second. */
const clockOf = (step: number): number => BASE_TIME + Math.floor(step / 10)
const BATCH = 1_000

type Arrived = { readonly event: NexmarkEvent; readonly clock: number }

/** The events in the order in which they arrive. A million of them are a gigabyte; to make them for each query takes longer than the query. */
function generated(events: number): readonly Arrived[] {
  return Array.from(arrivals({ ...DISORDER, events }), (n, step) => ({ event: nexmarkEvent(n), clock: clockOf(step) }))
}

function answer(query: QueryName, arriving: Iterable<Arrived>): Answering {
  const one = answering(queries[query](), Number.MAX_SAFE_INTEGER)
  // A batch is of one partition: events of another kind end it, as they end what came before them.
  let kind: NexmarkEvent['kind'] = 'bid'
  let batch: { value: unknown; key: string; time: number }[] = []
  const flush = (): void => {
    if (batch.length > 0) one.process(kind, batch)
    batch = []
  }
  for (const { event, clock } of arriving) {
    if (event.kind !== kind || batch.length === BATCH) flush()
    ;({ kind } = event)
    batch.push({ value: event.value, key: keyOf(event), time: clock })
  }
  flush()
  return one
}

function say(query: QueryName, { onlyFirst, onlySecond, count }: Difference, what: string): boolean {
  console.log(`${count === 0 ? '✔' : '✖'} ${query}: ${what}${count === 0 ? '' : `, and ${count} differ`}`)
  for (const [side, rows] of [['ours alone', onlyFirst] as const, ['theirs alone', onlySecond] as const])
    for (const row of rows) console.log(`  ${side}: ${row.slice(0, 300)}`)
  return count === 0
}

async function withOracle(arriving: Iterable<Arrived>, use: (oracle: Oracle) => Promise<boolean>): Promise<boolean> {
  const oracle = await openOracle()
  try {
    for (const { event, clock } of arriving) await oracle.add(event, clock)
    await oracle.loaded()
    return await use(oracle)
  } finally {
    await oracle.close()
  }
}

async function checkGenerated(events: number, names: readonly QueryName[]): Promise<boolean> {
  const arriving = generated(events)
  return withOracle(arriving, async (oracle) => {
    let well = true
    for (const query of names) {
      const begun = performance.now()
      const one = answer(query, arriving)
      const rows = one.rows()
      const seconds = (performance.now() - begun) / 1000
      const { first, second, difference } = comparison()
      first(rows.map(rowText))
      for await (const part of oracle.rows(query)) second(part.map(rowText))
      const late = [...one.task.counts.late.values()].reduce((sum, count) => sum + count, 0)
      const what = `${rows.length} rows as PostgreSQL has them, of ${events} events in ${seconds.toFixed(1)} s`
      well = say(query, difference(), late === 0 ? what : `${what}; ${late} were dropped as late`) && well
    }
    return well
  })
}

type Running = { readonly broker: BrokerName; readonly kills: number; readonly rebalances: number }

/** The same of a service that runs all queries, over a broker, while it is killed. */
async function checkRunning(
  events: number,
  names: readonly QueryName[],
  { broker, kills, rebalances }: Running,
): Promise<boolean> {
  const arriving = generated(events)
  return withOracle(arriving, async (oracle) => {
    const ran = await runQueries({ names, arriving, broker, kills, rebalances, progress: console.log })
    console.log(
      `${ran.kills} kills and ${ran.rebalances} rebalances in ${ran.seconds.toFixed(0)} s, ${names.length} queries over ${events} events by ${broker}`,
    )
    let well = true
    for (const query of names) {
      const rows: readonly Row[] = ran.rows(query)
      const { first, second, difference } = comparison()
      first(rows.map(rowText))
      for await (const part of oracle.rows(query)) second(part.map(rowText))
      well = say(query, difference(), `${rows.length} rows as PostgreSQL has them`) && well
    }
    return well
  })
}

async function checkFixtures(folder: string, names: readonly QueryName[]): Promise<boolean> {
  const arriving = fixtureEvents(folder).map((event) => ({ event, clock: event.value.dateTime }))
  return withOracle(arriving, async (oracle) => {
    let well = true
    for (const query of names) {
      const theirs = fixtureRows(folder, query)
      const rows = answer(query, arriving).rows()
      const beside = comparison()
      beside.first(rows.map((row) => asFixture(query, row)))
      if (theirs === undefined)
        for await (const part of oracle.rows(query)) beside.second(part.map((row) => asFixture(query, row)))
      else beside.second(theirs)
      const whose = theirs === undefined ? 'PostgreSQL (RisingWave has none)' : 'RisingWave'
      well = say(query, beside.difference(), `${rows.length} rows as ${whose} has them`) && well
      if (theirs === undefined) continue
      const sql = comparison()
      sql.second(theirs)
      for await (const part of oracle.rows(query)) sql.first(part.map((row) => asFixture(query, row)))
      if (sql.difference().count > 0) well = say(query, sql.difference(), 'PostgreSQL says the same') && well
    }
    return well
  })
}

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    queries: { type: 'string', default: queryNames.join(',') },
    fixtures: { type: 'string' },
    broker: { type: 'string' },
    kill: { type: 'string', default: '0' },
    rebalance: { type: 'string', default: '0' },
    check: { type: 'boolean' },
  },
})
const asked = values.queries.split(',')
const names = queryNames.filter((name) => asked.includes(name))
const events = Number(values.events)
const [kills, rebalances] = [Number(values.kill), Number(values.rebalance)]
const isRunning = values.broker !== undefined || kills > 0 || rebalances > 0
const broker = BROKERS.find((name) => name === (values.broker ?? 'served'))
const isWhole = [events, kills, rebalances].every((count) => Number.isInteger(count) && count >= 0) && events > 0
if (names.length !== asked.length || !isWhole || broker === undefined) {
  console.error(
    `Cannot run Nexmark: give whole --events from 1 on, --kill and --rebalance from 0 on, --queries of ${queryNames.join(',')}, and --broker ${BROKERS.join(', ')}`,
  )
  process.exitCode = 1
} else if (broker === 'embedded' && rebalances > 0) {
  console.error('Cannot rebalance with --broker embedded: nobody else is in its groups; give --broker served')
  process.exitCode = 1
} else {
  const well = await (isRunning
    ? checkRunning(events, names, { broker, kills, rebalances })
    : values.fixtures === undefined
      ? checkGenerated(events, names)
      : checkFixtures(values.fixtures, names))
  if (!well) process.exitCode = 1
}
