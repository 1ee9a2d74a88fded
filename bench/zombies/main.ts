/**
 * `npm run zombies -- [ROLE …] [--times 50] [--at-once] [--seed N] [--json FILE] [--broken]`: whoever has a role that one only may have is
 * stopped in the midst of its work, its successor begins, and then it goes on. Counts what it still writes, which is to be
 * nothing. Ends with 1 when it is not.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startServer, type LocalServer } from '@dure/postgres/server'
import { casesOf, withCopies } from '../recovery/cases.ts'
import { migrators, stores, supervisors } from './alone.ts'
import { commands } from './command.ts'
import { members } from './group.ts'
import { relays } from './outbox.ts'
import type { RoleOptions, Seen } from './rig.ts'

type Role = { readonly name: string; readonly what: string; readonly run: (options: RoleOptions) => Promise<Seen> }

const ROLES: readonly Role[] = [
  { name: 'lanes', what: 'lanes of an outbox', run: (options) => relays(options, 'polling') },
  { name: 'log', what: 'reader of the log', run: (options) => relays(options, 'wal') },
  { name: 'group', what: 'member of a group, keys parked', run: members },
  { name: 'command', what: 'idempotent command', run: commands },
  { name: 'migrator', what: 'migrator of a store', run: migrators },
  { name: 'supervisor', what: 'supervisor of a directory', run: supervisors },
  { name: 'store', what: 'embedded store (SQLite)', run: stores },
]

const SETTINGS = {
  ...{ wal_level: 'logical', track_commit_timestamp: 'on', max_connections: 200, shared_buffers: '64MB' },
  ...{ fsync: 'off', enable_seqscan: 'off', max_replication_slots: 20 },
}

/** What `npm run recovery` measures of PostgreSQL, beside the roles. */
const SERVER = 'server'
const OF_SERVER = ['PostgreSQL killed for 15 s', 'commit to effect, p99']

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      times: { type: 'string', default: '50' },
      'at-once': { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      broken: { type: 'boolean', default: false },
    },
  })
  const times = Number(values.times)
  if (!Number.isInteger(times) || times < 1) throw new Error(`Cannot run --times ${values.times}: say a number from 1 on`)
  const names = [...ROLES.map(({ name }) => name), SERVER]
  for (const name of positionals) {
    if (!names.includes(name)) throw new Error(`Cannot run "${name}": there are ${names.join(', ')}`)
  }
  const meant = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
  const roles = ROLES.filter(({ name }) => meant(name))
  const rows: Row[] = []
  if (roles.length > 0) {
    const server = await startServer({ settings: SETTINGS })
    try {
      const options = { times, seed: Number(values.seed), broken: values.broken, server }
      if (values['at-once']) rows.push(...(await Promise.all(roles.map((role) => play(role, options)))))
      else for (const role of roles) rows.push(await play(role, options))
    } finally {
      await server.close()
    }
  }
  const pauses = meant(SERVER) ? await pausesOfServer() : []
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ times, rows, pauses }, null, 2)}\n`)
  if (rows.length > 0) process.stdout.write(tableOf(rows, times))
  for (const { name, ms, most } of pauses)
    process.stdout.write(`${name}: ${Math.round(ms)} ms (at most ${most} ms are promised)\n`)
  if (rows.some(({ past }) => past.length > 0) || pauses.some(({ ms, most }) => ms > most)) process.exitCode = 1
}

type Pause = { readonly name: string; readonly ms: number; readonly most: number }

async function pausesOfServer(): Promise<readonly Pause[]> {
  const server = await startServer({ settings: { max_connections: 200, shared_buffers: '64MB' } })
  try {
    return await withCopies(server, async (bench) => {
      const pauses: Pause[] = []
      for (const { name, most, run } of casesOf(server)) {
        if (OF_SERVER.includes(name)) pauses.push({ name, most, ms: (await run(bench)).pause })
      }
      return pauses
    })
  } finally {
    await server.close()
  }
}

type Row = Seen & Pick<Role, 'name' | 'what'>

async function play(
  { name, what, run }: Role,
  { times, seed, broken, server }: { times: number; seed: number; broken: boolean; server: LocalServer },
): Promise<Row> {
  const from = performance.now()
  const passed = (): string => `${Math.round((performance.now() - from) / 1_000)} s`
  const say = (text: string): void => void process.stderr.write(`${name}, of ${times}, after ${passed()}: ${text}\n`)
  const seen = await run({ server, times, random: chance(seed), broken, say })
  for (const text of seen.past.slice(0, 20)) say(text)
  return { name, what, ...seen }
}

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function tableOf(rows: readonly Row[], times: number): string {
  const cells = [
    ['role', 'times', 'inside a transaction', 'successor at work after', 'writes of the past'],
    ...rows.map(({ what, inside, takeover, past }) => [
      ...[what, String(times), String(inside)],
      `at most ${Math.round(takeover).toLocaleString('en')} ms`,
      String(past.length),
    ]),
  ]
  const widths = cells[0]!.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)))
  const [head, ...body] = cells.map((row) => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`)
  return `${[head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n')}\n`
}

// Servers and processes end with this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
