import { CallError } from '../contract/contract.ts'
import type { ExtensionHost, OpenExtension } from '../service/internal.ts'
import type { ModelVersion } from './model.ts'
import type { Build, Progress, Projection } from './projection.ts'
import { addBuild, buildsOf, checkRebuild, rowOf, type Row } from './registry.ts'

/** One build, as people see it. */
export type BuildState = Build & {
  readonly name: string
  /** `ready`: it may take the place of the one that is serving. `retired`: nothing fills it any more. */
  readonly state: 'serving' | 'previous' | 'building' | 'ready' | 'retired'
} & Partial<Progress>

/** A model: its versions, the earliest first, and the builds that are open. */
export type Entry = { readonly versions: readonly ModelVersion[]; row: Row; readonly open: Map<number, Projection> }

export function isReady({ model }: Projection, { phase, behind, waiting, deadLetters }: Progress): boolean {
  return phase === 'live' && behind !== undefined && behind <= model.switchAt && waiting + deadLetters === 0
}

/** What people ask of the models of a service. */
export function controlOf(options: {
  readonly host: ExtensionHost
  readonly entries: ReadonlyMap<string, Entry>
  /** Opens and fills what has been decided. */
  readonly look: () => Promise<void>
  readonly switchTo: (entry: Entry, build: number) => Promise<void>
}): NonNullable<OpenExtension['control']> {
  const { host, entries, look, switchTo } = options
  const need = (name: string): Entry => {
    const entry = entries.get(name)
    if (entry !== undefined) return entry
    throw new CallError('NOT_FOUND', `There is no read model "${name}"; there are: ${[...entries.keys()].join(', ')}`)
  }
  const states = async (entry: Entry): Promise<readonly BuildState[]> => {
    const { name } = entry.versions[0]!
    entry.row = await rowOf(host, name)
    const { serving, previous } = entry.row
    return Promise.all(
      (await buildsOf(host, name)).map(async (build): Promise<BuildState> => {
        const projection = entry.open.get(build.build)
        const progress = await projection?.progress()
        const isRetired = projection === undefined
        const filled = projection !== undefined && isReady(projection, progress!) ? 'ready' : 'building'
        const other = build.build === previous ? 'previous' : isRetired ? 'retired' : filled
        return { name, ...build, state: build.build === serving ? 'serving' : other, ...progress }
      }),
    )
  }

  return {
    list: async () => (await Promise.all([...entries.values()].map(states))).flat(),
    /** Builds the newest version once more, beside what is served. */
    rebuild: async ({ name }: { readonly name: string }) => {
      const entry = need(name)
      const model = entry.versions.at(-1)!
      await checkRebuild(host, model)
      const { serving, newest } = (entry.row = await rowOf(host, name))
      // One that is under way is the one that is asked for.
      const isUnderWay = (await buildsOf(host, name)).some(({ build }) => build > Math.max(serving, newest))
      if (!isUnderWay) await addBuild(host, model)
      await look()
      return states(entry)
    },
    switch: async ({ name }: { readonly name: string }) => {
      const entry = need(name)
      const [ready] = (await states(entry)).filter(({ state }) => state === 'ready').toReversed()
      if (ready === undefined)
        throw new CallError(
          'FAILED_PRECONDITION',
          `Switching read model "${name}" failed: no build beside the one that is served has caught up. To do: look at \`dure model list\`, and wait`,
        )
      await switchTo(entry, ready.build)
      return states(entry)
    },
    back: async ({ name }: { readonly name: string }) => {
      const entry = need(name)
      const { previous } = (entry.row = await rowOf(host, name))
      if (previous === null || !entry.open.has(previous))
        throw new CallError(
          'FAILED_PRECONDITION',
          `Going back with read model "${name}" failed: ${previous === null ? 'nothing was served before' : `this release does not fill build ${previous} any more`}. To do: deploy a release that lists the version as \`before\`, or rebuild`,
        )
      await switchTo(entry, previous)
      return states(entry)
    },
    retry: async ({ name }: { readonly name: string }) => {
      const counts = await Promise.all([...need(name).open.values()].map((one) => one.retry()))
      return counts.reduce((sum, count) => sum + count, 0)
    },
  }
}
