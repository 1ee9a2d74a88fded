/** Programs of others that run beside the collector. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'

export type Running = { readonly child: ChildProcess; readonly stop: () => Promise<void> }

/**
 * @param how how it is told to end: a signal, or that its input ends
 * @param quiet what it says of errors is not shown
 */
export function program(
  words: readonly string[],
  options: {
    readonly how?: NodeJS.Signals | 'input'
    readonly env?: Readonly<Record<string, string>>
    readonly quiet?: boolean
  } = {},
): Running {
  const { how = 'SIGTERM', env = {}, quiet = false } = options
  const [file, ...rest] = words
  const child = spawn(file!, rest, { stdio: ['pipe', 'pipe', quiet ? 'ignore' : 'inherit'], env: { ...process.env, ...env } })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    if (how === 'input') child.stdin.end()
    else child.kill(how)
    await ended
  }
  return { child, stop }
}

/** Until the program listens there. */
export async function listening({ child }: Running, port: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`"${child.spawnfile}" ended with ${child.exitCode}; it should listen on ${port}`)
    const socket = createConnection({ host: '127.0.0.1', port })
    const there = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (there) return
    await pause()
  }
}

export const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100))

/** What is looked for, once it is there. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await pause()
  }
}
