/** A client of HTTP/2 that sends what it is told, frame by frame, right or wrong. */
import type { TestContext } from 'node:test'
import { block, frame, frameClient, type FrameClient } from '@dure/testing/frames'
import { shake } from '../tls.test-support.ts'

export const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY] = [0, 1, 2, 3, 4, 6, 7] as const
export const CONTINUATION = 9
export const [END_STREAM, END_HEADERS] = [1, 4] as const
export const [REFUSED_STREAM, CANCEL] = [7, 8] as const

export { block, frame, number, type Frame } from '@dure/testing/frames'

export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'shop.example'],
  [':path', '/a'],
]
export const POST: readonly (readonly [string, string])[] = [[':method', 'POST'], ...GET.slice(1)]

export const get = (id: number): Buffer => frame(HEADERS, END_STREAM | END_HEADERS, id, block(GET))

export type RawClient = FrameClient & { readonly destroy: () => void }

/** @param settings as pairs: 4 with 0 is a window of nothing */
export async function rawClient(
  t: Pick<TestContext, 'after'>,
  url: string,
  settings: readonly (readonly [id: number, value: number])[] = [],
): Promise<RawClient> {
  const socket = await shake(t, url, { ALPNProtocols: ['h2'] })
  return { ...frameClient(socket, { settings, read: (frame) => frame }), destroy: () => void socket.destroy() }
}
