import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
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
