/** What stands around a request: looks at it, changes it, or answers it. */
import type { Principal } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import type { DoorHost } from 'dure/service'
import type { Logger, Reading } from 'dure/telemetry'
import {
  addedNames,
  checkField,
  createEdits,
  editedField,
  removeField,
  setField,
  type Answer,
  type MakeStage,
  type ProxiedRequest,
} from './proxy/proxy.ts'
import { fieldOf, namesOf, type Head } from './wire/wire.ts'

export type FilterWorld = {
  readonly runtime: Runtime
  readonly log: Logger
  /** Clients of the system's services; undefined for a gateway by itself. */
  readonly client?: DoorHost['client'] | undefined
  /** Adds what is read when somebody asks for metrics. */
  readonly observe: (read: () => readonly Reading[]) => void
  /** Sends a copy of a request to an upstream, for nobody: its answer is read and dropped. Told once of how it ended. */
  readonly send: (
    copy: RequestCopy,
    options: { readonly to: string; readonly timeout: number; readonly ended: (how: CopyEnd) => void },
  ) => void
}

/** What became of a request. */
export type RequestEnd = {
  /** 499: the client has gone before it was answered. */
  readonly status: number
  /** Milliseconds. */
  readonly duration: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** How a copy of a request ended: with a status; or without an answer, too late, or with nobody there to take it. */
export type CopyEnd = number | 'failed' | 'late' | 'nobody'

/** A request as it was passed on, whose bytes may be sent again. */
export type RequestCopy = {
  readonly method: string
  readonly headFor: (instance: { readonly host: string; readonly port: number }) => string
  readonly body: readonly Buffer[]
}

/** Who a request is counted and logged for, and what that one may do where it is known (`authorize`). */
export type Consumer = { readonly name: string; readonly principal?: Principal | undefined }

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
  /** Whether it may be sent again, by its method or by what its route says. */
  readonly repeatable: boolean
  /** Of the client. */
  readonly address: string
  readonly host: string
  readonly correlationId: string
  /** Whom a filter before has found; undefined: nobody. */
  readonly consumer: Consumer | undefined
  /** As the client has sent it, by its name in lower case; of several, all, joined by commas. */
  readonly header: (name: string) => string | undefined
  /** The same as it is passed on: with what filters have changed so far. */
  readonly passedHeader: (name: string) => string | undefined
  /** @throws {TypeError} when a field cannot be of this name, or have this value */
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
  /** Milliseconds to the head of its answer, instead of its route's. */
  readonly setTimeout: (ms: number) => void
  /** @throws {TypeError} when it is no path of a URL */
  readonly setPath: (path: string) => void
  readonly setConsumer: (consumer: Consumer) => void
  /** Bytes that its body may have: a longer one is refused. */
  readonly limitBody: (bytes: number) => void
  /**
   * All of its body, before anything is passed on: for filters that answer a request themselves. Undefined: it has more bytes, or does not
   * say how many. It waits no longer than the request may take (`setTimeout`).
   */
  readonly body: (most: number) => Promise<Buffer | undefined>
}

/** An answer on its way: the upstream's, or the gateway's own. */
export type GatewayAnswer = {
  readonly status: number
  /** The gateway has given it itself, since nobody else could or should. */
  readonly own: boolean
  /** Bytes of its body as it came, where it is said. */
  readonly length: number | undefined
  /** As it is passed on: with what filters have changed so far. */
  readonly header: (name: string) => string | undefined
  /** All of them so, by names in lower case. */
  readonly headers: () => Readonly<Record<string, string>>
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
  /**
   * Has its body pass through a stage, behind those of filters further inside. Undefined: it has no body, or one that must stay as it is
   * (with trailers).
   */
  readonly through: ((stage: MakeStage) => void) | undefined
}

export type FilterParts = {
  /** Before the request is passed on; an answer ends it here. */
  readonly before?: (request: GatewayRequest) => Answer | undefined | void | Promise<Answer | undefined | void>
  /**
   * Before an answer goes to the client; of each, also of those that filters or the gateway gave. An answer is given instead of an
   * upstream's.
   */
  readonly after?: (answer: GatewayAnswer, request: GatewayRequest) => Answer | undefined | void
  /** The gateway is about to give an answer of its own, since something has failed: another one, or undefined. */
  readonly failed?: (answer: Answer, request: GatewayRequest) => Answer | undefined
  /** All of a request has arrived. No copy: its body was longer than bodies are kept (`replay`), or it was answered before its end. */
  readonly arrived?: (request: GatewayRequest, copy: RequestCopy | undefined) => void
  /** A request that `before` has seen is over, however it ended. */
  readonly ended?: (request: GatewayRequest, end: RequestEnd) => void
  /** The gateway ends: lets go of what the filter holds. */
  readonly stop?: () => void | Promise<void>
}

