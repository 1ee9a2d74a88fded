import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Copy, CopyWorld, Placement } from './copies.ts'
import type { FromChild, ToChild } from './child.ts'
import { programBeside } from './placed.ts'
import { connect } from './sockets.ts'

/** The system runs in a process of its own, which loads it from its file; the caller reaches it through a Unix socket. */
export const inAnotherProcess: Placement = { name: 'in another process', open }

async function open({ file, directory, seed }: CopyWorld): Promise<Copy> {
  if (file === undefined) throw new TypeError('Cannot place the system in another process: no file says where it is; give "file"')
  const program = programBeside(import.meta.url, 'child')
  const child = fork(fileURLToPath(program.url), [], {
    serialization: 'advanced',
    execArgv: [...program.node],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const address = { kind: 'unix', path: join(directory, 'calls') } as const
  try {
    await asked(child, { kind: 'start', file, directory, seed, address })
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  const peer = connect(address)
  return {
    transport: peer,
    settle: () => asked(child, { kind: 'settle' }),
    stop: async () => {
      await peer.stop()
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      await asked(child, { kind: 'stop' }).catch(() => child.kill('SIGKILL'))
      if (child.connected) child.disconnect()
      await gone
    },
  }
}

/** Says one thing to the child and waits until it has been done. */
function asked(child: ChildProcess, message: ToChild): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => settle(new Error(`The process of the placed system ended while it was asked to ${message.kind}`))
    const settle = (error: Error | undefined): void => {
      child.removeListener('message', heard)
      child.removeListener('exit', gone)
      if (error === undefined) resolve()
      else reject(error)
    }
    const heard = (answer: unknown): void => {
      const { done, failed } = answer as FromChild
      if (done === message.kind) settle(failed === undefined ? undefined : new Error(failed))
    }
    if (!child.connected) return gone()
    child.on('message', heard)
    child.on('exit', gone)
    child.send(message)
  })
}
