import type { Running } from 'dure/service'
import type { Engine, Process, Trace } from '../kernel/kernel.ts'
import type { Slot } from './slot.ts'

/** Processes that leave as they should, and those that come in their place. */
export type Rolling = {
  /** Has another do the work of a slot from now on: it is up before the first one leaves, where there may be two at once. */
  readonly roll: (slot: Slot) => void
  /**
   * The same with the system's own release, after so many milliseconds: whoever stands still or is not there just then is
   * replaced later, or starts as that.
   */
  readonly upgrade: (slot: Slot, after: number) => void
  /** Its process leaves, and another comes after `absent` milliseconds. */
  readonly leave: (slot: Slot, absent: number) => void
  /** Its process is up. */
  readonly came: (slot: Slot) => void
  /** Those of a slot that leave, or will. */
  readonly going: (slot: Slot) => readonly Process[]
}

/** Milliseconds between two looks at whether a process is of the next release. */
const AGAIN = 500
/** Milliseconds that one that was told to stop has; then it is killed. */
const KILL = 10_000

type AtWork = { readonly process: Process; readonly running: Running }

export function createRolling(options: {
  readonly engine: Engine
  readonly trace: Trace
  readonly begin: (slot: Slot) => void
  readonly startLater: (slot: Slot, delay: number) => void
  readonly end: (process: Process) => void
}): Rolling {
  const { engine, trace, begin, startLater, end } = options
  /** Slots whose next process is to be up before this one leaves. */
  const replaced = new Map<Slot, AtWork>()

  /** Stops it as its supervisor does. */
  const drain = (slot: Slot, { process, running }: AtWork, gone: () => void): void => {
    if (process.state === 'dead') return gone()
    trace.add(engine.now(), process.label, 'is told to stop')
    slot.leaving.add(process)
    const ended = (): void => {
      if (!slot.leaving.delete(process)) return
      trace.add(engine.now(), process.label, 'is gone')
      end(process)
      gone()
    }
    engine.at(engine.now(), process, () => void running.stop().then(ended, ended))
    engine.at(engine.now() + KILL, undefined, ended)
  }

  /** Takes it out of its slot, which is then free for another. */
  const take = (slot: Slot): AtWork | undefined => {
    const { process, running } = slot
    if (process?.state !== 'alive' || running === undefined || replaced.has(slot)) return undefined
    slot.process = undefined
    slot.running = undefined
    slot.pending = undefined
    return { process, running }
  }

  const leave: Rolling['leave'] = (slot, absent) => {
    const before = take(slot)
    if (before !== undefined) drain(slot, before, () => startLater(slot, absent))
  }

  const roll: Rolling['roll'] = (slot) => {
    if (!slot.overlaps) return leave(slot, 0)
    const before = take(slot)
    if (before === undefined) return
    replaced.set(slot, before)
    begin(slot)
  }
  const upgrade: Rolling['upgrade'] = (slot, after) => {
    if (slot.started === 'own') return
    // Whoever looks at once whether all are ready waits for it.
    if (after === 0) slot.release = 'own'
    engine.at(engine.now() + after, undefined, () => {
      slot.release = 'own'
      if (slot.started !== 'own') roll(slot)
      upgrade(slot, AGAIN)
    })
  }

  return {
    leave,
    roll,
    upgrade,
    came: (slot) => {
      const before = replaced.get(slot)
      replaced.delete(slot)
      if (before !== undefined) drain(slot, before, () => {})
    },
    going: (slot) => [...slot.leaving, ...[replaced.get(slot)?.process ?? []].flat()],
  }
}
