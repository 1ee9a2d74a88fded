import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/**
 * A port of the loopback interface that is free now, for a program that cannot be told 0. Somebody else may take it before that has it.
 *
 * @example
 * ```ts
 * import { freePort } from '@dure/testing/servers'
 *
 * console.log((await freePort()) > 0) // → true
 * ```
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
