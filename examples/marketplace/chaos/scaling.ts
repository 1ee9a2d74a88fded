import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ChildError } from './child.ts'
import { createRounds, type RoundsOptions } from './rounds.ts'
import type { Step, Storm } from './storm.ts'

export type ScalingOptions = Omit<RoundsOptions, 'act'> & {
  /** How many copies of which services there are at the start, and at the end. */
  readonly replicas: Readonly<Record<string, number>>
  /** Has a running marketplace scaled: `order=4,stock=2`. */
  readonly scale: (wanted: string) => Promise<unknown>
}

/** Gives services one copy more, then one alone, then as many as they had, again and again. */
export function createScaling({ replicas, scale, ...rounds }: ScalingOptions): Storm {
  const wanted = (of: (copies: number) => number): string =>
    Object.entries(replicas)
      .map(([name, copies]) => `${name}=${of(copies)}`)
      .join(',')
  return createRounds({
    ...rounds,
    act: async (underLoad) => {
      const steps: Step[] = []
      for (const name of [wanted((copies) => copies + 1), wanted(() => 1), wanted((copies) => copies)]) {
        const begun = performance.now()
        await scale(name)
        steps.push({ name, ms: Math.round(performance.now() - begun) })
        await underLoad()
      }
      return steps
    },
  })
}

const DURE = join(fileURLToPath(import.meta.resolve('@dure/cli')), '../../bin/dure.js')

/** `dure scale`, `dure place`, as their users have them. @throws {ChildError} when it fails, with what it said; gives what it printed */
export function dureCommand(command: readonly string[], directory: string): (wanted: string) => Promise<string> {
  return (wanted) =>
    new Promise((resolve, reject) => {
      const [name = '', ...flags] = command
      const words = ['--conditions=dure-source', DURE, name, ...wanted.split(' '), ...flags, '--data', directory]
      execFile(process.execPath, words, (error, out, said) => {
        if (error === null) resolve(out)
        else reject(new ChildError(`"dure ${name} ${wanted}" failed: ${said.trim()}`))
      })
    })
}
