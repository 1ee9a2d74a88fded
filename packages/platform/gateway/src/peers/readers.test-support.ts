/** What servers of others make of bytes. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Case } from './corpora.test-support.ts'

export type Read = {
  readonly method: string
  readonly target: string
  /** Its correlation id, which a gateway gives. */
  readonly id: string
  /** SHA-256 of its body. */
  readonly body: string
}
/** Whole requests, in their order; whether it refused to read on. */
export type Reading = { readonly requests: readonly Read[]; readonly refused: boolean }

async function readOf(request: IncomingMessage): Promise<Read> {
  const hash = createHash('sha256')
  for await (const part of request) hash.update(part as Buffer)
  const { method = '', url = '', headers } = request
  return { method, target: url, id: String(headers['x-correlation-id'] ?? ''), body: hash.digest('hex') }
}

type Recorder = {
  readonly port: number
  /** What came on each connection, and what Node read there. */
  readonly connections: () => readonly (Reading & { readonly bytes: Buffer })[]
  readonly close: () => void
}

/** Node's server, which keeps what comes as it comes beside what it reads, and answers each request. */
export async function recorder(options: { readonly requireHostHeader?: boolean } = {}): Promise<Recorder> {
  const connections: { bytes: Buffer[]; requests: (Read | undefined)[]; refused: boolean }[] = []
  const of = new Map<Socket, (typeof connections)[number]>()
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { requests } = of.get(request.socket)!
    // Its place is where it begins: another one, without a body, may be there before it.
    const place = requests.push(undefined) - 1
    try {
      requests[place] = await readOf(request)
      response.setHeader('x-upstream', 'yes').end('ok')
    } catch {
      // Its end never came.
    }
  }
  const server = createServer(options, (request, response) => void answer(request, response))
  // Whoever ends his half has still asked.
  Object.assign(server, { httpAllowHalfOpen: true, keepAliveTimeout: 0 })
  server.on('connection', (socket) => {
    const at = { bytes: [] as Buffer[], requests: [], refused: false }
    connections.push(at)
    of.set(socket, at)
    socket.on('data', (bytes) => void at.bytes.push(bytes as Buffer))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // An end in the middle is no refusal.
    if (error.code !== 'HPE_INVALID_EOF_STATE' && error.code !== 'ECONNRESET') of.get(socket as Socket)!.refused = true
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  const seen = (): ReturnType<Recorder['connections']> =>
    connections.map(({ bytes, requests, refused }) => ({
      bytes: Buffer.concat(bytes),
      requests: requests.filter((one) => one !== undefined),
      refused,
    }))
  return { port: (server.address() as AddressInfo).port, connections: seen, close }
}

/** Node's reading of each of these, in their order. */
export async function readByNode(cases: readonly Case[]): Promise<readonly Reading[]> {
  const server = await recorder({ requireHostHeader: false })
  try {
    for (const { bytes } of cases) {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {})
      socket.resume()
      socket.end(bytes)
      // An upgrade, or a body that never ends, is not waited for.
      socket.setTimeout(2_000, () => socket.destroy())
      await once(socket, 'close')
    }
    return server.connections()
  } finally {
    server.close()
  }
}

/** The reading of a program that takes lines of JSON and gives one for each. */
export async function readBy(program: string, words: readonly string[], cases: readonly Case[]): Promise<readonly Reading[]> {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  for (const [i, { bytes }] of cases.entries())
    child.stdin.write(`${JSON.stringify({ id: String(i), bytes: bytes.toString('base64') })}\n`)
  child.stdin.end()
  const [code] = (await once(child, 'close')) as [number | null]
  const lines = out.trim().split('\n')
  if (code !== 0 || lines.length !== cases.length)
    throw new Error(`Cannot have "${program}" read: it ended with ${code} after ${lines.length} of ${cases.length} answers`)
  return lines.map((line) => JSON.parse(line) as Reading)
}
