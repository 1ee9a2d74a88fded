/**
 * `npm run recovery [-- --database postgres] [--only WORD] [--json]`: two copies of a service and 16 callers; the longest that one
 * of them goes without an answer while a copy is killed, frozen, drained or replaced. Ends with 1 when a promise is not kept.
 *
 * `npm run recovery -- --rolling [--seconds 60] [--json]`: copies are replaced by those of a new release, on PostgreSQL and under load,
 * and both stand side by side for so long.
 */
import { parseArgs } from 'node:util'
import { CALLERS, casesOf, withCopies, type Case } from './cases.ts'
import type { Seen } from './callers.ts'
import { describeRolled, isKept, roll } from './rolling.ts'

type Row = Pick<Case, 'name' | 'promised' | 'most'> & Seen & { readonly held: boolean }

const { values } = parseArgs({
  options: {
    database: { type: 'string', default: 'none' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    rolling: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
  },
})

async function main(): Promise<void> {
  if (values.database !== 'none' && values.database !== 'postgres') {
    throw new Error(`Cannot run on "${values.database}": say --database postgres, or nothing`)
  }
  if (values.rolling) return rolling(Number(values.seconds))
  const server =
    values.database === 'postgres' ? await (await import('@dure/postgres/server')).startServer({ settings: SETTINGS }) : undefined
  const cases = casesOf(server).filter(({ name }) => name.includes(values.only))
  if (cases.length === 0) throw new Error(`Cannot run --only "${values.only}": no case is called so`)
  try {
    const rows = await withCopies(server, async (bench) => {
      const done: Row[] = []
      for (const { name, promised, most, of = 'pause', fails, run } of cases) {
        process.stderr.write(`${name} …\n`)
        const seen = await run(bench)
        const held = seen[of] <= most && (fails || Object.keys(seen.failed).length === 0)
        done.push({ name, promised, most, ...seen, held })
      }
      return done
    })
    process.stdout.write(values.json ? `${JSON.stringify({ callers: CALLERS, rows }, null, 2)}\n` : tableOf(rows))
    if (!rows.every(({ held }) => held)) process.exitCode = 1
  } finally {
    await server?.close()
  }
}

async function rolling(seconds: number): Promise<void> {
  if (!(seconds > 0)) throw new Error(`Cannot run --seconds ${values.seconds}: say a number above 0`)
  const server = await (await import('@dure/postgres/server')).startServer({ settings: SETTINGS })
  try {
    const rolled = await roll(server, seconds)
    process.stdout.write(values.json ? `${JSON.stringify(rolled, null, 2)}\n` : describeRolled(rolled))
    if (!isKept(rolled)) process.exitCode = 1
  } finally {
    await server.close()
  }
}

const SETTINGS = { max_connections: 200, shared_buffers: '64MB' }

/** A table that is Markdown as well. */
function tableOf(rows: readonly Row[]): string {
  const cells = [
    ['', 'longest pause', 'longest call', 'failed', 'promised'],
    ...rows.map(({ name, pause, call, failed, promised, held }) => [
      `${held ? '' : '✗ '}${name}`,
      `${Math.round(pause).toLocaleString('en')} ms`,
      `${Math.round(call).toLocaleString('en')} ms`,
      Object.entries(failed)
        .map(([code, count]) => `${count} ${code}`)
        .join(', ') || '0',
      promised,
    ]),
  ]
  const widths = cells[0]!.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)))
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  const [head, ...body] = cells.map(line)
  return `${[head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n')}\n`
}

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
