/** Pact V4 files are read, and held against themselves. */
import { isUtf8 } from 'node:buffer'
import { contentOf } from './content.ts'
import { PactError } from './error.ts'
import type { ExpectedMessage, ExpectedRequest, ExpectedResponse, Rules, Values } from './match.ts'
import { readCategory, readSingle } from './rules.ts'

export type State = { readonly name: string; readonly params: Readonly<Record<string, unknown>> }

type Described = {
  readonly description: string
  readonly states: readonly State[]
  /** A failure of it fails nobody yet. */
  readonly pending: boolean
  /** The test that it comes from. */
  readonly test: string | undefined
}

/** Parts of a request that a state says: by where they stand, `${id}` in an expression. */
export type FromState = Readonly<Record<string, string>>

export type HttpInteraction = Described & {
  readonly kind: 'http'
  readonly request: ExpectedRequest
  readonly fromState: FromState
  readonly response: ExpectedResponse
}
export type MessageInteraction = Described & { readonly kind: 'message'; readonly message: ExpectedMessage }
export type Interaction = HttpInteraction | MessageInteraction

export type Pact = { readonly consumer: string; readonly provider: string; readonly interactions: readonly Interaction[] }

/** Bytes of a file, at most. */
const MOST = 16 * 1024 * 1024

type Json = Readonly<Record<string, unknown>>

/** @throws {PactError} for a file of so many bytes, before it is read */
export function refuseTooLarge(size: number, name: string): void {
  if (size <= MOST) return
  const most = `${MOST / 1024 / 1024} are read at most`
  throw new PactError(
    `Cannot read the pact "${name}": it has ${Math.ceil(size / 1024 / 1024)} MiB, and ${most}; split it by provider`,
  )
}

/**
 * Reads a pact. What is not understood is refused: an expectation that nobody looks at would count as met.
 * @param name what the file is called in messages
 * @throws {PactError} for what is no pact of version 4, and for rules that are not known or contradict each other
 */
export function readPact(bytes: Uint8Array | string, name: string): Pact {
  const fail = (why: string): never => {
    throw new PactError(`Cannot read the pact "${name}": ${why}`)
  }
  refuseTooLarge(typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength, name)
  if (typeof bytes !== 'string' && !isUtf8(bytes)) fail('it is not UTF-8')
  let json: unknown
  try {
    json = JSON.parse(
      typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(),
    )
  } catch (error) {
    fail(`it is no JSON (${(error as Error).message.slice(0, 200)})`)
  }
  if (!isJson(json)) return fail('it is no JSON object')
  const { metadata, interactions } = json
  const version = versionOf(metadata)
  if (version === undefined) fail('it does not say its version; "metadata" has "pactSpecification": { "version": "4.0" }')
  if (!/^4(?:\.|$)/.test(version!))
    fail(`it is of version ${version!.slice(0, 20)}, and 4 is read; have the consumer write Pact V4`)
  if (!Array.isArray(interactions)) return fail('it has no list of "interactions"')
  try {
    const read = interactions.map((one: unknown, at) => readInteraction(one, at))
    return { consumer: nameIn(json, 'consumer'), provider: nameIn(json, 'provider'), interactions: read }
  } catch (error) {
    if (error instanceof PactError || error instanceof SyntaxError) return fail(error.message)
    throw error
  }
}

function readInteraction(json: unknown, at: number): Interaction {
  if (!isJson(json)) throw new PactError(`interaction ${at} is no object`)
  const { description, type, pending, comments, request, response } = json
  if (typeof description !== 'string' || description === '') throw new PactError(`interaction ${at} has no description`)
  const own = `interaction "${description}"`
  const described: Described = {
    description,
    states: readStates(json['providerStates'], own),
    pending: pending === true,
    test: isJson(comments) && typeof comments['testname'] === 'string' ? comments['testname'] : undefined,
  }
  switch (type) {
    case 'Synchronous/HTTP': {
      if (!isJson(request) || !isJson(response)) throw new PactError(`${own} has no request, or no response`)
      return {
        ...described,
        kind: 'http',
        request: readRequest(request, `the request of ${own}`),
        fromState: readFromState(request['generators'], own),
        response: readResponse(response, `the response of ${own}`),
      }
    }
    case 'Asynchronous/Messages':
      return { ...described, kind: 'message', message: readMessage(json, own) }
    default:
      throw new PactError(
        `${own} is of type ${JSON.stringify(type)}; read are "Synchronous/HTTP" and "Asynchronous/Messages", without those of plugins`,
      )
  }
}

