import type { ServerResponse } from 'node:http'
import { CallError, DeclaredError, type AnyOperation, type ErrorTypes } from 'dure/contract'
import { failureOf } from '@dure/operator/internal'
import { describeThrown, servicePrincipal, wireOf } from 'dure/contract/internal'
import type { DoorHost, World } from 'dure/service'
import type { Acts } from 'dure/telemetry/internal'
import { closest } from '../closest.ts'
import type { CallFailure, CallLine, CallRequest } from './protocol.ts'

/** Makes a call and answers with its values, one a line, and how it ended. */
export async function runCall(
  { host, world, acts }: { readonly host: DoorHost; readonly world: World; readonly acts: Acts },
  request: CallRequest,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const write = async (line: CallLine): Promise<void> => {
    if (response.write(`${JSON.stringify(line)}\n`) || response.destroyed) return
    await new Promise<void>((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  }
  let operation: AnyOperation | undefined
  try {
    operation = find(host, request)
    const input = readInput(operation, request)
    const toJson = writer(operation.output)
    const { timeout, idempotencyKey } = request
    const correlationId = world.runtime.ids.next()
    const options = { signal: gone.signal, timeout, idempotencyKey, correlationId, principal: OPERATOR }
    const { service, operation: name } = request
    if (operation.kind === 'stream') {
      for await (const value of host.stream(service, name, input, options)) await write({ value: toJson(value), stream: true })
    } else {
      const call = (): Promise<unknown> => host.call(service, name, input, options)
      const act = { action: 'operation.call', actor: request.by ?? '', subject: `${service}.${name}`, about: { correlationId } }
      const value = await (operation.kind === 'command' ? acts.first(act, call) : call())
      if (operation.output !== undefined) await write({ value: toJson(value) })
    }
    await write({ done: true })
  } catch (error) {
    await write({ error: callFailure(error, operation) })
  }
  response.end()
}

/** Only the owner of the system's directory comes in here, and may do everything. */
const OPERATOR = servicePrincipal('operator')

function find(host: DoorHost, { service, operation }: CallRequest): AnyOperation {
  const contracts = [...host.contracts, ...host.external]
  const names = contracts.flatMap((contract) =>
    Object.keys(contract.operations as object).map((name) => `${contract.name}.${name}`),
  )
  const contract = contracts.find(({ name }) => name === service)
  const found = contract === undefined ? undefined : ownOperation(contract.operations, operation)
  if (contract === undefined || found === undefined) {
    const place = `${service}.${operation}`
    const has =
      contract === undefined
        ? `system "${host.system}" has no service "${service}"`
        : `service "${service}" has no such operation`
    throw new CallError('UNIMPLEMENTED', `Cannot call ${place}: ${has}`, { details: { suggestions: closest(place, names) } })
  }
  return found
}

const ownOperation = (operations: Readonly<Record<string, AnyOperation>>, name: string): AnyOperation | undefined =>
  Object.hasOwn(operations, name) ? operations[name] : undefined

function readInput(operation: AnyOperation, { service, operation: name, input }: CallRequest): unknown {
  if (operation.input === undefined) {
    if (input === undefined || (typeof input === 'object' && input !== null && Object.keys(input).length === 0)) return undefined
    throw new CallError('INVALID_ARGUMENT', `Cannot call ${service}.${name}: it takes no input`)
  }
  // Leaving the input out means: everything in it is optional. If not, the contract says what is missing.
  return wireOf(operation.input, 'input').fromJson(input ?? {})
}

function writer(schema: AnyOperation['output']): (value: unknown) => unknown {
  return schema === undefined ? (value) => value : wireOf(schema, 'output').toJson
}

/** A failure in JSON form, whatever it holds. This door is its owner's, so nothing is hidden. */
export function callFailure(error: unknown, operation?: AnyOperation): CallFailure {
  try {
    if (error instanceof DeclaredError) return declaredFailure(error, operation)
  } catch {
    // Something in it cannot be read, or has no JSON form: what can be said of it is said below.
    return { code: 'INTERNAL', message: describeThrown(error).message, declared: false }
  }
  return { ...failureOf(error).failure, declared: false }
}

function declaredFailure(error: DeclaredError, operation: AnyOperation | undefined): CallFailure {
  const type = Object.values((operation?.errors ?? {}) as ErrorTypes).find(({ code }) => code === error.code)
  const data = type === undefined ? undefined : writer(type.data)(error.data)
  return { code: error.code, message: error.message, declared: true, ...(data === undefined ? {} : { data }) }
}
