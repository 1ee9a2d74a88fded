/**
 * `npm run bench -- NAME [--json [FILE]]`: runs one benchmark beside its peers and prints what it measured; with `--json`
 * as `{ bench, ratios, figures }`, into the file when there is one. With `--against REV [--rounds 5]` on this tree and on that commit, in turns.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { against, comparison } from './against.ts'
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
    options: {
      ...{ json: { type: 'string' }, database: { type: 'string' } },
      ...{ against: { type: 'string' }, rounds: { type: 'string', default: '5' } },
    },
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
  const progress = (line: string): void => void process.stderr.write(`${line}\n`)
  const { bench, peers = true } = (await import(`./${name}/${name}.ts`)) as { readonly bench: Bench; readonly peers?: boolean }
  if (peers) await installPeers(folder, progress)
  if (values.against !== undefined) {
    const rounds = Number(values.rounds)
    if (!Number.isInteger(rounds) || rounds < 1 || values.database !== undefined)
      throw new Error(`Cannot compare in "${values.rounds}" rounds: say a whole number, and no database`)
    const compared = await against(name, { revision: values.against, rounds, progress })
    return tell(`${name}, now and at ${values.against}\n${comparison(compared)}`, {
      bench: name,
      against: values.against,
      compared,
    })
  }
  const context: BenchContext = {
    ...(values.database === undefined ? {} : { database: 'postgres' as const }),
    progress,
    // Resolved from here, where the peers are, and not from wherever a bench stands.
    peer: (peer) => import(import.meta.resolve(peer)) as Promise<unknown>,
  }
  const { shown = [], ...result } = await bench(context)
  tell([name, table(result), ...shown].join('\n'), { bench: name, ...result })

  function tell(text: string, result: object): void {
    const json = `${JSON.stringify(result, null, 2)}\n`
    if (values.json === STDOUT) return void process.stdout.write(json)
    console.log(text)
    if (values.json !== undefined) writeFileSync(values.json, json)
  }
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
