import { Pool, type Dispatcher } from 'undici'

/**
 * What came of a request. `refused`: no connection was made, so surely nothing happened. `unknown`: the request was
 * sent and no answer came, so it may or may not have happened.
 */
export type Reply =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'refused'; readonly error: Error }
  | { readonly kind: 'unknown'; readonly error: Error }

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

/** The marketplace's HTTP door, as its clients use it. */
export type DoorClient = {
  readonly url: string
  /** Never rejects: whatever happens is a reply. */
  readonly send: (method: Method, path: string, body?: unknown) => Promise<Reply>
  /** @throws {DoorError} unless the answer is 2xx and JSON */
  readonly get: (path: string) => Promise<unknown>
  /** The lines of a server stream, until it ends. @throws {DoorError} when it breaks or the signal aborts */
  readonly lines: (path: string, signal: AbortSignal) => AsyncGenerator<string>
  readonly close: () => Promise<void>
}

/** A request of the driver's own that did not get the answer it needs. */
export class DoorError extends Error {
  override readonly name = 'DoorError'
}

/** Errors of undici and the system that come before a single byte of the request was sent. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])

/**
 * A client with a pool of keep-alive connections. It dispatches to the pool with one small handler a request rather
 * than through `fetch` or `request`, because the driver shares its cores with what it measures.
 */
export function doorClient(options: { url: string; connections: number; timeout: number }): DoorClient {
  const { connections, timeout } = options
  const { origin } = new URL(options.url)
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    connectTimeout: timeout,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    keepAliveTimeout: 30_000,
  })
  // A stream stands open for long: it must neither take a place in the pool nor end when it is silent.
  const streams = new Pool(origin, { headersTimeout: 0, bodyTimeout: 0 })
  const send: DoorClient['send'] = (method, path, body) =>
    new Promise((resolve) => {
      const text = body === undefined ? null : JSON.stringify(body)
      pool.dispatch({ method, path, body: text, headers: text === null ? ACCEPT : JSON_BODY }, new Handler(resolve))
    })
  return {
    url: origin,
    send,
    get: async (path) => {
      const reply = await send('GET', path)
      if (reply.kind !== 'answer') throw new DoorError(`Cannot get ${path}: ${reply.error.message}`, { cause: reply.error })
      if (reply.status < 200 || reply.status > 299) {
        throw new DoorError(`Cannot get ${path}: the answer was ${reply.status} ${reply.text.slice(0, 200)}`)
      }
      try {
        return JSON.parse(reply.text) as unknown
      } catch (cause) {
        throw new DoorError(`Cannot get ${path}: the answer is not JSON but ${JSON.stringify(reply.text.slice(0, 80))}`, {
          cause,
        })
      }
    },
    lines: (path, signal) => streamLines(streams, path, signal),
    close: async () => {
      await Promise.all([pool.destroy(), streams.destroy()])
    },
  }
}

const ACCEPT: Readonly<Record<string, string>> = { accept: 'application/json' }
const JSON_BODY: Readonly<Record<string, string>> = { accept: 'application/json', 'content-type': 'application/json' }

class Handler implements Dispatcher.DispatchHandler {
  #resolve: (reply: Reply) => void
  #status = 0
  #text = ''
  #chunks: Buffer[] | undefined

  constructor(resolve: (reply: Reply) => void) {
    this.#resolve = resolve
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // The chunk is undici's own buffer and will be written again: several must be copied, one can be read at the end.
    if (this.#chunks) this.#chunks.push(Buffer.from(chunk))
    else this.#chunks = [Buffer.from(chunk)]
  }

  onResponseEnd(): void {
    if (this.#chunks) this.#text = (this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)).toString('utf8')
    this.#resolve({ kind: 'answer', status: this.#status, text: this.#text })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const code = (error as { code?: string }).code ?? ''
    this.#resolve({ kind: NEVER_SENT.has(code) ? 'refused' : 'unknown', error })
  }
}

async function* streamLines(pool: Pool, path: string, signal: AbortSignal): AsyncGenerator<string> {
  const failed = (cause: unknown): DoorError => new DoorError(`The stream ${path} broke: ${String(cause)}`, { cause })
  const { statusCode, body } = await pool
    .request({ method: 'GET', path, headers: { accept: 'application/x-ndjson' }, signal })
    .catch((cause: unknown) => {
      throw failed(cause)
    })
  if (statusCode !== 200) throw failed(`${statusCode} ${(await body.text()).slice(0, 200)}`)
  const decoder = new TextDecoder()
  let pending = ''
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      pending += decoder.decode(chunk, { stream: true })
      let start = 0
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n', start)) {
        if (end > start) yield pending.slice(start, end)
        start = end + 1
      }
      pending = pending.slice(start)
    }
  } catch (cause) {
    throw failed(cause)
  }
}
