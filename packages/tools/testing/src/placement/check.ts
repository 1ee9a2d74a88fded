import { checkNumbers, COUNT_OR_NONE, type Ranges } from 'dure/runtime/internal'
import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { watchWorld } from '@dure/simulation/internal'
import type { System } from 'dure/service'
import { compare, createComparison } from './comparison.ts'
import { embedded, together, type Placement } from './copies.ts'
import type { SystemFile } from '../system-file.ts'
import type { Difference } from './difference.ts'
import type { Outcome } from './outcome.ts'
import { smallest } from './shrink.ts'
import { eachAlone } from './each-service.ts'
import { inAnotherProcess, split } from './processes.ts'
import { overTcp, overUnixSocket } from './sockets.ts'
import { plan, type Made, type Step } from './plan.ts'

export type CheckPlacementOptions = {
  /**
   * What is checked. It runs on embedded parts of its own in folders of its own, so nobody's data are touched. Give a
   * function that makes it when its services keep anything in memory: each copy then has its own.
   */
  readonly system: System | (() => System)
  /**
   * Placements to compare with everything together in one process. Default: over a Unix socket, over TCP, in another
   * process, each service in a process of its own; without `file`, each service alone in place of the last two.
   */
  readonly placements?: readonly Placement[]
  /** Calls of each operation. Default 20. */
  readonly runs?: number
  /** Where chance starts: the same seed makes the same calls. Default 1. */
  readonly seed?: number
  /** The module that exports the system, by path or URL: another process loads it from there. */
  readonly file?: string | URL
  /** The name it is exported by, as the system or a function that makes it. Default: `default`. */
  readonly name?: string
  /** Attempts at making a difference smaller. Default 200. */
  readonly attempts?: number
}

const NUMBERS: Ranges<CheckPlacementOptions> = {
  runs: COUNT_OR_NONE,
  seed: { least: 0, most: 0xffffffff, whole: true },
  attempts: COUNT_OR_NONE,
}

export type PlacementReport = {
  /** No placement differs. */
  readonly ok: boolean
  readonly system: string
  readonly seed: number
  readonly runs: number
  readonly placements: readonly string[]
  readonly services: readonly ServiceReport[]
  /** Where a difference was looked into: who asked the globals of the real world for time or chance, and in which line. */
  readonly asked: readonly string[]
}

export type ServiceReport = { readonly service: string; readonly operations: readonly OperationReport[] }

export type OperationReport = {
  readonly operation: string
  readonly calls: number
  /** Calls that were answered; the others ended in an error, the same one everywhere unless there are findings. */
  readonly answered: number
  /** How the others ended: codes of errors. An operation that was never answered well was compared in its errors only. */
  readonly errors: readonly string[]
  /** Places in answers that are not the same twice even under one placement, and so were compared by kind only. */
  readonly varying: readonly string[]
  readonly findings: readonly Finding[]
}

/** A difference, as small as it could be made. */
export type Finding = {
  readonly service: string
  readonly operation: string
  readonly placement: string
  readonly difference: Difference
  /** Calls that lead to it, from a fresh start; the last one is answered differently. */
  readonly steps: readonly Step[]
  readonly together: Outcome
  readonly other: Outcome
  /** False when it did not happen again from a fresh start: chance or memory outside the database may be at work. */
  readonly repeats: boolean
}

/**
 * Runs the same calls against a system under different placements and reports every difference, each as small as it
 * could be made. Every copy runs on an embedded database and broker of its own in a folder of its own, without doors;
 * ids, chance and the wall clock are the same for all copies, timers and deadlines are real.
 *
 * Where a difference is found, two more copies run together, one with another seed: a value that differs between those
 * two as well (an id, a count kept in memory) says nothing about placement. From then on only its kind is compared, and
 * the report names it.
 *
 * @example
 * ```ts
 * import { checkPlacement, placements } from '@dure/testing'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Greeter = contract('greeter', {
 *   version: '1.0.0',
 *   owner: 'team-greetings',
 *   operations: { greet: query({ input: z.string(), output: z.string() }) },
 * })
 * const greetings = system('greetings', { services: [service(Greeter, { handlers: { greet: (name) => `Hello, ${name}` } })] })
 * const { ok } = await checkPlacement({ system: greetings, placements: [placements.unix], runs: 5 })
 * console.log(ok) // → true
 * ```
 */
