/** What stands around a request: looks at it, changes it, or answers it. */
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { addField, checkField, createEdits, removeField, type Answer, type ProxiedRequest } from './proxy/proxy.ts'
import { fieldOf, type Head } from './wire/wire.ts'

export type FilterWorld = { readonly runtime: Runtime; readonly log: Logger }

/** Who a request is counted and logged for. */
export type Consumer = { readonly name: string }

/** A request on its way: what it is now, and what may be changed of it. */
export type GatewayRequest = {
  readonly method: string
  /** Name of its route. */
  readonly route: string
  /** As the client has sent it, and with what was changed: encoded as in a URL. */
  readonly path: string
  /** With its question mark; '' when there is none. */
  readonly query: string
  /** What a route's `{name}` stand for, decoded. */
  readonly parameters: Readonly<Record<string, string>>
  /** Of the client. */
  readonly address: string
  readonly host: string
  readonly correlationId: string
  /** Whom a filter before has found; undefined: nobody. */
  readonly consumer: Consumer | undefined
  /** As the client has sent it, by its name in lower case; of several, all, joined by commas. */
  readonly header: (name: string) => string | undefined
  /** @throws {TypeError} when a field cannot be of this name, or have this value */
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
  /** @throws {TypeError} when it is no path of a URL */
  readonly setPath: (path: string) => void
  readonly setConsumer: (consumer: Consumer) => void
  /** Bytes that its body may have: a longer one is refused. */
  readonly limitBody: (bytes: number) => void
}

/** An answer on its way: the upstream's, or the gateway's own. */
export type GatewayAnswer = {
  readonly status: number
  /** The gateway has given it itself, since nobody else could or should. */
  readonly own: boolean
  readonly header: (name: string) => string | undefined
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
}

export type FilterParts = {
  /** Before the request is passed on; an answer ends it here. */
  readonly before?: (request: GatewayRequest) => Answer | undefined | void | Promise<Answer | undefined | void>
  /** Before an answer goes to the client; of each, also of those that filters or the gateway gave. */
  readonly after?: (answer: GatewayAnswer, request: GatewayRequest) => void
  /** The gateway is about to give an answer of its own, since something has failed: another one, or undefined. */
  readonly failed?: (answer: Answer, request: GatewayRequest) => Answer | undefined
}

/** A filter of routes. It is opened once, whatever number of routes it stands in. */
export type Filter = { readonly name: string; readonly open: (world: FilterWorld) => FilterParts }

/**
 * Makes a filter of one or several functions.
 *
 * @example
 * ```ts
 * import { filter } from '@dure/gateway'
 *
 * const teapot = filter('teapot', { before: ({ path }) => (path === '/coffee' ? { status: 418 } : undefined) })
 * console.log(teapot.name) // → teapot
 * ```
 */
export function filter(name: string, parts: FilterParts | ((world: FilterWorld) => FilterParts)): Filter {
  return { name, open: typeof parts === 'function' ? parts : () => parts }
}

const PATH = /^\/[\u0021-\u007e]*$/

/** The request of a client as filters see it. */
export function requestOf(
  client: ProxiedRequest,
  about: { readonly route: string; readonly parameters: () => Readonly<Record<string, string>> },
): GatewayRequest & { consumer: Consumer | undefined } {
  const { head } = client
  let parameters: Readonly<Record<string, string>> | undefined
  const queryAt = (): number => {
    const at = client.target.indexOf('?')
    return at === -1 ? client.target.length : at
  }
  return {
    method: client.method,
    route: about.route,
    get path() {
      return client.target.slice(0, queryAt())
    },
    get query() {
      return client.target.slice(queryAt())
    },
    get parameters() {
      return (parameters ??= about.parameters())
    },
    address: client.address,
    host: head.host,
    correlationId: client.correlation,
    consumer: undefined,
    header: (name) => fieldOf(head, name),
    setHeader: (name, value) => {
      checkField(name, value)
      client.edits ??= createEdits()
      removeField(client.edits, name)
      addField(client.edits, name, value)
    },
    removeHeader: (name) => removeField((client.edits ??= createEdits()), name),
    setPath: (path) => {
      if (!PATH.test(path) || /["<>#\\?]/.test(path))
        throw new TypeError(`Cannot use the path "${path.slice(0, 200)}": give one as it stands in a URL, without a query`)
      client.target = path + client.target.slice(queryAt())
    },
    setConsumer(consumer) {
      this.consumer = consumer
    },
    limitBody: (bytes) => {
      client.mostBody = Math.min(client.mostBody, bytes)
    },
  }
}

/** The answer of an upstream as filters see it. */
export function answerOf(client: ProxiedRequest, head: Head): GatewayAnswer {
  return {
    status: head.status,
    own: false,
    header: (name) => fieldOf(head, name),
    setHeader: (name, value) => {
      checkField(name, value)
      client.answerEdits ??= createEdits()
      removeField(client.answerEdits, name)
      addField(client.answerEdits, name, value)
    },
    removeHeader: (name) => removeField((client.answerEdits ??= createEdits()), name),
  }
}

/** The same of an own answer, whose fields are these. */
export function ownAnswerOf(answer: Answer, headers: Map<string, string>): GatewayAnswer {
  return {
    status: answer.status,
    own: true,
    header: (name) => headers.get(name),
    setHeader: (name, value) => {
      checkField(name, value)
      headers.set(name.toLowerCase(), value)
    },
    removeHeader: (name) => void headers.delete(name.toLowerCase()),
  }
}
