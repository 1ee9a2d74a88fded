import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { OpenState } from '../open-door.ts'

/**
 * Answers in one write: what says its length is not cut into chunks, each of which costs as much as the whole. A connection of a door that closes
 * ends with its answer.
 */
export function sendWhole(
  response: ServerResponse,
  { closing }: Pick<OpenState, 'closing'>,
  { status, headers, body }: { readonly status: number; readonly headers: OutgoingHttpHeaders; readonly body: string },
): void {
  if (response.destroyed || response.headersSent) return
  if (closing) response.setHeader('connection', 'close')
  const fixed = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }
  response.writeHead(status, { ...headers, ...fixed, 'content-length': Buffer.byteLength(body) }).end(body)
}
