import type { AnyContract, Issue } from 'dure/contract'
import { shown, typeOf, wireOf } from 'dure/contract/internal'
import {
  operationDoor,
  Refusal,
  servedOperations,
  strictCheck,
  type Failure,
  type Gathered,
  type OpenState,
  type OperationDoor,
  type Served as AnyServed,
} from 'dure/door/internal'
import type { Attributes } from 'dure/telemetry'
import type { SocketLimits } from './limits.ts'
import type { ErrorBody } from './messages.ts'

export type SocketState = OpenState<SocketLimits>

/** One operation as the door serves it: all that can be known before a call is. */
export type Served = AnyServed & {
  readonly door: OperationDoor
  readonly words: string
  readonly attributes: Attributes
  readonly read: (json: unknown) => Gathered
  /** Of what the caller of a channel sends. @throws {Refusal} for fields that the contract does not name */
  readonly incoming: (json: unknown) => unknown
  readonly toJson: (value: unknown) => unknown
}

export function served(state: SocketState, contracts: readonly AnyContract[]): ReadonlyMap<string, Served> {
  return new Map(servedOperations(state.host, contracts).map((one) => [`${one.contract.name}.${one.name}`, compile(one, state)]))
}

function compile(one: AnyServed, state: SocketState): Served {
  const { contract, name, operation } = one
  const place = `${contract.name}.${name}`
  const words = `socket ${place}`
  const read = reader(operation.input)
  const incoming = reader(operation.incoming)
  return {
    ...{ ...one, words, read },
    door: operationDoor(one, state, words),
    attributes: { 'rpc.system': 'dure_socket', 'rpc.service': contract.name, 'rpc.method': name },
    toJson: wireOf(operation.output, 'output').toJson,
    incoming: (json) => {
      const gathered = incoming(json)
      if (gathered.ok) return gathered.input
      throw new Refusal('INVALID_ARGUMENT', `Cannot take a value for ${place}: it does not match its contract`, gathered.issues)
    },
  }
}

/** Reads JSON's form of a schema's values; what does not fit is for the service to refuse. */
function reader(schema: AnyServed['operation']['input']): (json: unknown) => Gathered {
  // Nothing is asked for: whatever came is refused by the contract.
  if (schema === undefined) return (json) => ({ ok: true, input: json })
  const { fromJson } = wireOf(schema, 'input')
  const strict = strictCheck(typeOf(shown(schema, 'input')))
  return (json) => {
    const issues: Issue[] = []
    strict?.(json, [], issues)
    return issues.length > 0 ? { ok: false, issues } : { ok: true, input: fromJson(json) }
  }
}

/** A failure in the words of these messages. */
export function bodyOf({ by, code, status, message, data, issues }: Failure, correlationId?: string): ErrorBody {
  return {
    ...{ code, status, message },
    ...(by === 'contract' ? { declared: true as const } : {}),
    ...(data === undefined ? {} : { data }),
    ...(issues === undefined ? {} : { issues: issues.map(({ path, message }) => ({ path, message })) }),
    ...(correlationId === undefined ? {} : { correlationId }),
  }
}
