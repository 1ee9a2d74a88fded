import type { Service } from './definition.ts'
import { SystemError } from './errors.ts'
import { startOrder } from './order.ts'

/**
 * Which services share a process when a system is split: `together` all of them, `each` none, or groups by name. A
 * group may name `broker` and `doors` as well. The broker, when nobody names it, is with the first group (of `each`: in
 * a process of its own), and doors are in a process of their own. Whatever it is, services behave the same.
 */
export type Placement = 'together' | 'each' | readonly (readonly string[])[]

/** What decides how a system is split: of a System no more than this is looked at. */
export type Placeable = {
  readonly name: string
  readonly services: readonly Service[]
  readonly placement: Placement
  readonly doors: readonly unknown[]
}

/** What runs in one process. */
export type Group = {
  /** Of one member: its name; of several: all of them, joined by `+`. */
  readonly name: string
  /** Names of services; `broker`; `doors`. */
  readonly members: readonly string[]
}

/** The member of a group that hosts the broker, and the one that opens doors. */
export const BROKER = 'broker'
export const DOORS = 'doors'

/**
 * The processes of a system that is split, in the order they start: the broker first, whoever is needed before who
 * needs it, doors last. A system placed `together` is split into one process each, because somebody asked for that.
 * @throws {SystemError} when a service bears the name of a part that is none
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
export function groupsOf(system: Placeable): readonly Group[] {
  const taken = reservedNames(system.services)
  if (taken.length > 0) throw new SystemError(`Cannot split system "${system.name}"`, taken)
  const order = [BROKER, ...startOrder(system.services).map(({ contract }) => contract.name), DOORS]
  const position = (group: readonly string[]): number => {
    if (group.includes(BROKER)) return -1
    // It starts when all that its members need has started.
    return Math.max(...group.map((member) => order.indexOf(member)))
  }
  return withParts(system)
    .toSorted((a, b) => position(a) - position(b))
    .map((members) => ({ name: members.join('+'), members }))
}

function withParts({ placement, services, doors }: Placeable): readonly (readonly string[])[] {
  const ownDoors = doors.length === 0 ? [] : [[DOORS]]
  if (typeof placement === 'string') return [[BROKER], ...services.map(({ contract }) => [contract.name]), ...ownDoors]
  const named = new Set(placement.flat())
  const [first = [], ...rest] = placement
  const groups = named.has(BROKER) ? placement : [[BROKER, ...first], ...rest]
  return named.has(DOORS) ? groups : [...groups, ...ownDoors]
}

/** Everything that is wrong with a placement, in words. */
export function placementProblems(placement: unknown, services: readonly Service[]): readonly string[] {
  if (placement === 'together') return []
  if (placement === 'each') return reservedNames(services)
  if (!isGroups(placement)) {
    return [
      `Its "placement" is ${JSON.stringify(placement)}; write 'together', 'each', or groups of names such as [['orders', 'stock'], ['mail']]`,
    ]
  }
  const names = new Set(services.map(({ contract }) => contract.name))
  const members = placement.flat()
  const problems = [...reservedNames(services)]
  if (placement.some((group) => group.length === 0)) problems.push('Its "placement" has an empty group; remove it')
  for (const member of new Set(members)) {
    if (!names.has(member) && member !== BROKER && member !== DOORS) {
      problems.push(`Its "placement" names "${member}", which is not in the system; its services are ${[...names].join(', ')}`)
    }
    const times = members.filter((one) => one === member).length
    if (times > 1) problems.push(`Its "placement" names "${member}" ${times} times; keep one`)
  }
  for (const name of names) {
    if (!members.includes(name)) problems.push(`Its "placement" leaves "${name}" out; put it in a group, or in one of its own`)
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

function isGroups(value: unknown): value is readonly (readonly string[])[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((group) => Array.isArray(group) && group.every((name) => typeof name === 'string'))
  )
}
