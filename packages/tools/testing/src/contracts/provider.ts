/** A provider under verification: a service with its door, or whatever answers at a URL. */
import type { AnyEvent } from 'dure/contract'
import type { TestSystem } from '../component/component.ts'
import { received, type matchResponse } from '../pact/pact.ts'
import { urlOf, type Sent } from './sending.ts'
import type { Inside } from './state-handler.ts'

type Answered = Parameters<typeof matchResponse>[1]

/** What is verified, wherever it is. */
export type Provider = {
  readonly send: (request: Sent) => Promise<Answered>
  readonly inside: Inside | undefined
  readonly events: readonly AnyEvent[]
  readonly system: TestSystem | undefined
  readonly stop: () => Promise<void>
}

export function providerAt(url: string): Provider {
  return { system: undefined, events: [], inside: undefined, send: overHttp(url), stop: async () => {} }
}

/** Milliseconds that an answer may take. */
const MOST = 30_000

export function overHttp(base: string): Provider['send'] {
  return async ({ method, url, headers, body }) => {
    const answer = await fetch(urlOf(base, url), {
      ...{ method, headers, redirect: 'manual', signal: AbortSignal.timeout(MOST) },
      ...(body !== undefined && { body: Buffer.from(body) }),
    })
    return answered(answer.status, [...answer.headers], new Uint8Array(await answer.arrayBuffer()))
  }
}

export function answered(status: number, headers: readonly (readonly [string, unknown])[], bytes: Uint8Array): Answered {
  const values = Object.fromEntries(
    headers.flatMap(([name, value]) => (value === undefined ? [] : [[name, ([value].flat() as unknown[]).map(String)]])),
  )
  return { status, headers: values, body: received(bytes, values['content-type']?.[0]) }
}
