import type { Readable } from 'node:stream'
import { closeDoor } from 'dure/door/internal'
import type { Door } from 'dure/service'
import type { FastifyInstance } from 'fastify'
import { limitsOf, type Limits } from './limits.ts'
import { openApp, type AppOptions } from './open-app.ts'

/** A request that somebody else has received. Names of headers are in lower case. */
export type MemoryRequest = {
  readonly method: string
  /** With its query, as it was asked for. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | undefined
  /** Bytes of the answer at most. */
  readonly most: number
}

export type MemoryAnswer = {
  readonly status: number
  /** Several values where a header was set several times: cookies. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Undefined: it would have been larger, and nobody keeps it. */
  readonly body: Uint8Array | undefined
}

/** The REST door without a socket: the same routes, refusals and pages, for who receives requests in another way. */
export type MemoryDoor = {
  readonly door: Door
  /** Rejects while the door is not open. An answer without an end ends with the deadline of its call. */
  readonly request: (request: MemoryRequest) => Promise<MemoryAnswer>
}

export type MemoryOptions = Omit<AppOptions, 'limits' | 'tls'> & { readonly limits?: Partial<Limits> | undefined }

export function restInMemory(options: MemoryOptions = {}): MemoryDoor {
  const limits = limitsOf(options.limits)
  const { name = 'rest' } = options
  let opened: FastifyInstance | undefined
  return {
    door: {
      name,
      open: async (host, world) => {
        const { app, state } = await openApp(host, world, { ...options, limits })
        await app.ready()
        opened = app
        const close = (): Promise<void> => app.close()
        return {
          url: undefined,
          close: ({ timeout } = {}) => closeDoor(state, { timeout, letGo: undefined, close, cut: () => {} }),
        }
      },
    },
    request: async ({ method, path, headers, body, most }) => {
      if (opened === undefined) throw new Error(`Cannot answer "${method} ${path}": the door "${name}" is not open`)
      // Any method is passed on, as it would come over a socket: the door refuses those that it does not know.
      const asked = { method: method as 'GET', url: path, headers, ...(body !== undefined && { payload: Buffer.from(body) }) }
      const answer = await opened.inject({ ...asked, payloadAsStream: true })
      const { statusCode, headers: told } = answer
      const values = Object.entries(told).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, typeof value === 'number' ? String(value) : value] as const],
      )
      return { status: statusCode, headers: Object.fromEntries(values), body: await readUpTo(answer.stream(), most) }
    },
  }
}

async function readUpTo(stream: Readable, most: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    // Leaving the loop ends the stream, and with it whoever writes it.
    if (bytes > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