function readStates(json: unknown, own: string): readonly State[] {
  if (json === undefined || json === null) return []
  const list = Array.isArray(json) ? json : undefined
  return (list ?? []).map((one: unknown) => {
    if (!isJson(one) || typeof one['name'] !== 'string') throw new PactError(`${own} has a provider state without a name`)
    return { name: one['name'], params: isJson(one['params']) ? one['params'] : {} }
  })
}

export function readRequest(json: Json, where: string): ExpectedRequest {
  const headers = valuesOf(json['headers'], `${where}: "headers"`)
  return {
    method: typeof json['method'] === 'string' ? json['method'] : 'GET',
    path: typeof json['path'] === 'string' ? json['path'] : '/',
    query: queryOf(json['query'], `${where}: "query"`),
    headers,
    body: contentOf(json['body'], typeIn(headers)),
    rules: readRules(json['matchingRules'], where),
  }
}

export function readResponse(json: Json, where: string): ExpectedResponse {
  const headers = valuesOf(json['headers'], `${where}: "headers"`)
  const { status = 200 } = json
  if (typeof status !== 'number' || !Number.isInteger(status))
    throw new PactError(`${where} has the status ${JSON.stringify(status)}`)
  return { status, headers, body: contentOf(json['body'], typeIn(headers)), rules: readRules(json['matchingRules'], where) }
}

export function readMessage(json: Json, where: string): ExpectedMessage {
  const metadata = isJson(json['metadata']) ? json['metadata'] : {}
  const type = Object.entries(metadata).find(([name]) => /^content-?type$/i.test(name))?.[1]
  return {
    metadata,
    contents: contentOf(json['contents'], typeof type === 'string' ? type : undefined),
    rules: readRules(json['matchingRules'], where),
  }
}

function readRules(json: unknown, where: string): Rules {
  if (json === undefined || json === null) return {}
  if (!isJson(json)) throw new PactError(`${where} has matching rules that are no object`)
  const own = (name: string): string => `${where}: the rules of "${name}"`
  const body = json['body'] ?? json['content'] ?? json['contents']
  return {
    path: readSingle(json['path'], own('path')),
    status: readSingle(json['status'], own('status')),
    query: readCategory(json['query'], own('query')),
    header: readCategory(json['header'] ?? json['headers'], own('header')),
    metadata: readCategory(json['metadata'], own('metadata')),
    body: readCategory(body, own('body')),
  }
}

/** Of generators only what a state says makes a difference to a provider: for the rest there is the example. */
function readFromState(json: unknown, own: string): FromState {
  const found: Record<string, string> = {}
  if (!isJson(json)) return found
  const add = (where: string, one: unknown): void => {
    if (!isJson(one) || one['type'] !== 'ProviderState') return
    if (typeof one['expression'] !== 'string') throw new PactError(`${own} takes ${where} from a state without an "expression"`)
    found[where] = one['expression']
  }
  for (const [category, given] of Object.entries(json))
    if (category === 'path') add('path', given)
    else if (isJson(given)) for (const [at, one] of Object.entries(given)) add(`${category} ${at}`, one)
  return found
}

function valuesOf(json: unknown, where: string): Values {
  if (json === undefined || json === null) return {}
  if (!isJson(json)) throw new PactError(`${where} is no object`)
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, [value].flat().map(String)]))
}

/** V4 has an object of lists; some still write `a=1&b=2`. */
function queryOf(json: unknown, where: string): Values {
  if (typeof json !== 'string') return valuesOf(json, where)
  const values: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(json)) (values[name] ??= []).push(value)
  return values
}

function typeIn(headers: Values): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1][0]
}

function versionOf(metadata: unknown): string | undefined {
  if (!isJson(metadata)) return undefined
  const said = metadata['pactSpecification'] ?? metadata['pact-specification']
  const version = isJson(said) ? said['version'] : metadata['pactSpecificationVersion']
  return typeof version === 'string' ? version : undefined
}

function nameIn(json: Json, side: 'consumer' | 'provider'): string {
  const { name } = isJson(json[side]) ? json[side] : {}
  if (typeof name === 'string' && name !== '') return name
  throw new PactError(`it does not name its ${side}`)
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
