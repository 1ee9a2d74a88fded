import type { SqlTransaction } from '../data/data.ts'
import { createConsumer, type Consumer } from '../messaging/messaging.ts'
import type { Timer } from '../runtime/runtime.ts'
import { timeLeft } from '../runtime/internal.ts'
import type { ExtensionHost, OpenExtension } from '../service/internal.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import { controlOf, isReady, type Entry } from './control.ts'
import { effectsOf } from './effects.ts'
import type { ModelVersion, Served } from './model.ts'
import { keepingPositions } from './positions.ts'
import { openProjection, type Projection } from './projection.ts'
import { buildsOf, register, rowOf } from './registry.ts'
import { servedOf } from './served.ts'

/** What handlers find: the version of a model that is served. */
export type ServedModels = (name: string, context: object) => Served<number, unknown> | undefined

/** Milliseconds between looks at what other copies have decided, and whether a build has caught up. */
const LOOK = 1_000

/** Opens the read models of a service. */
export async function openModels(
  host: ExtensionHost,
  listed: readonly ModelVersion[],
): Promise<{ readonly served: ServedModels; readonly extension: OpenExtension }> {
  const { store, runtime, log } = host
  const entries = new Map<string, Entry>()
  for (const model of listed) {
    const versions = withEarlier(model)
    const row = await register(host, versions)
    const entry: Entry = { versions, row, open: new Map() }
    entries.set(model.name, entry)
    await openBuilds(host, entry)
  }

  const reactions = listed.flatMap((model) => effectsOf(host, model))
  // What was said before anybody wanted effects has none: not when a model comes late, nor when it is built anew.
  for (const { name, event } of reactions)
    await host.broker.declareGroup({ group: `${host.service}/effects/${name}`, topics: [event.topic], from: 'end' })

  let timer: Timer | undefined
  let looking: Promise<void> = Promise.resolve()
  let effects: Consumer | undefined
  const lookOnce = async (): Promise<void> => {
    for (const entry of entries.values()) {
      entry.row = await rowOf(host, entry.versions[0]!.name)
      await openBuilds(host, entry)
      for (const projection of entry.open.values()) projection.begin()
      const newer = Math.max(...entry.open.keys())
      if (newer <= Math.max(entry.row.newest, entry.row.serving)) continue
      const next = entry.open.get(newer)!
      if (isReady(next, await next.progress())) await switchTo(entry, newer)
    }
  }
  // One after the other: a build is opened once.
  const look = (): Promise<void> => (looking = looking.then(lookOnce, lookOnce))
  const switchTo = async (entry: Entry, build: number): Promise<void> => {
    const { name } = entry.versions[0]!
    const { serving } = entry.row
    const change = 'UPDATE dure_models SET previous = serving, serving = ?, newest = ? WHERE name = ? AND serving = ?'
    const newest = Math.max(entry.row.newest, build)
    const changed = await store.transaction((tx) => tx.run(change, [build, newest, name, serving]), { isolated: false })
    entry.row = await rowOf(host, name)
    if (changed > 0) log.info('A read model is served from another build', { model: name, build, before: serving })
  }
  const lookOn = (): void => {
    timer = runtime.timers.after(LOOK, () => {
      void look()
        .catch((error: unknown) => log.warn('Cannot look after the read models', { error }))
        .finally(() => timer !== undefined && lookOn())
    })
  }

  const control = controlOf({ host, entries, look, switchTo })
  const all = (): readonly Projection[] => [...entries.values()].flatMap(({ open }) => [...open.values()])
  return {
    served: (name, context) => {
      const { row, open } = entries.get(name) ?? {}
      if (row === undefined || open === undefined) return undefined
      // A later release may have switched to what this one does not know: what was before is filled all the same.
      const projection = open.get(row.serving) ?? open.get(row.previous ?? 0) ?? [...open.values()].at(-1)
      return projection && servedOf(host, projection, context)
    },
    extension: {
      control,
      listen: async () => {
        await look()
        if (reactions.length > 0) {
          const broker = keepingPositions(host.broker, store)
          effects = await createConsumer<SqlTransaction>({ ...host, broker, group: `${host.service}/effects`, reactions })
        }
        lookOn()
      },
      busy: async () => {
        return (await Promise.all(all().map((one) => one.busy()))).reduce((sum, one) => sum + one, effects?.status().inHand ?? 0)
      },
      consumers: () => [
        ...(effects === undefined ? [] : [{ readings: effects.readings }]),
        ...all().flatMap((one) => one.consumer() ?? []),
      ],
      readings: async () => (await Promise.all([...entries].map((one) => readingsOf(one, runtime.clock.now())))).flat(),
      stop: async ({ timeout }) => {
        timer?.cancel()
        timer = undefined
        const left = timeLeft(runtime.clock, timeout)
        await looking.catch(() => {})
        await Promise.all([effects?.stop({ timeout: left() }), ...all().map((one) => one.stop({ timeout: left() }))])
      },
    },
  }
}

/** How far the builds of a model have read: of the one that is served, and of one that is to take its place. */
async function readingsOf([name, { open, row }]: [string, Entry], now: number): Promise<readonly Reading[]> {
  const told = [...open].map(async ([build, projection]): Promise<readonly Reading[]> => {
    const { behind, since } = await projection.progress()
    const state = build === row.serving ? 'serving' : build === row.previous ? 'previous' : 'building'
    if (behind === undefined) return []
    const attributes = { 'dure.model.name': name, 'dure.model.state': state }
    return [
      { family: FAMILIES.modelBehind, attributes, value: behind },
      { family: FAMILIES.modelAge, attributes, value: since === undefined ? 0 : Math.max(0, now - since) / 1_000 },
    ]
  })
  return (await Promise.all(told)).flat()
}

/** Opens what is to be filled: what is served, what was before, and what is to come. */
async function openBuilds(host: ExtensionHost, { versions, row, open }: Entry): Promise<void> {
  for (const build of await buildsOf(host, versions[0]!.name)) {
    const model = versions.find(({ version }) => version === build.version)
    const isWanted = build.build === row.serving || build.build === row.previous || build.build > row.serving
    if (model !== undefined && isWanted && !open.has(build.build)) open.set(build.build, await openProjection(host, model, build))
  }
}

function withEarlier(model: ModelVersion): readonly ModelVersion[] {
  return model.before === undefined ? [model] : [...withEarlier(model.before), model]
}
