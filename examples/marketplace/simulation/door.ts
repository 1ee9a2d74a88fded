import type { Client } from 'dure/call'
import { CallError, DeclaredError, type AnyContract, type AnyOperation, type ErrorType } from 'dure/contract'
import { refusedBy } from 'dure/resilience'
import type { SystemStatus } from 'dure/service'
import { sometimes } from '@dure/simulation'
import { DoorError, type DoorClient, type Method, type Reply } from '../workload/door.ts'

type Route = { readonly method: string; readonly segments: readonly string[]; readonly place: Place }
type Place = { readonly contract: AnyContract; readonly name: string; readonly operation: AnyOperation }
type Asked = { readonly place: Place; readonly input: object }
type Call = (input: object, options?: object) => Promise<unknown>
type Stream = (input: object, options?: object) => AsyncIterable<unknown>

/**
 * The marketplace's HTTP door without HTTP: what its contracts say of methods and paths leads to clients. So the workload
 * runs over a simulated network as it runs over a real one.
 */
export function clientDoor(options: {
  readonly contracts: readonly AnyContract[]
  readonly client: <C extends AnyContract>(contract: C) => Client<C>
  /** Default: there is none to be asked. */
  readonly status?: () => Promise<SystemStatus>
  /** Milliseconds that a call may take. Default: the operation's own. */
  readonly timeout?: number
}): DoorClient {
  const { client, status, timeout } = options
  // Plain text goes before a parameter: /cart/replicas is not the cart of a customer of that name.
  const routes = options.contracts.flatMap(routesOf).toSorted((a, b) => parameters(a) - parameters(b))
  const limits = timeout === undefined ? {} : { timeout }

  const askedOf = (method: Method, path: string, body: unknown): Asked => {
    const [plain = '', query = ''] = path.split('?')
    const segments = plain.slice(1).split('/')
    const route = routes.find((each) => each.method === method && fits(each.segments, segments))
    if (route === undefined) throw new TypeError(`Cannot ask ${method} ${path}: no contract has such a route`)
    const texts: [string, string][] = [...new URLSearchParams(query)]
    route.segments.forEach((segment, i) => {
      if (segment.startsWith('{')) texts.push([segment.slice(1, -1), decodeURIComponent(segments[i]!)])
    })
    const { place } = route
    const input = Object.fromEntries(texts.map(([name, text]) => [name, valueOf(place.operation, name, text)]))
    return { place, input: { ...(body as object | undefined), ...input } }
  }

  const call = ({ place, input }: Asked): Promise<unknown> =>
    (client(place.contract) as unknown as Readonly<Record<string, Call>>)[place.name]!(input, limits)

  return {
    url: 'simulation:',
    send: async (method, path, body) => {
      const asked = askedOf(method, path, body)
      try {
        const value = await call(asked)
        return {
          kind: 'answer',
          status: asked.place.operation.bindings.http!.status,
          text: value === undefined ? '' : JSON.stringify(value),
        }
      } catch (error) {
        const by = refusedBy(error)
        if (by !== undefined) sometimes(`a call was refused: ${by}`)
        return replyOf(error, asked.place.operation)
      }
    },
    get: async (path) => {
      if (path === '/status' && status !== undefined) return status()
      try {
        return await call(askedOf('GET', path, undefined))
      } catch (cause) {
        throw new DoorError(`Cannot get ${path}: ${String(cause)}`, { cause })
      }
    },
    lines: async function* (path, signal) {
      const { place, input } = askedOf('GET', path, undefined)
      const stream = (client(place.contract) as unknown as Readonly<Record<string, Stream>>)[place.name]!(input, { signal })
      for await (const value of stream) yield JSON.stringify(value)
    },
    close: async () => {},
  }
}

function routesOf(contract: AnyContract): Route[] {
  return Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>).flatMap(([name, operation]) =>
    (operation.bindings.http?.routes ?? []).map((route) => {
      const [method = '', path = ''] = route.split(' ')
      return { method, segments: path.slice(1).split('/'), place: { contract, name, operation } }
    }),
  )
}

const parameters = ({ segments }: Route): number => segments.filter((segment) => segment.startsWith('{')).length

function fits(segments: readonly string[], path: readonly string[]): boolean {
  return segments.length === path.length && segments.every((segment, i) => segment.startsWith('{') || segment === path[i])
}

type Fields = { readonly shape?: Readonly<Record<string, { safeParse: (value: unknown) => { success: boolean } }>> }

/** A text of a path as the contract wants it: as it is, or the number that it writes. */
function valueOf(operation: AnyOperation, name: string, text: string): unknown {
  const field = (operation.input as Fields | undefined)?.shape?.[name]
  return field === undefined || field.safeParse(text).success ? text : Number(text)
}

type ErrorTypes = Readonly<Record<string, Pick<ErrorType<string, undefined>, 'code' | 'http'>>>

/** A declared error is an answer. With a status nobody knows what was done, unless it says that nothing was. */
function replyOf(error: unknown, operation: AnyOperation): Reply {
  if (error instanceof DeclaredError) {
    const errors = Object.values(operation.errors as ErrorTypes)
    const declared = errors.find(({ code }) => code === error.code)
    return { kind: 'answer', status: declared?.http ?? 500, text: JSON.stringify({ code: error.code, data: error.data }) }
  }
  if (!(error instanceof CallError)) throw error
  if (error.code === 'INVALID_ARGUMENT') return { kind: 'answer', status: 400, text: error.message }
  return { kind: error.details['begun'] === false ? 'refused' : 'unknown', error }
}
