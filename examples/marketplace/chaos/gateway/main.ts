/** `npm run chaos -- gateway`: what whoever reads and buys through an API gateway notices of copies killed and frozen, of new routes, and of the port handed on. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeFlags, numberFlag, readFlags, textFlag } from '../../workload/flags.ts'
import { tableOf } from '../edge/verdicts.ts'
import { runGateway } from './run.ts'
import { verdictsOf } from './verdicts.ts'

const FLAGS = {
  rounds: numberFlag({
    help: 'How often a copy is killed, drained, routes change, the port is handed on',
    fallback: 5,
    least: 1,
  }),
  freeze: numberFlag({ help: 'Seconds that a copy stands still', fallback: 5, least: 1, most: 60 }),
  concurrency: numberFlag({ help: 'Transactions outstanding at any time', fallback: 8, least: 1, most: 1_000 }),
  seed: numberFlag({ help: 'Seed of the load', fallback: 1 }),
  data: textFlag('DIR', 'Use this directory, and keep it'),
  json: textFlag('FILE', 'Write the outcome to this file'),
}

const HELP = `Usage: npm run chaos -- gateway [flags]

The marketplace with a process for each service and three HTTP doors, and "dure gateway --supervised" before these. While customers buy
and others only read, copies of the door are killed (-9), frozen and drained, the gateway's routes change, and its port is handed to a
successor: of what may be repeated nothing may fail, or take longer than it has; and every invariant of the workload must hold.

${describeFlags(FLAGS)}
`

/** @throws {FlagError} */
export async function main(words: readonly string[]): Promise<number> {
  const flags = readFlags(FLAGS, words)
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  if (flags === undefined) {
    print(HELP.trimEnd())
    return 0
  }
  const { json, data, ...rest } = flags
  const directory = data === undefined ? mkdtempSync(join(tmpdir(), 'dure-gateway-chaos-')) : resolve(data)
  mkdirSync(directory, { recursive: true })
  const result = await runGateway({ ...rest, directory, say: (line) => void process.stderr.write(`${line}\n`) })
  const verdicts = verdictsOf(result)
  for (const line of tableOf(verdicts)) print(line)
  for (const [what, count] of Object.entries(result.complaints)) print(`  ${count} × ${what}`)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ seed: flags.seed, verdicts, ...result }, undefined, 2)}\n`)
  if (data === undefined) rmSync(directory, { recursive: true, force: true })
  return verdicts.every(({ ok }) => ok) ? 0 : 1
}
