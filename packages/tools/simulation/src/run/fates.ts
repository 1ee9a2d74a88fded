import type { Chance, Engine, Process } from '../kernel/kernel.ts'
import type { NetworkWorld } from '../network/network.ts'
import type { BrokerFate, StoreFate } from '../ports/ports.ts'
import type { Faults, Planned } from './faults.ts'

/** What the simulated ports ask at each step: how long it takes, and whether something befalls it. */
export type Fates = {
  readonly network: NetworkWorld
  /** Milliseconds until a process hears of a change in the registry. */
  readonly news: (process: Process) => number
  readonly store: Omit<StoreFate, 'sometimes'>
  /** Milliseconds to a database server, or back. */
  readonly server: (process: Process) => number
  readonly broker: Omit<BrokerFate, 'sometimes'>
}

type Partition = Extract<Planned, { kind: 'partition' }>
type Disturbance = Extract<Planned, { kind: 'slow disk' | 'full disk' | 'broker outage' }>

/** The fates of one run, and faults that last: partitions and disturbances, until their time is over or `end`. */
export function createFates(options: {
  readonly faults: Faults
  readonly engine: Engine
  readonly chance: Chance
  readonly sometimes: (what: string) => void
}): {
  readonly fates: Fates
  readonly cut: (partition: Partition) => void
  readonly disturb: (disturbance: Disturbance) => void
  readonly end: () => void
} {
  const { faults, engine, chance, sometimes } = options
  let cuts: { readonly from: string; readonly to: string; readonly both: boolean; readonly until: number }[] = []
  let disturbances: { readonly what: Disturbance; readonly until: number }[] = []
  // What the network takes when all is well: another pace in each run.
  const base = 0.05 + chance.site('pace')() ** 2 * 3
  // The same for a commit, always the same in one run: it is not to depend on what else there is. In some runs the disk
  // takes no time, and what happens at once is committed at once.
  const disk = Math.max(0, chance.site('disk')() - 0.3) ** 2 * 5
  const dice = new Map<string, () => number>()
  const roll = (site: string): number => {
    let one = dice.get(site)
    if (one === undefined) dice.set(site, (one = chance.site(site)))
    return one()
  }
  const wayOf = (from: Process, to: Process): string => `${from.name}>${to.name}`
  const disturbed = (kind: Disturbance['kind'], process: Process): Disturbance | undefined => {
    if (disturbances.length === 0) return undefined
    const now = engine.now()
    return disturbances.find(({ what, until }) => what.kind === kind && what.slot === process.name && until > now)?.what
  }

  const network: NetworkWorld = {
    now: engine.now,
    at: (time, process, task) => void engine.at(time, process, task),
    latency: (from, to) => {
      const way = wayOf(from, to)
      const usual = base * (0.5 - Math.log(1 - roll(way)) / 2)
      return faults.befalls('delay', way) ? usual + 5 * 400 ** faults.amount('delay', way) : usual
    },
    cutUntil: (from, to) =>
      cuts
        .filter(
          (cut) => (cut.from === from.name && cut.to === to.name) || (cut.both && cut.from === to.name && cut.to === from.name),
        )
        .reduce((latest, { until }) => Math.max(latest, until), -1),
    fate: (from, to, what) => {
      if (faults.befalls('lost message', wayOf(from, to))) return 'lost'
      return what === 'call' && faults.befalls('lost answer', wayOf(from, to)) ? 'breaks after' : 'arrives'
    },
    sometimes,
    point: (process, what, detail) => process.point(what, detail),
  }
  const store: Fates['store'] = {
    slowness: (process) => {
      const slow = disturbed('slow disk', process)
      return slow === undefined ? disk : roll(`slow ${process.name}`) * slow.most
    },
    full: (process) => disturbed('full disk', process) !== undefined,
    answerLost: (process, service) =>
      faults.befalls('lost commit answer', process.name === service ? service : `${service} in ${process.name}`),
  }
  const broker: Fates['broker'] = {
    unavailable: (process) => disturbed('broker outage', process) !== undefined,
    answerLost: (process, what) => (what === 'publish' || what === 'send') && faults.befalls('lost publish answer', process.name),
    again: (_process, place) => faults.befalls('redelivery', place),
    delay: (_process, place) => (faults.befalls('late batch', place) ? 2 * 1000 ** faults.amount('late batch', place) : 0),
  }
  return {
    fates: {
      network,
      store,
      broker,
      server: (process) => base * (0.05 + roll(`server ${process.name}`) ** 4),
      news: (process) => 1 + roll(`news ${process.name}`) ** 3 * 400,
    },
    cut: ({ from, to, both, ms }) => void cuts.push({ from, to, both, until: engine.now() + ms }),
    disturb: (what) => void disturbances.push({ what, until: engine.now() + what.ms }),
    end: () => {
      cuts = []
      disturbances = []
    },
  }
}
