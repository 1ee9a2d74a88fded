/** What passing bytes on costs in Node when nobody looks at them: each connection has one behind it, and what comes goes there. */
import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'

const [kind, upstream, folder] = process.argv.slice(2) as ['node_floor' | 'node_tls_floor', string, string]
process.on('disconnect', () => process.exit())

function pass(client: Socket): void {
  const server = connect({ port: Number(upstream), host: '127.0.0.1', noDelay: true })
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.on('data', (bytes) => to.write(bytes))
    from.on('error', () => {})
    from.on('close', () => to.destroy())
  }
}

const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
const server: Server =
  kind === 'node_floor'
    ? createServer({ noDelay: true }, pass)
    : createTlsServer({ key: read('tls.key'), cert: read('tls.crt'), noDelay: true }, pass)
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
