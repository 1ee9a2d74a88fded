/** Methods that gRPC itself brings along, and no contract has. */
import { CallError } from 'dure/contract'
import { admit, failureOf } from 'dure/door/internal'
import { checkEncoding, Exchange } from './exchange.ts'
import { MessageParser } from './framing.ts'
import type { Take } from './call.ts'
import { MalformedMessage } from './protobuf/reader.ts'
import type { GrpcState } from './state.ts'
import { trailersOf, type ErrorData } from './status.ts'

type Answer = Pick<Exchange, 'send' | 'end'> & {
  /** Is called when the call is over, however it has ended. */
  readonly onEnd: (then: () => void) => void
}

export function ownMethod(
  state: GrpcState,
  method: {
    /** Whether it goes on when the client has sent all it has. */
    readonly streams?: boolean
    /** Takes a message. @throws {CallError} and the call ends with it */
    readonly message: (bytes: Buffer, answer: Answer) => void
    readonly done?: (answer: Answer) => void
  },
): Take {
  return (stream) => {
    const exchange = new Exchange(stream)
    let over = false
    let admitted = false
    const ends: (() => void)[] = []
    const finish = (): void => {
      if (over) return
      over = true
      if (admitted) state.calls--
      state.streams.delete(closing)
      for (const end of ends) end()
    }
    const fail = (given: unknown): void => {
      if (over) return
      const error =
        given instanceof MalformedMessage ? new CallError('INVALID_ARGUMENT', `Cannot read the message: ${given.message}`) : given
      const { failure } = failureOf(error, { correlationId: '' })
      exchange.end(trailersOf(failure, { error, domain: '', data: NO_DATA }))
      finish()
    }
    const end = (): void => {
      exchange.end()
      finish()
    }
    const answer: Answer = { send: (message) => exchange.send(message), end, onEnd: (then) => void ends.push(then) }
    const closing = (): void => fail(new CallError('UNAVAILABLE', 'The server is stopping; ask again'))
    const parser = new MessageParser({
      ...{ limit: LARGEST, encoding: exchange.encoding },
      message: (bytes) => void (over || method.message(bytes, answer)),
    })
    const guarded = (work: () => void): void => {
      if (over) return
      try {
        work()
      } catch (error) {
        fail(error)
      }
    }
    guarded(() => {
      checkEncoding(exchange.encoding)
      const refusal = admit(state)
      if (refusal !== undefined) throw refusal
      admitted = true
      if (method.streams === true) state.streams.add(closing)
    })
    return {
      data: (bytes) => guarded(() => parser.push(bytes)),
      end: () =>
        guarded(() => {
          if (method.streams !== true) throw new CallError('INVALID_ARGUMENT', 'Cannot read the request: it has no message')
          method.done?.(answer)
        }),
      aborted: finish,
    }
  }
}

const LARGEST = 64 * 1024
const NO_DATA: ErrorData = new Map()
