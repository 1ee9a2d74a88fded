/** Connections of HTTP that become those of another protocol: who may open one, and how the others are told. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** Takes a connection whose client has asked for another protocol; `head` is what came behind the request. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export type UpgradeRefusal = readonly [status: string, why: string]

/**
 * Why the page that asks may not connect; undefined: it may. Browsers say whose page it is, and send the cookies of whoever looks at it;
 * others say nothing, and have no cookies of a user to misuse.
 * @param origins pages of other hosts that may, as browsers name them: `https://shop.example`
 */
export function originRefusal({ origin, host }: IncomingHttpHeaders, origins: readonly string[]): UpgradeRefusal | undefined {
  if (origin === undefined || origins.includes(origin) || hostOf(origin) === host) return undefined
  return ['403 Forbidden', 'Pages of this origin may not connect; name it in `origins`']
}

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined)

/** Answers in HTTP, and ends the connection. */
export function refuseUpgrade(socket: Duplex, [status, why]: UpgradeRefusal): void {
  const body = `${why}\n`
  const head = `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close\r\n`
  socket.end(`${head}\r\n${body}`)
}

/** As much of a reason as the frame has room for that closes a WebSocket: 123 bytes, in whole characters. */
export function closeReason(reason: string): string {
  return Buffer.from(reason)
    .subarray(0, 120)
    .toString()
    .replace(/\uFFFD$/, '')
}
