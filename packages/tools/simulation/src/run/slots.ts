import { type Running, start, type System, type Wires } from 'dure/service'
import { type Chance, createProcess, type Engine, kill, type Process, thaw, type Trace } from '../kernel/kernel.ts'
import type { Simulation } from './options.ts'
import type { Place } from './placement.ts'
import { createRolling, type Rolling } from './rolling.ts'
import type { Release, Slot } from './slot.ts'
import { messageOf } from './violation.ts'

/** Starts processes, ends them, and starts them again. */
export type Slots = {
  readonly all: readonly Slot[]
  readonly start: (slot: Slot) => void
  /** Kills the process and starts another after `down` milliseconds. */
  readonly crash: (slot: Slot, options: { readonly down: number; readonly silent: boolean }) => void
  /** Leaves the frozen process where it is and starts its successor. */
  readonly replace: (slot: Slot) => void
  readonly freeze: (slot: Slot) => Process | undefined
  readonly revive: (process: Process) => void
  readonly bury: (slot: Slot, zombie: Process) => void
  readonly roll: Rolling['roll']
  readonly leave: Rolling['leave']
  /** Brings the system's own release to every place, each at a moment of its own within so many milliseconds. */
  readonly upgrade: (within: number) => void
  /** Brings everything up, now. */
  readonly heal: () => void
  readonly ready: () => boolean
  /** Ends all of them. */
  readonly stop: () => void
}

/** Milliseconds until a process that could not be started is started again. */
const AGAIN = 500

export type SlotsOptions = {
  readonly places: readonly Place[]
  readonly engine: Engine
  readonly trace: Trace
  readonly chance: Chance
  readonly directory: string
  readonly fetch: Simulation['fetch']
  readonly speaks: boolean
  readonly systemFor: (process: Process, release: Release) => Promise<System>
  /** The release that everything starts with. */
  readonly release: Release
  readonly wiresFor: (process: Process) => Wires
  /** Everything together has no wires of its own: the way in from outside is made here. */
  readonly open: (process: Process, running: Running) => Promise<void>
  readonly dies: (slot: Slot, process: Process, what: string) => boolean
  readonly died: (process: Process, silent: boolean) => void
  readonly onFailedStart: (slot: Slot, error: unknown) => void
}

export function createSlots(options: SlotsOptions): Slots {
  const { engine, trace, chance } = options
  const all: Slot[] = options.places.map((place) => ({
    ...{ ...place, life: 0, process: undefined, running: undefined, pending: undefined },
    ...{ zombies: new Set<Process>(), leaving: new Set<Process>(), release: options.release, started: undefined },
  }))

  const startLater = (slot: Slot, delay: number): void => {
    engine.at(engine.now() + delay, undefined, () => {
      if (slot.process === undefined) begin(slot)
    })
  }

  const begin = (slot: Slot): void => {
    slot.life++
    const process = createProcess({
      name: slot.name,
      life: slot.life,
      seed: chance.seed(`process ${slot.name} ${slot.life}`),
      engine,
      trace,
      speaks: options.speaks,
      fetch: options.fetch,
      dies: (who, what) => options.dies(slot, who, what),
    })
    slot.process = process
    slot.started = slot.release
    trace.add(engine.now(), process.label, 'starts', ...(slot.release === 'before' ? ['with the release before'] : []))
    // In a task of its own, so that it is frozen and killed like everything else it does.
    engine.at(engine.now(), process, () => void boot(slot, process))
  }

  const boot = async (slot: Slot, process: Process): Promise<void> => {
    try {
      const running = await startIn(slot, process, options)
      if (slot.process !== process || process.state === 'dead') return
      slot.running = running
      trace.add(engine.now(), process.label, 'is ready')
      rolling.came(slot)
    } catch (error) {
      if (process.state === 'dead') return
      trace.note(engine.now(), process.label, 'could not start', messageOf(error))
      options.onFailedStart(slot, error)
      end(process, false)
      if (slot.process === process) {
        slot.process = undefined
        startLater(slot, AGAIN)
      }
    }
  }

  const end = (process: Process, silent: boolean): void => {
    if (process.state === 'dead') return
    kill(process)
    options.died(process, silent)
  }

  const crash: Slots['crash'] = (slot, { down, silent }) => {
    const { process } = slot
    slot.pending = undefined
    if (process === undefined) return
    trace.add(engine.now(), process.label, 'dies')
    end(process, silent)
    slot.process = undefined
    slot.running = undefined
    startLater(slot, down)
  }

  const rolling = createRolling({ engine, trace, begin, startLater, end: (process) => end(process, false) })

  const bury: Slots['bury'] = (slot, zombie) => {
    if (!slot.zombies.delete(zombie)) return
    trace.add(engine.now(), zombie.label, 'is killed by its supervisor')
    end(zombie, false)
  }

  const revive = (process: Process): void => {
    if (process.state !== 'frozen') return
    trace.add(engine.now(), process.label, 'goes on')
    thaw(process, engine)
  }

  return {
    all,
    start: (slot) => begin(slot),
    crash,
    freeze: (slot) => {
      const { process } = slot
      if (process === undefined || process.state !== 'alive') return undefined
      trace.add(engine.now(), process.label, 'stands still')
      process.state = 'frozen'
      return process
    },
    replace: (slot) => {
      const { process } = slot
      if (process === undefined || process.state !== 'frozen') return
      slot.zombies.add(process)
      slot.process = undefined
      slot.running = undefined
      slot.pending = undefined
      begin(slot)
    },
    revive,
    bury,
    roll: rolling.roll,
    leave: rolling.leave,
    upgrade: (within) => all.forEach((slot) => rolling.upgrade(slot, chance.site(`upgrade ${slot.name}`)() * within)),
    heal: () => {
      for (const slot of all) {
        slot.pending = undefined
        for (const process of slot.leaving) revive(process)
        for (const zombie of slot.zombies) bury(slot, zombie)
        if (slot.process !== undefined) revive(slot.process)
        else startLater(slot, 100)
      }
    },
    stop: () => {
      for (const slot of all) {
        for (const process of [...slot.zombies, ...rolling.going(slot)]) kill(process)
        if (slot.process !== undefined) kill(slot.process)
      }
    },
    ready: () =>
      all.every(({ running, process, leaving, ...of }) => {
        return running !== undefined && process?.state === 'alive' && leaving.size === 0 && of.started === of.release
      }),
  }
}

/** Starts the system, or what of it runs in this slot. */
async function startIn({ members, started }: Slot, process: Process, options: SlotsOptions): Promise<Running> {
  const { runtime, log } = process
  const shared = { directory: options.directory, runtime, log, shutdownTimeout: 2_000 }
  const system = await options.systemFor(process, started!)
  if (members !== undefined) return start(system, { ...shared, part: members, wires: options.wiresFor(process) })
  const running = await start(system, shared)
  await options.open(process, running)
  return running
}
