import { chmod } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CallError } from 'dure/contract'
import { callFailure } from './answer.ts'

const LONGEST_BODY = 16 * 1024 * 1024

/** Serves JSON over HTTP to the owner of a directory alone. */
export async function serveOwner(
  at: string | { readonly fd: number },
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    // A connection each: none stands idle when the server closes.
    response.setHeader('connection', 'close')
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 400, { error: callFailure(error) })
      else response.destroy()
    })
  })
  server.maxConnections = 64
  await listen(server, at)
  return server
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LONGEST_BODY) throw new CallError('INVALID_ARGUMENT', `Cannot take a call of more than ${LONGEST_BODY} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** Listens as the owner's alone: the socket is born with mode 0600: a moment at 0755 would let another user of the machine in. */
async function listen(server: Server, at: string | { readonly fd: number }): Promise<void> {
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(at, resolve)
    })
  } finally {
    process.umask(before)
  }
  if (typeof at === 'string') await chmod(at, 0o600)
}
