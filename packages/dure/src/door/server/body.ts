import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

/** The body of a request, as it came. @throws {Refusal} for one that is too large, or compressed */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const refuse = () => new Refusal('BODY_TOO_LARGE', `Cannot take the body: it is larger than ${most} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > most) throw refuse()
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `Cannot read a body encoded as "${encoding.slice(0, 40)}"; send it uncompressed`)
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > most) throw refuse()
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}
