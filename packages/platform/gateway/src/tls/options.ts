import type { CertificateOptions } from './certificate.ts'

export type TlsOptions = {
  /** By the name that a client asks for. The first is shown where no other one is for it, or no name was said. */
  readonly certificates: readonly CertificateOptions[]
  /** Whether a name that no certificate is for is refused instead; then there may be none as well. Default false. */
  readonly strict?: boolean
  /** Default `TLSv1.2`. */
  readonly minimum?: 'TLSv1.2' | 'TLSv1.3'
  /** Whether HTTP/2 is offered to those who know it. Default true. */
  readonly http2?: boolean
  /** How often files are looked at again, in milliseconds. Default 5,000. */
  readonly reload?: number
}
