/** The handlers of a service that somebody else serves as SOAP: any door before them translates. */
import { CallError, type AnyContract } from 'dure/contract'
import { requestHeaders } from 'dure/door/internal'
import { BYTES, checkNumbers, httpAddress, readBytes } from 'dure/runtime/internal'
import type { Handlers, ServiceContext } from 'dure/service'
import { answerReader, type SoapAnswer } from './answer.ts'
import { envelopeOf, V11, V12, type SoapVersion } from './envelope.ts'
import { modelOf, type SoapModel, type SoapOperation } from './model.ts'
import { actionOf } from './wsdl.ts'
import { xmlReader } from './read.ts'
import { xmlWriter, type XmlWriter } from './write.ts'

export type SoapHandlersOptions = {
  /** Where its envelopes are sent: `https://billing.example/soap/billing`. */
  readonly address: string
  /** Default 1.2. */
  readonly version?: '1.1' | '1.2'
  /** The namespace of its elements. Default: `urn:dure:billing:1`, with the contract's name and major version. */
  readonly namespace?: string
  /** The header `authorization` of a request. Default: what stands before the `@` of the address, if anything does. */
  readonly authorization?: (call: Pick<ServiceContext, 'principal' | 'metadata'>) => string | undefined
  /** Bytes of an answer, at most. Default 4 MiB. */
  readonly answer?: number
}

const MOST_BYTES = 4 * 1_048_576

/**
 * Makes handlers that call a SOAP service: deadline, trace, correlation and idempotency key go along, and its faults come back as the
 * contract's declared errors and canonical codes.
 * @throws {TypeError} when the address cannot be used, or the contract has what SOAP does not carry
 *
 * @example
 * ```ts
 * import { soapHandlers } from '@dure/soap'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Billing = contract('billing', { version: '1.0.0', owner: 'team-billing', operations: { zone: query({ output: z.string() }) } })
 * const billing = service(Billing, { handlers: soapHandlers(Billing, { address: 'https://billing.example/soap/billing' }) })
 * console.log(billing.contract.name) // → billing
 * ```
 */
export function soapHandlers<C extends AnyContract>(contract: C, options: SoapHandlersOptions): Handlers<C, {}, undefined> {
  const { answer = MOST_BYTES, version = '1.2' } = options
  checkNumbers(`call "${contract.name}" as SOAP`, { answer }, { answer: BYTES })
  const { base, authorization } = httpAddress(`SOAP service "${contract.name}"`, options.address)
  const model = modelOf(contract, options.namespace)
  const missing = Object.keys(contract.operations).filter((name) => model.operations.every(({ types }) => types.name !== name))
  if (missing.length > 0)
    throw new TypeError(
      `Cannot call "${contract.name}" as SOAP: ${missing.join(', ')} answer more than once, which SOAP does not; leave them out of the contract`,
    )
  const { search } = new URL(options.address)
  const foreign: Foreign = {
    ...{ model, writer: xmlWriter(model), most: answer, address: `${base}${search}`, soap: version === '1.1' ? V11 : V12 },
    authorization: options.authorization ?? (() => authorization),
  }
  const read = answerReader(model, xmlReader(model))
  const handlers = model.operations.map((operation) => [operation.element, handlerOf(foreign, operation, read(operation))])
  return Object.fromEntries(handlers) as Handlers<C, {}, undefined>
}

type Foreign = {
  readonly model: SoapModel
  readonly writer: XmlWriter
  readonly address: string
  readonly soap: SoapVersion
  readonly authorization: NonNullable<SoapHandlersOptions['authorization']>
  readonly most: number
}

function handlerOf(
  foreign: Foreign,
  operation: SoapOperation,
  read: (answer: SoapAnswer) => unknown,
): (input: unknown, context: ServiceContext) => Promise<unknown> {
  const { model, address, soap, most } = foreign
  const place = `${model.contract.name}.${operation.element}`
  const write = inputWriter(foreign, operation)
  const action = actionOf(model.namespace, operation.element)
  const type: Readonly<Record<string, string>> =
    soap === V11
      ? { 'content-type': soap.contentType, soapaction: `"${action}"` }
      : { 'content-type': `${soap.contentType}; action="${action}"` }
  return async (input, context) => {
    const allowed = foreign.authorization(context)
    const more = { ...type, ...(allowed !== undefined && { authorization: allowed }) }
    const said = requestHeaders(context, context.deadline - context.clock.monotonic(), more)
    if (!said.ok) throw new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: ${said.why}`)
    // The request's own span comes in its place.
    const { traceparent: _, tracestate: __, ...headers } = said.headers
    const response = await context.fetch(address, {
      ...{ method: 'POST', headers, redirect: 'manual' },
      body: envelopeOf(soap, write(input)),
    })
    const bytes = await readBytes(response, most).catch((error: unknown) => {
      throw error instanceof RangeError ? new CallError('INTERNAL', `Call to ${place} failed: ${error.message}`) : error
    })
    const found = read({ place, http: response.status, type: response.headers.get('content-type') ?? '', bytes })
    if (found instanceof Error) throw found
    return found
  }
}

function inputWriter({ model, writer }: Foreign, { element, input }: SoapOperation): (value: unknown) => string {
  const write = input === undefined ? () => '' : 'fields' in input ? writer.fields(input.fields) : writer.part(input.whole)
  return (value) => `<${element} xmlns="${model.namespace}">${write(value)}</${element}>`
}
