import type { Timers } from 'dure/runtime'
import type { OperatorClient } from '../client.ts'
import { failureOf } from '../failure.ts'
import { MOST_VALUES, toolsOf, type DrawnTool } from './tools.ts'

/** Revisions whose requests say all of themselves, the latest first; and those that begin with `initialize`. */
const MODERN: readonly string[] = ['2026-07-28']
const LEGACY: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const SUPPORTED = [...MODERN, ...LEGACY]
const VERSION = 'io.modelcontextprotocol/protocolVersion'

/** JSON-RPC 2.0, and the codes that MCP has of its own. */
export const RPC = {
  parse: -32_700,
  request: -32_600,
  method: -32_601,
  params: -32_602,
  internal: -32_603,
  headerMismatch: -32_020,
  version: -32_022,
} as const

export type RpcId = string | number
export type RpcRequest = {
  readonly id: RpcId
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  /** The revision that it says it is of; undefined of those that begin with `initialize`. */
  readonly version: string | undefined
}
export type RpcFailure = { readonly code: number; readonly message: string; readonly data?: unknown }
export type RpcResponse = { readonly jsonrpc: '2.0'; readonly id?: RpcId } & (
  | { readonly result: object }
  | { readonly error: RpcFailure }
)

export type McpOptions = {
  /** Where the contracts are: `operatorClient({ socket })`. */
  readonly operator: OperatorClient
  readonly timers: Timers
  /** Of the software, as it tells clients. */
  readonly version: string
  /** Leaves out what changes something. Default false. */
  readonly readOnly?: boolean
}

/** Answers requests of MCP clients, each by itself: nothing is kept between them. */
export type McpServer = { readonly answer: (request: RpcRequest, signal: AbortSignal) => Promise<RpcResponse> }

/** A tool list is asked for again after so many milliseconds: contracts come with a new release. */
const LISTED = 60_000
/** Milliseconds that a call waits for the values of a stream. */
const WATCHED = 30_000
const PAGE_OF_TEXT = 400_000

const INSTRUCTIONS =
  'Tools are what the operators of a running Dure system have: health, processes, topics, dead letters, sagas and so on. ' +
  'Read before you change. What changes something is marked as destructive, needs a reason in words, and is written to the audit log.'

/** MCP over what operators ask; how its messages travel is `serveMcpLines`' and `mcpRoutes`' to know. */
export function mcpServer({ operator, timers, version, readOnly = false }: McpOptions): McpServer {
  const serverInfo = { name: 'dure', title: 'Dure operator', version }
  const capabilities = { tools: {} }
  const tools = async (): Promise<ReadonlyMap<string, DrawnTool>> => toolsOf(await operator.contracts(), { readOnly })
  const call = async (params: RpcRequest['params'], signal: AbortSignal): Promise<object> => {
    const { name, arguments: given = {} } = params
    const drawn = typeof name === 'string' ? (await tools()).get(name) : undefined
    if (drawn === undefined) throw new RpcError(RPC.params, `There is no tool "${String(name)}"; ask for tools/list`)
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      throw new RpcError(RPC.params, `The arguments of "${drawn.tool.name}" are no object`)
    try {
      return contentOf(drawn, await ask({ operator, timers }, drawn, given as Readonly<Record<string, unknown>>, signal))
    } catch (error) {
      // What the operation says to the one who asked is an answer, which a model can learn from.
      const { code, message } = failureOf(error).failure
      return { content: [{ type: 'text', text: `${code}: ${message}` }], isError: true }
    }
  }
  const answered = async ({ method, params, version: asked }: RpcRequest, signal: AbortSignal): Promise<object> => {
    const modern = asked !== undefined
    if (modern && !MODERN.includes(asked))
      throw new RpcError(RPC.version, 'Unsupported protocol version', { supported: SUPPORTED, requested: asked })
    const complete = (result: object): object => (modern ? { resultType: 'complete', ...result } : result)
    const cached = modern ? { ttlMs: LISTED, cacheScope: 'private' } : {}
    switch (`${modern ? 'modern' : 'legacy'} ${method}`) {
      case 'legacy initialize': {
        const wanted = params['protocolVersion']
        const protocolVersion = typeof wanted === 'string' && LEGACY.includes(wanted) ? wanted : LEGACY[0]
        return { protocolVersion, capabilities, serverInfo, instructions: INSTRUCTIONS }
      }
      case 'legacy ping':
        return {}
      case 'modern server/discover': {
        const told = { supportedVersions: SUPPORTED, capabilities, instructions: INSTRUCTIONS, ...cached }
        return complete({ ...told, _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } })
      }
      case 'modern tools/list':
      case 'legacy tools/list':
        return complete({ tools: [...(await tools()).values()].map(({ tool }) => tool), ...cached })
      case 'modern tools/call':
      case 'legacy tools/call':
        return complete(await call(params, signal))
      default:
        throw new RpcError(RPC.method, `Method not found: "${method}"`)
    }
  }
  return {
    answer: async (request, signal) => {
      const { id } = request
      try {
        return { jsonrpc: '2.0', id, result: await answered(request, signal) }
      } catch (error) {
        if (error instanceof RpcError) return failed(error.failure, id)
        return failed({ code: RPC.internal, message: failureOf(error).failure.message }, id)
      }
    },
  }
}

