import { problemText, type ConfigProblem } from './errors.ts'
import { isBelow, type Configured, type Judged } from './judge.ts'
import type { ConfigContent } from './release.ts'
import type { Sources } from './sources.ts'

/** What a service says to settings that it does not have yet: why it would not be ready with them. */
export type Trial = (value: unknown) => Promise<readonly string[]>

/** The settings of a process whose changes somebody else decides about. */
export type Steered = {
  /** From now on a change of the sources is told, and followed only where the answer says so. */
  readonly steer: (told: () => 'wait' | 'follow') => void
  /** What counts here. */
  readonly now: () => ConfigContent
  /** What the sources have. @throws {ConfigError} when that cannot be read */
  readonly seen: () => Promise<ConfigContent>
  /** What would be wrong with it, or other than it is. */
  readonly weigh: (content: ConfigContent) => Promise<{
    readonly problems: readonly ConfigProblem[]
    readonly keys: readonly string[]
    readonly services: readonly string[]
  }>
  /** Keys of what is secret in it. */
  readonly secrets: (content: ConfigContent) => Promise<ReadonlySet<string>>
  /** Has it count here, or says why not; `first`: the services here are asked whether they would be ready with it. */
  readonly take: (content: ConfigContent, how: { readonly first: boolean }) => Promise<readonly string[]>
  /** Says what is wrong with what the sources have; nothing. */
  readonly refuse: (problems: readonly ConfigProblem[]) => void
  readonly trial: (service: string, trial: Trial) => () => void
}

/** @param options what a process does with its settings: `judged` says what they come to, `use` has them count */
export function createSteered(
  options: Pick<Steered, 'steer' | 'now' | 'refuse'> & {
    readonly sources: Sources
    readonly services: readonly Configured[]
    readonly judged: (content: ConfigContent) => Promise<Judged>
    readonly use: (content: ConfigContent, judged: Judged) => Promise<void>
    /** What counts now. */
    readonly plain: () => Judged['plain']
  },
): Steered {
  const { sources, services, judged, use, plain, steer, now, refuse } = options
  const trials = new Map<string, Trial>()
  /** What services themselves say to settings that they do not have yet. */
  const tried = async (values: ReadonlyMap<string, unknown>): Promise<readonly string[]> => {
    const said = await Promise.all([...trials].map(async ([service, trial]) => trial(values.get(service))))
    return said.flat()
  }
  return {
    ...{ steer, now, refuse },
    seen: async () => {
      await sources.read()
      return sources.content()
    },
    weigh: async (content) => {
      const found = await judged(content)
      const keys = changedKeys(plain(), found.plain)
      const changed = services.filter(({ service }) => keys.some((key) => key === service || isBelow(key, service)))
      const problems = found.values === undefined ? found.problems : []
      return { problems, keys, services: changed.map(({ service }) => service) }
    },
    secrets: async (content) => secretKeys((await judged(content)).entries),
    take: async (content, { first }) => {
      const found = await judged(content)
      if (found.values === undefined) return found.problems.map(problemText)
      const reasons = first ? await tried(found.values) : []
      if (reasons.length === 0) await use(content, found)
      return reasons
    },
    trial: (service, trial) => {
      trials.set(service, trial)
      return () => void trials.delete(service)
    },
  }
}

export function secretKeys(entries: Judged['entries']): ReadonlySet<string> {
  return new Set(entries.filter(({ secret }) => secret).map(({ key }) => key))
}

function changedKeys(before: Judged['plain'], after: Judged['plain']): readonly string[] {
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys].filter((key) => before.get(key) !== after.get(key)).toSorted()
}
