import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

/**
 * The body of a request, as it came.
 * @throws {Refusal} for one that is too large, of which the rest is left unread, or compressed; and what a request fails with that breaks off
 */
export function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => new Refusal('BODY_TOO_LARGE', `Cannot take the body: it is larger than ${most} bytes`)
    if (Number(request.headers['content-length'] ?? 0) > most) return reject(tooLarge())
    const encoding = request.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') {
      const words = `Cannot read a body encoded as "${encoding.slice(0, 40)}"; send it uncompressed`
      return reject(new Refusal('UNSUPPORTED_MEDIA_TYPE', words))
    }
    const parts: Buffer[] = []
    let size = 0
    // By events: what iterates over a request is made of several promises and listeners each time.
    const take = (part: Buffer): void => {
      size += part.length
      if (size <= most) return void parts.push(part)
      request.off('data', take).pause()
      reject(tooLarge())
    }
    request.on('data', take)
    request.once('end', () => resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts)))
    request.once('error', reject)
    request.once('close', () => {
      if (!request.complete) reject(new Error('The request broke off'))
    })
  })
}
