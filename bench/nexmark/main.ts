/**
 * `npm run nexmark -- [--events N] [--queries q0,q5] [--fixtures FOLDER]`: Nexmark's queries as topologies, and as SQL over the same events in a
 * PostgreSQL of its own; a line each, exit 1 when one differs. Events arrive in another order in groups of a thousand, and
 * one in ten three seconds late. With `--fixtures`, a folder that has RisingWave's `e2e_test`, over its events, and its
 * rows are asked as well.
 */
import { parseArgs } from 'node:util'
import { answering, keyOf, type Answering } from './answers.ts'
import { arrivals } from './arrivals.ts'
import { BASE_TIME, nexmarkEvent, type NexmarkEvent } from './events.ts'
import { asFixture, fixtureEvents, fixtureRows } from './fixtures.ts'
import { openOracle, type Oracle } from './postgres.ts'
import { queries } from './queries/queries.ts'
import { comparison, rowText, type Difference } from './rows.ts'
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
    check: { type: 'boolean' },
  },
})
const asked = values.queries.split(',')
const names = queryNames.filter((name) => asked.includes(name))
const events = Number(values.events)
if (names.length !== asked.length || !Number.isInteger(events) || events < 1) {
  console.error(`Cannot run Nexmark: give whole --events from 1 on, and --queries of ${queryNames.join(',')}`)
  process.exitCode = 1
} else {
  const well = await (values.fixtures === undefined ? checkGenerated(events, names) : checkFixtures(values.fixtures, names))
  if (!well) process.exitCode = 1
}
