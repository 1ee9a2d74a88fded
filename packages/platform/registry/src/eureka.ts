/** The Registry port on a Eureka server: Dure's own, which pushes, or any other, which is asked again and again. */
import type { Registry } from 'dure/discovery'
import { networkRegistry, pausing, scopeOf } from 'dure/discovery/internal'
import { checkNumbers, WAIT, WAIT_OR_NONE } from 'dure/runtime/internal'
import type { Adapter, World } from 'dure/service'
import { announceTo } from './announcing.ts'
import { eurekaClient } from './client.ts'
import { fromEureka } from './mapping.ts'
import { createServerView } from './view.ts'

export type EurekaRegistryOptions = {
  /** `http://127.0.0.1:8761/eureka`, with `user:password@` where the server asks for those. */
  readonly url: string
  /** The value of the header `authorization`, asked for each request. Default: what the url says. */
  readonly authorization?: () => string | Promise<string>
  /** Milliseconds between signs of life. Default 1,000. */
  readonly heartbeat?: number
  /** Milliseconds after the last sign of life until the server takes an instance out, in whole seconds. Default 3,000. */
  readonly lease?: number
  /** Milliseconds between questions to a server that does not push. Default 5,000. */
  readonly poll?: number
  /** Milliseconds that an answer may take. Default 2,000. */
  readonly timeout?: number
  /** Milliseconds that a start waits for a server that does not answer. Default 10,000. */
  readonly registerTimeout?: number
  /**
   * Milliseconds between saying that it drains and taking no more calls. Who asks seldom hears of it late: Spring's clients ask
   * every 30 s, unless told. Default 1,000.
   */
  readonly grace?: number
}

/** Seconds that Dure's registry is asked to wait for a change. */
const PUSH_WAIT = 5
/**
 * Registers the services of a process with a Eureka server, keeps them registered, and sees who else is. While the server is away the
 * last known view is kept and said to be stale, and all is told again when it is back.
 *
 * @example
 * ```ts
 * import { eurekaRegistry, startRegistry } from '@dure/registry'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const server = await startRegistry({ directory: '.registry/port', port: 0, log: silentLogger() })
 * const world = { directory: '.dure', runtime: realRuntime(), log: silentLogger() }
 * const registry = await eurekaRegistry({ url: server.url })(world) // system('shop', { services, registry: eurekaRegistry({ url }) })
 * const http = { kind: 'tcp', host: '127.0.0.1', port: 8080 } as const
 * await registry.register({ service: 'orders', id: 'a', version: '1.0.0', status: 'up', endpoints: { http }, metadata: {} })
 * console.log(registry.services()) // → [ 'orders' ]
 * await registry.stop()
 * await server.stop()
 * ```
 */
export function eurekaRegistry(options: EurekaRegistryOptions): Adapter<Registry> & { readonly reach: 'network' } {
  checkNumbers('use a Eureka registry', options, {
    ...{ heartbeat: WAIT, lease: WAIT, poll: WAIT, timeout: WAIT, registerTimeout: WAIT_OR_NONE, grace: WAIT_OR_NONE },
  })
  return Object.assign((world: World) => open(options, world), { reach: 'network' } as const)
}

async function open(options: EurekaRegistryOptions, world: World): Promise<Registry> {
  const { heartbeat = 1_000, lease = 3_000, poll = 5_000, timeout = 2_000, registerTimeout = 10_000, grace = 1_000 } = options
  const { runtime, log } = world
  const client = eurekaClient({ url: options.url, authorization: options.authorization, timeout }, runtime)
  const server = createServerView(client)
  const scope = scopeOf(world)
  const times = { renewal: Math.ceil(heartbeat / 1000), duration: Math.ceil(lease / 1000) }
  let first = true
  return networkRegistry(
    {
      base: client.base,
      advice: 'start one with "dure registry start", or give its address',
      follow: async (seen, signal) => {
        try {
          await server.look(first ? 0 : PUSH_WAIT, signal)
        } catch (error) {
          server.distrust()
          throw error
        } finally {
          first = false
        }
        seen()
        if (!server.pushes()) await pausing(runtime.timers, signal)(poll)
      },
      instances: () => [...server.instances()].flatMap((each) => fromEureka(each, scope) ?? []),
      staleSince: server.staleSince,
      announce: (signal) => announceTo({ client, scope, lease: times, clock: runtime.clock, signal }),
    },
    { heartbeat, registerTimeout, grace },
    { runtime, log },
  )
}
