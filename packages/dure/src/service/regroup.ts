import { SystemError } from '../contract/internal.ts'
import { BROKER, DOORS, groupsOf, type Group, type Placeable } from './placement.ts'

/** A service that is to run elsewhere: alone (`out`), or in the process of others (`in`). */
export type PlaceRequest = {
  readonly service: string
  readonly where: 'in' | 'out'
  /** A member of the process that is to take it in. Default: the process that it came from, or the only one that is shared. */
  readonly beside?: string | undefined
}

/** The groups of a system before a service moves and after it. */
export type Regrouped = {
  readonly from: Group
  /** What `from` is without it; undefined when nothing is left. */
  readonly left: Group | undefined
  /** Who takes it in; undefined when it gets a process of its own. */
  readonly to: Group | undefined
  /** What runs it afterwards. */
  readonly becomes: Group
  /** Two processes may have it at once. */
  readonly overlaps: boolean
  readonly groups: readonly Group[]
}

/**
 * @param home what the service shared a process with when it last did
 * @throws {SystemError} when it cannot run there, in words that say what can be done
 */
export function regroup(
  system: Placeable,
  groups: readonly Group[],
  request: PlaceRequest & { readonly home?: readonly string[] | undefined },
): Regrouped {
  const { service, where } = request
  const refused = (why: string): SystemError => new SystemError(`Cannot move "${service}" ${where}`, [why])
  const names = system.services.map(({ contract }) => contract.name)
  if (service === BROKER || service === DOORS) {
    throw refused(`The ${service} of a system stays in the process where its "placement" has it; services move`)
  }
  const from = groups.find(({ members }) => members.includes(service))
  if (from === undefined) throw refused(`There is no service of that name; there are ${names.join(', ')}`)
  const alone = from.members.length === 1
  if (where === 'out' && request.beside !== undefined)
    throw refused(`It gets a process of its own; leave out "${request.beside}"`)
  if (where === 'out' && alone) throw refused('It runs in a process of its own already')
  const to = where === 'out' ? undefined : targetOf(groups, from, { ...request, refused })
  const lists = groups.flatMap((group) => {
    const members = group === from ? group.members.filter((member) => member !== service) : group.members
    return members.length === 0 ? [] : [group === to ? inOrder([...members, service], system) : members]
  })
  const next = groupsOf({ ...system, placement: to === undefined ? [...lists, [service]] : lists })
  const find = (member: string | undefined): Group | undefined => next.find(({ members }) => members.includes(member!))
  const left = find(from.members.find((member) => member !== service))
  const becomes = find(service)!
  const apart = groupsOf({ ...system, placement: 'each' }).find(({ members }) => members.includes(service))
  return { from, left: alone ? undefined : left, to, becomes, overlaps: apart?.onlyOne === undefined, groups: next }
}

function targetOf(
  groups: readonly Group[],
  from: Group,
  request: PlaceRequest & { readonly home?: readonly string[] | undefined; readonly refused: (why: string) => SystemError },
): Group {
  const { service, beside, home = [], refused } = request
  const others = groups.filter((group) => group !== from && !(group.members.length === 1 && group.members[0] === DOORS))
  if (beside !== undefined) {
    if (from.members.includes(beside) && beside !== service) throw refused(`It runs beside "${beside}" already`)
    const named = others.find(({ members }) => members.includes(beside))
    if (named !== undefined) return named
    throw refused(
      `No process that takes services runs "${beside}"; name one of ${others.flatMap(({ members }) => members).join(', ')}`,
    )
  }
  if (from.members.length > 1) throw refused(`It shares process "${from.name}"; name a service that it is to run beside`)
  const shared = others.filter(({ members }) => members.length > 1)
  const found =
    others.find(({ members }) => members.some((member) => home.includes(member))) ?? (shared.length === 1 ? shared[0] : undefined)
  if (found !== undefined) return found
  throw refused(`Name a service that it is to run beside: one of ${others.flatMap(({ members }) => members).join(', ')}`)
}

/** As the system lists them, the broker first and doors last, so that a process is called the same whoever came last. */
function inOrder(members: readonly string[], system: Placeable): readonly string[] {
  const order = [BROKER, ...system.services.map(({ contract }) => contract.name), DOORS]
  return members.toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
}