export async function checkPlacement(options: CheckPlacementOptions): Promise<PlacementReport> {
  checkNumbers('check placement', options, NUMBERS)
  // Timers of the runtime do not keep a process alive, and a check must come to its end.
  const awake = setInterval(() => {}, 60_000)
  try {
    return await check(options)
  } finally {
    clearInterval(awake)
  }
}

async function check(options: CheckPlacementOptions): Promise<PlacementReport> {
  const { runs = 20, seed = 1, attempts = 200 } = options
  const file = sourceOf(options)
  const chosen = options.placements ?? [
    overUnixSocket,
    overTcp,
    ...(file === undefined ? [eachAlone] : [inAnotherProcess, split]),
  ]
  const make = (): System => embedded(typeof options.system === 'function' ? options.system() : options.system)
  const system = make()
  const contracts = system.services.map(({ contract }) => contract)
  const steps = plan(contracts, runs, seed)
  const counters = createCounters()
  const asked = new Set<string>()
  const comparison = createComparison({ placements: chosen, file, contracts, make, seed })
  try {
    let history: Made[] = []
    for (const step of steps) {
      const { service, operation } = step.value.value
      const row = counters.row(service, operation)
      history.push(step)
      const outcomes = await comparison.ask(step.value.value)
      const reference = outcomes.get(together.name)!
      row.calls++
      if (isAnswer(reference)) row.answered++
      else row.errors.add(codeOf(reference))
      let differed = false
      for (const placement of chosen) {
        const other = outcomes.get(placement.name)!
        const difference = compare(reference, other, row.varying)
        if (difference === undefined) continue
        differed = true
        if (row.findings.some((found) => found.placement === placement.name)) continue
        const watch = watchWorld()
        const natural = await comparison.natural(history).finally(() => watch.stop().forEach((one) => asked.add(one)))
        for (const place of natural) row.varying.add(place)
        if (compare(reference, other, row.varying) === undefined) continue
        const again = await smallest({ comparison, placement, history, attempts, varying: row.varying })
        row.findings.push({
          service,
          operation,
          placement: placement.name,
          ...(again ?? { difference, steps: [step.value.value], together: reference, other }),
          repeats: again !== undefined,
        })
      }
      // After a difference the copies may hold different states, and everything later would differ for that reason.
      if (differed) {
        await comparison.renew()
        history = []
      }
    }
  } finally {
    await comparison.stop()
  }
  const services = contracts.map(({ name }) => ({ service: name, operations: counters.of(name) }))
  const ok = services.every((each) => each.operations.every((row) => row.findings.length === 0))
  const placements = [together, ...chosen].map(({ name }) => name)
  return { ok, system: system.name, seed, runs, placements, services, asked: [...asked] }
}

function sourceOf({ file, name = 'default' }: CheckPlacementOptions): SystemFile | undefined {
  if (file === undefined) return undefined
  return { url: file instanceof URL ? file.href : pathToFileURL(realpathSync(file)).href, name }
}

function isAnswer(outcome: Outcome): boolean {
  return outcome.kind === 'answer' || (outcome.kind === 'stream' && typeof outcome.end === 'string')
}

function codeOf(outcome: Outcome): string {
  const end = outcome.kind === 'failure' ? outcome.error : outcome.kind === 'stream' ? outcome.end : 'silence'
  return typeof end === 'string' ? end : String(end.code ?? end.class)
}

type Row = {
  operation: string
  calls: number
  answered: number
  errors: Set<string>
  varying: Set<string>
  findings: Finding[]
}

function createCounters() {
  const rows = new Map<string, Map<string, Row>>()
  const row = (service: string, operation: string): Row => {
    const of = rows.get(service) ?? new Map<string, Row>()
    rows.set(service, of)
    const found = of.get(operation) ?? { operation, calls: 0, answered: 0, errors: new Set(), varying: new Set(), findings: [] }
    of.set(operation, found)
    return found
  }
  const of = (service: string): readonly OperationReport[] =>
    [...(rows.get(service)?.values() ?? [])]
      .map((each) => ({ ...each, errors: [...each.errors], varying: [...each.varying] }))
      .toSorted((a, b) => (a.operation < b.operation ? -1 : 1))
  return { row, of }
}
