/**
 * gRPC-Web: calls of browsers, whose pages cannot read trailers, so that these are the last message; as bytes or, in base64, as text.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
import type { Http2Headers, Http2Receiver, Http2Stream } from '@dure/http2'

const CONTENT = /^application\/grpc-web(-text)?(?:\+proto)?(?:;|$)/
const EXPOSED = 'grpc-status,grpc-message,grpc-status-details-bin,x-correlation-id'
/** Of a message that is trailers. */
const TRAILERS = 0x80

/** A call of gRPC-Web as one of gRPC. */
export type WebCall = {
  readonly stream: Http2Stream
  /** @param taken by what the call is for */
  readonly receive: (taken: Http2Receiver) => Http2Receiver
}

/** @returns undefined: it is none of gRPC-Web */
export function webCallOf(stream: Http2Stream, origins: readonly string[]): WebCall | undefined {
  const [type, text] = CONTENT.exec(stream.headers.get('content-type') ?? '') ?? []
  if (type === undefined) return undefined
  const isText = text !== undefined
  const write = (bytes: Uint8Array): boolean => stream.write(isText ? Buffer.from(base64(bytes)) : bytes)
  const own: Http2Headers = [['content-type', `application/grpc-web${text ?? ''}+proto`], ...corsOf(stream, origins)]
  const end = (trailers: Http2Headers = []): void => {
    write(trailersFrame(trailers))
    stream.end()
  }
  const call: Http2Stream = {
    ...{ id: stream.id, bodiless: stream.bodiless },
    headers: new Map([...stream.headers, ['content-type', 'application/grpc']]),
    get closed() {
      return stream.closed
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    respond: (headers, how) => {
      const all = [...headers, ...(how?.own ?? [])]
      const last = all.filter(([name]) => name.startsWith('grpc-') && name !== 'grpc-encoding' && name !== 'grpc-accept-encoding')
      stream.respond([...all.filter((one) => one[0] !== 'content-type' && !last.includes(one)), ...own])
      if (how?.end === true) end(last)
    },
    write,
    drained: (then) => stream.drained(then),
    end,
    reset: (code) => stream.reset(code),
  }
  return { stream: call, receive: (taken) => (isText ? decoded(taken, call) : taken) }
}

/** Answers a browser that asks whether a page of another host may call. @returns false: it is no such question */
export function answersPreflight(stream: Http2Stream, origins: readonly string[]): boolean {
  const { headers } = stream
  if (headers.get(':method') !== 'OPTIONS' || headers.get('access-control-request-method') === undefined) return false
  const cors = corsOf(stream, origins)
  const asked = headers.get('access-control-request-headers')
  const more: Http2Headers = [
    ...([
      ['access-control-allow-methods', 'POST'],
      ['access-control-max-age', '7200'],
    ] as const),
    ...(asked === undefined ? [] : [['access-control-allow-headers', asked] as const]),
  ]
  stream.respond(cors.length === 0 ? [[':status', '403']] : [[':status', '204'], ...cors, ...more], { end: true })
  return true
}

function corsOf({ headers }: Http2Stream, origins: readonly string[]): Http2Headers {
  const origin = headers.get('origin')
  if (origin === undefined || !origins.includes(origin)) return []
  return [
    ['access-control-allow-origin', origin],
    ['access-control-expose-headers', EXPOSED],
    ['vary', 'origin'],
  ]
}

function trailersFrame(trailers: Http2Headers): Buffer {
  const text = Buffer.from(trailers.map(([name, value]) => `${name}: ${value}\r\n`).join(''))
  const head = Buffer.alloc(5)
  head[0] = TRAILERS
  head.writeUInt32BE(text.length, 1)
  return Buffer.concat([head, text])
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

/** Base64 in whatever pieces it comes, each of several padded parts. */
function decoded(taken: Http2Receiver, call: Http2Stream): Http2Receiver {
  let rest = ''
  let failed = false
  const refuse = (): void => {
    failed = true
    taken.aborted(CANCEL)
    call.respond(
      [
        [':status', '200'],
        ['grpc-status', '3'],
        ['grpc-message', 'It is not base64'],
      ],
      { end: true },
    )
  }
  return {
    data: (bytes) => {
      if (failed) return
      const text = rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      const whole = text.length - (text.length % 4)
      rest = text.slice(whole)
      // What is padded may go on behind its padding.
      const parts = text.slice(0, whole).match(/[^=]+={0,2}/g) ?? []
      if (!parts.every((part) => BASE64.test(part))) return refuse()
      taken.data(Buffer.concat(parts.map((part) => Buffer.from(part, 'base64'))))
    },
    end: (trailers) => {
      if (failed) return
      if (rest === '') taken.end(trailers)
      else refuse()
    },
    aborted: (code) => {
      if (!failed) taken.aborted(code)
    },
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** Of RFC 9113, section 7. */
const CANCEL = 8
