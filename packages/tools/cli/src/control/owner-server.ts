import { chmod } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CallError } from 'dure/contract'
import type { OperatorCaller } from '@dure/operator'
import { BY_HEADER, failureOf, headerText, sendJson } from '@dure/operator/internal'

/** Serves JSON over HTTP to the owner of a directory alone. */
export async function serveOwner(
  at: string | { readonly fd: number },
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    // A connection each: none stands idle when the server closes.
    response.setHeader('connection', 'close')
    answer(request, response).catch((error: unknown) => {
      const { status, failure } = failureOf(error)
      if (!response.headersSent) sendJson(response, status, { error: failure })
      else response.destroy()
    })
  })
  server.maxConnections = 64
  await listen(server, at)
  return server
}

/** Only the owner of the directory comes in here, and may do everything; who it is, is his own word. */
export function ownerOf(request: IncomingMessage): OperatorCaller {
  return { name: headerText(request.headers[BY_HEADER]) ?? '', role: 'operator' }
}

export function sendNothing(request: IncomingMessage, response: ServerResponse): void {
  const { failure } = failureOf(new CallError('UNIMPLEMENTED', `Nothing is at "${request.url}"`))
  sendJson(response, 404, { error: failure })
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
