import { CallError, type AnyOperation } from 'dure/contract'
import { routesOf } from 'dure/contract/internal'
import { invalidInput, ValueStream, type Route } from 'dure/call/internal'
import type { CallContext } from 'dure/call'
import { answerReader, readJson, type Answer } from './answer.ts'
import { Collector, isSuccess, type Collected } from './collect.ts'
import type { Exchange, Receiver } from './exchange.ts'
import { failureReader, type FailedAnswer } from './failure.ts'
import { LineStream } from './lines.ts'
import { requestWriter } from './request.ts'

/** A request as it goes to an address. */
export type OutgoingRequest = {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly accept: string
}

/** What a way to an operation needs of the address that it leads to. */
export type Sending = {
  /** Bytes of an answer, or of one line. */
  readonly limit: number
  readonly send: (place: string, request: OutgoingRequest, call: CallContext, to: Receiver) => Exchange | Error
  /** What a caller is told when the connection failed. */
  readonly lost: (place: string, error: Error, sent: boolean) => CallError
  /** Looks at an answer before its caller does: it may ask to be left alone. */
  readonly answered: (answer: FailedAnswer & Pick<Collected, 'headers'>) => void
}

/** The way to one operation at one address. */
export function httpRoute(place: string, operation: AnyOperation, sending: Sending): Route {
  const route = routesOf(operation.bindings.http)[0]!
  const write = requestWriter(operation, route)
  const readValue = answerReader(operation.output)
  const readFailure = failureReader(place, operation)

  const open = (input: unknown, call: CallContext, accept: string, to: Receiver): Exchange | Error => {
    const written = write(input)
    if (!written.ok) return invalidInput(place, written.issues)
    return sending.send(place, { method: route.method, path: written.path, body: written.body, accept }, call, to)
  }
  const broken = (why: string): CallError =>
    new CallError('INTERNAL', `Call to ${place} failed: its answer cannot be used: ${why}`)
  const settled = (answer: Answer): unknown => {
    if (answer.ok) return answer.value
    throw broken(answer.why)
  }
  const valueOf = (collector: Collector): unknown => {
    const answer = collector.whole()
    sending.answered(answer)
    if (!isSuccess(answer.status)) return Promise.resolve(readFailure(answer)).then((error) => Promise.reject(error))
    if (operation.output === undefined) return undefined
    if (collector.isEncoded) throw broken('it is compressed, which was not asked for')
    if (answer.body.length > 0 && !JSON_TYPE.test(answer.type)) throw broken(`it is "${answer.type.slice(0, 80)}", and not JSON`)
    const read = readJson(answer.body)
    if (!read.ok) throw broken(read.why)
    const value = readValue(read.json)
    return value instanceof Promise ? value.then(settled) : settled(value)
  }

  const call = (input: unknown, context: CallContext): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const collector = new Collector(place, sending.limit)
      const exchange = open(input, context, 'application/json, application/problem+json', {
        head: (status, headers) => collector.head(status, headers),
        data: (chunk) => {
          const tooLarge = collector.add(chunk)
          if (tooLarge !== undefined) (exchange as Exchange).fail(tooLarge)
        },
        end: () => {
          try {
            resolve(valueOf(collector))
          } catch (error) {
            reject(error as Error)
          }
        },
        failed: (error, sent) => reject(error instanceof CallError ? error : sending.lost(place, error, sent)),
      })
      if (exchange instanceof Error) reject(exchange)
    })

  const stream = (input: unknown, context: CallContext): AsyncIterable<unknown> => ({
    [Symbol.asyncIterator]: () => {
      const lines = new LineStream({
        ...{ place, limit: sending.limit, readItem: readValue, readFailure },
        refused: (answer) => {
          sending.answered(answer)
          return isSuccess(answer.status) ? broken(`it is "${answer.type.slice(0, 80)}", and no NDJSON`) : readFailure(answer)
        },
        open: (to) => open(input, context, 'application/x-ndjson, application/problem+json', to),
        lost: (error, sent) => sending.lost(place, error, sent),
      })
      return new ValueStream({ open: () => lines, over: (_failure, stopped) => void (stopped !== undefined && lines.return()) })
    },
  })
  return { call, stream }
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i
