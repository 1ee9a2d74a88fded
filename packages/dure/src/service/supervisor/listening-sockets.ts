import { lookup } from 'node:dns/promises'
import { existsSync, rmSync } from 'node:fs'
// Not by name: older versions of Node do not have all of it.
import net from 'node:net'
import type { Address } from '../../discovery/discovery.ts'
import { answers } from '../../discovery/internal.ts'
import { SupervisorError } from './errors.ts'
import type { SocketOptions } from './options.ts'

/**
 * Sockets that the supervisor has bound and never takes a connection from. A process listens on them; while there is
 * none, connections wait in the queue of the kernel, which belongs to the socket and not to the process.
 */
export type ListeningSockets = {
  readonly names: readonly string[]
  /** File descriptors, in the order of the names. */
  readonly descriptors: readonly number[]
  readonly release: () => void
}

/** Why sockets cannot be sockets here; undefined when they can. */
export function cannotShareSockets(): string | undefined {
  if (typeof net.BoundSocket !== 'function') return `it takes Node 26.4 or later, and this is ${process.version}`
  if (process.platform === 'win32') return 'on Windows a process cannot hand a socket to another this way'
  return undefined
}

/** Why some of them are not held, where the others are. */
export function datagramsAmong(sockets: readonly SocketOptions[]): string | undefined {
  const datagrams = sockets.flatMap(({ address }) => (address.kind === 'udp' ? [`${address.host}:${address.port}`] : []))
  if (datagrams.length === 0) return undefined
  return `the datagrams of ${datagrams.join(', ')} cannot wait for a process: those sent while it is replaced are lost`
}

/**
 * Binds what can be held and is not yet; datagrams are left to the process.
 * @param handed file descriptors, by the names of the sockets: bound by whoever started this process
 * @throws {SupervisorError} when an address cannot be had, with what to do
 */
export async function bindSockets(
  sockets: readonly SocketOptions[],
  handed: ReadonlyMap<string, number> = new Map(),
): Promise<ListeningSockets> {
  const held = sockets.filter(({ address }) => address.kind !== 'udp')
  const bound: net.BoundSocket[] = []
  const descriptors: number[] = []
  const release = (): void => {
    for (const socket of bound.splice(0)) socket.close()
  }
  try {
    for (const { name, address } of held) {
      const there = handed.get(name)
      if (there === undefined) bound.push(address.kind === 'unix' ? await bindPath(address.path) : await bindPort(address))
      descriptors.push(there ?? bound.at(-1)!.fd())
    }
  } catch (error) {
    release()
    throw error
  }
  return { names: held.map(({ name }) => name), descriptors, release }
}

async function bindPort({ host, port }: Exclude<Address, { readonly kind: 'unix' }>): Promise<net.BoundSocket> {
  try {
    const numeric = net.isIP(host) > 0 ? host : (await lookup(host, { order: 'ipv4first' })).address
    return new net.BoundSocket({ host: numeric, port })
  } catch (cause) {
    throw new SupervisorError(`Cannot listen on ${host}:${port}: ${reason(cause)}`, { cause })
  }
}

/** A Unix socket that only its owner may open. */
async function bindPath(path: string): Promise<net.BoundSocket> {
  if (await answers(path)) {
    throw new SupervisorError(
      `Cannot listen on "${path}": another process does already; stop that one, or choose another directory`,
    )
  }
  // What a killed process has left behind.
  if (existsSync(path)) rmSync(path)
  // It is born with its rights: a moment with others would let another user of the machine in.
  const before = process.umask(0o177)
  try {
    return new BoundPath({ path })
  } catch (cause) {
    throw new SupervisorError(`Cannot listen on "${path}": ${(cause as Error).message}`, { cause })
  } finally {
    process.umask(before)
  }
}

// Node takes a path as well; its types do not say so yet.
const BoundPath = net.BoundSocket as unknown as new (options: { readonly path: string }) => net.BoundSocket

function reason(cause: unknown): string {
  const { code, message } = cause as { code?: string; message?: string }
  if (code === 'EADDRINUSE') return 'the port is in use; choose another with --port'
  if (code === 'EACCES') return 'this user may not open the port; choose one from 1024 up with --port'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address; choose another host'
  return message ?? String(cause)
}
