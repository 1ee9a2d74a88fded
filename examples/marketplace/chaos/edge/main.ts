/** `npm run chaos -- edge`: what callers of two copies notice when one is killed, one stands still, and far too much is asked. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeFlags, numberFlag, readFlags, switchFlag, textFlag } from '../../workload/flags.ts'
import { runEdge } from './edge.ts'
import { UNGUARDED } from './shop.ts'
import { tableOf, verdictsOf } from './verdicts.ts'

const FLAGS = {
  kills: numberFlag({ help: 'How often a copy is killed', fallback: 6, least: 1, most: 1_000 }),
  freeze: numberFlag({ help: 'Seconds that a copy stands still', fallback: 4, least: 1, most: 25 }),
  seconds: numberFlag({ help: 'Seconds for which three times the capacity is offered', fallback: 10, least: 1 }),
  deadline: numberFlag({ help: 'Milliseconds each call has', fallback: 1_000, least: 100 }),
  places: numberFlag({ help: 'Calls a copy works on at once', fallback: 16, least: 1 }),
  work: numberFlag({ help: 'Milliseconds one takes it', fallback: 200, least: 1 }),
  unguarded: switchFlag('Call without any policy, to see what they are for'),
  seed: numberFlag({ help: 'Seed of the load', fallback: 1 }),
  data: textFlag('DIR', 'Use this directory, and keep it'),
  json: textFlag('FILE', 'Write the outcome to this file'),
}

const HELP = `Usage: npm run chaos -- edge [flags]

Two copies of the marketplace's carts under load, with PostgreSQL, on one machine. One after the other is killed (-9): no
call may fail, all of them may be made twice. One stands still: nobody may wait past the deadline, it is left out, and called
again when it goes on. Then three times as much is asked as both can do: as much as they can do must be answered, and of
those who buy nearly all, while others are shed.

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
  const { json, data, unguarded, places, work, ...rest } = flags
  const directory = data === undefined ? mkdtempSync(join(tmpdir(), 'dure-edge-')) : resolve(data)
  mkdirSync(directory, { recursive: true })
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const policies = unguarded ? { policies: UNGUARDED } : {}
  const result = await runEdge({ ...rest, ...policies, directory, work: { places, ms: work }, say })
  const verdicts = verdictsOf(result, flags.deadline)
  for (const line of tableOf(verdicts)) print(line)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ seed: flags.seed, verdicts, ...result }, undefined, 2)}\n`)
  if (data === undefined) rmSync(directory, { recursive: true, force: true })
  return verdicts.every(({ ok }) => ok) ? 0 : 1
}