/** A filter of routes. It is opened once, whatever number of routes it stands in. */
export type Filter = {
  readonly name: string
  readonly open: (world: FilterWorld) => FilterParts
  /** Upstreams, or services, that it sends to. */
  readonly to?: readonly string[]
  /** Paths whose requests it answers itself: they come to it wherever it stands, and whatever routes there are. */
  readonly paths?: readonly string[]
}

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

/** The request of a client as filters see it. What a filter does not ask for is not made: there is one of these a request. */
export class RequestView implements GatewayRequest {
  readonly method: string
  readonly route: string
  readonly repeatable: boolean
  consumer: Consumer | undefined = undefined
  /** What of bodies may be logged. */
  requestBody: unknown = undefined
  answerBody: unknown = undefined
  readonly #client: ProxiedRequest
  readonly #find: () => Readonly<Record<string, string>>
  #parameters: Readonly<Record<string, string>> | undefined = undefined

  /** @param find what the route's parameters stand for */
  constructor(
    client: ProxiedRequest,
    route: { readonly name: string; readonly repeatable: boolean },
    find: () => Readonly<Record<string, string>>,
  ) {
    this.method = client.method
    this.route = route.name
    this.repeatable = route.repeatable
    this.#client = client
    this.#find = find
  }

  get path(): string {
    const { target } = this.#client
    return target.slice(0, queryAt(target))
  }

  get query(): string {
    const { target } = this.#client
    return target.slice(queryAt(target))
  }

  get parameters(): Readonly<Record<string, string>> {
    return (this.#parameters ??= this.#find())
  }

  get address(): string {
    return this.#client.address
  }

  get host(): string {
    return this.#client.head.host
  }

  get correlationId(): string {
    return this.#client.correlation
  }

  // Functions that can be taken out of it: `({ header }) => header('accept')`. None is kept: with one that was, V8 carried each request over
  // into its old generation, 600 bytes of it.

  get header(): GatewayRequest['header'] {
    return (name) => fieldOf(this.#client.head, name)
  }

  get passedHeader(): GatewayRequest['passedHeader'] {
    return (name) => editedField(this.#client.edits, name, fieldOf(this.#client.head, name))
  }

  get setHeader(): GatewayRequest['setHeader'] {
    return (name, value) => setField((this.#client.edits ??= createEdits()), name, value)
  }

  get removeHeader(): GatewayRequest['removeHeader'] {
    return (name) => removeField((this.#client.edits ??= createEdits()), name)
  }

  get setTimeout(): GatewayRequest['setTimeout'] {
    return (ms) => {
      this.#client.timeout = ms
    }
  }

  get setPath(): GatewayRequest['setPath'] {
    return (path) => {
      if (!PATH.test(path) || /["<>#\\?]/.test(path))
        throw new TypeError(`Cannot use the path "${path.slice(0, 200)}": give one as it stands in a URL, without a query`)
      const { target } = this.#client
      this.#client.target = path + target.slice(queryAt(target))
    }
  }

  get setConsumer(): GatewayRequest['setConsumer'] {
    return (consumer) => {
      this.consumer = consumer
    }
  }

  get body(): GatewayRequest['body'] {
    return (most) => this.#client.wholeBody(most)
  }

  get limitBody(): GatewayRequest['limitBody'] {
    return (bytes) => {
      this.#client.mostBody = Math.min(this.#client.mostBody, bytes)
    }
  }
}

function queryAt(target: string): number {
  const at = target.indexOf('?')
  return at === -1 ? target.length : at
}

/** The answer of an upstream as filters see it. */
export function answerOf(client: ProxiedRequest, head: Head): GatewayAnswer {
  const { status } = head
  const none = client.method === 'HEAD' || status === 204 || status === 304 || head.length === 0
  return {
    status,
    own: false,
    length: head.length === -1 ? undefined : head.length,
    header: (name) => editedField(client.answerEdits, name, fieldOf(head, name)),
    headers: () => {
      const names = new Set([...namesOf(head), ...addedNames(client.answerEdits)])
      return Object.fromEntries(
        [...names].flatMap((name) => {
          const value = editedField(client.answerEdits, name, fieldOf(head, name))
          return value === undefined ? [] : [[name, value]]
        }),
      )
    },
    setHeader: (name, value) => setField((client.answerEdits ??= createEdits()), name, value),
    removeHeader: (name) => removeField((client.answerEdits ??= createEdits()), name),
    through: none || fieldOf(head, 'trailer') !== undefined ? undefined : (stage) => void (client.stages ??= []).push(stage),
  }
}

/** The same of an own answer, whose fields are these. */
export function ownAnswerOf(answer: Answer, headers: Map<string, string>, through: GatewayAnswer['through']): GatewayAnswer {
  return {
    status: answer.status,
    own: true,
    length: Buffer.byteLength(answer.body ?? ''),
    header: (name) => headers.get(name),
    headers: () => Object.fromEntries(headers),
    setHeader: (name, value) => {
      checkField(name, value)
      headers.set(name.toLowerCase(), value)
    },
    removeHeader: (name) => void headers.delete(name.toLowerCase()),
    through,
  }
}
