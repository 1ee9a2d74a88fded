import type { AnyContract, AnyOperation, ErrorTypes } from 'dure/contract'
import { needsPrincipal } from 'dure/contract/internal'

/** What a system says about itself over its control socket, and what `dure list` shows. */
export type SystemListing = {
  readonly system: string
  /** Of the running process; undefined when it was read from a file. */
  readonly pid: number | undefined
  readonly services: readonly ServiceListing[]
}

export type ServiceListing = {
  readonly name: string
  readonly version: string
  readonly owner: string
  readonly description: string | undefined
  readonly operations: readonly OperationListing[]
  readonly events: readonly { readonly name: string; readonly version: number }[]
}

export type OperationListing = {
  readonly name: string
  readonly kind: AnyOperation['kind']
  readonly routes: readonly string[]
  readonly errors: readonly string[]
  /** Who may call: anybody, or whoever says who they are and has what the next three say. */
  readonly access: 'public' | 'authenticated'
  readonly scope: string | undefined
  /** One of these. */
  readonly roles: readonly string[] | undefined
  /** A function of the service looks at the caller and the input as well. */
  readonly authorize: boolean
  readonly idempotent: boolean
  /** Milliseconds. */
  readonly deadline: number
  readonly deprecated: boolean
}

/** One call, as `POST /v1/call` takes it. Values are in JSON form. */
export type CallRequest = {
  readonly service: string
  readonly operation: string
  readonly input?: unknown
  /** Milliseconds. */
  readonly timeout?: number
  readonly idempotencyKey?: string
  /** Who calls, for the audit. */
  readonly by?: string
}

/** One line of the answer: NDJSON, ended by `done` or `error`. */
export type CallLine =
  | { readonly value: unknown; readonly stream?: boolean }
  | { readonly done: true }
  | { readonly error: CallFailure }

export type CallFailure = {
  readonly code: string
  readonly message: string
  readonly declared: boolean
  readonly data?: unknown
  readonly issues?: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]
  /** Names that were perhaps meant. */
  readonly suggestions?: readonly string[]
}

export function listingOf(system: string, contracts: readonly AnyContract[], pid?: number): SystemListing {
  return {
    system,
    pid,
    services: contracts.map((contract) => ({
      name: contract.name,
      version: contract.version,
      owner: contract.owner,
      description: contract.description,
      operations: Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>).map(([name, operation]) => ({
        name,
        kind: operation.kind,
        routes: operation.bindings.http?.routes ?? [],
        errors: Object.values(operation.errors as ErrorTypes).map(({ code }) => code as string),
        access: needsPrincipal(operation) ? 'authenticated' : 'public',
        scope: operation.scope,
        roles: operation.roles,
        authorize: operation.authorize !== undefined,
        idempotent: operation.idempotent,
        deadline: operation.deadline,
        deprecated: operation.deprecated,
      })),
      events: contract.events.map(({ name, version }) => ({ name, version })),
    })),
  }
}
