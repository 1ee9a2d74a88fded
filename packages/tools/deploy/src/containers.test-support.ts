import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@dure/testing/servers'

const run = promisify(execFile)
const LONGEST = 64 << 20

export const pause = (ms = 100): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await pause()
}

/** Runs a program, and gives what it says. @throws with its words when it fails */
export async function words(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { maxBuffer: LONGEST })
  return stdout.trim()
}

/** podman with a store of its own. Where limits may not be raised, containers begin with lower ones. */
export function openPodman(folder: string): {
  readonly podman: (...args: readonly string[]) => Promise<string>
  /** The program, its first words and its environment, for whoever runs it by itself. */
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly close: () => Promise<void>
} {
  const file = join(folder, 'containers.conf')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    file,
    [
      '[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=20000:20000"]',
      '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\n[engine.runtimes]\nrunc=["/usr/sbin/runc","/usr/bin/runc"]\n',
    ].join('\n'),
  )
  const own = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')]
  const env = { CONTAINERS_CONF: file }
  const podman = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('podman', [...own, ...args], {
      maxBuffer: LONGEST,
      env: { ...process.env, ...env },
    })
    return stdout.trim()
  }
  return {
    podman,
    words: ['podman', ...own],
    env,
    close: async () => {
      await podman('rm', '--all', '--force', '--volumes').catch(() => '')
      await podman('rmi', '--all', '--force').catch(() => '')
    },
  }
}

/** Go's registry on a folder, which may be killed and started again where it was. */
export async function openRegistryServer(
  crane: string,
  folder: string,
): Promise<{ readonly host: string; readonly kill: () => Promise<void>; readonly start: () => Promise<void> }> {
  const host = `127.0.0.1:${await freePort()}`
  mkdirSync(folder, { recursive: true })
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = spawn(crane, ['registry', 'serve', '--address', host, '--disk', folder], { stdio: 'ignore' })
    await until(() =>
      fetch(`http://${host}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
  }
  await start()
  return {
    host,
    start,
    kill: async () => {
      const ended = once(child!, 'exit')
      child!.kill('SIGKILL')
      await ended
    },
  }
}
