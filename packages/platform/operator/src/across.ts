import { CallError, command, query } from 'dure/contract'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'

/** Services that did not answer; what the others say still counts. */
export type Silent = { service: string; why: string }[]
export const Silent: z.ZodType<Silent> = z.array(z.object({ service: z.string(), why: z.string() }))

/** Milliseconds in which a service that does not answer has been given up, twice. */
const DEADLINE = 15_000
/** Operations for which services are asked: each of them has its own time to answer. */
export const wideQuery: typeof query = (options) => query({ deadline: DEADLINE, ...options })
export const wideCommand: typeof command = (options) => command({ deadline: DEADLINE, ...options })

/** Asks services, all at once. */
export async function across<Asked, T>(
  services: readonly (readonly [service: string, asked: Asked])[],
  work: (asked: Asked, service: string) => Promise<T>,
): Promise<{ readonly values: { service: string; value: T }[]; readonly silent: Silent }> {
  const answers = await Promise.all(
    services.map(async ([service, asked]) => {
      try {
        return { service, value: await work(asked, service) }
      } catch (error) {
        if (!isAway(error)) throw error
        return { service, why: error.message }
      }
    }),
  )
  return {
    values: answers.filter((one) => 'value' in one) as { service: string; value: T }[],
    silent: answers.filter((one) => 'why' in one) as Silent,
  }
}

function isAway(error: unknown): error is CallError {
  return error instanceof CallError && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED')
}

/** Something that the extensions of one kind are to tell or to do. */
export type ExtensionRequest = {
  readonly kind: string
  readonly method: string
  readonly input?: object
  /** Only services that list one of the kind by this name. */
  readonly name?: string | undefined
  /** Default: each service that lists one of the kind. */
  readonly service?: string | undefined
}

/** Asks the extensions of one service, or of all that list one of the kind. */
export async function askExtensions<T>(
  host: Pick<DoorHost, 'extensions' | 'ask'>,
  { kind, method, input = {}, name, service }: ExtensionRequest,
): ReturnType<typeof across<undefined, T>> {
  const listing = new Set(
    host.extensions.flatMap((one) => (one.kind === kind && (name ?? one.name) === one.name ? [one.service] : [])),
  )
  if (service !== undefined && !listing.has(service)) throw noneOf(kind, service, [...listing])
  if (name !== undefined && listing.size === 0) throw new CallError('NOT_FOUND', `No service has a ${kind} "${name}"`)
  const asked = service === undefined ? [...listing] : [service]
  const pairs = asked.map((one) => [one, undefined] as const)
  return across(pairs, async (_, one) => (await host.ask(one, { kind, method, input })) as T)
}

/** The same of the one service that is meant. @throws {CallError} UNAVAILABLE when it does not answer */
export async function askExtension<T>(
  host: Pick<DoorHost, 'ask'>,
  service: string,
  question: { readonly kind: string; readonly method: string; readonly input?: object },
): Promise<T> {
  return (await host.ask(service, { input: {}, ...question })) as T
}

function noneOf(kind: string, service: string, listing: readonly string[]): CallError {
  const others = listing.length === 0 ? `no service of this system has one` : `these have: ${listing.join(', ')}`
  return new CallError('NOT_FOUND', `Service "${service}" has no ${kind}; ${others}`)
}
