import { between, createChance, pick, type Chance } from '../kernel/kernel.ts'

/** What can befall a system. Each run has some of these, at rates of its own (swarm testing, Groce et al. 2012). */
export type FaultKind = PlannedKind | RateKind

const PLANNED = ['crash', 'freeze', 'partition', 'slow disk', 'full disk', 'clock jump', 'broker outage'] as const
/** Those that a run has only where services have copies. */
const OF_COPIES = ['stall', 'replacement', 'scaling'] as const

/** Faults with a place in time, drawn up before the run. */
type PlannedKind = (typeof PLANNED)[number] | (typeof OF_COPIES)[number]

/** The least and the highest share of steps that a fault befalls by chance, when a run has it. */
const RATES = {
  'lost message': [0.0005, 0.01],
  'lost answer': [0.0005, 0.01],
  delay: [0.005, 0.05],
  'lost commit answer': [0.001, 0.02],
  'lost publish answer': [0.01, 0.2],
  redelivery: [0.01, 0.2],
  'late batch': [0.05, 0.4],
} as const

/** Faults that may befall any step, by chance. */
type RateKind = keyof typeof RATES

/**
 * The kinds of faults that there are: what may befall a system in a simulation.
 *
 * @example
 * ```ts
 * import { FAULTS } from '@dure/simulation'
 *
 * console.log(FAULTS.slice(0, 3)) // → [ 'crash', 'freeze', 'partition' ]
 * ```
 */
export const FAULTS: readonly FaultKind[] = [...PLANNED, ...(Object.keys(RATES) as RateKind[]), ...OF_COPIES]

/** What may befall a system that does not say so itself. @param many some service has copies */
export function usualFaults(many: boolean): readonly FaultKind[] {
  return many ? FAULTS : FAULTS.filter((kind) => !OF_COPIES.some((one) => one === kind))
}

/** One fault of a plan. Its key stays the same when others are taken out. */
export type Planned = { readonly key: string; readonly at: number } & (
  | OfSlot<
      'crash',
      { readonly point: string; readonly skip: number; readonly down: number; readonly silent: boolean; readonly within: number }
    >
  | OfSlot<'freeze', { readonly ms: number; readonly successor: number | undefined; readonly afterwards: number }>
  | OfSlot<'slow disk' | 'full disk' | 'broker outage', { readonly ms: number; readonly most: number }>
  | OfSlot<'clock jump', { readonly by: number }>
  | OfSlot<'stall', { readonly point: string; readonly skip: number; readonly ms: number; readonly within: number }>
  | OfSlot<'replacement', object>
  | OfSlot<'scaling', { readonly absent: number }>
  | { readonly kind: 'partition'; readonly from: string; readonly to: string; readonly both: boolean; readonly ms: number }
)
type OfSlot<K extends PlannedKind, More> = { readonly kind: K; readonly slot: string } & More

/** Between which steps a process may be made to die; `any` is whatever comes next. */
const POINTS = [
  'any',
  'transaction',
  'commit',
  'committed',
  'publish',
  'publish done',
  'deliver',
  'acknowledge',
  'call came',
  'answer sent',
  'call sent',
  'answer came',
] as const

/** Milliseconds after which what was to come at a step, and came to no such step, comes anyway. */
const ANYWAY = 3_000

/** Steps in the middle of which a process may stand still: those of every day, and those where one takes over from another. */
const STALLS = ['transaction', 'statement', 'commit', 'committed', 'deliver', 'acknowledge', 'call came', 'park', 'try'] as const
const TAKING_OVER = ['raise', 'wait out', 'load', 'loaded'] as const

/** A fault that did happen. */
export type Happened = {
  /** In order of occurrence, from 1. */
  readonly number: number
  readonly time: number
  readonly kind: FaultKind
  /** Names it in this run and in runs of the same seed with fewer faults. */
  readonly key: string
  readonly text: string
  /** Where it came: by this it can be made to come there again, whatever else is left out. */
  readonly pin: Pin | undefined
}

/** A moment, a kind of step (of a crash) or a site, which of several at that moment, and how much of it. */
export type Pin = { readonly time: number; readonly point: string; readonly nth: number; readonly amount: number }

