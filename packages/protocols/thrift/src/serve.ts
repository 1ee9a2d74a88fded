/** What a door does with one message. */
import { DeclaredError } from 'dure/contract'
import {
  admit,
  type Cancellation,
  correlationIdOf,
  operationDoor,
  Refusal,
  steeringOf,
  traceRequest,
  type Failure,
  type OpenState,
  type OperationDoor,
  type Served,
} from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import type { ThriftLimits } from './limits.ts'
import { writeException, type Arguments, type MethodCodec } from './methods.ts'
import {
  BinaryReader,
  BinaryWriter,
  CompactReader,
  CompactWriter,
  EXCEPTION,
  Malformed,
  MESSAGE,
  type MessageHead,
  type Reader,
  type Writer,
} from './wire/wire.ts'

export type ThriftState = OpenState<ThriftLimits>

export type ServedMethod = {
  readonly codec: MethodCodec
  readonly door: OperationDoor
  /** Drawn `oneway`: some clients send it like any other call, and wait for nothing. */
  readonly oneway: boolean
  readonly attributes: Readonly<Record<string, string>>
}

/** Methods by the names that messages have: `place`, `Orders:place`. */
export type Methods = ReadonlyMap<string, ServedMethod | 'ambiguous'>

/** Whoever sent a message. `answer` is called once: with a frame, or with nothing when none is waited for. */
export type Asker = { readonly answer: (frame: Buffer | undefined) => void; readonly gone: Cancellation }

type FramedWriter = Writer & { readonly frame: () => void; readonly framed: () => Buffer }

export function servedMethod(
  served: Served,
  { codec, oneway }: Pick<ServedMethod, 'codec' | 'oneway'>,
  state: ThriftState,
): ServedMethod {
  const place = `${served.contract.name}.${served.name}`
  const attributes = { 'rpc.system.name': 'thrift', 'rpc.method': place }
  return { codec, oneway, door: operationDoor(served, state, `Thrift ${place}`), attributes }
}

/** Longest name of a method, in characters: it comes back in every answer. */
const LONGEST_NAME = 256

/** Makes what takes messages. @returns a function that throws `Malformed` for what is no message at all: its connection is to be ended */
export function messageServer(methods: Methods, state: ThriftState): (message: Buffer, asker: Asker) => void {
  const binary = new BinaryWriter(state.limits.answer)
  const compact = new CompactWriter(state.limits.answer)

  return (message, asker) => {
    const isCompact = message[0] === 0x82
    const from: Reader = isCompact ? new CompactReader(message) : new BinaryReader(message)
    const to: FramedWriter = isCompact ? compact : binary
    const head = from.message()
    if (head.name.length > LONGEST_NAME) throw new Malformed(`the name of its method is longer than ${LONGEST_NAME} characters`)
    // Multiplexed clients name the service when they ask, and expect the method alone.
    const name = head.name.slice(head.name.indexOf(':') + 1)
    const reply = (type: number, write: (to: Writer) => void): Buffer => {
      to.frame()
      to.message(name, type, head.sequence)
      write(to)
      return to.framed()
    }
    const refuse = (type: number, text: string, status: string): void =>
      asker.answer(
        head.type === MESSAGE.oneway
          ? undefined
          : reply(MESSAGE.exception, (to) => writeException(to, { message: `${status}: ${text}`, type, status })),
      )
    if (head.type !== MESSAGE.call && head.type !== MESSAGE.oneway)
      return refuse(EXCEPTION.invalidMessageType, `A message of type ${head.type} is no call`, 'INVALID_ARGUMENT')
    const method = methods.get(head.name)
    if (method === undefined || method === 'ambiguous')
      return refuse(EXCEPTION.unknownMethod, unknown(head.name, method, methods), 'UNIMPLEMENTED')
    const full = admit(state)
    if (full !== undefined) return refuse(EXCEPTION.internalError, full.message, 'UNAVAILABLE')
    serve(method, { state, head, from, asker, reply })
  }
}

type Serving = {
  readonly state: ThriftState
  readonly head: MessageHead
  readonly from: Reader
  readonly asker: Asker
  readonly reply: (type: number, write: (to: Writer) => void) => Buffer
}

function serve({ codec, oneway, door, attributes }: ServedMethod, { state, head, from, asker, reply }: Serving): void {
  let args: Arguments = {}
  let wrong: unknown
  try {
    args = codec.args.read(from) as Arguments
  } catch (error) {
    wrong = error instanceof Malformed ? new Refusal('MALFORMED_REQUEST', `Cannot read the message: ${error.message}`) : error
  }
  const header = (name: string): string | undefined => args.headers?.get(name)
  const correlationId = correlationIdOf(header('x-correlation-id')) ?? state.world.runtime.ids.next()
  const trace = traceRequest(state, {
    ...{ name: door.place, attributes },
    traceparent: header('traceparent'),
    tracestate: header('tracestate'),
  })
  const settle = (frame: Buffer, failure: unknown): void => {
    state.calls--
    trace.end(failure)
    asker.answer(oneway || head.type === MESSAGE.oneway ? undefined : frame)
  }
  const fail = (error: unknown): void => {
    const failure = door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
    settle(failed(error, failure), failure.by === 'door' ? undefined : error)
  }
  const failed = (error: unknown, failure: Failure): Buffer => {
    const { by, code, message } = failure
    if (by === 'contract' && error instanceof DeclaredError) {
      try {
        return reply(MESSAGE.reply, (to) => codec.writeError(to, { code, message: message.toWellFormed(), data: error.data }))
      } catch (cause) {
        return plain(door.tell(cause, { correlationId, traceId: undefined }))
      }
    }
    return plain(failure)
  }
  const plain = ({ code, status, message, issues }: Failure): Buffer =>
    reply(MESSAGE.exception, (to) =>
      writeException(to, { message: `${code}: ${message}`, type: TYPES[code] ?? EXCEPTION.internalError, status, issues }),
    )
  try {
    const steering = steeringOf(header, state.limits.deadline)
    const read = () => {
      if (wrong !== undefined) throw wrong
      return { ok: true, input: args.input } as const
    }
    door.take(
      { correlationId, steering, trace, header, gone: asker.gone, read },
      {
        succeed: (value) =>
          settle(
            reply(MESSAGE.reply, (to) => codec.writeValue(to, value)),
            undefined,
          ),
        send: () => {},
        fail,
      },
    )
  } catch (error) {
    fail(error)
  }
}

const TYPES: Readonly<Record<string, number>> = {
  MALFORMED_REQUEST: EXCEPTION.protocolError,
  UNIMPLEMENTED: EXCEPTION.unknownMethod,
}

function unknown(name: string, found: 'ambiguous' | undefined, methods: Methods): string {
  if (found === 'ambiguous')
    return `Several services have a method "${name}"; name one, as multiplexed clients do: "Service:${name}"`
  const some = [...methods.keys()].filter((one) => one.includes(':')).slice(0, 20)
  return `There is no method "${name}"; there are ${some.join(', ')}`
}
