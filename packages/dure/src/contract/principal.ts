import { MESSAGE_LIMITS, wrongText } from './message-limits.ts'

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
  /** What it is in its organisation, by the names that contracts use: `support`. */
  readonly roles: readonly string[]
  /** Of a user: the program that it uses, by its id where tokens are given out. */
  readonly client?: string | undefined
  /** Of a service that acts for itself: who began what it goes on with. It may do nothing because of that. */
  readonly initiator?: string | undefined
}

export type PrincipalKind = 'user' | 'client' | 'service'

/** How much a principal may say: it goes along with every call. */
export const PRINCIPAL_LIMITS: Readonly<Record<'name' | 'bytes', number>> = {
  /** UTF-16 units of the subject, and of each other name. */
  name: MESSAGE_LIMITS.subject,
  /** UTF-8 bytes of all of them together. */
  bytes: 8_192,
}

const KINDS: ReadonlySet<unknown> = new Set<PrincipalKind>(['user', 'client', 'service'])

/** Those made here: nobody can change them, so they are looked at once and known again as the same. */
const own = new WeakSet<object>()

/** Whether it can be told by itself from all others, for as long as it lives: nobody can change it. */
export function isOwnPrincipal(principal: Principal): boolean {
  return own.has(principal)
}

/** Why a value is no principal, in words that fit behind "it"; undefined when it is one. */
export function wrongPrincipal(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `is of type ${value === null ? 'null' : typeof value}; give an object`
  if (own.has(value)) return undefined
  const { subject, kind, scopes, roles, client, initiator } = value as Partial<Record<keyof Principal, unknown>>
  if (!KINDS.has(kind)) return `has the kind ${JSON.stringify(kind) ?? 'undefined'}; give "user", "client" or "service"`
  if (!Array.isArray(scopes) || !Array.isArray(roles))
    return 'has no list of scopes or no list of roles; give both, empty if need be'
  const names: readonly unknown[] = [subject, ...(scopes as unknown[]), ...(roles as unknown[])].concat(
    [client, initiator].filter((name) => name !== undefined),
  )
  let bytes = 0
  for (const name of names) {
    const wrong = wrongText(name, PRINCIPAL_LIMITS.name)
    if (wrong !== undefined) return `has a subject, scope, role or other name that ${wrong}`
    bytes += Buffer.byteLength(name as string)
  }
  if (bytes > PRINCIPAL_LIMITS.bytes)
    return `has ${bytes} bytes of subject, scopes and roles, and ${PRINCIPAL_LIMITS.bytes} are allowed; give it fewer scopes or roles`
  return undefined
}

/** A principal of one's own that nobody else can change. */
export function copyPrincipal(principal: Principal): Principal {
  if (own.has(principal)) return principal
  const { subject, kind, scopes, roles, client, initiator } = principal
  const copy: Principal = Object.freeze({
    ...{ subject, kind, scopes: Object.freeze([...scopes]), roles: Object.freeze([...roles]) },
    ...(client !== undefined && { client }),
    ...(initiator !== undefined && { initiator }),
  })
  own.add(copy)
  return copy
}

/** The principal of a service that acts for itself; `initiator` began what it goes on with. */
export function servicePrincipal(service: string, initiator?: string): Principal {
  return copyPrincipal({ subject: service, kind: 'service', scopes: [], roles: [], initiator })
}

/**
 * What is Dure's own is for the processes of the system, which are believed over their sockets and over TLS with certificates of both ends,
 * and for whoever runs it and has this scope.
 */
export const OPERATE = 'dure:operate'
/** Whoever is believed to be a process of the system. */
export const OWN_PROCESS: Principal = servicePrincipal('dure')

/** Who began what is done on somebody's behalf, for what is announced of it. */
export function initiatorOf(principal: Principal | undefined): string | undefined {
  return principal?.kind === 'service' ? principal.initiator : principal?.subject
}
