/** A service under verification runs with its door, in a folder of its own. */
import { rest } from '@dure/rest'
import type { AnyContract, AnyEvent } from 'dure/contract'
import type { Service, StoreAdapter } from 'dure/service'
import { testSystem, type Fake } from '../component/component.ts'
import { answered, overHttp, type Provider } from './provider.ts'
import type { Sent } from './sending.ts'
import { stateHandler } from './state-handler.ts'

type OpenOptions = {
  readonly through?: 'process' | 'door'
  readonly fakes?: readonly Fake[]
  readonly database?: StoreAdapter
}

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
