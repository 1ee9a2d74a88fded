import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Requests a second of a bare node:http server that answers a small JSON object, asked over keep-alive connections. */
export async function bareDoor(options: { seconds: number; connections: number }): Promise<number> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"ok":true}')
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections })
  const end = performance.now() + options.seconds * 1000
  let count = 0
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', agent }, (response) => {
        response.resume()
        response.once('end', resolve)
      })
        .once('error', reject)
        .end()
    })
  const asker = async (): Promise<void> => {
    while (performance.now() < end) {
      await ask()
      count++
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: options.connections }, asker))
  const rate = count / ((performance.now() - started) / 1000)
  agent.destroy()
  await new Promise((resolve) => void server.close(resolve))
  return rate
}
