/** One instance in etcd: a key under a lease of its own, so that whatever is under way when the lease ends is too late. */
import type { Instance } from 'dure/discovery'
import { RegistryAway, type Announcement } from 'dure/discovery/internal'
import { inBase64, keyOf } from './address.ts'
import type { Gateway } from './gateway.ts'
import type { Keys } from './keys.ts'

/** Bytes of a value; etcd's own limit is 1.5 MB a request. */
const MOST = 65_536

export function announceTo(options: {
  readonly gateway: Gateway
  readonly keys: Pick<Keys, 'has'>
  readonly prefix: string
  readonly scope: string
  /** Seconds. */
  readonly ttl: number
}): Announcement {
  const { gateway, keys, prefix, scope, ttl } = options
  let lease: string | undefined
  let revision = Infinity

  const put = async (instance: Instance): Promise<void> => {
    const value = JSON.stringify({ ...instance, scope })
    if (Buffer.byteLength(value) > MOST)
      throw new RegistryAway(`what it says of itself is larger than ${MOST} bytes`, { status: 413 })
    lease ??= String((await gateway.ask('/v3/lease/grant', { TTL: ttl }))['ID'])
    const written = { key: inBase64(keyOf(prefix, instance)), value: inBase64(value), lease }
    const { header } = await gateway.ask('/v3/kv/put', written)
    revision = Number((header as { readonly revision?: unknown } | undefined)?.revision)
  }
  return {
    say: async (instance) => {
      try {
        await put(instance)
      } catch (error) {
        if (lease === undefined || !isUnknown(error)) throw error
        lease = undefined
        await put(instance)
      }
    },
    renew: async (instance) => {
      const { TTL } = await gateway.ask('/v3/lease/keepalive', { ID: lease })
      if (TTL === undefined || TTL === '0') lease = undefined
      return lease !== undefined && keys.has(keyOf(prefix, instance), revision)
    },
    leave: async () => {
      if (lease === undefined) return
      await gateway.ask('/v3/lease/revoke', { ID: lease }).catch((error: unknown) => {
        if (!isUnknown(error)) throw error
      })
    },
  }
}

/** The lease has ended. */
const isUnknown = (error: unknown): boolean => error instanceof RegistryAway && error.message.includes('lease not found')
