/** One stream of bytes read by us and by Node's own parser, so that the two can be compared. */
import { createServer, request as ask, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import {
  createChunks,
  createHead,
  findHead,
  HEAD_LIMITS,
  isDone,
  readChunks,
  readRequest,
  readResponse,
  resetChunks,
  STRIDE,
} from './wire.ts'
import type { Chunks, Found, Head } from './wire.ts'

export type Message = { readonly start: string; readonly fields: readonly string[]; readonly body: string }
/** What was read, and whether something was refused after that. */
export type Reading = {
  readonly messages: readonly Message[]
  readonly refused: boolean
  /** Where each message ended in the part it ended in. */
  readonly ends: readonly number[]
}

/** A connection that brings these bytes and ends. */
function connectionWith(parts: readonly Buffer[]): Duplex {
  const left = [...parts]
  return new Duplex({
    read() {
      this.push(left.shift() ?? null)
    },
    write(_bytes, _encoding, done) {
      done()
    },
  })
}

/** As Node's HTTP server reads it, strictly. */
export async function nodeReads(parts: readonly Buffer[]): Promise<Omit<Reading, 'ends'>> {
  const messages: Message[] = []
  let refused = false
  const server = createServer(
    { insecureHTTPParser: false, requireHostHeader: true, keepAliveTimeout: 0 },
    (request, response) => {
      let body = ''
      request.setEncoding('latin1')
      request.on('data', (chunk: string) => (body += chunk))
      request.on('error', () => {})
      request.on('end', () => {
        messages.push({ start: `${request.method} ${request.url}`, fields: fieldsOf(request), body })
        response.end()
      })
    },
  )
  const over = Promise.withResolvers<void>()
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('clientError', (_error, socket) => {
    refused = true
    socket.destroy()
  })
  const connection = connectionWith(parts)
  connection.on('close', over.resolve)
  connection.on('error', over.resolve)
  server.on('upgrade', () => over.resolve())
  server.on('connect', () => over.resolve())
  server.emit('connection', connection)
  connection.on('end', () => setImmediate(() => setImmediate(() => setImmediate(over.resolve))))
  await over.promise
  connection.destroy()
  return { messages, refused }
}

const fieldsOf = ({ rawHeaders }: IncomingMessage): readonly string[] =>
  rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[i + 1]}`] : []))

/** As we read it. */
export function weRead(parts: readonly Buffer[]): Reading {
  const messages: Message[] = []
  const ends: number[] = []
  const [head, found, chunks] = [createHead(), { partial: '', text: '', end: 0 } as Found, createChunks(HEAD_LIMITS)]
  let body: string | undefined
  let left = 0
  const end = (at: number): void => {
    ends.push(at)
    messages.push({ start: `${head.method} ${head.target}`, fields: textsOf(head), body: body! })
    body = undefined
  }
  for (const part of parts) {
    let at = 0
    while (at < part.length) {
      if (body === undefined) {
        const is = findHead(found, part, at, part.length, head.limits.head)
        if (typeof is === 'object') return { messages, ends, refused: true }
        if (!is) break
        if (readRequest(head, found.text) !== undefined) return { messages, ends, refused: true }
        at = found.end
        body = ''
        left = head.length
        resetChunks(chunks, 400)
        if (!head.chunked && left <= 0) end(at)
      } else if (head.chunked) {
        const next = readChunks(chunks, part, at, part.length)
        if (typeof next === 'object') return { messages, ends, refused: true }
        body += dataOf(part, chunks)
        at = next
        if (isDone(chunks)) end(at)
      } else {
        const next = Math.min(part.length, at + left)
        body += part.toString('latin1', at, next)
        left -= next - at
        at = next
        if (left === 0) end(at)
      }
    }
  }
  return { messages, ends, refused: body !== undefined || found.partial !== '' }
}

export function dataOf(bytes: Buffer, { data }: Chunks): string {
  let text = ''
  for (let i = 0; i < data.length; i += 2) text += bytes.toString('latin1', data[i], data[i + 1])
  return text
}

export function textsOf({ text, spans, count }: Head): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const [, name, nameEnd, value, valueEnd] = spans.subarray(i * STRIDE, i * STRIDE + STRIDE)
    return `${text.slice(name, nameEnd).toLowerCase()}: ${text.slice(value, valueEnd)}`
  })
}

/** An answer as Node's HTTP client reads it; undefined when it refuses it. */
export async function nodeReadsAnswer(parts: readonly Buffer[], method: string): Promise<Message | undefined> {
  const answered = Promise.withResolvers<Message | undefined>()
  const sent = ask({ method, createConnection: () => connectionWith(parts) }, (answer) => {
    let body = ''
    answer.setEncoding('latin1')
    answer.on('data', (chunk: string) => (body += chunk))
    answer.on('error', () => answered.resolve(undefined))
    answer.on('end', () =>
      answered.resolve({ start: `${answer.statusCode} ${answer.statusMessage}`, fields: fieldsOf(answer), body }),
    )
  })
  sent.on('error', () => answered.resolve(undefined))
  sent.on('upgrade', () => answered.resolve(undefined))
  sent.end()
  const message = await answered.promise
  sent.destroy()
  return message
}

/** The head of an answer as we read it. */
export function weReadAnswer(parts: readonly Buffer[]): Omit<Message, 'body'> | undefined {
  const [head, found] = [createHead(), { partial: '', text: '', end: 0 } as Found]
  for (const part of parts) {
    const is = findHead(found, part, 0, part.length, head.limits.head)
    if (typeof is === 'object') return undefined
    if (!is) continue
    return readResponse(head, found.text) === undefined
      ? { start: `${head.status} ${head.reason}`, fields: textsOf(head) }
      : undefined
  }
  return undefined
}
