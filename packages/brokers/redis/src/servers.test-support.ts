import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export type Kind = 'redis' | 'valkey'

/** False, or why a test of these must be skipped. */
export function missingServer(kind: Kind): string | false {
  return programOf(kind) === undefined ? `needs server: ${kind}` : false
}

function programOf(kind: Kind): string | undefined {
  const paths = (process.env['PATH'] ?? '').split(delimiter)
  return paths.map((path) => join(path, `${kind}-server`)).find((path) => existsSync(path))
}

export type Server = {
  readonly url: string
  readonly port: number
  readonly start: () => Promise<void>
  readonly crash: () => Promise<void>
  readonly freeze: () => void
  readonly thaw: () => void
  readonly close: () => Promise<void>
}

/** A server of this test's own: durable, on loopback. */
export async function startLocalServer(
  kind: Kind,
  { settings = {} }: { readonly settings?: Readonly<Record<string, string | number>> } = {},
): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), `dure-${kind}-`))
  const port = await freePort()
  const all = { port, bind: '127.0.0.1', dir: directory, appendonly: 'yes', appendfsync: 'always', save: '', ...settings }
  const words = Object.entries(all).flatMap(([name, value]) => [`--${name}`, ...String(value).split(' ')])
  let child: ChildProcess
  const start = async (): Promise<void> => {
    child = spawn(programOf(kind)!, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${kind} ended with ${code}`)))
      child.stdout!.on('data', (text) => String(text).includes('Ready to accept') && resolve())
    })
  }
  await start()
  const crash = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  return {
    ...{ port, url: `redis://127.0.0.1:${port}`, start, crash },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    close: async () => {
      await crash()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