export type Faults = {
  readonly plan: readonly Planned[]
  /** The kinds that this run has. */
  readonly kinds: ReadonlySet<FaultKind>
  /** Throws a site's dice: true when the fault befalls this step. Nothing does after `heal`. */
  readonly befalls: (kind: RateKind, site: string) => boolean
  /** How much of it, in [0, 1): of the step that was last befallen at this site. */
  readonly amount: (kind: RateKind, site: string) => number
  /** Notes a planned fault; false when it is not to happen. */
  readonly begins: (planned: Planned, text: string, where?: { readonly point: string; readonly nth: number }) => boolean
  /** Where a crash is to come, in place of where its plan says. */
  readonly pinOf: (planned: Planned) => Pin | undefined
  readonly heal: () => void
  readonly healed: () => boolean
  readonly happened: () => readonly Happened[]
}

export function createFaults(options: {
  readonly seed: number
  readonly slots: readonly string[]
  /** Those of them that others may stand in for: of copies. */
  readonly copies: readonly string[]
  /** Milliseconds during which faults may begin. */
  readonly from: number
  readonly span: number
  /** Kinds that may be chosen. */
  readonly kinds: readonly FaultKind[]
  /** Keys of the only faults that may happen; all, when undefined. */
  readonly only: ReadonlySet<string> | undefined
  readonly pins: ReadonlyMap<string, Pin> | undefined
  /** Milliseconds by which a fault that is held to a moment may come before it. */
  readonly slack: number
  readonly now: () => number
  readonly onFault: (fault: Happened) => void
}): Faults {
  const { seed, only, slack, now, onFault } = options
  const chance = createChance(seed ^ 0x5bd1e995)
  const kinds = chooseKinds(chance, options.kinds)
  const rates = new Map<RateKind, number>()
  for (const [kind, [least, most]] of Object.entries(RATES) as [RateKind, readonly [number, number]][]) {
    if (kinds.has(kind)) rates.set(kind, least * (most / least) ** chance.site(`rate ${kind}`)())
  }
  const dice = new Map<string, Dice>()
  const amounts = new Map<string, number>()
  const happened: Happened[] = []
  const pinned = options.pins === undefined ? undefined : bySite(options.pins)
  let healed = false

  const note = (kind: FaultKind, key: string, text: string, where?: Omit<Pin, 'time'>): void => {
    const time = now()
    const pin = where && { time, ...where }
    const fault = { number: happened.length + 1, time, kind, key, text, pin }
    happened.push(fault)
    onFault(fault)
  }
  const diceOf = (name: string): Dice => {
    let one = dice.get(name)
    if (one === undefined) dice.set(name, (one = { roll: chance.site(name), count: 0, moment: -1, same: 0 }))
    return one
  }
  /** How many throws there were at this site at this moment before this one. */
  const nthOf = (one: Dice): number => {
    one.same = one.moment === now() ? one.same + 1 : 0
    one.moment = now()
    return one.same
  }

  return {
    plan: planOf(options, chance, kinds),
    kinds,
    befalls: (kind, site) => {
      if (healed) return false
      const name = `${kind} ${site}`
      if (pinned !== undefined) {
        const [next] = pinned.get(name) ?? []
        if (next === undefined) return false
        const nth = nthOf(diceOf(name))
        if (now() < next.time - slack || (now() === next.time && nth < next.nth)) return false
        pinned.get(name)!.shift()
        if (only?.has(next.key) === false) return false
        amounts.set(name, next.amount)
        note(kind, next.key, site, next)
        return true
      }
      const rate = rates.get(kind)
      if (rate === undefined) return false
      const one = diceOf(name)
      const nth = nthOf(one)
      one.count++
      if (one.roll() >= rate) return false
      const key = `${name} ${one.count}`
      if (only?.has(key) === false) return false
      const amount = diceOf(`amount ${name}`).roll()
      amounts.set(name, amount)
      note(kind, key, site, { point: name, nth, amount })
      return true
    },
    amount: (kind, site) => amounts.get(`${kind} ${site}`) ?? 0,
    pinOf: ({ key }) => options.pins?.get(key),
    begins: (planned, text, where) => {
      if (healed || only?.has(planned.key) === false) return false
      note(planned.kind, planned.key, text, where && { ...where, amount: 0 })
      return true
    },
    heal: () => void (healed = true),
    healed: () => healed,
    happened: () => happened,
  }
}

type Dice = { readonly roll: () => number; count: number; moment: number; same: number }

