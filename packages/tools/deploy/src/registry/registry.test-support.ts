import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export type FakeRegistry = {
  readonly host: string
  readonly blobs: Map<string, Buffer>
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>
  /** Method and path of all that was asked. */
  readonly asked: string[]
  /** What is done instead, if it says so. */
  meanwhile: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** A registry with what a push needs of OCI Distribution 1.1. It lists nobody's attachments, as many do not. */
export async function fakeRegistry(t: TestContext): Promise<FakeRegistry> {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>()
  const registry = { host: '', blobs, manifests, asked: [] as string[], meanwhile: (): boolean => false }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://registry')
    registry.asked.push(`${request.method} ${url.pathname}`)
    if ((registry as FakeRegistry).meanwhile(request, response)) return
    const end = (status: number, headers: Readonly<Record<string, string>> = {}, body?: Buffer): void =>
      void response.writeHead(status, headers).end(body)
    const name = url.pathname.split('/').at(-1)!
    const body = Buffer.concat(await (request as AsyncIterable<Buffer> & { toArray: () => Promise<Buffer[]> }).toArray())
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
    const isManifest = url.pathname.includes('/manifests/')
    if (request.method === 'POST') return end(202, { location: `/upload/${registry.asked.length}?state=x` })
    if (request.method !== 'PUT') {
      const found = isManifest ? manifests.get(name)?.bytes : blobs.get(name)
      return found === undefined ? end(404) : end(200, {}, request.method === 'GET' ? found : undefined)
    }
    if (isManifest) {
      const stored = { type: request.headers['content-type'] ?? '', bytes: body }
      for (const each of [name, digest]) manifests.set(each, stored)
      return end(201, { 'docker-content-digest': digest })
    }
    if (url.searchParams.get('digest') !== digest || url.searchParams.get('state') !== 'x') return end(400)
    blobs.set(digest, body)
    end(201)
  }
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return registry
}
