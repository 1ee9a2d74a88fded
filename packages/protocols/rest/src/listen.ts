import type { FastifyInstance } from 'fastify'

export type Address = { readonly host: string; readonly port: number }

/**
 * Starts to listen, and says where.
 * @throws {Error} that says what stood in the way and what to do
 */
export async function listen(app: FastifyInstance, address: Address): Promise<string> {
  try {
    return await app.listen({ host: address.host, port: address.port })
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
