/**
 * `npm run bench -- NAME [--json [FILE]]`: runs one benchmark beside its peers and prints what it measured; with `--json`
 * as `{ bench, ratios, figures }`, into the file when there is one.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench, BenchContext, BenchResult } from './bench.ts'
import { installPeers } from './peers.ts'

const folder = import.meta.dirname
/** In place of a file. */
const STDOUT = '-'

/** The benchmarks there are: folders with a file named like them. */
export function benchNames(): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, `${entry.name}.ts`)))
    .map(({ name }) => name)
    .toSorted()
}

/** What was measured, as a table for people. */
export function table({ ratios, figures }: BenchResult): string {
  const rows = [...Object.entries(figures), ...Object.entries(ratios).map(([name, value]) => [name, value, '×'] as const)]
  const width = Math.max(...rows.map(([name]) => name.length))
  const format = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })
  const text = (value: number | readonly number[]): string =>
    [value]
      .flat()
      .map((one) => format.format(one))
      .join(', ')
  return rows.map(([name, value, unit = '']) => `  ${name.padEnd(width)}  ${text(value).padStart(12)}${unit}`).join('\n')
}

async function main(): Promise<void> {
  const words = process.argv.slice(2)
  const { values, positionals } = parseArgs({
    args: words.at(-1) === '--json' ? [...words, STDOUT] : words,
    options: { json: { type: 'string' }, database: { type: 'string' } },
    allowPositionals: true,
  })
  const [name] = positionals
  const names = benchNames()
  if (name === undefined || positionals.length > 1 || !names.includes(name)) {
    throw new Error(
      `Cannot run ${positionals.length === 0 ? 'a benchmark without its name' : `"${positionals.join(' ')}"`}: ` +
        `say one of ${names.join(', ') || '(there are none yet)'}, as in: npm run bench -- ${names[0] ?? 'NAME'} --json result.json`,
    )
  }
  if (values.database !== undefined && (values.database !== 'postgres' || name !== 'marketplace')) {
    throw new Error(`Cannot run "${name}" on "${values.database}": only "marketplace --database postgres" is there`)
  }
  const context: BenchContext = {
    ...(values.database === undefined ? {} : { database: 'postgres' as const }),
    progress: (line) => void process.stderr.write(`${line}\n`),
    // Resolved from here, where the peers are, and not from wherever a bench stands.
    peer: (peer) => import(import.meta.resolve(peer)) as Promise<unknown>,
  }
  const { bench, peers = true } = (await import(`./${name}/${name}.ts`)) as { readonly bench: Bench; readonly peers?: boolean }
  if (peers) await installPeers(folder, context.progress)
  const { shown = [], ...result } = await bench(context)
  const json = `${JSON.stringify({ bench: name, ...result }, null, 2)}\n`
  if (values.json === STDOUT) return void process.stdout.write(json)
  console.log([name, table(result), ...shown].join('\n'))
  if (values.json !== undefined) writeFileSync(values.json, json)
}

if (import.meta.main) {
  try {
    await main()
  } catch (error) {
    // What a user can mend is said in words; anything else keeps its trace.
    console.error(error instanceof Error && /^(Cannot|Unknown option)/.test(error.message) ? error.message : error)
    process.exitCode = 1
  }
}
