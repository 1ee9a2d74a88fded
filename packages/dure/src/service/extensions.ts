import { CallError } from '../contract/contract.ts'
import type { SqlStore, SqlTransaction } from '../data/data.ts'
import type { Join } from '../data/internal.ts'
import { inTime, timeLeft } from '../runtime/internal.ts'
import type { Act, Reading } from '../telemetry/telemetry.ts'
import type { Acts } from '../telemetry/internal.ts'
import type { Extension, ExtensionConsumer, ExtensionHost, ExtensionKind, OpenExtension, Service } from './definition.ts'

/** All that a service's extensions do, as one. */
export type Extensions = Required<Pick<OpenExtension, 'listen' | 'busy' | 'reasons' | 'stop'>> & {
  readonly readings: () => Promise<readonly Reading[]>
  readonly consumers: () => readonly ExtensionConsumer[]
  readonly ask: (question: ExtensionQuestion) => Promise<unknown>
}

/** What somebody wants of a service's extensions of one kind. */
export type ExtensionQuestion = { readonly kind: string; readonly method: string; readonly input: unknown }

/** The extensions of a service by their kind. */
export function kindsOf({ extensions }: Pick<Service, 'extensions'>): ReadonlyMap<ExtensionKind, readonly Extension[]> {
  return Map.groupBy(extensions, ({ kind }) => kind)
}

/** A service's tables, with those of its extensions. */
export function definitionOf(service: Service, adapter: string): NonNullable<Service['database']> {
  const { database } = service
  const own = [...kindsOf(service).keys()].map(({ migrations }) =>
    typeof migrations === 'function' ? migrations(adapter) : migrations,
  )
  return { ...database, migrations: Object.assign({}, ...own, database!.migrations) as {} }
}

/**
 * Opens the extensions of a service.
 * @param options `joins` gets what transactions have of them; `acts` writes down who changes something of them
 * @throws what one of them throws; those that were open are stopped
 */
export async function openExtensions(
  service: Service,
  { host, joins, acts }: { readonly host: ExtensionHost | undefined; readonly joins: Join[]; readonly acts: Acts },
): Promise<Extensions> {
  const name = service.contract.name
  const open: [kind: string, extension: OpenExtension][] = []
  const stop: Extensions['stop'] = async ({ timeout }) => {
    if (host === undefined) return
    const left = timeLeft(host.runtime.clock, timeout)
    const stopped = open.map(async ([, one]) => inTime(host.runtime.timers, left(), one.stop({ timeout: left() }), () => {}))
    await Promise.all(stopped)
  }
  for (const [kind, values] of kindsOf(service)) {
    if (host === undefined || !speaksSql(host.store)) throw needsSql(name, kind.name, values)
    try {
      const one = await kind.open(host, values)
      open.push([kind.name, one])
      if (one.join !== undefined) joins.push((tx, origin) => one.join!(tx as SqlTransaction, origin))
    } catch (error) {
      await stop({ timeout: 0 })
      throw error
    }
  }
  return {
    listen: async () => {
      for (const [, one] of open) await one.listen?.()
    },
    busy: async () => {
      const each = await Promise.all(open.map(([, one]) => one.busy?.()))
      return each.reduce<number>((total, one) => total + (one ?? 0), 0)
    },
    reasons: () => open.flatMap(([, one]) => one.reasons?.() ?? []),
    // One that cannot read tells nothing; the others do.
    readings: async () =>
      (await Promise.all(open.map(async ([, one]) => one.readings?.() ?? []).map((read) => read.catch(() => [])))).flat(),
    consumers: () => open.flatMap(([, one]) => one.consumers?.() ?? []),
    ask: async ({ kind, method, input }) => {
      const found = open.find(([each]) => each === kind)
      const asked = found?.[1].control
      if (asked === undefined || !Object.hasOwn(asked, method)) throw unknown(name, kind, method)
      const work = (): Promise<unknown> => asked[method]!(input as never)
      return found![1].changes?.includes(method) === true ? acts.first(actOf(name, { kind, method, input }), work) : work()
    },
    stop,
  }
}

/** What operators say with a change: who they are and why, in words of their own. */
type Said = { readonly by?: string; readonly reason?: string; readonly why?: string } & Readonly<Record<string, unknown>>

function actOf(service: string, { kind, method, input }: ExtensionQuestion): Omit<Act, 'outcome'> {
  // Data may be about anybody.
  const { by = '', reason, why = reason, data: _, result: __, ...about } = (input ?? {}) as Said
  return { action: `${kind}.${method}`, actor: by, subject: service, about, ...(why !== undefined && { personal: { why } }) }
}

function speaksSql(store: object): store is SqlStore {
  return 'select' in store
}

function needsSql(service: string, kind: string, values: readonly Extension[]): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Starting service "${service}" failed: its ${kind} "${values[0]!.name}" keeps tables, and its store does not speak SQL. To do: give the service a store that does`,
  )
}

function unknown(service: string, kind: string, method: string): CallError {
  return new CallError('NOT_FOUND', `Cannot do "${method}": service "${service}" has no ${kind} that can`)
}
