import type { Service, StoreAdapter } from './definition.ts'
import { SystemError } from '../contract/internal.ts'
import { startOrder } from './order.ts'

/**
 * Which services share a process when a system is split: `together` all of them, `each` none, or groups by name. A
 * group may name `broker` and `doors` as well. The broker, when nobody names it, is with the first group (of `each`: in
 * a process of its own), and doors are in a process of their own. `{ orders: { replicas: 3 } }` is `each` with so many
 * copies of services, 1 to 64 of each. `threads` has each service in a thread of one process, and doors in its main thread;
 * `{ threads: [['orders'], ['stock', 'mail']] }` only those, and all others beside the doors. Whatever it is, services behave
 * the same.
 */
export type Placement = 'together' | 'each' | 'threads' | readonly (readonly string[])[] | Threaded | Replicated

/** Groups in threads of their own; the broker, when nobody names it, is in one as well. */
export type Threaded = { readonly threads: readonly (readonly string[])[] }

export type Replicated = Readonly<Record<string, { readonly replicas: number }>>

/** Copies of one group. */
export const MOST_COPIES = 64

/** What decides how a system is split: of a System no more than this is looked at. */
export type Placeable = {
  readonly name: string
  readonly services: readonly Service[]
  readonly placement: Placement
  readonly doors: readonly unknown[]
  readonly database: StoreAdapter
  readonly stores: Readonly<Record<string, StoreAdapter>>
}

/** What runs in one process, or in one thread. */
export type Group = {
  /** Of one member: its name; of several: all of them, joined by `+`. */
  readonly name: string
  /** Names of services; `broker`; `doors`. */
  readonly members: readonly string[]
  /** A process of its own, a thread of the supervisor's process, or the main thread of that, which the supervisor does not see to. */
  readonly runsIn: 'process' | 'thread' | 'main'
  /** How many processes or threads run it. */
  readonly copies: number
  /** Why no more than one process may run it, in words that name the way out; undefined when several may. */
  readonly onlyOne: string | undefined
}

/** The member of a group that hosts the broker, and the one that opens doors. */
export const BROKER = 'broker'
export const DOORS = 'doors'

/**
 * The processes, or threads, of a system that is split, in the order they start: the broker first, whoever is needed before
 * who needs it, doors last, and what is in the main thread when all threads are ready. A system placed `together` is split into one process each, because somebody asked for that.
 * @param replicas copies by name of a service; goes before what the placement says
 * @throws {SystemError} when a service bears the name of a part that is none, or is to have copies that it cannot have
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { groupsOf, service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * console.log(groupsOf(system('time', { services: [clock] })).map(({ name }) => name)) // → [ 'broker', 'clock' ]
 * ```
 */
export function groupsOf(system: Placeable, replicas: Readonly<Record<string, number>> = {}): readonly Group[] {
  const told = Object.fromEntries(Object.entries(replicas).map(([name, count]) => [name, { replicas: count }]))
  const names = system.services.map(({ contract }) => contract.name)
  const wrong = replicaProblems('replicas', told, names)
  if (wrong.length > 0) throw new SystemError(`Cannot split system "${system.name}"`, wrong)
  const wanted: Replicated = { ...(isReplicated(system.placement) ? system.placement : {}), ...told }
  const taken = reservedNames(system.services)
  if (taken.length > 0) throw new SystemError(`Cannot split system "${system.name}"`, taken)
  const order = [BROKER, ...startOrder(system.services).map(({ contract }) => contract.name), DOORS]
  const position = (group: readonly string[]): number => {
    if (group.includes(BROKER)) return -1
    // It starts when all that its members need has started.
    return Math.max(...group.map((member) => order.indexOf(member)))
  }
  const start = ({ members, runsIn }: Part): number => (runsIn === 'main' ? Number.POSITIVE_INFINITY : position(members))
  const groups = partsOf(system)
    .toSorted((a, b) => start(a) - start(b))
    .map((part): Group => {
      const copies = Math.max(...part.members.map((name) => wanted[name]?.replicas ?? 1))
      return { ...part, name: part.members.join('+'), copies, onlyOne: whyOnlyOne(system, part) }
    })
  const many = groups.flatMap(({ name, copies, onlyOne }) =>
    copies > 1 && onlyOne !== undefined ? [`"${name}" cannot have ${copies} copies: ${onlyOne}`] : [],
  )
  if (many.length > 0) throw new SystemError(`Cannot split system "${system.name}"`, many)
  return groups
}

type Part = Pick<Group, 'members' | 'runsIn'>

function whyOnlyOne({ services, database, stores }: Placeable, { members, runsIn }: Part): string | undefined {
  const part = members.find((one) => one === BROKER || one === DOORS)
  if (part !== undefined) return `it runs the ${part}, of which there is one; copies are for services in processes of their own`
  if (runsIn === 'main') return 'it runs in the main thread, of which there is one; put it in a thread'
  const owner = services.find(
    ({ contract, database: definition }) =>
      members.includes(contract.name) && definition !== undefined && (stores[contract.name] ?? database).sharing !== 'shared',
  )
  if (owner === undefined) return undefined
  return (
    `the store of "${owner.contract.name}" is exclusive: one process at a time may have it open; keep its data in a store that ` +
    "is shared (whose adapter says `sharing: 'shared'`), or run one copy"
  )
}

function partsOf(system: Placeable): readonly Part[] {
  const { placement, services } = system
  if (placement !== 'threads' && !isThreaded(placement))
    return groupsWithParts(system).map((members) => ({ members, runsIn: 'process' }))
  const names = services.map(({ contract }) => contract.name)
  const threads = placement === 'threads' ? names.map((name) => [name]) : placement.threads
  const named = new Set(threads.flat())
  const main = [...names.filter((name) => !named.has(name)), ...(system.doors.length === 0 ? [] : [DOORS])]
  return [
    ...[...(named.has(BROKER) ? [] : [[BROKER]]), ...threads].map((members): Part => ({ members, runsIn: 'thread' })),
    ...(main.length === 0 ? [] : [{ members: main, runsIn: 'main' } satisfies Part]),
  ]
}

