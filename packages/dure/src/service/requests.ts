import { CallError, DeclaredError, type AnyEvent, type AnyRequest, type ErrorTypes, type Message } from '../contract/contract.ts'
import { parserOf, wireOf } from '../contract/internal.ts'
import type { SqlTransaction, Transaction } from '../data/data.ts'
import { announce } from '../data/internal.ts'
import { NonRetryableError, queue } from '../messaging/messaging.ts'
import { decoderOf } from '../messaging/internal.ts'
import { errorJson } from './answers.ts'
import type {
  EffectContext,
  Extension,
  ExtensionKind,
  Reaction,
  ReactionOptions,
  ReceivedEvent,
  Reply,
  Requesting,
} from './definition.ts'
import { plainSchema } from './plain-schema.ts'

/**
 * Requests are work on a queue; their replies are work on a queue of whoever asked, whose name goes along as `replyTo`. Both
 * are messages of ordinary transactions, so nothing of it is done twice or lost that is not of other messages. What is open is a row of
 * whoever asked: the first reply to it counts, of the participant or of its own timeout, and closes it.
 */
export type ReplyBody = { readonly output?: unknown; readonly error?: { readonly code: string; readonly data?: unknown } }

const replySchema = plainSchema<ReplyBody>()

export const isRequest = (event: AnyEvent): event is AnyRequest => 'errors' in event

/** The queue on which a service waits for replies to a request. */
const replyQueue = (request: string, service: string): string => `${request}.reply.${service}`

/** The reply of one key, as it travels. */
export const replyOn = (name: string, key: string): AnyEvent => queue(name, { schema: replySchema, key: () => key })

type Handle = Reaction<{}, unknown>['handle']
type Context = EffectContext<unknown>
type OpenRequests = { dure_requests: { id: string; request: string } }

/** How a reaction to a request answers it: what its handler returns or throws is sent in the transaction of its effect. */
export function answering(
  request: AnyRequest,
  handle: ReactionOptions<AnyRequest, {}, unknown, unknown>['handle'],
): Pick<Reaction<{}, unknown>, 'handle' | 'instead'> {
  const parse = parserOf(request.output, 'output')
  const reply = async (event: ReceivedEvent<AnyEvent>, { tx }: Context, answer: unknown): Promise<void> => {
    // Nobody asked to hear of it.
    if (event.replyTo === undefined) return
    await tx.send(replyOn(event.replyTo, event.key), await bodyOf(answer))
  }
  const bodyOf = async (answer: unknown): Promise<ReplyBody> => {
    if (answer instanceof DeclaredError) return { error: errorJson(request, answer) }
    const parsed = await parse(answer)
    if (parsed.ok) return { output: wireOf(request.output, 'output').toJson(parsed.value) }
    const [issue] = parsed.issues
    throw new Error(
      `Cannot answer "${request.name}": the answer does not match its output at "${issue?.path.join('.')}" (${issue?.message})`,
    )
  }
  return {
    handle: async (event, context, prepared) => {
      checkReplyTo(request, event)
      await reply(event, context, await handle(event as never, context, prepared))
    },
    instead: (event, error) => (isDeclared(request, error) ? (context) => reply(event, context, error) : undefined),
  }
}

/** Whoever asks says where it waits, and could name any queue. */
export function checkReplyTo({ name }: AnyRequest, { id, replyTo }: Pick<ReceivedEvent<AnyEvent>, 'id' | 'replyTo'>): void {
  if (replyTo === undefined || replyTo.startsWith(`${name}.reply.`)) return
  throw new NonRetryableError(
    `Cannot answer request "${id}" of "${name}": it wants its reply on "${replyTo}". To do: ask with a queue whose name begins with "${name}.reply."`,
  )
}

const typesOf = ({ errors }: AnyRequest) => Object.values(errors as ErrorTypes)

const isDeclared = (request: AnyRequest, error: unknown): error is DeclaredError =>
  error instanceof DeclaredError && typesOf(request).some(({ code }) => code === error.code)

