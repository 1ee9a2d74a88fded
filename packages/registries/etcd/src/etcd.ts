/** The Registry port on etcd. */
import type { Registry } from 'dure/discovery'
import { networkRegistry, scopeOf } from 'dure/discovery/internal'
import { checkNumbers, WAIT, WAIT_OR_NONE } from 'dure/runtime/internal'
import type { Adapter, World } from 'dure/service'
import { readAddress, type EtcdAddress } from './address.ts'
import { createGateway, type EtcdTls } from './gateway.ts'
import { createKeys } from './keys.ts'
import { announceTo } from './lease.ts'

export type { EtcdTls } from './gateway.ts'

export type EtcdRegistryOptions = {
  /**
   * `etcd://127.0.0.1:2379`: members of one cluster after commas, `user:password@` before them, and after a slash the prefix of this
   * system's keys (default `dure`). `etcds://` is the same over TLS.
   */
  readonly url: string
  /** With `etcds://`: what is trusted, and who we are. Default: what Node trusts. */
  readonly tls?: EtcdTls
  /** Milliseconds between signs of life. Default 1,000. */
  readonly heartbeat?: number
  /** Milliseconds after the last sign of life until etcd takes an instance out, in whole seconds. Default 3,000. */
  readonly lease?: number
  /** Milliseconds that an answer may take. Default 2,000. */
  readonly timeout?: number
  /** Milliseconds that a start waits for an etcd that does not answer. Default 10,000. */
  readonly registerTimeout?: number
  /** Milliseconds between saying that it drains and taking no more calls. Default 500: watchers hear of it at once. */
  readonly grace?: number
}

/**
 * Registers the services of a process in etcd, each under a lease that is kept while the process lives, and watches who else is there.
 * While etcd is away the last known view is kept and said to be stale, and all is told again when it is back.
 * @throws {TypeError} when the url or a number cannot be used
 *
 * @example
 * ```ts
 * import { etcdRegistry } from '@dure/etcd'
 *
 * const registry = etcdRegistry({ url: 'etcd://10.0.0.1,10.0.0.2,10.0.0.3/shop' }) // system('shop', { services, registry })
 * console.log(typeof registry) // → function
 * ```
 */
export function etcdRegistry(options: EtcdRegistryOptions): Adapter<Registry> & { readonly reach: 'network' } {
  const address = readAddress(options.url)
  checkNumbers('use etcd as registry', options, {
    ...{ heartbeat: WAIT, lease: WAIT, timeout: WAIT, registerTimeout: WAIT_OR_NONE, grace: WAIT_OR_NONE },
  })
  return Object.assign((world: World) => open(options, address, world), { reach: 'network' } as const)
}

async function open(options: EtcdRegistryOptions, address: EtcdAddress, world: World): Promise<Registry> {
  const { heartbeat = 1_000, lease = 3_000, timeout = 2_000, registerTimeout = 10_000, grace = 500 } = options
  const { runtime, log } = world
  const { clock, timers } = runtime
  const { prefix, base, account, secure, members } = address
  if (account !== undefined && !secure && !members.every(isHere))
    log.warn('The password for etcd crosses the network in the clear: use "etcds://"', { registry: base })
  const scope = scopeOf(world)
  const gateway = createGateway({ address, tls: options.tls, timeout, timers })
  const keys = createKeys({ gateway, prefix, scope, interval: heartbeat, lease, clock, timers, log })
  const registry = await networkRegistry(
    {
      base,
      advice: 'start an etcd, or give its address',
      follow: keys.follow,
      instances: keys.instances,
      staleSince: keys.staleSince,
      announce: () => announceTo({ gateway, keys, prefix, scope, ttl: Math.ceil(lease / 1000) }),
    },
    { heartbeat, registerTimeout, grace },
    world,
  )
  return {
    ...registry,
    stop: async () => {
      await registry.stop()
      gateway.close()
    },
  }
}

const isHere = (member: string): boolean => ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(member).hostname)
