import type { System } from 'dure/service'
import { pick, type Chance } from '../kernel/kernel.ts'
import type { Replicas, Placed } from './options.ts'

/** A place for the processes of one group, one after another. */
export type Place = {
  readonly name: string
  /** What runs there; undefined for everything together. */
  readonly members: readonly string[] | undefined
  /** There may be two at once, so a successor is up before the one that it replaces leaves. */
  readonly overlaps: boolean
}

/** Who runs where in a run: by chance, among what may be. */
export function placeServices(
  system: System,
  {
    placements,
    replicas = {},
  }: { readonly placements?: readonly Placed[] | undefined; readonly replicas?: Replicas | undefined },
  chance: Chance,
): { readonly placed: Placed; readonly places: readonly Place[]; readonly many: ReadonlySet<string> } {
  const services = system.services.map(({ contract }) => contract.name)
  const many = Object.keys(replicas).filter((name) => replicas[name]! > 1)
  for (const name of Object.keys(replicas))
    if (!services.includes(name))
      throw new TypeError(`Cannot simulate: replicas name "${name}", which is no service; there are ${services.join(', ')}`)
  const among = placements ?? (many.length > 0 ? SPLIT : ALL)
  const placed = pick(chance.site('placement')(), among)
  if (placed === 'together') {
    if (many.length > 0)
      throw new TypeError('Cannot simulate: copies are processes of their own; take "together" out of the placements')
    return { placed, many: new Set(), places: [{ name: 'all', members: undefined, overlaps: false }] }
  }
  const places = groupsOf(placed, ['broker', ...services.filter((name) => !many.includes(name))], chance)
  const stateless = (name: string): boolean =>
    system.services.some(({ contract, database }) => contract.name === name && database === undefined)
  return {
    placed,
    many: new Set(many),
    places: [
      ...places.map((members) => ({ name: members.join('+'), members, overlaps: members.every(stateless) })),
      ...many.flatMap((service) =>
        Array.from({ length: replicas[service]! }, (_, at) => ({
          ...{ name: at === 0 ? service : `${service}#${at + 1}`, members: [service], overlaps: true },
        })),
      ),
    ],
  }
}

const ALL: readonly Placed[] = ['together', 'each', 'groups']
const SPLIT: readonly Placed[] = ['each', 'groups']

function groupsOf(placed: Placed, names: readonly string[], chance: Chance): readonly (readonly string[])[] {
  if (placed === 'each') return names.map((name) => [name])
  const roll = chance.site('groups')
  const count = Math.min(names.length, 2 + Math.floor(roll() * 3))
  const groups = Array.from({ length: count }, (): string[] => [])
  for (const name of names) pick(roll(), groups).push(name)
  return groups.filter((members) => members.length > 0)
}
