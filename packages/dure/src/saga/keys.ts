import type { CallKeys } from '../call/internal.ts'
import type { CommandKey } from '../data/data.ts'
import type { ExtensionHost } from '../service/internal.ts'
import type { InstanceId } from './records.ts'

/** Keys that may wait to be let go of; more are left to the bound of their callees. */
const MOST = 10_000

/** The keys under which steps have called others: let go of once what a step came to is written, some time later and many at once. */
export type Keys = {
  /** Notes the keys of the calls of one step. */
  readonly noting: (instance: InstanceId, step: string, keys: CallKeys) => CallKeys
  /** What a step came to is written: nobody will ask again. */
  readonly settled: (instance: InstanceId, step: string) => void
  /** It is run no more here. */
  readonly forget: (instance: InstanceId) => void
  readonly release: () => Promise<void>
}

export function createKeys({ release }: Pick<ExtensionHost, 'release'>): Keys {
  const used = new Map<string, Map<string, [service: string, key: CommandKey][]>>()
  let free = new Map<string, CommandKey[]>()
  let waiting = 0
  const of = ({ saga, id }: InstanceId): string => `${saga}\n${id}`
  return {
    noting: (instance, step, keys) => {
      const steps = used.get(of(instance)) ?? new Map<string, [string, CommandKey][]>()
      const noted: [string, CommandKey][] = []
      used.set(of(instance), steps.set(step, noted))
      return (operation, place, input) => {
        const key = keys(operation, place, input)
        const dot = place.indexOf('.')
        if (operation.kind === 'command') noted.push([place.slice(0, dot), { operation: place.slice(dot + 1), key }])
        return key
      }
    },
    settled: (instance, step) => {
      for (const [service, key] of used.get(of(instance))?.get(step) ?? []) {
        if (waiting++ >= MOST) continue
        const keys = free.get(service) ?? []
        free.set(service, keys)
        keys.push(key)
      }
      used.get(of(instance))?.delete(step)
    },
    forget: (instance) => void used.delete(of(instance)),
    release: async () => {
      const now = free
      free = new Map()
      waiting = 0
      for (const [service, keys] of now) await release(service, keys)
    },
  }
}
