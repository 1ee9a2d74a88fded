import { createLive } from 'dure/runtime/internal'
import type { CertificateOptions } from './certificate.ts'

export type TlsOptions = {
  /** By the name that a client asks for. The first is shown where no other one is for it, or no name was said. */
  readonly certificates: readonly CertificateOptions[]
  /** Whether a name that no certificate is for is refused instead. Default false. */
  readonly strict?: boolean
  /** Default `TLSv1.2`. */
  readonly minimum?: 'TLSv1.2' | 'TLSv1.3'
  /** Whether HTTP/2 is offered to those who know it. Default true. */
  readonly http2?: boolean
  /** How often files are looked at again, in milliseconds. Default 5,000. */
  readonly reload?: number
}

/** Certificates that can change while a gateway shows them. */
export type LiveTls = {
  readonly current: () => TlsOptions
  /** @throws {SystemError} naming all that is wrong: those before go on */
  readonly set: (next: TlsOptions) => void
  readonly watch: (changed: (next: TlsOptions) => void) => { readonly stop: () => void }
}

/**
 * Certificates that can change while a gateway runs. Files that are named need none of it: they are read again when they change.
 * Handshakes from then on get the new ones; connections stay as they are.
 *
 * @example
 * ```ts
 * import { liveTls } from '@dure/gateway'
 *
 * const tls = liveTls({ certificates: [{ certificateFile: 'shop.crt', keyFile: 'shop.key' }] })
 * console.log(tls.current().certificates.length) // → 1
 * ```
 */
export function liveTls(initial: TlsOptions): LiveTls {
  const { current, watch, tell } = createLive<TlsOptions>(initial)
  return { current, watch, set: (next) => tell(next) }
}
