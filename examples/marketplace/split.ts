import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveSupervisor } from '@dure/cli'
import { realRuntime } from 'dure/runtime'
import { groupsOf, socketsOf, type Group, type System } from 'dure/service'
import { placed, supervise, type ProcessEvent, type ProcessOptions } from 'dure/supervisor'
import { BROKER } from './brokers.ts'
import { DATABASE } from './databases.ts'
import type { MarketplaceFlags } from './flags.ts'
import { say, warn } from './voice.ts'

/** In the environment of each process: which part of the marketplace it is, and where the payment provider listens. */
export const PART = 'MARKETPLACE_PART'
export const PROVIDER = 'MARKETPLACE_PROVIDER'

const PROGRAM = fileURLToPath(new URL('./part.ts', import.meta.url))
/** Milliseconds a process may take to get ready: importing files is part of it. */
const READINESS = 24 * 3_600_000

export type Split = {
  /** What to show when all is ready. */
  readonly welcome: string
  /** Of the first process of that name. */
  readonly pidOf: (name: string) => number
  /** Replaces every process by a fresh one, one after the other. */
  readonly replace: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** The marketplace with a process for each service, one for the broker and one for the doors; or with threads, and no doors. */
export async function startSplit(options: {
  readonly system: System
  readonly flags: MarketplaceFlags
  /** The flags as they were given. */
  readonly words: readonly string[]
  /** Where the payment provider listens. */
  readonly provider: string
  /** Where the marketplace's own PostgreSQL is, when it has one. */
  readonly database: string | undefined
  /** The same of its broker. */
  readonly broker: string | undefined
  /** Gives up the start. */
  readonly signal: AbortSignal
}): Promise<Split> {
  const { system, flags, words, provider, database, broker, signal } = options
  const directory = resolve(flags.data)
  const groups = groupsOf(flags.threads ? { ...system, placement: 'threads', doors: [] } : system, flags.replicas)
  const processOf = (group: Group): ProcessOptions => ({
    name: group.name,
    program: [PROGRAM, ...words],
    env: {
      [PART]: group.members.join(','),
      [PROVIDER]: provider,
      ...(database === undefined ? {} : { [DATABASE]: database }),
      ...(broker === undefined ? {} : { [BROKER]: broker }),
    },
    ...socketsOf(group, { doors: system.doors, directory }),
  })
  const supervisor = await supervise({
    directory,
    processes: groups.map(processOf),
    runtime: realRuntime(),
    readiness: READINESS,
    signal,
    onLine: ({ name, stream, text }) => (stream === 'out' ? say(text) : warn(`${name} | ${text}`)),
    onEvent: (event) => warn(describe(event)),
  })
  // Threads stay where they are.
  const services = flags.threads ? {} : { placed: placed({ system, groups, supervisor, process: processOf }) }
  const served = await serveSupervisor({ directory, supervisor, ...services }).catch(async (error: unknown) => {
    await supervisor.stop()
    throw error
  })
  const infos = supervisor.ready as readonly ({ readonly welcome?: string } | null | undefined)[]
  return {
    welcome: infos.find((info) => info?.welcome !== undefined)?.welcome ?? '',
    pidOf: (name) => supervisor.processes().find((one) => one.name === name)?.pid ?? 0,
    replace: () => supervisor.replace(),
    stop: async () => {
      await served.close()
      await supervisor.stop()
    },
  }
}

function describe(event: ProcessEvent): string {
  switch (event.kind) {
    case 'ended':
      return `Process "${event.name}" ${event.how}; starting it again`
    case 'back':
      return `Process "${event.name}" is back after ${Math.round(event.ms)} ms`
    case 'silent':
      return `Process "${event.name}" shows no sign of life and is killed`
    case 'replaced':
      return `Process "${event.name}" replaced in ${Math.round(event.ms)} ms`
    case 'moved':
      return `Service "${event.name}" moved from "${event.from}" to "${event.to}" in ${Math.round(event.ms)} ms; calls waited ${Math.round(event.away)} ms`
    case 'not held':
      return `Process "${event.name}": connections are refused while it is away: ${event.why}`
  }
}
