import type { Chance, Engine, Process } from '../kernel/kernel.ts'
import { createFates, type Fates } from './fates.ts'
import type { Faults, Planned } from './faults.ts'
import type { Only } from './options.ts'
import type { PendingStep, Slot } from './slot.ts'
import type { Slots } from './slots.ts'

/** Makes faults happen: at their time, or at the steps they befall. */
export type Nemesis = Fates & {
  readonly dies: (slot: Slot, process: Process, what: string) => boolean
  /** Load begins, and faults with it. */
  readonly begin: (slots: Slots) => void
  readonly heal: (slots: Slots) => void
}

export function createNemesis(options: {
  readonly faults: Faults
  readonly engine: Engine
  readonly chance: Chance
  readonly sometimes: (what: string) => void
  /** Milliseconds by which a crash that is held to a moment may come before it, and steps of its kind that it lets pass. */
  readonly slack: Only['slack']
}): Nemesis {
  const { faults, engine, sometimes, slack } = options
  const { fates, cut, disturb, end } = createFates(options)
  let slots: Slots | undefined
  const after = (ms: number, task: () => void): void => void engine.at(engine.now() + ms, undefined, task)

  const dies: Nemesis['dies'] = ({ pending, process: current }, process, what) => {
    if (pending === undefined || slots === undefined || process !== current) return false
    if (pending.moment !== engine.now()) pending.seen.clear()
    pending.moment = engine.now()
    const nth = pending.seen.get(what) ?? 0
    pending.seen.set(what, nth + 1)
    if (pending.point !== 'any' && pending.point !== what) return false
    if (pending.pin !== undefined && slack === undefined && pending.moment === pending.pin.time) {
      if (nth < pending.pin.nth) return false
    } else if (pending.left-- > 0) return false
    return pending.trigger({ point: what, nth })
  }

  /** Something is to happen to a process at one of its next steps. @param happens true when it dies of it */
  const atStep = (planned: Extract<Planned, { kind: 'crash' | 'stall' }>, slot: Slot, happens: PendingStep['trigger']): void => {
    const pin = faults.pinOf(planned)
    const trigger: PendingStep['trigger'] = (at) => {
      slot.pending = undefined
      return happens(at)
    }
    const left = pin === undefined ? planned.skip : (slack?.skip ?? 0)
    const pending: PendingStep = { point: pin?.point ?? planned.point, left, pin, moment: -1, seen: new Map(), trigger }
    slot.pending = pending
    after(planned.within, () => void (slot.pending === pending && trigger(undefined)))
  }

  const crash = (planned: Extract<Planned, { kind: 'crash' }>, slot: Slot, all: Slots): void =>
    atStep(planned, slot, (at) => {
      const where = placeOf(at)
      const machine = planned.silent ? ', and its machine with it' : ''
      if (!faults.begins(planned, `${slot.name} dies ${where}${machine}`, at)) return false
      sometimes(`crash ${where}`)
      all.crash(slot, planned)
      return true
    })

  const stall = (planned: Extract<Planned, { kind: 'stall' }>, slot: Slot, all: Slots): void =>
    atStep(planned, slot, (at) => {
      if (slot.process?.state !== 'alive' || slot.running === undefined) return false
      const where = placeOf(at)
      if (!faults.begins(planned, `${slot.name} stands still ${where} for ${planned.ms} ms`, at)) return false
      sometimes(`stall ${where}`)
      const process = all.freeze(slot)!
      after(planned.ms, () => all.revive(process))
      return false
    })

  const freeze = (planned: Extract<Planned, { kind: 'freeze' }>, slot: Slot, all: Slots): void => {
    const { successor, ms, afterwards } = planned
    if (slot.process?.state !== 'alive' || slot.running === undefined) return
    const replaced = successor !== undefined && slot.members !== undefined && successor < ms
    const next = replaced ? `; another is started after ${successor} ms` : ''
    if (!faults.begins(planned, `${slot.name} stands still for ${ms} ms${next}`)) return
    const process = all.freeze(slot)!
    if (replaced) after(successor, () => void (process.state === 'frozen' && slot.process === process && all.replace(slot)))
    after(ms, () => {
      if (process.state !== 'frozen') return
      if (slot.zombies.has(process)) sometimes('a process came back after its successor had started')
      all.revive(process)
      after(afterwards, () => all.bury(slot, process))
    })
  }

  const happen = (planned: Planned, all: Slots): void => {
    if (faults.healed()) return
    if (planned.kind === 'partition') {
      const { from, to, both, ms } = planned
      if (faults.begins(planned, `nothing gets from ${from} to ${to}${both ? ' and back' : ''} for ${ms} ms`)) cut(planned)
      return
    }
    const slot = all.all.find(({ name }) => name === planned.slot)
    if (slot === undefined) return
    if (planned.kind === 'crash') crash(planned, slot, all)
    else if (planned.kind === 'stall') stall(planned, slot, all)
    else if (planned.kind === 'replacement') {
      if (slot.running !== undefined && faults.begins(planned, `${slot.name} is replaced by its next life`)) all.roll(slot)
    } else if (planned.kind === 'scaling') {
      const ms = planned.absent
      if (slot.running !== undefined && faults.begins(planned, `${slot.name} leaves, and comes back after ${ms} ms`))
        all.leave(slot, ms)
    } else if (planned.kind === 'freeze') freeze(planned, slot, all)
    else if (planned.kind === 'clock jump') {
      const { process, running } = slot
      // Who starts believes the clock that it finds; what runs has its own measure of time.
      if (process === undefined || running === undefined) return
      if (faults.begins(planned, `the clock of ${slot.name} jumps by ${planned.by} ms`)) process.clockOffset += planned.by
    } else if (faults.begins(planned, `${slot.name}: ${planned.kind} for ${planned.ms} ms`)) disturb(planned)
  }

  return {
    ...fates,
    dies,
    begin: (all) => {
      slots = all
      const start = engine.now()
      for (const planned of faults.plan) {
        const pin = faults.pinOf(planned)
        engine.at(pin === undefined ? start + planned.at : pin.time - (slack?.ms ?? 0), undefined, () => happen(planned, all))
      }
    },
    heal: (all) => {
      end()
      all.heal()
    },
  }
}

function placeOf(at: { readonly point: string } | undefined): string {
  return at === undefined ? 'between two steps' : `at "${at.point}"`
}
