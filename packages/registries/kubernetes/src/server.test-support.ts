import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export type Handler = (query: URLSearchParams, response: ServerResponse, request: IncomingMessage) => void

/** Answers as a kube-apiserver does, by what `apiserver.test.ts` sees of a real one. */
export async function answering(t: Pick<TestContext, 'after'>, handlers: { list: Handler; watch: Handler }): Promise<string> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://here')
    if (searchParams.get('watch') === 'true') handlers.watch(searchParams, response, request)
    else handlers.list(searchParams, response, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'dure-kube-'))
  t.after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const { port } = server.address() as AddressInfo
  const file = join(folder, 'kubeconfig')
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'here' },
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'me', namespace: 'shop' } }],
    clusters: [{ name: 'here', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { token: 'a-token' } }],
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}
export const versioned = (object: object, resourceVersion: string): object => ({
  ...object,
  metadata: { ...(object as { metadata: object }).metadata, resourceVersion },
})
export const listOf = (version: string, ...items: readonly object[]): string =>
  JSON.stringify({ kind: 'EndpointSliceList', metadata: { resourceVersion: version }, items })
export const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`
export const GONE = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 7 (9)' }
