import type { Principal } from './principal.ts'
import { wrongText, MESSAGE_LIMITS } from './message-limits.ts'

/** Who may call an operation, as far as that can be said without looking at its input. */
export type AccessRules = {
  /** `authenticated`: whoever has said who it is. `public`: anybody, which is so where nothing is said of access at all. */
  readonly access?: 'public' | 'authenticated' | undefined
  /** A caller needs this scope. */
  readonly scope?: string | undefined
  /** A caller needs one of these roles. */
  readonly roles?: readonly string[] | undefined
}

/** Whether somebody may be refused because of who it is. */
export function needsPrincipal({ access, scope, roles, authorize }: AccessRules & { readonly authorize?: unknown }): boolean {
  return access === 'authenticated' || scope !== undefined || roles !== undefined || authorize !== undefined
}

/** What somebody does not have of what is asked for; undefined when there is nothing. A service of the system may do everything. */
export function lacking(principal: Principal, { scope, roles }: AccessRules): 'scope' | 'roles' | undefined {
  if (principal.kind === 'service') return undefined
  if (scope !== undefined && !principal.scopes.includes(scope)) return 'scope'
  return roles !== undefined && !roles.some((role) => principal.roles.includes(role)) ? 'roles' : undefined
}

/** What is wrong with them, and what to do about each. */
export function accessProblems(
  rules: Readonly<Record<'access' | 'scope' | 'roles' | 'authorize', unknown>>,
  show: (value: unknown) => string,
): readonly (readonly [found: string, fix: string])[] {
  const { access, scope, roles, authorize } = rules
  const problems: (readonly [string, string])[] = []
  if (access !== undefined && access !== 'public' && access !== 'authenticated')
    problems.push([`the access ${show(access)}`, 'Use "public" or "authenticated"'])
  if (scope !== undefined && (typeof scope !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)))
    problems.push([`the scope ${show(scope)}`, 'Use one word as OAuth 2.0 allows it: "orders:write"'])
  if (roles !== undefined && !isRoles(roles))
    problems.push([`the roles ${show(roles)}`, 'Use a list of names, one of which a caller needs: ["support", "admin"]'])
  if (authorize !== undefined && typeof authorize !== 'function')
    problems.push([
      `authorize: ${show(authorize)}`,
      'Use a function: (principal, input) => principal.subject === input.customerId',
    ])
  if (access === 'public' && (scope ?? roles ?? authorize) !== undefined)
    problems.push(['the access "public" beside what only some callers have', 'Leave one of both out'])
  return problems
}

function isRoles(roles: unknown): boolean {
  return Array.isArray(roles) && roles.length > 0 && roles.every((role) => wrongText(role, MESSAGE_LIMITS.subject) === undefined)
}
