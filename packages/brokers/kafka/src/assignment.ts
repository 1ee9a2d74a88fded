/** A member of a group, as whoever shares the partitions out sees it. */
export type Claim = {
  readonly member: string
  readonly topics: readonly string[]
  /** What it has, by its own word, since this generation of the group. */
  readonly owned: readonly Spot[]
  readonly generation: number
  /** What it had and gave back, because another may know better what to do with it. */
  readonly refused: readonly Spot[]
}

export type Spot = { readonly topic: string; readonly partition: number }

export const spotKey = ({ topic, partition }: Spot): string => `${partition} ${topic}`

/**
 * Shares partitions out among the members of a group: evenly, and who has one keeps it as far as that is fair. What is to move
 * is nobody's until its owner has given it back and joined again (Kafka's cooperative protocol, KIP-429).
 */
export function shareOut(
  claims: readonly Claim[],
  partitions: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly Spot[]> {
  const all = [...partitions].flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })))
  const owners = ownersOf(claims)
  const shares = new Map(claims.map(({ member }) => [member, new Map<string, Spot>()]))
  const size = (member: string): number => shares.get(member)!.size
  const may = new Map(all.map((spot) => [spotKey(spot), eligible(claims, spot)]))
  const least = (members: readonly string[]): string => members.reduce((best, one) => (size(one) < size(best) ? one : best))

  const free: Spot[] = []
  for (const spot of all) {
    const owner = owners.get(spotKey(spot))
    if (owner !== undefined && may.get(spotKey(spot))!.includes(owner)) shares.get(owner)!.set(spotKey(spot), spot)
    else free.push(spot)
  }
  for (const spot of free) {
    const members = may.get(spotKey(spot))!
    if (members.length > 0) shares.get(least(members))!.set(spotKey(spot), spot)
  }
  // One at a time from whoever has most, so nobody gives more than is fair. Each move makes the sum of the squares smaller, so this ends.
  const move = (): boolean => {
    for (const share of [...shares.values()].toSorted((one, other) => other.size - one.size))
      for (const [key, spot] of share) {
        const other = least(may.get(key)!)
        if (size(other) + 1 >= share.size) continue
        share.delete(key)
        shares.get(other)!.set(key, spot)
        return true
      }
    return false
  }
  while (move());
  const isFree = (spot: Spot, member: string): boolean => (owners.get(spotKey(spot)) ?? member) === member
  return new Map([...shares].map(([member, share]) => [member, [...share.values()].filter((spot) => isFree(spot, member))]))
}

/** Who has each partition: of two that say so, the one of the later generation; of two of the same, nobody is believed. */
function ownersOf(claims: readonly Claim[]): ReadonlyMap<string, string> {
  const owners = new Map<string, { readonly member: string | undefined; readonly generation: number }>()
  for (const { member, owned, generation } of claims)
    for (const spot of owned) {
      const before = owners.get(spotKey(spot))
      if (before === undefined || generation > before.generation) owners.set(spotKey(spot), { member, generation })
      else if (generation === before.generation) owners.set(spotKey(spot), { member: undefined, generation })
    }
  return new Map([...owners].flatMap(([key, { member }]) => (member === undefined ? [] : [[key, member] as const])))
}

/** Members that read a partition's topic; those that gave it back only when all did. */
function eligible(claims: readonly Claim[], { topic, partition }: Spot): readonly string[] {
  const reading = claims.filter(({ topics }) => topics.includes(topic))
  const willing = reading.filter(({ refused }) => !refused.some((one) => one.topic === topic && one.partition === partition))
  return (willing.length > 0 ? willing : reading).map(({ member }) => member)
}
