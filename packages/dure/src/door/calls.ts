import type { Transport } from '../call/call.ts'
import { clientFactory, operationStarter, type Caller } from '../call/internal.ts'
import { CallError, type AnyContract, type AnyOperation, type OperationKind } from '../contract/contract.ts'
import { copyPrincipal, wrongMetadata, wrongPrincipal } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Tracer } from '../telemetry/internal.ts'
import type { DoorCallOptions, DoorCalls, OnBehalf, PreparedCall } from './host.ts'

type Operations = Readonly<Record<string, (...given: readonly unknown[]) => unknown>>

/** Calls from outside: clients are composed once for each service, and bound to whoever a call is for. */
export function createDoorCalls(options: {
  contracts: readonly AnyContract[]
  transport: Transport
  runtime: Runtime
  tracer: Tracer | undefined
}): Pick<DoorCalls, 'call' | 'prepare' | 'stream' | 'channel'> {
  const { contracts, ...world } = options
  const services = new Map(
    contracts.map((contract) => [contract.name, { contract, bind: clientFactory({ contract, ...world }) }]),
  )
  /** @throws {CallError} UNIMPLEMENTED */
  const knownService = (service: string, operation: string, kinds: readonly OperationKind[]) => {
    const known = services.get(service)
    const operations = known?.contract.operations as Readonly<Record<string, AnyOperation>> | undefined
    const found = operations !== undefined && Object.hasOwn(operations, operation) ? operations[operation] : undefined
    if (known === undefined || found === undefined || !kinds.includes(found.kind)) {
      const why =
        found === undefined ? 'the system has no such operation' : `it is a ${found.kind}, which is called in another way`
      throw new CallError('UNIMPLEMENTED', `Cannot call ${service}.${operation}: ${why}`)
    }
    return known
  }
  const operationOf = (service: string, operation: string, kinds: readonly OperationKind[], given: DoorCallOptions) => {
    const { bind } = knownService(service, operation, kinds)
    return (bind(callerFor(`call ${service}.${operation}`, given)) as Operations)[operation]!
  }
  return {
    prepare: (service, operation) => {
      try {
        const { contract } = knownService(service, operation, ['command', 'query'])
        const start = operationStarter({ contract, name: operation, ...world })
        const action = `call ${service}.${operation}`
        return (input, given, to) => {
          try {
            start(callerFor(action, given), input, given, to)
          } catch (error) {
            to.reject(error as Error)
          }
        }
      } catch (error) {
        return (_input, _given, to) => to.reject(error as Error)
      }
    },
    call: async (service, operation, input, given) => operationOf(service, operation, ['command', 'query'], given)(input, given),
    stream: (service, operation, input, given) =>
      operationOf(service, operation, ['stream'], given)(input, given) as AsyncIterable<unknown>,
    channel: (service, operation, input, incoming, given) =>
      operationOf(service, operation, ['channel'], given)(input, incoming, given) as AsyncIterable<unknown>,
  }
}

/** Who calls from outside. @throws {CallError} INVALID_ARGUMENT when whoever it is for, or what goes along, cannot be carried */
export function callerFor(
  action: string,
  { principal, metadata, span, cancellation }: OnBehalf & Pick<PreparedCall, 'span' | 'cancellation'>,
): Caller {
  const wrong =
    principal !== undefined && wrongPrincipal(principal) !== undefined
      ? `its principal ${wrongPrincipal(principal)!}`
      : metadata !== undefined && wrongMetadata(metadata) !== undefined
        ? `its metadata ${wrongMetadata(metadata)!}`
        : undefined
  if (wrong !== undefined) throw new CallError('INVALID_ARGUMENT', `Cannot ${action}: ${wrong}`)
  // As it is now, whatever becomes of the value that was given.
  return { service: undefined, principal: principal && copyPrincipal(principal), metadata, span, cancellation }
}