/** How a service reacts to replies: those to what it has open; others are nobody's. */
export function repliesTo(service: string) {
  return (
    request: AnyRequest,
    handler: (reply: Reply<AnyRequest>, context: Context) => Promise<void> | void,
  ): Pick<Reaction<{}, unknown>, 'event' | 'name' | 'handle'> & { readonly replyTo: AnyRequest } => {
    const name = replyQueue(request.name, service)
    const read = readReply(request, name)
    const handle: Handle = async (event, context) => {
      const reply = await read(event)
      const { tx, log } = context
      const own = tx as unknown as Transaction<OpenRequests>
      const open = own.deleteFrom('dure_requests').where('id', '=', reply.request).where('request', '=', request.name)
      const { numDeletedRows } = await open.executeTakeFirst()
      if (Number(numDeletedRows) === 0)
        return log.info('A reply was left alone: its request is not open', { request: reply.request })
      await handler(reply, context)
    }
    return { event: replyOn(name, ''), name: `${request.name}.reply`, handle, replyTo: request }
  }
}

/** @throws {NonRetryableError} what it returns: when a reply cannot be read */
export function readReply(request: AnyRequest, name: string): (event: ReceivedEvent<AnyEvent>) => Promise<Reply<AnyRequest>> {
  const decode = (schema: AnyEvent['schema'], { id }: ReceivedEvent<AnyEvent>, json: unknown): unknown =>
    decoderOf(queue(name, { schema }))({ id, type: name, schemaVersion: 1, data: JSON.stringify(json) } as Message)
  return async (event) => {
    const { id, causationId, key, correlationId } = event
    const malformed = (why: string): NonRetryableError =>
      new NonRetryableError(`Cannot read reply "${id}" to "${request.name}": ${why}`)
    if (causationId === undefined) throw malformed('it does not say which request caused it')
    const about = { request: causationId, key, correlationId }
    const body = event.data as ReplyBody | null
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw malformed('it is no object with "output" or "error"')
    const { output, error } = body
    if (error === undefined) {
      const value =
        output === undefined && wireOf(request.output, 'output').optional
          ? undefined
          : await decode(request.output, event, output ?? null)
      return { ...about, ok: true, value }
    }
    if (error?.code === TIMED_OUT) return { ...about, ok: false, error: timedOut(request) }
    const type = typesOf(request).find(({ code }) => code === error?.code)
    if (type === undefined) throw malformed(`it says "${String(error?.code)}", which the request does not declare`)
    const data = type.data === undefined ? undefined : await decode(type.data, event, error.data ?? null)
    return { ...about, ok: false, error: (type as (data: unknown) => DeclaredError)(data) }
  }
}

const TIMED_OUT = 'DEADLINE_EXCEEDED'

const timedOut = ({ name }: AnyRequest) =>
  new CallError(TIMED_OUT, `Request "${name}" was not answered in its time`) as CallError & { readonly code: typeof TIMED_OUT }

/** Transactions of a service that reacts to no replies. */
export const notRequesting: Requesting = {
  request: async ({ name }) => {
    throw noReplies(name)
  },
}

function noReplies(name: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Requesting "${name}" was refused: the service does not react to its replies. To do: add \`replies(…)\` to its subscriptions`,
    { inside: true },
  )
}

const kind: ExtensionKind = {
  name: 'request',
  migrations: {
    'dure/request-0001':
      'CREATE TABLE dure_requests (id TEXT PRIMARY KEY, request TEXT NOT NULL, key TEXT NOT NULL, asked_at BIGINT NOT NULL)',
  },
  open: async (host, values) => {
    const known = new Set(values.map(({ name }) => name))
    const { runtime, service } = host
    const open = 'INSERT INTO dure_requests (id, request, key, asked_at) VALUES (?, ?, ?, ?)'
    return {
      join: (tx: SqlTransaction, origin): Requesting => ({
        request: async (request, data, { headers, timeout } = {}) => {
          if (!known.has(request.name)) throw noReplies(request.name)
          const replyTo = replyQueue(request.name, service)
          const { id, key } = await announce(tx, { ...host, origin }, 'queue', request, data, {
            ...(headers && { headers }),
            replyTo,
          })
          await tx.run(open, [id, request.name, key, runtime.clock.now()])
          const late = { error: { code: TIMED_OUT } }
          if (timeout !== undefined)
            await announce(tx, { ...host, origin: { ...origin, causationId: id } }, 'queue', replyOn(replyTo, key), late, {
              delay: timeout,
            })
          return id
        },
      }),
      control: { list: async () => host.store.select('SELECT * FROM dure_requests ORDER BY asked_at LIMIT 1000') },
      stop: async () => {},
    }
  },
}

/** What a service that reacts to replies lists without saying so. */
export function requestExtensions(reactions: readonly Reaction<{}, unknown>[]): readonly Extension[] {
  return reactions.flatMap(({ replyTo }) => (replyTo === undefined ? [] : [{ kind, name: replyTo.name }]))
}
