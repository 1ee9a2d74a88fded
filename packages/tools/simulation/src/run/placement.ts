import type { System } from 'dure/service'
import { pick, type Chance } from '../kernel/kernel.ts'
import type { Placed } from './options.ts'

/** Who runs where in a run: by chance, among what may be. */
export function placeServices(
  system: System,
  among: readonly Placed[] = ['together', 'each', 'groups'],
  chance: Chance,
): {
  readonly placed: Placed
  readonly slots: readonly { readonly name: string; readonly members: readonly string[] | undefined }[]
} {
  const placed = pick(chance.site('placement')(), among)
  if (placed === 'together') return { placed, slots: [{ name: 'all', members: undefined }] }
  const names = ['broker', ...system.services.map(({ contract }) => contract.name)]
  if (placed === 'each') return { placed, slots: names.map((name) => ({ name, members: [name] })) }
  const roll = chance.site('groups')
  const count = Math.min(names.length, 2 + Math.floor(roll() * 3))
  const groups = Array.from({ length: count }, (): string[] => [])
  for (const name of names) pick(roll(), groups).push(name)
  return {
    placed,
    slots: groups.filter((members) => members.length > 0).map((members) => ({ name: members.join('+'), members })),
  }
}
