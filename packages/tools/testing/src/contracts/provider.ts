/** A provider under verification: a service with its door, or whatever answers at a URL. */
import { rest } from '@dure/rest'
import type { AnyContract, AnyEvent } from 'dure/contract'
import type { Service, StoreAdapter } from 'dure/service'
import { testSystem, type Fake, type TestSystem } from '../component/component.ts'
import { received, type matchResponse } from '../pact/pact.ts'
import { urlOf, type Sent } from './sending.ts'
import { stateHandler, type Inside } from './state-handler.ts'

type Answered = Parameters<typeof matchResponse>[1]

/** What is verified, wherever it is. */
export type Provider = {
  readonly send: (request: Sent) => Promise<Answered>
  readonly inside: Inside | undefined
  readonly events: readonly AnyEvent[]
  readonly system: TestSystem | undefined
  readonly stop: () => Promise<void>
}

type OpenOptions = {
  readonly through?: 'process' | 'door'
  readonly fakes?: readonly Fake[]
  readonly database?: StoreAdapter
}

/** The service with its door, in a folder of its own. */
export async function openProvider(provider: Service, options: OpenOptions): Promise<Provider> {
  const { fakes, database, through = 'process' } = options
  const { contract } = provider
  const { service, insideOf } = stateHandler(provider)
  type Server = Parameters<NonNullable<NonNullable<Parameters<typeof rest>[0]>['extend']>>[0]
  let server: Server | undefined
  const door = rest({
    ...{
      port: 0,
      announce: false,
      pages: false,
      contracts: [service.contract as AnyContract],
      limits: { body: 16 * 1024 * 1024 },
    },
    extend: (given) => {
      server = given
    },
  })
  const system = await testSystem(service, {
    ...(fakes !== undefined && { fakes }),
    ...(database !== undefined && { database }),
    doors: [door],
  })
  const [url = ''] = system.urls
  const inject = async ({ method, url: target, headers, body }: Sent): ReturnType<Provider['send']> => {
    const answer = await server!.inject({
      method: method as 'GET',
      url: target,
      headers,
      ...(body !== undefined && { payload: Buffer.from(body) }),
    })
    return answered(answer.statusCode, Object.entries(answer.headers), answer.rawPayload)
  }
  return {
    ...{ system, events: contract.events as readonly AnyEvent[], inside: insideOf(system) },
    send: through === 'process' ? inject : overHttp(url),
    stop: () => system.stop(),
  }
}

export function providerAt(url: string): Provider {
  return { system: undefined, events: [], inside: undefined, send: overHttp(url), stop: async () => {} }
}

/** Milliseconds that an answer may take. */
const MOST = 30_000

function overHttp(base: string): Provider['send'] {
  return async ({ method, url, headers, body }) => {
    const answer = await fetch(urlOf(base, url), {
      ...{ method, headers, redirect: 'manual', signal: AbortSignal.timeout(MOST) },
      ...(body !== undefined && { body: Buffer.from(body) }),
    })
    return answered(answer.status, [...answer.headers], new Uint8Array(await answer.arrayBuffer()))
  }
}

function answered(status: number, headers: readonly (readonly [string, unknown])[], bytes: Uint8Array): Answered {
  const values = Object.fromEntries(
    headers.flatMap(([name, value]) => (value === undefined ? [] : [[name, ([value].flat() as unknown[]).map(String)]])),
  )
  return { status, headers: values, body: received(bytes, values['content-type']?.[0]) }
}
