import { createHmac, timingSafeEqual } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { OperatorCaller, OperatorRole } from '@dure/operator'
import { CallError, type Principal } from 'dure/contract'
import { OPERATE } from 'dure/contract/internal'
import { makeFolder } from 'dure/runtime'
import type { DoorHost, World } from 'dure/service'
import { sessionCookie } from 'dure/session'

/** Finds out who asks: undefined when nobody says so. */
export type AuthenticateOperator = (request: IncomingMessage) => OperatorCaller | undefined | Promise<OperatorCaller | undefined>

export type Access = 'link' | 'system' | { readonly authenticate: AuthenticateOperator }

/** Scopes of programs: to look and change nothing, or to do whatever an operator does. */
export const VIEW = 'dure:view'

/**
 * Roles of people. What a scope says of them is what an application may do for them, and all who log in there have the same scopes.
 */
export const ROLES: { readonly operator: 'dure:operator'; readonly viewer: 'dure:viewer' } = {
  operator: 'dure:operator',
  viewer: 'dure:viewer',
}

export type Admission = {
  /** Who sends a request; undefined: nobody that is known. @throws {CallError} UNAUTHENTICATED, PERMISSION_DENIED */
  readonly caller: AuthenticateOperator
  /** A token that has not been used; undefined where no links are given out. */
  readonly link: (() => string) | undefined
  /** Takes a token for a cookie, the value of `Set-Cookie`. @throws {CallError} UNAUTHENTICATED */
  readonly enter: ((token: string) => string) | undefined
}

type AccessWorld = {
  readonly port: number
  readonly host: Pick<DoorHost, 'authenticate'>
  readonly world: Pick<World, 'runtime' | 'directory'>
  /** Is told of each link that is good from now on. */
  readonly links: (token: string) => void
}

export function admissionOf(access: Access, options: AccessWorld): Admission {
  if (access === 'link') return byLink(options)
  const caller = access === 'system' ? bySystem(options.host) : access.authenticate
  return { caller, link: undefined, enter: undefined }
}

/** As the system's own security finds it, from the token that a gateway or a program sends. */
function bySystem({ authenticate }: AccessWorld['host']): AuthenticateOperator {
  if (authenticate === undefined)
    throw new Error(
      "Cannot open the console: its access is 'system', and the system finds out nothing of who calls; give it `security`",
    )
  return async ({ headers }) => {
    const header = (name: string): string | undefined => {
      const value = headers[name]
      return typeof value === 'string' ? value : undefined
    }
    const principal = await authenticate({ door: 'console', header })
    if (principal === undefined) return undefined
    const role = roleOf(principal)
    if (role !== undefined) return { name: principal.subject, role }
    const needs =
      principal.kind === 'user'
        ? `they need the role "${ROLES.operator}", or "${ROLES.viewer}" to look only`
        : `it needs the scope "${OPERATE}", or "${VIEW}" to look only`
    throw new CallError('PERMISSION_DENIED', `Cannot show the console to "${principal.subject}": ${needs}`)
  }
}

function roleOf({ kind, roles, scopes }: Principal): OperatorRole | undefined {
  const has = (role: string, scope: string): boolean => (kind === 'user' ? roles.includes(role) : scopes.includes(scope))
  return has(ROLES.operator, OPERATE) ? 'operator' : has(ROLES.viewer, VIEW) ? 'viewer' : undefined
}

/** Milliseconds for which a browser that was let in stays so: longer than any working day, and it outlives restarts. */
const KNOWN_FOR = 7 * 24 * 60 * 60 * 1000

/** A link lets one browser in, and then there is another link. */
function byLink({ port, world, links }: AccessWorld): Admission {
  const { random, clock } = world.runtime
  const draw = (): string => Buffer.from(random.fill(new Uint8Array(24))).toString('base64url')
  const key = keyIn(world.directory, world.runtime)
  // Cookies do not know ports: two systems on one machine must not take each other's.
  const cookie = sessionCookie({ name: `dure-console-${port}`, sameSite: 'strict', secure: false })
  const sign = (until: string): string => createHmac('sha256', key).update(`console ${until}`).digest('base64url')
  let link = draw()
  links(link)
  return {
    link: () => link,
    enter: (token) => {
      if (!same(token, link))
        throw new CallError(
          'UNAUTHENTICATED',
          'Cannot open this link: it was used, or is of an earlier start; "dure console" says a new one',
        )
      link = draw()
      links(link)
      const until = String(clock.now() + KNOWN_FOR)
      return cookie.write(`${until}.${sign(until)}`)
    },
    caller: ({ headers }) => {
      const [until = '', signature = ''] = (cookie.read(headers.cookie) ?? '').split('.')
      if (!/^\d{1,15}$/.test(until) || Number(until) < clock.now() || !same(signature, sign(until))) return undefined
      return { name: ownerName(), role: 'operator' }
    },
  }
}

/** Whoever reads the link runs the system: the audit names them by their account. */
const ownerName = (): string => process.env['USER'] ?? process.env['USERNAME'] ?? 'owner'

function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** What cookies are signed with; in the directory, so that a browser stays let in while `dure dev` starts the system again and again. */
function keyIn(directory: string, { random, ids }: Pick<World['runtime'], 'random' | 'ids'>): string {
  const file = join(directory, 'console.key')
  makeFolder(directory)
  if (!existsSync(file)) {
    const mine = `${file}.${ids.next()}`
    try {
      // Whole, or not there: another process that starts now must not read half of it.
      writeFileSync(mine, Buffer.from(random.fill(new Uint8Array(32))).toString('base64url'), { mode: 0o600, flag: 'wx' })
      linkSync(mine, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(mine, { force: true })
    }
  }
  return readFileSync(file, 'utf8').trim()
}