/** Faults that are held to where they came, by site, in order of time. */
function bySite(pins: ReadonlyMap<string, Pin>): Map<string, (Pin & { readonly key: string })[]> {
  const inOrder = Array.from(pins, ([key, pin]) => ({ ...pin, key })).toSorted((a, b) => a.time - b.time)
  return Map.groupBy(inOrder, ({ point }) => point)
}

/** Half of them, by chance; now and then all, now and then one alone. */
function chooseKinds(chance: Chance, among: readonly FaultKind[]): ReadonlySet<FaultKind> {
  const mood = chance.site('mood')()
  if (mood < 0.05) return new Set()
  if (mood < 0.15) return new Set([pick(chance.site('alone')(), among)].filter((kind) => kind !== undefined))
  if (mood > 0.9) return new Set(among)
  return new Set(among.filter((kind) => chance.site(`has ${kind}`)() < 0.5))
}

function planOf(
  {
    slots,
    copies,
    from,
    span,
  }: { readonly slots: readonly string[]; readonly copies: readonly string[]; readonly from: number; readonly span: number },
  chance: Chance,
  kinds: ReadonlySet<FaultKind>,
): readonly Planned[] {
  const plan = [...PLANNED, ...OF_COPIES]
    .filter((kind) => kinds.has(kind))
    .flatMap((kind) => {
      const count = between(chance.site(`number ${kind}`)(), 1, kind === 'crash' || kind === 'stall' ? 6 : 3)
      return Array.from({ length: count }, (_, i): Planned => {
        const key = `${kind} ${i + 1}`
        const roll = chance.site(key)
        return {
          key,
          at: from + roll() * span,
          ...drawn(kind, pick(roll(), kind === 'stall' && copies.length > 0 ? copies : slots), roll, slots),
        }
      })
    })
  return plan.toSorted((a, b) => a.at - b.at)
}

/** What a fault does, by its own dice: in the order in which they are thrown here. */
function drawn(
  kind: PlannedKind,
  slot: string,
  roll: () => number,
  slots: readonly string[],
): DistributiveOmit<Planned, 'key' | 'at'> {
  switch (kind) {
    case 'crash': {
      const point = roll() < 0.3 ? 'any' : pick(roll(), POINTS)
      const [skip, down] = [between(roll(), 0, 3), between(roll() ** 3, 50, 8_000)]
      return { kind, slot, point, skip, down, silent: roll() < 0.25, within: ANYWAY }
    }
    case 'freeze': {
      const long = roll() < 0.5
      const ms = long ? between(roll(), 5_000, 20_000) : between(roll(), 50, 4_000)
      const successor = long && roll() < 0.7 ? between(roll(), 2_000, 5_000) : undefined
      return { kind, slot, ms, successor, afterwards: between(roll(), 100, 8_000) }
    }
    case 'partition': {
      const others = ['clients', ...slots].filter((name) => name !== slot)
      return { kind, from: slot, to: pick(roll(), others), both: roll() < 0.6, ms: between(roll(), 100, 12_000) }
    }
    case 'clock jump':
      return { kind, slot, by: Math.round((roll() - 0.5) * (roll() < 0.5 ? 20_000 : 7_200_000)) }
    case 'stall':
      return { kind, slot, ...stallOf(roll) }
    case 'replacement':
      return { kind, slot }
    case 'scaling':
      return { kind, slot, absent: between(roll(), 200, 15_000) }
    case 'slow disk':
      return { kind, slot, ms: between(roll(), 500, 10_000), most: between(roll(), 20, 3_000) }
    case 'full disk':
    case 'broker outage':
      return { kind, slot, ms: between(roll(), 100, 6_000), most: 0 }
  }
}

/** Half of them end about when others give the member up: that is when it comes upon its successor. */
function stallOf(roll: () => number): {
  readonly point: string
  readonly skip: number
  readonly ms: number
  readonly within: number
} {
  const rare = roll() < 0.3
  const [point, skip] = rare ? [pick(roll(), TAKING_OVER), 0] : [pick(roll(), STALLS), between(roll(), 0, 5)]
  const ms = roll() < 0.5 ? between(roll(), 3_500, 7_000) : between(roll(), 500, 20_000)
  return { point, skip, ms, within: rare ? 12_000 : ANYWAY }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
