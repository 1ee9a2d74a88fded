import type { Metadata, Principal } from '../../contract/contract.ts'
import { wrongMetadata } from '../../contract/internal.ts'
import { Cancellation } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import type { BodyReader } from './frames.ts'
import type { ReceivedPrincipals } from './principals.ts'
import * as wire from './protocol.ts'
import { ProtocolError } from './protocol.ts'

/** One call that came over the wire, in one object: what came with it, and its caller's end. */
export class ServedCall extends Cancellation implements CallContext {
  readonly sentAt: number
  readonly deadline: number
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  readonly caller: string | undefined
  readonly idempotencyKey: string | undefined
  readonly tracestate: string | undefined
  readonly principal: Principal | undefined
  readonly metadata: Metadata | undefined
  /** Bytes that it takes up, about. */
  readonly size: number

  /** @throws {ProtocolError} when a text is cut short, or says what no caller can have been given */
  constructor(options: {
    now: number
    left: number
    caller: string | undefined
    flags: number
    body: BodyReader
    newId: () => string
    principals: ReceivedPrincipals
    size: number
  }) {
    super()
    const { now, flags, body } = options
    this.sentAt = now
    this.size = options.size
    this.deadline = now + options.left
    this.caller = options.caller
    this.correlationId = (flags & wire.HAS_CORRELATION) !== 0 ? body.text() : options.newId()
    this.causationId = (flags & wire.HAS_CAUSATION) !== 0 ? body.text() : undefined
    this.traceparent = (flags & wire.HAS_TRACE) !== 0 ? body.text() : undefined
    this.idempotencyKey = (flags & wire.HAS_KEY) !== 0 ? body.text() : undefined
    this.tracestate = (flags & wire.HAS_TRACESTATE) !== 0 ? body.text() : undefined
    this.principal = (flags & wire.HAS_PRINCIPAL) !== 0 ? options.principals.at(body.short()) : undefined
    this.metadata = (flags & wire.HAS_METADATA) !== 0 ? metadataFrom(body.text()) : undefined
  }

  get cancellation(): Cancellation {
    return this
  }
}

function metadataFrom(text: string): Metadata {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ProtocolError('The metadata of a call are no JSON')
  }
  const wrong = wrongMetadata(value)
  if (wrong !== undefined) throw new ProtocolError(`The metadata of a call ${wrong}`)
  return Object.freeze(value as Record<string, string>)
}
