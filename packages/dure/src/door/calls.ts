import type { Transport } from '../call/call.ts'
import { clientFactory, type Caller } from '../call/internal.ts'
import { CallError, type AnyContract } from '../contract/contract.ts'
import { wrongMetadata, wrongPrincipal } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Tracer } from '../telemetry/internal.ts'
import type { DoorCallOptions, DoorCalls, OnBehalf } from './host.ts'

type Operations = Readonly<Record<string, (input: unknown, options: DoorCallOptions) => unknown>>

/** Calls from outside: clients are composed once for each service, and bound to whoever a call is for. */
export function createDoorCalls(options: {
  contracts: readonly AnyContract[]
  transport: Transport
  runtime: Runtime
  tracer: Tracer | undefined
}): Pick<DoorCalls, 'call' | 'stream'> {
  const { contracts, ...world } = options
  const services = new Map(
    contracts.map((contract) => [contract.name, { contract, bind: clientFactory({ contract, ...world }) }]),
  )
  const ask = (service: string, operation: string, input: unknown, given: DoorCallOptions): unknown => {
    const known = services.get(service)
    if (known === undefined || !Object.hasOwn(known.contract.operations as object, operation))
      throw new CallError('UNIMPLEMENTED', `Cannot call ${service}.${operation}: the system has no such operation`)
    return (known.bind(callerFor(`call ${service}.${operation}`, given)) as Operations)[operation]!(input, given)
  }
  return {
    call: async (...call) => ask(...call),
    stream: (...call) => ask(...call) as AsyncIterable<unknown>,
  }
}

/** Who calls from outside. @throws {CallError} INVALID_ARGUMENT when whoever it is for, or what goes along, cannot be carried */
export function callerFor(action: string, { principal, metadata }: OnBehalf): Caller {
  const wrong =
    principal !== undefined && wrongPrincipal(principal) !== undefined
      ? `its principal ${wrongPrincipal(principal)!}`
      : metadata !== undefined && wrongMetadata(metadata) !== undefined
        ? `its metadata ${wrongMetadata(metadata)!}`
        : undefined
  if (wrong !== undefined) throw new CallError('INVALID_ARGUMENT', `Cannot ${action}: ${wrong}`)
  return { service: undefined, principal, metadata }
}
