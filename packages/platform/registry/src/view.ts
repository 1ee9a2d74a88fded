/** What a Eureka server knows, kept up to date here: all of it once, then what changes. */
import { RegistryAway } from 'dure/discovery/internal'
import type { EurekaClient } from './client.ts'
import { hashOf, readInstance, type EurekaInstance } from './instance.ts'
import { REVISION, STALE_SINCE } from './routes.ts'

export type ServerView = {
  /** Asks for what is new. Dure's registry answers when there is something, or after `wait` seconds; another one at once. */
  readonly look: (wait: number, signal: AbortSignal) => Promise<void>
  /** What was asked for may have been missed: all of it is asked for next. */
  readonly distrust: () => void
  readonly instances: () => Iterable<EurekaInstance>
  /** Whether it tells of changes when they happen. */
  readonly pushes: () => boolean
  /** Since when the registry itself is not sure, in milliseconds since the epoch. */
  readonly staleSince: () => number | undefined
}

type Described = { readonly instance: EurekaInstance; readonly action: unknown }

export function createServerView(client: EurekaClient): ServerView {
  let known = new Map<string, EurekaInstance>()
  let whole = false
  let revision: string | undefined
  let stale: number | undefined

  const mark = (headers: Headers): void => {
    revision = headers.get(REVISION) ?? undefined
    const since = Number(headers.get(STALE_SINCE) ?? Number.NaN)
    stale = Number.isFinite(since) ? since : undefined
  }

  const lookAtAll = async (signal: AbortSignal): Promise<void> => {
    const { status, headers, text } = await client.ask('GET', '/apps', { signal })
    if (status !== 200) throw new RegistryAway(`what answers there is no Eureka server: "/apps" is answered with ${status}`)
    const { instances } = read(text)
    known = new Map(instances.map(({ instance }) => [keyOf(instance), instance]))
    mark(headers)
    whole = true
  }

  return {
    look: async (wait, signal) => {
      if (!whole) return lookAtAll(signal)
      const after = revision
      const { status, headers, text } = await client.ask(
        'GET',
        after === undefined ? '/apps/delta' : `/apps/delta?after=${after}`,
        after === undefined ? { signal } : { signal, wait },
      )
      if (status !== 200) return lookAtAll(signal)
      const { instances, hash } = read(text)
      const now = new Map(known)
      for (const { instance, action } of instances) {
        if (action === 'DELETED') now.delete(keyOf(instance))
        else now.set(keyOf(instance), instance)
      }
      if (hash !== hashOf([...now.values()].map(({ status: each }) => each))) return lookAtAll(signal)
      known = now
      mark(headers)
    },
    distrust: () => {
      whole = false
    },
    instances: () => known.values(),
    pushes: () => revision !== undefined,
    staleSince: () => stale,
  }
}

const keyOf = ({ app, id }: EurekaInstance): string => `${app}/${id}`

/** @throws {RegistryAway} */
function read(text: string): { readonly instances: readonly Described[]; readonly hash: unknown } {
  try {
    const { applications } = JSON.parse(text) as { readonly applications: Readonly<Record<string, unknown>> }
    const instances = listOf(applications['application']).flatMap(({ instance }) => listOf(instance))
    return {
      hash: applications['apps__hashcode'],
      instances: instances.flatMap((each) => {
        try {
          return [{ instance: readInstance(each), action: each['actionType'] }]
        } catch {
          // One that nobody could call keeps nobody else from being found.
          return []
        }
      }),
    }
  } catch (cause) {
    throw new RegistryAway(`its answer cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Older servers write a list of one without the list. */
function listOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((each) => typeof each === 'object' && each !== null) as readonly Readonly<Record<string, unknown>>[]
}
