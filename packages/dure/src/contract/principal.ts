import { wrongText } from './message-limits.ts'

/**
 * On whose behalf something is done. A door finds out who calls and says so; from there it goes along with every call that
 * follows, and nobody on the way can change it.
 *
 * @example
 * const shopper: Principal = { subject: 'ana', kind: 'user', scopes: ['orders:write'], roles: [] }
 */
export type Principal = {
  /** Who it is: an id that stays the same, of 1 to 255 characters. */
  readonly subject: string
  /**
   * `user`: a person. `client`: a program of somebody else. `service`: a service of this system that acts for itself (it
   * reacts to an event, for instance): every scope is its own, and no door lets one in.
   */
  readonly kind: PrincipalKind
  /** What it may do, by the names that contracts use: `orders:write`. */
  readonly scopes: readonly string[]
  /** What it is in its organisation: for handlers to look at, nothing here decides by it. */
  readonly roles: readonly string[]
}

export type PrincipalKind = 'user' | 'client' | 'service'

/** How much a principal may say: it goes along with every call. */
export const PRINCIPAL_LIMITS: Readonly<Record<'name' | 'bytes', number>> = {
  /** UTF-16 units of the subject, and of each scope and role. */
  name: 255,
  /** UTF-8 bytes of all of them together. */
  bytes: 8_192,
}

const KINDS: ReadonlySet<unknown> = new Set<PrincipalKind>(['user', 'client', 'service'])

/** Why a value is no principal, in words that fit behind "it"; undefined when it is one. */
export function wrongPrincipal(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `is of type ${value === null ? 'null' : typeof value}; give an object`
  const { subject, kind, scopes, roles } = value as Partial<Record<keyof Principal, unknown>>
  if (!KINDS.has(kind)) return `has the kind ${JSON.stringify(kind) ?? 'undefined'}; give "user", "client" or "service"`
  if (!Array.isArray(scopes) || !Array.isArray(roles))
    return 'has no list of scopes or no list of roles; give both, empty if need be'
  const names: readonly unknown[] = [subject, ...(scopes as unknown[]), ...(roles as unknown[])]
  let bytes = 0
  for (const name of names) {
    const wrong = wrongText(name, PRINCIPAL_LIMITS.name)
    if (wrong !== undefined) return `has a subject, scope or role that ${wrong}`
    bytes += Buffer.byteLength(name as string)
  }
  if (bytes > PRINCIPAL_LIMITS.bytes)
    return `has ${bytes} bytes of subject, scopes and roles, and ${PRINCIPAL_LIMITS.bytes} are allowed; give it fewer scopes or roles`
  return undefined
}

/** A principal of one's own that nobody else can change. */
export function copyPrincipal({ subject, kind, scopes, roles }: Principal): Principal {
  return Object.freeze({ subject, kind, scopes: Object.freeze([...scopes]), roles: Object.freeze([...roles]) })
}

/** The principal of a service that acts for itself. */
export function servicePrincipal(service: string): Principal {
  return copyPrincipal({ subject: service, kind: 'service', scopes: [], roles: [] })
}
