import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const place = '/tmp/wt-redis'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function startLocalServer(
  kind: 'redis' | 'valkey',
  { settings = {}, account }: { settings?: Record<string, string | number>; account?: { name: string; password: string } } = {},
) {
  const directory = mkdtempSync(join(tmpdir(), `dure-${kind}-`))
  const port = await freePort()
  let child: ChildProcess
  const words = Object.entries({
    port,
    bind: '127.0.0.1',
    dir: directory,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    ...settings,
  }).flatMap(([name, value]) => [`--${name}`, ...(value === '' ? [''] : String(value).split(' '))])
  if (account) words.push('--user', account.name, 'on', `>${account.password}`, '~*', '&*', '+@all', '--user', 'default', 'off')
  const start = async (): Promise<void> => {
    child = spawn(join(place, `${kind}-server`), words, { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`exit ${code}`)))
      child.stdout!.on('data', (text) => String(text).includes('Ready to accept') && resolve())
    })
  }
  await start()
  const crash = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  return {
    port,
    url: `redis://${account ? `${account.name}:${account.password}@` : ''}127.0.0.1:${port}`,
    directory,
    start,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    crash,
    close: async () => {
      await crash()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
