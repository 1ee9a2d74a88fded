import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Clock } from '../../runtime/runtime.ts'

/** Posts JSON to one receiver over connections of its own. */
export type Post = {
  /** Rejects when there is no answer in time, or the signal fires. */
  readonly send: (url: string, body: unknown, signal: AbortSignal) => Promise<Answer>
  readonly close: () => void
}

export type Answer = {
  readonly status: number
  /** The first of it, at most. */
  readonly body: string
  /** Milliseconds the receiver asks to wait. */
  readonly retryAfter: number | undefined
}

/** Characters of an answer that are kept. */
const LONGEST_ANSWER = 65_536

export function createPost(options: { headers: Readonly<Record<string, string>>; timeout: number; clock: Clock }): Post {
  const { headers, timeout, clock } = options
  const agents = {
    'http:': new HttpAgent({ keepAlive: true, maxSockets: 2 }),
    'https:': new HttpsAgent({ keepAlive: true, maxSockets: 2 }),
  }
  return {
    send: (url, body, signal) =>
      new Promise((resolve, reject) => {
        const { protocol } = new URL(url)
        const secure = protocol === 'https:'
        const text = Buffer.from(JSON.stringify(body))
        const request = (secure ? httpsRequest : httpRequest)(url, {
          method: 'POST',
          agent: secure ? agents['https:'] : agents['http:'],
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
          headers: { ...headers, 'content-type': 'application/json', 'content-length': text.length },
        })
        request.once('error', reject)
        request.once('response', (response) => {
          let answer = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => {
            if (answer.length < LONGEST_ANSWER) answer += part
          })
          response.once('error', reject)
          response.once('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: answer,
              retryAfter: waitOf(response.headers['retry-after'], clock),
            }),
          )
        })
        request.end(text)
      }),
    close: () => {
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  }
}

/** `Retry-After` is seconds or a date. */
function waitOf(header: string | undefined, clock: Clock): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - clock.now()
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}
