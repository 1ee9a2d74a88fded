import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Transport } from 'dure/call'
import { sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { realRuntime, virtualRuntime, type Runtime } from 'dure/runtime'
import { start, type Running, type System } from 'dure/service'
import { silentLogger, type Logger } from 'dure/telemetry'
import type { SystemFile } from '../system-file.ts'

/** One way to place a system: starts a fresh copy of it, with a folder of its own. */
export type Placement = {
  readonly name: string
  readonly open: (world: CopyWorld) => Promise<Copy>
  /** Fresh copies that are worth the while when a difference is made smaller. Default: as many as there are attempts. */
  readonly starts?: number
}

/** What a copy is made of. */
export type CopyWorld = {
  /** On embedded parts of its own, without doors. */
  readonly system: System
  /** Makes one more of it, with a memory of its own where the system was given as a function. */
  readonly another: () => System
  /** Where the system file is, for placements that load it in another process. */
  readonly file: SystemFile | undefined
  /** Empty, and removed afterwards. */
  readonly directory: string
  /** Ids and chance from a seed, a wall clock that moves only between calls; timers and deadlines are real. */
  readonly runtime: SteppedRuntime
  readonly seed: number
  readonly log: Logger
}

/** A running copy. */
export type Copy = {
  readonly transport: Transport
  /** Waits until nothing is on its way, or for as long as is worth waiting, and moves the wall clock on. */
  readonly settle: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type SteppedRuntime = Runtime & { readonly step: () => void }

/** Milliseconds the wall clock moves on between two calls. */
const STEP = 1_000

/** The same ids, chance and wall clock for every copy; what measures time or waits is real. */
export function steppedRuntime(seed: number): SteppedRuntime {
  const { timers, clock, fetch } = realRuntime()
  let now = virtualRuntime().clock.now()
  const { random, ids } = virtualRuntime({ seed, start: now })
  return { timers, clock: { now: () => now, monotonic: clock.monotonic }, random, ids, fetch, step: () => void (now += STEP) }
}

/** The system on embedded parts that start quickly and touch nobody's data, with no way in from outside. */
export function embedded(system: System): System {
  return {
    ...system,
    doors: [],
    schemas: undefined,
    database: sqlite({ durability: 'process' }),
    stores: {},
    broker: embeddedBroker({ durability: 'process' }),
  }
}

/** All in one process: what every other placement is compared with. */
export const together: Placement = {
  name: 'together',
  open: async ({ system, directory, runtime, log }) => {
    const running = await start(system, { directory, runtime, log, shutdownTimeout: 200 })
    return { transport: running.transport, settle: settler(running, runtime), stop: running.stop }
  },
}

/** Milliseconds that a system is waited for to become quiet; one that has not done so once is not waited for again as long. */
const QUIET_TIMEOUT = { first: 2_000, later: 20 }

export function settler(running: Running, runtime: SteppedRuntime): () => Promise<void> {
  const { clock, timers } = runtime
  let timeout = QUIET_TIMEOUT.first
  return async () => {
    const until = clock.monotonic() + timeout
    while (!(await running.status()).quiet) {
      if (clock.monotonic() > until) {
        timeout = QUIET_TIMEOUT.later
        break
      }
      await timers.sleep(1)
    }
    // What follows from a call has its time, however soon it comes.
    runtime.step()
  }
}

/** Starts a fresh copy in a folder of its own. */
export async function openCopy(
  placement: Placement,
  options: {
    /** Called for every copy, so that each can have a memory of its own. */
    readonly system: () => System
    readonly file: SystemFile | undefined
    readonly seed: number
  },
): Promise<Copy> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-placement-'))
  const clear = (): Promise<void> => rm(directory, { recursive: true, force: true })
  try {
    const runtime = steppedRuntime(options.seed)
    const { system: another } = options
    const copy = await placement.open({ ...options, system: another(), another, directory, runtime, log: silentLogger() })
    return { ...copy, stop: () => copy.stop().finally(clear) }
  } catch (error) {
    await clear()
    throw error
  }
}
