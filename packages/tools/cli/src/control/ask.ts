import { CallError } from 'dure/contract'
import type { DoorHost } from 'dure/service'

/** What `POST /v1/ask` takes: something that the extensions of one kind are to tell or to do. */
export type AskRequest = {
  readonly kind: string
  readonly method: string
  readonly input?: unknown
  /** Only services that list one of the kind by this name. */
  readonly name?: string | undefined
  /** Default: each service that lists one of the kind. */
  readonly service?: string | undefined
}

/** What each service answered, by its name; who did not answer is named, and what the others say still counts. */
export type AskAnswer<T> = {
  readonly values: readonly { readonly service: string; readonly value: T }[]
  readonly silent: readonly { readonly service: string; readonly why: string }[]
}

/** Asks the extensions of one service, or of all that list one of the kind, one after the other. */
export async function answerAsk(host: DoorHost, { kind, method, input, name, service }: AskRequest): Promise<AskAnswer<unknown>> {
  const listing = new Set(
    host.extensions.flatMap((one) => (one.kind === kind && (name ?? one.name) === one.name ? [one.service] : [])),
  )
  if (service !== undefined && !listing.has(service)) throw noneOf(kind, service, [...listing])
  if (name !== undefined && listing.size === 0) throw new CallError('NOT_FOUND', `No service has a ${kind} "${name}"`)
  const values: { service: string; value: unknown }[] = []
  const silent: { service: string; why: string }[] = []
  for (const asked of service === undefined ? listing : [service]) {
    try {
      values.push({ service: asked, value: await host.ask(asked, { kind, method, input }) })
    } catch (error) {
      if (!isAway(error)) throw error
      silent.push({ service: asked, why: error.message })
    }
  }
  return { values, silent }
}

export function isAway(error: unknown): error is CallError {
  return error instanceof CallError && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED')
}

function noneOf(kind: string, service: string, listing: readonly string[]): CallError {
  const others = listing.length === 0 ? `no service of this system has one` : `these have: ${listing.join(', ')}`
  return new CallError('NOT_FOUND', `Service "${service}" has no ${kind}; ${others}`)
}
