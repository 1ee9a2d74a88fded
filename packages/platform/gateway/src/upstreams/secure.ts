import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureTo } from '../proxy/proxy.ts'

/** Whom a gateway believes when it asks instances over TLS, 1.2 at least. */
export type UpstreamTls = {
  /** Who may have signed their certificates, in PEM. Default: the authorities that Node knows. */
  readonly ca?: string
  /** The same, in a file, which is read when the upstream is first used or changes. */
  readonly caFile?: string
  /** The name that is asked for and that certificates must be for. Default: the host of each address. */
  readonly name?: string
}

const NAME = /^[\w-]+(?:\.[\w-]+)*$/

/**
 * How instances of an upstream are asked over TLS; undefined: they are not.
 * @throws {TypeError} when an authority cannot be read, or a name is none
 */
export function secureTo({
  addresses = [],
  tls,
}: {
  readonly addresses?: readonly string[]
  readonly tls?: UpstreamTls
}): SecureTo | undefined {
  const https = addresses.some((text) => String(text).startsWith('https:'))
  if (tls === undefined && !https) return undefined
  const { ca, caFile, name } = tls ?? {}
  if (ca !== undefined && caFile !== undefined) throw new TypeError('it has both "ca" and "caFile"; give one of them')
  if (name !== undefined && !NAME.test(name)) throw new TypeError(`its name for TLS ${JSON.stringify(name)} is none`)
  try {
    const trusted = caFile === undefined ? ca : readFileSync(caFile, 'utf8')
    // Node takes a text without a certificate, and then believes nobody.
    if (trusted !== undefined && !trusted.includes('-----BEGIN CERTIFICATE-----')) throw new TypeError('there is no certificate')
    return { context: createSecureContext({ ca: trusted, minVersion: 'TLSv1.2' }), name }
  } catch (cause) {
    throw new TypeError(`its authority for TLS cannot be read: ${(cause as Error).message}`, { cause })
  }
}
