import type { IncomingMessage, ServerResponse } from 'node:http'
import { CallError } from 'dure/contract'

/** Bytes of a request's body, at most: data of messages come this way. */
export const LONGEST_BODY: number = 16 * 1024 * 1024

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(value))
}

/** @throws {CallError} INVALID_ARGUMENT for a body that is too long, or no JSON; nothing stands for `undefined` */
export async function readJson(request: IncomingMessage, longest: number = LONGEST_BODY): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > longest) throw new CallError('INVALID_ARGUMENT', `Cannot take a body of more than ${longest} bytes`)
    chunks.push(chunk)
  }
  return size === 0 ? undefined : parsed(Buffer.concat(chunks).toString(), 'the body')
}

/** @throws {CallError} INVALID_ARGUMENT */
export function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CallError('INVALID_ARGUMENT', `Cannot read ${what} as JSON: ${(cause as Error).message}`, { cause })
  }
}

/** A text in a header, which holds no more than ASCII: percent-encoded UTF-8. */
export function headerText(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    // It was not encoded: a percent sign of its own.
    return value
  }
}
