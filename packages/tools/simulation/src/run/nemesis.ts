import type { Chance, Engine, Process } from '../kernel/kernel.ts'
import type { NetworkWorld } from '../network/network.ts'
import type { BrokerFate, StoreFate } from '../ports/ports.ts'
import type { Faults, Planned } from './faults.ts'
import type { Only } from './options.ts'
import type { Doom, Slot, Slots } from './slots.ts'

/** Makes faults happen: at their time, or at the steps they befall. */
export type Nemesis = {
  readonly network: NetworkWorld
  readonly news: (process: Process) => number
  readonly store: Omit<StoreFate, 'sometimes'>
  readonly broker: Omit<BrokerFate, 'sometimes'>
  readonly dies: (slot: Slot, process: Process, what: string) => boolean
  /** Load begins, and faults with it. */
  readonly begin: (slots: Slots) => void
  readonly heal: (slots: Slots) => void
}

type Cut = { readonly from: string; readonly to: string; readonly both: boolean; readonly until: number }
type Window = { readonly kind: string; readonly slot: string; readonly until: number; readonly most: number }

/** Milliseconds after which a process that was to die at a step, and came to no such step, dies anyway. */
const ANYWAY = 3_000

export function createNemesis(options: {
  readonly faults: Faults
  readonly engine: Engine
  readonly chance: Chance
  readonly sometimes: (what: string) => void
  /** Milliseconds by which a crash that is held to a moment may come before it, and steps of its kind that it lets pass. */
  readonly slack: Only['slack']
}): Nemesis {
  const { faults, engine, chance, sometimes, slack } = options
  let cuts: Cut[] = []
  let windows: Window[] = []
  let slots: Slots | undefined
  // What the network takes when all is well: another pace in each run.
  const base = 0.05 + chance.site('pace')() ** 2 * 3
  // The same for a commit, always the same in one run: it is not to depend on what else there is. In some runs the disk
  // takes no time, and what happens at once is committed at once.
  const disk = Math.max(0, chance.site('disk')() - 0.3) ** 2 * 5
  const ways = new Map<string, () => number>()
  const wayOf = (name: string): (() => number) => {
    let roll = ways.get(name)
    if (roll === undefined) ways.set(name, (roll = chance.site(name)))
    return roll
  }

  const latency: NetworkWorld['latency'] = (from, to) => {
    const way = `${from.name}>${to.name}`
    const usual = base * (0.5 - Math.log(1 - wayOf(way)()) / 2)
    if (!faults.befalls('delay', way)) return usual
    return usual + 5 * 400 ** faults.amount('delay', way)
  }

  const cutUntil: NetworkWorld['cutUntil'] = (from, to) => {
    let until = -1
    for (const cut of cuts) {
      const matches = (cut.from === from.name && cut.to === to.name) || (cut.both && cut.from === to.name && cut.to === from.name)
      if (matches && cut.until > until) until = cut.until
    }
    return until
  }

  const windowOf = (kind: string, process: Process): Window | undefined => {
    if (windows.length === 0) return undefined
    const now = engine.now()
    return windows.find((one) => one.kind === kind && one.slot === process.name && one.until > now)
  }

  const dies: Nemesis['dies'] = (slot, process, what) => {
    const { doom } = slot
    if (doom === undefined || slots === undefined || process !== slot.process) return false
    if (doom.moment !== engine.now()) doom.seen.clear()
    doom.moment = engine.now()
    const nth = doom.seen.get(what) ?? 0
    doom.seen.set(what, nth + 1)
    if (doom.point !== 'any' && doom.point !== what) return false
    if (doom.pin !== undefined && slack === undefined && doom.moment === doom.pin.time) {
      if (nth < doom.pin.nth) return false
    } else if (doom.left-- > 0) return false
    return doom.strike({ point: what, nth })
  }

  const crash = (planned: Extract<Planned, { kind: 'crash' }>, slot: Slot, all: Slots): void => {
    const pin = faults.pinOf(planned)
    const strike: Doom['strike'] = (at) => {
      slot.doom = undefined
      const where = at === undefined ? 'between two steps' : `at "${at.point}"`
      const machine = planned.silent ? ', and its machine with it' : ''
      if (!faults.begins(planned, `${slot.name} dies ${where}${machine}`, at)) return false
      sometimes(`crash ${where}`)
      all.crash(slot, planned)
      return true
    }
    const doom: Doom = {
      point: pin?.point ?? planned.point,
      left: pin === undefined ? planned.skip : (slack?.skip ?? 0),
      pin,
      moment: -1,
      seen: new Map(),
      strike,
    }
    slot.doom = doom
    engine.at(engine.now() + ANYWAY, undefined, () => {
      if (slot.doom === doom) strike(undefined)
    })
  }

  const freeze = (planned: Extract<Planned, { kind: 'freeze' }>, slot: Slot, all: Slots): void => {
    const { successor } = planned
    if (slot.process?.state !== 'alive' || slot.running === undefined) return
    const replaced = successor !== undefined && slot.members !== undefined && successor < planned.ms
    if (
      !faults.begins(
        planned,
        `${slot.name} stands still for ${planned.ms} ms${replaced ? `; another is started after ${successor} ms` : ''}`,
      )
    )
      return
    const process = all.freeze(slot)!
    if (replaced)
      engine.at(
        engine.now() + successor,
        undefined,
        () => void (process.state === 'frozen' && slot.process === process && all.replace(slot)),
      )
    engine.at(engine.now() + planned.ms, undefined, () => {
      if (process.state !== 'frozen') return
      if (slot.zombies.has(process)) sometimes('a process came back after its successor had started')
      all.revive(process)
      engine.at(engine.now() + planned.afterwards, undefined, () => all.bury(slot, process))
    })
  }

  const happen = (planned: Planned, all: Slots): void => {
    if (faults.healed()) return
    if (planned.kind === 'partition') {
      const { from, to, both, ms } = planned
      if (faults.begins(planned, `nothing gets from ${from} to ${to}${both ? ' and back' : ''} for ${ms} ms`))
        cuts.push({ from, to, both, until: engine.now() + ms })
      return
    }
    const slot = all.all.find(({ name }) => name === planned.slot)
    if (slot === undefined) return
    if (planned.kind === 'crash') crash(planned, slot, all)
    else if (planned.kind === 'freeze') freeze(planned, slot, all)
    else if (planned.kind === 'clock jump') {
      const { process, running } = slot
      // Who starts believes the clock that it finds; what runs has its own measure of time.
      if (
        process === undefined ||
        running === undefined ||
        !faults.begins(planned, `the clock of ${slot.name} jumps by ${planned.by} ms`)
      )
        return
      process.clockOffset += planned.by
    } else if (faults.begins(planned, `${slot.name}: ${planned.kind} for ${planned.ms} ms`)) {
      windows.push({ kind: planned.kind, slot: slot.name, until: engine.now() + planned.ms, most: planned.most })
    }
  }

  return {
    network: {
      now: engine.now,
      at: (time, process, task) => void engine.at(time, process, task),
      latency,
      cutUntil,
      fate: (from, to, what) => {
        const way = `${from.name}>${to.name}`
        if (faults.befalls('lost message', way)) return 'lost'
        return what === 'call' && faults.befalls('lost answer', way) ? 'breaks after' : 'arrives'
      },
      sometimes,
      point: (process, what, detail) => process.point(what, detail),
    },
    news: (process) => 1 + wayOf(`news ${process.name}`)() ** 3 * 400,
    store: {
      slowness: (process) => {
        const slow = windowOf('slow disk', process)
        return slow === undefined ? disk : wayOf(`slow ${process.name}`)() * slow.most
      },
      full: (process) => windowOf('full disk', process) !== undefined,
      answerLost: (process, service) =>
        faults.befalls('lost commit answer', process.name === service ? service : `${service} in ${process.name}`),
    },
    broker: {
      unavailable: (process) => windowOf('broker outage', process) !== undefined,
      answerLost: (process, what) =>
        (what === 'publish' || what === 'send') && faults.befalls('lost publish answer', process.name),
      again: (_process, place) => faults.befalls('redelivery', place),
      delay: (_process, place) => (faults.befalls('late batch', place) ? 2 * 1000 ** faults.amount('late batch', place) : 0),
    },
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
      cuts = []
      windows = []
      all.heal()
    },
  }
}
