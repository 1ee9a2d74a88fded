import type { IncomingMessage } from 'node:http'
import { isUtf8 } from 'node:buffer'
import { readBody, Refusal } from 'dure/door/internal'

/** @throws {Refusal} for one that is too large, or no text */
export async function readText(request: IncomingMessage, most: number): Promise<string> {
  const bytes = await readBody(request, most)
  if (!isUtf8(bytes)) throw new Refusal('MALFORMED_JSON', 'Cannot read the body: it is not UTF-8')
  return bytes.toString()
}
