/** A program of `npm run chaos` that ends with verdicts: what was wanted, what was seen, and whether that is well. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeFlags, readFlags, textFlag, type Flags, type FlagValues } from '../workload/flags.ts'
import { tableOf, type Verdict } from './edge/verdicts.ts'

/** Flags that each of them has. */
export const PLACES = {
  data: textFlag('DIR', 'Use this directory, and keep it'),
  json: textFlag('FILE', 'Write the outcome to this file'),
}

/** @throws {FlagError} */
export async function chaosProgram<F extends Flags & typeof PLACES, R extends object>(options: {
  readonly name: string
  readonly words: readonly string[]
  readonly flags: F
  readonly about: string
  readonly run: (flags: FlagValues<F>, world: { readonly directory: string; readonly say: (line: string) => void }) => Promise<R>
  readonly verdicts: (result: R, flags: FlagValues<F>) => readonly Verdict[]
  /** More lines for people. */
  readonly more?: (result: R) => readonly string[]
}): Promise<number> {
  const { name, words, about, run, verdicts: verdictsOf, more } = options
  const flags = readFlags(options.flags, words)
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  if (flags === undefined) {
    print(`Usage: npm run chaos -- ${name} [flags]\n\n${about.trim()}\n\n${describeFlags(options.flags)}`)
    return 0
  }
  const { json, data } = flags as { readonly json?: string; readonly data?: string }
  const directory = data === undefined ? mkdtempSync(join(tmpdir(), `dure-${name}-`)) : resolve(data)
  mkdirSync(directory, { recursive: true })
  const result = await run(flags, { directory, say: (line) => void process.stderr.write(`${line}\n`) })
  const verdicts = verdictsOf(result, flags)
  for (const line of [...tableOf(verdicts), ...(more?.(result) ?? [])]) print(line)
  const { seed } = flags as { readonly seed?: number }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ seed, verdicts, ...result }, undefined, 2)}\n`)
  if (data === undefined) rmSync(directory, { recursive: true, force: true })
  return verdicts.every(({ ok }) => ok) ? 0 : 1
}
