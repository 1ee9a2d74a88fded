import type { Looked, Member } from './fleet.ts'

/** By the ids of members; undefined: it does not answer. */
export type View = ReadonlyMap<string, readonly Looked[] | undefined>

/** What fewer calls than these say is chance. */
const ENOUGH = 3

export async function lookAt(members: readonly Member[]): Promise<View> {
  return new Map(
    await Promise.all(members.map(async (member) => [member.id, await member.look().catch(() => undefined)] as const)),
  )
}

/** Why those who have a change first are worse off than before, and than those who do not have it yet. */
export function unwell(options: {
  readonly before: View
  readonly now: View
  readonly firsts: readonly Member[]
  readonly failures: number
}): readonly string[] {
  const { before, now, firsts, failures } = options
  const others = [...now.keys()].filter((id) => !firsts.some((member) => member.id === id))
  return firsts.flatMap(({ id, name }) => {
    const found = now.get(id)
    if (found === undefined) return [`${name}: ${now.has(id) ? 'it does not answer' : 'its process has ended'}`]
    return found.flatMap((one) => {
      const was = of(before, id, one.service)
      if (!one.ready && was?.ready !== false) return [`${name}: it is not ready: ${one.reasons.join('; ')}`]
      const own = since(was, one)
      const rest = others.map((other) => since(of(before, other, one.service), of(now, other, one.service)))
      const usual = share(sum(rest))
      if (own.failed < ENOUGH || share(own) <= usual + failures) return []
      return [`${name}: ${own.failed} of ${own.calls} calls failed`]
    })
  })
}

type Count = Pick<Looked, 'calls' | 'failed'>

const of = (view: View, id: string, service: string): Looked | undefined => view.get(id)?.find((one) => one.service === service)

const since = (before: Count = { calls: 0, failed: 0 }, now: Count = before): Count => ({
  calls: now.calls - before.calls,
  failed: now.failed - before.failed,
})

const share = ({ calls, failed }: Count): number => (calls === 0 ? 0 : failed / calls)

function sum(counts: readonly Count[]): Count {
  return counts.reduce((a, b) => ({ calls: a.calls + b.calls, failed: a.failed + b.failed }), { calls: 0, failed: 0 })
}

/** One process of each of these services: of several not the first, which leads. */
export function firstsOf(members: readonly Member[], services: readonly string[]): readonly Member[] {
  const firsts: Member[] = []
  for (const service of services) {
    const having = members.filter((member) => member.services.includes(service))
    const one = having.at(-1)
    if (one !== undefined && !having.some((member) => firsts.includes(member))) firsts.push(one)
  }
  return firsts
}