class RpcError extends Error {
  readonly failure: RpcFailure
  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.failure = { code, message, ...(data !== undefined && { data }) }
  }
}

export function failed(error: RpcFailure, id?: RpcId): RpcResponse {
  return { jsonrpc: '2.0', ...(id !== undefined && { id }), error }
}

/**
 * What a message is: a request, a notification, or neither, and then why.
 */
export function readMessage(
  message: unknown,
):
  | { readonly kind: 'request'; readonly request: RpcRequest }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Readonly<Record<string, unknown>> }
  | { readonly kind: 'unfit'; readonly error: RpcResponse } {
  const { jsonrpc, id, method, params = {} } = (message ?? {}) as Readonly<Record<string, unknown>>
  const known = typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id)) ? id : undefined
  const unfit = (why: string) => ({ kind: 'unfit', error: failed({ code: RPC.request, message: why }, known) }) as const
  if (typeof message !== 'object' || Array.isArray(message)) return unfit('A message is one JSON-RPC object')
  if (jsonrpc !== '2.0' || typeof method !== 'string') return unfit('A message has "jsonrpc": "2.0" and a method')
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    return unfit('The params of a message are an object')
  const all = params as Readonly<Record<string, unknown>>
  if (id === undefined) return { kind: 'notification', method, params: all }
  if (known === undefined) return unfit('The id of a request is a text or a whole number')
  const version = (all['_meta'] as Readonly<Record<string, unknown>> | undefined)?.[VERSION]
  return {
    kind: 'request',
    request: { id: known, method, params: all, version: version === undefined ? undefined : String(version) },
  }
}

type Asked = Pick<McpOptions, 'operator' | 'timers'>

/** Asks the operation, or waits for some values of a stream: fewer when they take too long. */
async function ask(
  { operator, timers }: Asked,
  { contract, operation }: DrawnTool,
  given: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<unknown> {
  if (operation.kind === 'command') {
    const { reason, ...input } = given
    return operator.call(contract, operation.name, input, { reason: reasonOf(reason), signal })
  }
  if (operation.kind === 'query') return operator.call(contract, operation.name, given, { signal })
  const { values: wanted = 1, ...input } = given
  const most = Math.min(MOST_VALUES, Math.max(1, Math.floor(Number(wanted) || 1)))
  const enough = new AbortController()
  const timer = timers.after(WATCHED, () => enough.abort())
  const values: unknown[] = []
  try {
    const stream = operator.stream(contract, operation.name, input, { signal: AbortSignal.any([signal, enough.signal]) })
    for await (const value of stream) if (values.push(value) >= most) break
  } catch (error) {
    if (!enough.signal.aborted) throw error
  } finally {
    timer.cancel()
  }
  return { values }
}

function reasonOf(reason: unknown): string | undefined {
  return typeof reason === 'string' && reason.trim() !== '' ? reason : undefined
}

function contentOf({ operation, wrapped }: DrawnTool, value: unknown): object {
  if (operation.output === undefined) return { content: [{ type: 'text', text: 'Done' }] }
  const structured = wrapped ? { value } : value
  const text = JSON.stringify(structured)
  const shown = text.length > PAGE_OF_TEXT ? `${text.slice(0, PAGE_OF_TEXT)}… (${text.length} characters in all)` : text
  return { content: [{ type: 'text', text: shown }], structuredContent: structured }
}