function groupsWithParts({ placement, services, doors }: Placeable): readonly (readonly string[])[] {
  const ownDoors = doors.length === 0 ? [] : [[DOORS]]
  if (!isGroups(placement)) return [[BROKER], ...services.map(({ contract }) => [contract.name]), ...ownDoors]
  const named = new Set(placement.flat())
  const [first = [], ...rest] = placement
  const groups = named.has(BROKER) ? placement : [[BROKER, ...first], ...rest]
  return named.has(DOORS) ? groups : [...groups, ...ownDoors]
}

/** Everything that is wrong with a placement, in words. */
export function placementProblems(placement: unknown, services: readonly Service[]): readonly string[] {
  if (placement === 'together') return []
  if (placement === 'each' || placement === 'threads') return reservedNames(services)
  if (isReplicated(placement)) {
    const known = services.map(({ contract }) => contract.name)
    return [...reservedNames(services), ...replicaProblems('placement', placement, known)]
  }
  const threaded = isThreaded(placement)
  const groups = threaded ? placement.threads : placement
  if (!isGroups(groups)) {
    return [
      `Its "placement" is ${JSON.stringify(placement)}; write 'together', 'each', 'threads', groups of names such as [['orders', 'stock'], ['mail']], ` +
        "groups in threads such as { threads: [['orders']] }, or copies such as { orders: { replicas: 3 } }",
    ]
  }
  const names = new Set(services.map(({ contract }) => contract.name))
  const members = groups.flat()
  const problems = [...reservedNames(services)]
  if (threaded && members.includes(DOORS)) {
    problems.push(
      `Its "placement" has "${DOORS}" in a thread, and they are in the main one; remove them, and what is to be beside them`,
    )
  }
  if (groups.some((group) => group.length === 0)) problems.push('Its "placement" has an empty group; remove it')
  for (const member of new Set(members)) {
    if (!names.has(member) && member !== BROKER && member !== DOORS) {
      problems.push(`Its "placement" names "${member}", which is not in the system; its services are ${[...names].join(', ')}`)
    }
    const times = members.filter((one) => one === member).length
    if (times > 1) problems.push(`Its "placement" names "${member}" ${times} times; keep one`)
  }
  for (const name of names) {
    // Who is in no thread is in the main one.
    if (!threaded && !members.includes(name))
      problems.push(`Its "placement" leaves "${name}" out; put it in a group, or in one of its own`)
  }
  return problems
}

/**
 * What part of a system a process is asked to run.
 * @throws {SystemError} when it names what is not there
 */
export function checkMembers(system: Placeable, part: readonly string[]): void {
  const names = system.services.map(({ contract }) => contract.name)
  const problems = [...reservedNames(system.services)]
  if (part.length === 0) problems.push(`It names nothing; name one of ${names.join(', ')}, ${BROKER}, ${DOORS}`)
  for (const one of part) {
    if (!names.includes(one) && one !== BROKER && one !== DOORS) {
      problems.push(`There is no "${one}"; there are ${names.join(', ')}, ${BROKER}, ${DOORS}`)
    }
  }
  if (problems.length > 0) throw new SystemError(`Cannot start a part of system "${system.name}"`, problems)
}

function reservedNames(services: readonly Service[]): string[] {
  return services
    .map(({ contract }) => contract.name)
    .filter((name) => name === BROKER || name === DOORS)
    .map((name) => `A service is named "${name}", which is what its process for the ${name} is called; rename its contract`)
}

function replicaProblems(where: string, replicated: Replicated, names: readonly string[]): readonly string[] {
  return Object.entries(replicated).flatMap(([name, { replicas }]) => {
    if (!names.includes(name))
      return [`Its "${where}" names "${name}", which is not in the system; its services are ${names.join(', ')}`]
    if (Number.isInteger(replicas) && replicas >= 1 && replicas <= MOST_COPIES) return []
    return [`Its "${where}" gives "${name}" ${String(replicas)} copies; give a whole number from 1 to ${MOST_COPIES}`]
  })
}

/**
 * Copies by name of a service, as command lines have them: `orders=3,stock=2`.
 * @throws {TypeError} when it is something else
 *
 * @example
 * ```ts
 * import { parseReplicas } from 'dure/service'
 *
 * console.log(parseReplicas('orders=3,stock=2')) // → { orders: 3, stock: 2 }
 * ```
 */
export function parseReplicas(text: string): Readonly<Record<string, number>> {
  const pairs = text.split(',').map((part) => /^([^=,\s]+)=(\d{1,3})$/.exec(part))
  if (pairs.every((pair) => pair !== null && Number(pair[2]) >= 1 && Number(pair[2]) <= MOST_COPIES)) {
    return Object.fromEntries(pairs.map((pair) => [pair![1]!, Number(pair![2])]))
  }
  throw new TypeError(
    `"${text}" is not SERVICE=COPIES, with whole numbers from 1 to ${MOST_COPIES} and commas between, such as orders=3,stock=2`,
  )
}

function isReplicated(value: unknown): value is Replicated {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one: unknown) => typeof one === 'object' && one !== null && 'replicas' in one)
  )
}

function isThreaded(value: unknown): value is Threaded {
  return typeof value === 'object' && value !== null && 'threads' in value && Array.isArray(value.threads)
}

function isGroups(value: unknown): value is readonly (readonly string[])[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((group) => Array.isArray(group) && group.every((name) => typeof name === 'string'))
  )
}
