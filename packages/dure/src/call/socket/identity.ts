import type { X509Certificate } from 'node:crypto'
import { CallError } from '../../contract/contract.ts'
import { OUTSIDE_CALLERS } from '../access.ts'

/** What the certificate of the other side says of the process that shows it. */
export type PeerIdentity = {
  /** Services that it runs, by the names that the registry has; `doors` when it opens the doors. */
  readonly names: ReadonlySet<string>
  /** When it ends: milliseconds of the wall clock. */
  readonly until: number
}

/** How names are read from certificates. */
export type Naming = {
  /** Whose names count: `spiffe://DOMAIN/SERVICE`. */
  readonly domain: string
  /** Whether who shows none is refused. Then a host's name is not asked for: where a service runs changes, and who it is does not. */
  readonly required: boolean
}

/**
 * Whose certificate it is; undefined when it names no service of the domain. An authority that was signed for some services alone, as that
 * of another host, speaks for those alone.
 */
export function identityOf(
  certificate: X509Certificate | undefined,
  { domain }: Pick<Naming, 'domain'>,
): PeerIdentity | undefined {
  if (certificate === undefined) return undefined
  const issuer = certificate.issuerCertificate
  const limits = issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256 ? [] : servicesIn(issuer, domain)
  const names = servicesIn(certificate, domain).filter((name) => limits.length === 0 || limits.includes(name))
  return names.length === 0 ? undefined : { names: new Set(names), until: Date.parse(certificate.validTo) }
}

/** Node writes what could be mistaken for a list in quotes, which no name of a service needs. */
function servicesIn({ subjectAltName = '' }: X509Certificate, domain: string): readonly string[] {
  const prefix = `URI:spiffe://${domain}/`
  return subjectAltName
    .split(', ')
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((name) => /^[\w.-]+$/.test(name))
}

export function namesText({ names }: PeerIdentity): string {
  return [...names].map((name) => `"${name}"`).join(', ')
}

/** What a certificate proves of who calls, kept for a connection. */
export class ProvenCaller {
  readonly #identity: PeerIdentity
  /** Who a call is from that names nobody: a door, or else a service that its certificate names. */
  readonly #unnamed: string | undefined

  constructor(identity: PeerIdentity) {
    this.#identity = identity
    this.#unnamed = identity.names.has(OUTSIDE_CALLERS) ? undefined : [...identity.names][0]
  }

  /**
   * Who calls, or why that is not believed. Copies of a service hand calls on to each other under the name of whoever called
   * first (`own`: such an operation, and others that are no user's).
   */
  of(
    claimed: string | undefined,
    to: { readonly place: string; readonly service: string; readonly own: boolean },
  ): string | undefined | CallError {
    if (claimed === undefined) return this.#unnamed
    const { names } = this.#identity
    if (names.has(claimed) || (to.own && names.has(to.service))) return claimed
    const words = `Call to ${to.place} was refused: its caller says that it is "${claimed}", and its certificate is of ${namesText(this.#identity)}`
    return new CallError('PERMISSION_DENIED', words, { details: { caller: claimed } })
  }
}
