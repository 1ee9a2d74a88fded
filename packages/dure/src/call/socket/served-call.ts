import type { Metadata, Principal } from '../../contract/contract.ts'
import { copyPrincipal, wrongMetadata, wrongPrincipal } from '../../contract/internal.ts'
import { Cancellation } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import type { BodyReader } from './frames.ts'
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
    trusted: boolean
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
    const principal = (flags & wire.HAS_PRINCIPAL) !== 0 ? principalFrom(body.text()) : undefined
    this.principal = options.trusted ? principal : undefined
    this.metadata = (flags & wire.HAS_METADATA) !== 0 ? metadataFrom(body.text()) : undefined
  }

  get cancellation(): Cancellation {
    return this
  }
}

function principalFrom(text: string): Principal {
  const value = parsed(text)
  const wrong = wrongPrincipal(value)
  if (wrong !== undefined) throw new ProtocolError(`The principal of a call ${wrong}`)
  return copyPrincipal(value as Principal)
}

function metadataFrom(text: string): Metadata {
  const value = parsed(text)
  const wrong = wrongMetadata(value)
  if (wrong !== undefined) throw new ProtocolError(`The metadata of a call ${wrong}`)
  return Object.freeze(value as Record<string, string>)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProtocolError('What goes along with a call is no JSON')
  }
}
