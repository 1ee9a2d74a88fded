import type { FastifyInstance, FastifyListenOptions } from 'fastify'

export type Address = { readonly host: string; readonly port: number }

/**
 * Starts to listen, on the socket that was handed to this process if there is one, and says where.
 * @throws {Error} that says what stood in the way and what to do
 */
export async function listen(app: FastifyInstance, address: Address, handed?: number): Promise<string> {
  try {
    // Node takes a file descriptor here; Fastify hands on what it does not know.
    const options: FastifyListenOptions & { fd?: number } = handed === undefined ? { ...address } : { host: '', fd: handed }
    return await app.listen(options)
  } catch (cause) {
    await app.close()
    throw new Error(`Cannot listen on ${address.host}:${address.port}: ${reason(cause)}`, { cause })
  }
}

function reason(cause: unknown): string {
  const { code, message } = cause as { code?: string; message?: string }
  if (code === 'EADDRINUSE') return 'the port is in use; choose another with --port'
  if (code === 'EACCES') return 'this user may not open the port; choose one from 1024 up with --port'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address; choose another host'
  return message ?? String(cause)
}
