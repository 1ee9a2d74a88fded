import { seededRandom } from 'dure/runtime'
import { releaseOf } from './releases.test-support.ts'
import type { Called, TargetRig } from './target/target.conformance.ts'
import { describedTrouble, environmentProblems, LATENCIES, type CopyHealth, type Deployed, type Target } from './target/target.ts'

type Entry = Deployed & {
  readonly last: number
  readonly calls: { calls: number; failed: number; within: number[] }
  readonly environment: Readonly<Record<string, string>>
  readonly taking: number
}

/** A target in memory, for what stands on one. Versions say what their copies do, as in the suite; `slow…` take 500 ms for a call, by their count. */
export function memoryTarget(): TargetRig & {
  readonly during: <T>(work: () => Promise<T>) => Promise<{ lost: number; value: T }>
} {
  const entries = new Map<string, Entry>()
  const find = (digest: string): Entry => {
    const found = entries.get(digest)
    if (found === undefined) throw describedTrouble('find it', ['it was never applied here'])
    return found
  }
  const put = (digest: string, change: Partial<Entry>): void => void entries.set(digest, { ...find(digest), ...change })
  const copiesOf = ({ release: { version, digest }, copies }: Entry): readonly CopyHealth[] =>
    Array.from({ length: copies }, (_, i) => {
      const name = `${digest.slice(7, 19)}-${i + 1}`
      if (version.startsWith('crash')) return { name, state: 'ended', restarts: 1, reason: 'it crashed' }
      if (version.startsWith('never')) return { name, state: 'unready', restarts: 0, reason: 'it answers 503' }
      return { name, state: 'ready', restarts: 0 }
    })
  const ready = (entry: Entry): void => {
    const bad = copiesOf(entry).find(({ state }) => state !== 'ready')
    if (bad !== undefined) throw describedTrouble('have it take calls', [bad.reason!])
  }
  const plan: Target['plan'] = async (wanted) => {
    const there = entries.get(wanted.release.digest)?.copies ?? 0
    return { refused: environmentProblems(wanted), changes: there < wanted.copies ? ['start some'] : [] }
  }
  const shift: Target['shift'] = async (shares) => {
    const given = Object.entries(shares)
    const whole = given.every(([digest, share]) => Number.isInteger(share) && share >= 0 && find(digest).copies > 0)
    if (!whole || given.reduce((sum, [, share]) => sum + share, 0) !== 100)
      throw describedTrouble('share', ['the sum is not 100'])
    for (const [digest, entry] of entries)
      put(digest, { share: shares[digest] ?? 0, ...(shares[digest] !== undefined && { taking: entry.copies }) })
  }
  const target: Target = {
    ...{ name: 'memory', plan, shift },
    apply: async (wanted) => {
      const { refused } = await plan(wanted)
      if (refused.length > 0) throw describedTrouble('apply', refused)
      const { release, copies, settings, secrets } = wanted
      const fresh = {
        release,
        copies: 0,
        share: 0,
        last: copies,
        taking: 0,
        calls: { calls: 0, failed: 0, within: LATENCIES.map(() => 0) },
      }
      const before = entries.get(release.digest) ?? { ...fresh, environment: { ...settings, ...secrets } }
      entries.set(release.digest, { ...before, copies: Math.max(before.copies, copies), last: copies })
    },
    health: async (digest) => ({ copies: copiesOf(find(digest)), calls: structuredClone(find(digest).calls) }),
    scale: async (digest, copies) => {
      const entry = find(digest)
      if (copies === 0 && entry.share > 0) throw describedTrouble('scale', [`it takes ${entry.share} % of the calls`])
      const wrong = copies === 0 ? [] : environmentProblems({ copies })
      if (wrong.length > 0) throw describedTrouble('scale', wrong)
      if (copies > entry.copies) ready({ ...entry, copies })
      put(digest, { copies, ...(copies > 0 && { last: copies }), taking: copies })
    },
    rollBack: async (digest) => {
      const entry = find(digest)
      ready({ ...entry, copies: entry.copies || entry.last })
      put(digest, { copies: entry.copies || entry.last })
      await shift({ [digest]: 100 })
      for (const other of entries.keys()) if (other !== digest) put(other, { copies: 0 })
    },
    list: async () => Array.from(entries.values(), ({ release, copies, share }) => ({ release, copies, share })),
  }
  let turn = 0
  const random = seededRandom(1)
  const call = async (): Promise<Called | undefined> => {
    // Others get their turn, as they do while a call is under way.
    await new Promise((resolve) => setImmediate(resolve))
    let left = random.number() * 100
    const chosen = [...entries.values()].find(({ share }) => (left -= share) < 0)
    if (chosen === undefined || chosen.taking === 0) return undefined
    const { calls, environment, release } = chosen
    const fails = release.version.startsWith('fails')
    calls.calls++
    if (fails) calls.failed++
    calls.within[release.version.startsWith('slow') ? LATENCIES.findIndex((bound) => bound >= 500) : 0]!++
    return fails ? undefined : { version: release.version, copy: String(turn++ % chosen.taking), environment }
  }
  return {
    ...{ target, call, release: releaseOf, again: () => target, close: async () => {} },
    during: async (work) => {
      let [over, lost] = [false, 0]
      const caller = (async () => {
        while (!over) if ((await call()) === undefined) lost++
      })()
      try {
        const value = await work()
        return { lost, value }
      } finally {
        over = true
        await caller
      }
    },
  }
}
