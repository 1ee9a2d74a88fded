/** A copy of a service in a process of its own, to be killed and frozen: says where it listens. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((incoming, answer) => {
  incoming.resume().on('end', () => answer.end('ok'))
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log(`at ${(server.address() as AddressInfo).port}`))
