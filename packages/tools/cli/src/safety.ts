import type { AnyOperation, Operations } from 'dure/contract'
import type { CallPolicies } from 'dure/call'
import type { Service, System } from 'dure/service'
import { counted } from './format.ts'

/** Something that looks as if it could be made twice, and cannot. */
export type Finding = {
  /** `error`: what is said of it has no effect. `notice`: others may think that it can. */
  readonly severity: 'error' | 'notice'
  /** `stock.reserve` */
  readonly place: string
  readonly problem: string
  readonly todo: string
}

export type SafetyReport = {
  readonly system: string
  readonly operations: number
  /** Those that may be made twice. */
  readonly idempotent: number
  readonly findings: readonly Finding[]
}

type Place = { readonly service: Service; readonly operation: AnyOperation }

/** Looks at the contracts of a system, and at what it says of its calls, for calls that seem to be repeatable and are not. */
export function safetyOf({ name, services, policies }: Pick<System, 'name' | 'services' | 'policies'>): SafetyReport {
  const places = new Map<string, Place>(
    services.flatMap((service) =>
      Object.entries(service.contract.operations as Operations).map(
        ([operation, value]) => [`${service.contract.name}.${operation}`, { service, operation: value }] as const,
      ),
    ),
  )
  const contracts = new Set(
    services.flatMap(({ contract, needs }) => [contract.name, ...Object.values(needs).map((need) => need.name)]),
  )
  const said = [{ by: 'the system', policies: policies.current() }].concat(
    services.map(({ contract, calls }) => ({ by: `"${contract.name}"`, policies: calls?.policies ?? {} })),
  )
  return {
    system: name,
    operations: places.size,
    idempotent: [...places.values()].filter(({ operation }) => operation.idempotent).length,
    findings: [
      ...said.flatMap(({ by, policies: of }) => policyFindings(by, of, { places, contracts })),
      ...[...places].flatMap(([place, { service, operation }]) => operationFindings(place, service, operation)),
    ],
  }
}

function policyFindings(
  by: string,
  policies: CallPolicies,
  { places, contracts }: { readonly places: ReadonlyMap<string, Place>; readonly contracts: ReadonlySet<string> },
): readonly Finding[] {
  return Object.entries(policies).flatMap(([place, policy]): Finding[] => {
    const error = (problem: string, todo: string): Finding => ({ severity: 'error', place, problem, todo })
    const at = place.indexOf('.')
    const known = at === -1 ? place === '*' || contracts.has(place) : places.has(place) || !hasService(places, place.slice(0, at))
    if (!known) return [error(`${by} has a policy for it, and there is no such thing`, 'Write it as its contract does')]
    const operation = places.get(place)?.operation
    if (operation === undefined) return []
    const again = [
      ...(policy.hedge ? ['hedge'] : []),
      ...(policy.remote?.attempts !== undefined && policy.remote.attempts > 1 ? ['remote.attempts'] : []),
    ]
    const shared = [...(policy.cache ? ['cache'] : []), ...(policy.collapse === true ? ['collapse'] : [])]
    return [
      ...(operation.idempotent
        ? []
        : again.map((kind) =>
            error(
              `${by} has it made again ("${kind}"), and it is not idempotent: it never is`,
              'Declare it `idempotent: true` if twice is the same as once, or take the policy away',
            ),
          )),
      ...(operation.kind === 'query'
        ? []
        : shared.map((kind) =>
            error(`${by} shares its answers ("${kind}"), and it is no query: they never are`, 'Take the policy away'),
          )),
    ]
  })
}

const hasService = (places: ReadonlyMap<string, Place>, name: string): boolean =>
  [...places.keys()].some((place) => place.startsWith(`${name}.`))

function operationFindings(place: string, service: Service, operation: AnyOperation): readonly Finding[] {
  if (operation.kind !== 'command' || operation.idempotent) return []
  const notice = (problem: string, todo: string): Finding => ({ severity: 'notice', place, problem, todo })
  const routes = (operation.bindings.http?.routes ?? []).filter((route) => /^(?:GET|HEAD|PUT|DELETE) /.test(route))
  return [
    ...routes.map((route) =>
      notice(
        `"${route}" may be sent twice by any client or proxy (RFC 9110, 9.2.2), and it is not idempotent`,
        'Declare it `idempotent: true`, or offer it as POST or PATCH',
      ),
    ),
    ...(service.database === undefined
      ? [
          notice(
            'who does not hear its answer cannot ask again: it is not idempotent, and its service has no database to know an idempotency key by',
            'Declare it `idempotent: true` if twice is the same as once, or give its service a database',
          ),
        ]
      : []),
  ]
}

export function describeSafety({ system, operations, idempotent, findings }: SafetyReport): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length
  return [
    `${system}: ${counted(operations, 'operation')}, ${idempotent} of them may be made twice; each call has a deadline, which shrinks on its way`,
    ...findings.map(({ severity, place, problem, todo }) => `\n${severity.padEnd(7)} ${place}: ${problem}\n        ${todo}`),
    '',
    findings.length === 0 ? 'Nothing found' : `${counted(errors, 'error')}, ${counted(findings.length - errors, 'notice')}`,
  ].join('\n')
}
