import type { Command } from '@stricli/core'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  compare,
  comparisonText,
  measureLoad,
  modelOf,
  planFor,
  planText,
  readMeasurement,
  type CostModel,
  type Measurement,
} from '../capacity/capacity.ts'
import { CliError, EXIT, layoutOf, say, type Shell } from '../shell.ts'
import { common, defineCommand, directoryOf, parsedFlag, printResult, textFlag, wholeNumber, type Common } from './parameters.ts'

type Flags = Common & {
  readonly load?: Load
  readonly seconds?: number
  readonly save?: string
  readonly measured?: readonly string[]
  readonly beside?: string
  readonly busy?: number
}

/** How long is measured when nothing is said, and how busy a copy is to be at most. */
const [SECONDS, BUSY] = [30, 70]

export const planCommand: Command<Shell> = defineCommand({
  brief: 'Show what a larger load needs: copies, partitions, connections, processors of the database',
  help: `
        Measures for some seconds what a running system does and what that takes, then says what a load so many times larger
        needs: copies of each process, partitions of topics, connections, processors of databases and brokers, memory; what is
        full first; and how long calls take then, from a simulation of the queues. Have the system used meanwhile as it is going
        to be used, and started with --split: what services of one process use nobody can tell apart.

        What is measured with --save at two loads or more, and given with --measured, tells what calls cost from what is used
        without any. A load more than twice of what was measured is told to be extrapolated.

        With --beside a measurement at another load is compared with what is predicted for it.

        What servers on this computer use (PostgreSQL, a broker) is found by connections, on Linux. The load counts calls at the
        doors, and their mix stays as it was measured: 1000x, 200/s, or cart.checkout=16667/s for the load at which that
        operation is called so often.`,
  examples: [
    'dure plan --load 1000x',
    'dure plan --seconds 60 --save light.json',
    'dure plan --measured light.json,heavy.json --load 5000/s',
    'dure plan --measured light.json,heavy.json --beside heaviest.json',
    'dure plan --measured heavy.json --load order.place=16667/s --json',
  ],
  flags: {
    ...common,
    load: parsedFlag(loadOf, 'LOAD', 'What it is to carry: 1000x, 200/s, or SERVICE.OPERATION=200/s (default 10x)'),
    seconds: parsedFlag(wholeNumber(1, 3_600), 'N', `Measure over so many seconds (default ${SECONDS})`),
    save: textFlag('FILE', 'Write what was measured to this file'),
    measured: {
      ...{ kind: 'parsed', parse: String, optional: true, variadic: ',', placeholder: 'FILE,…' },
      brief: 'Plan from these in place of measuring',
    },
    beside: textFlag('FILE', 'Compare with what was measured at another load'),
    busy: parsedFlag(wholeNumber(10, 95), 'PERCENT', `How busy a copy and a database are to be, at most (default ${BUSY})`),
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Flags): Promise<void> {
    const measurements = await measurementsFor(this, flags)
    const model = modelOf(measurements)
    if (flags.beside !== undefined) {
      const comparison = compare(model, await readMeasurement(resolve(this.cwd, flags.beside)))
      return printResult(this, flags, comparison, () => comparisonText(comparison, layoutOf(this)))
    }
    if (flags.save !== undefined && flags.load === undefined) return
    const rate = rateOf(flags.load ?? { times: 10 }, model)
    const plan = planFor(model, { rate, target: (flags.busy ?? BUSY) / 100 })
    printResult(this, flags, plan, () => planText(plan, layoutOf(this)))
  },
})

async function measurementsFor(shell: Shell, flags: Flags): Promise<readonly Measurement[]> {
  const { measured, save, seconds = SECONDS } = flags
  if (measured !== undefined) {
    if (save !== undefined || flags.seconds !== undefined) {
      throw new CliError('Cannot measure and plan from "--measured" at once: leave one of them out', { exitCode: EXIT.misuse })
    }
    return Promise.all(measured.map((file) => readMeasurement(resolve(shell.cwd, file))))
  }
  const directory = directoryOf(shell, flags)
  if (flags.json !== true) say(shell, `Measuring for ${seconds} s; have it used meanwhile as it is going to be`)
  const measurement = await measureLoad(directory, seconds)
  if (save !== undefined) {
    const file = resolve(shell.cwd, save)
    await writeFile(file, `${JSON.stringify(measurement, undefined, 2)}\n`)
    say(shell, `Written to ${file}`)
  }
  return [measurement]
}

type Load = { readonly times: number } | { readonly rate: number; readonly operation?: string | undefined }

function loadOf(text: string): Load {
  const [, times] = /^(\d+(?:\.\d+)?)x$/.exec(text) ?? []
  const [, operation, rate] = /^(?:([^=]+)=)?(\d+(?:\.\d+)?)\/s$/.exec(text) ?? []
  if (Number(times) > 0) return { times: Number(times) }
  if (Number(rate) > 0) return { rate: Number(rate), operation }
  throw new Error(`"${text}" is no load: give 1000x, 200/s, or SERVICE.OPERATION=200/s`)
}

function rateOf(load: Load, { rates, entries }: CostModel): number {
  if ('times' in load) return load.times * Math.max(...rates)
  if (load.operation === undefined) return load.rate
  const known = entries.map(({ service, operation }) => `${service}.${operation}`)
  const { share } = entries[known.indexOf(load.operation)] ?? {}
  if (share !== undefined) return load.rate / share
  throw new CliError(
    `Cannot plan for "${load.operation}": it was not called at a door while that was measured; there were ${known.join(', ')}`,
  )
}
