import { existsSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { socketPath } from '../../runtime/internal.ts'
import type { LogRecord } from '../log-tap.ts'
import type { Exporter } from '../sink.ts'
import type { Span } from '../span.ts'
import { LONGEST_ANSWER, otlpSink, waitOf, type Answer } from './otlp.ts'

/** Where the collector of a system's directory listens, when there is one. */
export function collectorSocket(directory: string): string {
  return socketPath(directory, 'collector')
}

/** Milliseconds between two looks for it, at least; between two reports of metrics; that one request may take. */
const [LOOK, METRICS, TIMEOUT] = [1_000, 10_000, 5_000]
/** What is kept of the first time for a collector that is still to come: items of a kind, and milliseconds. */
const [EARLY, EARLY_MS] = [1_000, 30_000]

/**
 * Tells the collector of the system's directory, when there is one: nothing has to be set. It is looked for while there is
 * something to tell, and not waited for; without one, nothing is built, kept or counted.
 */
export function collectorSink(): Exporter {
  return (world) => {
    const { clock } = world.runtime
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    let path = ''
    const began = clock.monotonic()
    let early: { spans: Span[]; lines: LogRecord[] } | undefined = { spans: [], lines: [] }
    let looked = -Infinity
    let there = false

    const isThere = (): boolean => {
      const now = clock.monotonic()
      if (now - looked < LOOK) return there
      looked = now
      // The directory may not have been there before, and what it is called then says where the socket is.
      path = collectorSocket(world.directory)
      there = existsSync(path)
      if (there && early !== undefined) {
        const { spans, lines } = early
        early = undefined
        for (const span of spans) sink.take(span)
        for (const line of lines) sink.log(line)
      } else if (now - began > EARLY_MS) early = undefined
      return there
    }
    const sink = otlpSink(world, {
      name: 'collector',
      limits: {},
      metrics: METRICS,
      wanted: isThere,
      send: async (where, body, signal) => {
        try {
          return await post({ agent, path, where, body: JSON.stringify(body), signal, now: () => clock.now() })
        } catch (error) {
          // One that has ended takes its socket along: that is no trouble, and there is nobody to tell.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && existsSync(path)) throw error
          there = false
          return NOBODY
        }
      },
    })
    return {
      ...sink,
      take: (span) => {
        if (isThere()) sink.take(span)
        else if (early !== undefined && early.spans.length < EARLY) early.spans.push(span)
      },
      log: (line) => {
        if (isThere()) sink.log(line)
        else if (early !== undefined && early.lines.length < EARLY) early.lines.push(line)
      },
      stop: async (how) => {
        await sink.stop(how)
        agent.destroy()
      },
    }
  }
}

const NOBODY: Answer = { status: 200, body: '', retryAfter: undefined }

function post(options: {
  readonly agent: Agent
  readonly path: string
  readonly where: string
  readonly body: string
  readonly signal: AbortSignal
  readonly now: () => number
}): Promise<Answer> {
  const { agent, path, where, body, signal, now } = options
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ agent, socketPath: path, method: 'POST', path: where },
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      // One that stands still is found out about, and what is meant for it waits, up to a bound.
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    })
    sent.once('error', reject)
    sent.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        if (text.length < LONGEST_ANSWER) text += part
      })
      response.once('error', reject)
      response.once('end', () => {
        const retryAfter = waitOf(response.headers['retry-after'], now())
        resolve({ status: response.statusCode ?? 0, body: text, retryAfter })
      })
    })
    sent.end(body)
  })
}
