/** Hosts made of Linux' network namespaces: each has a network stack and an address of its own, and a cable to one switch. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { once } from 'node:events'

export type Host = {
  readonly name: string
  readonly address: string
  /** Runs a program there to its end: what it wrote. @throws when it fails */
  readonly run: (...words: readonly string[]) => string
  /** Starts a program there, whose words go to a file: what it is started with has no socket to anybody. */
  readonly start: (words: readonly string[], options: { readonly log: string; readonly env?: NodeJS.ProcessEnv }) => ChildProcess
  /** Pulls its cable, or puts it back. */
  readonly plug: (state: 'up' | 'down') => void
}

const ip = (...words: readonly string[]): string =>
  execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** @param prefix of the names of all that is made, so that two runs do not meet */
export function makeHosts(prefix: string, names: readonly string[]) {
  const made: string[] = []
  const started: ChildProcess[] = []
  const namespace = (name: string): string => {
    const full = `${prefix}-${name}`
    ip('netns', 'add', full)
    made.push(full)
    ip('-n', full, 'link', 'set', 'lo', 'up')
    return full
  }
  const remove = async (): Promise<void> => {
    for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await Promise.all(started.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'exit')))
    for (const full of made) ip('netns', 'del', full)
  }
  try {
    const middle = namespace('switch')
    ip('-n', middle, 'link', 'add', 'bridge', 'type', 'bridge')
    ip('-n', middle, 'link', 'set', 'bridge', 'up')
    const hosts = names.map((name, at): Host => {
      const full = namespace(name)
      const address = `10.77.0.${at + 1}`
      ip('-n', full, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', name, 'netns', middle)
      ip('-n', full, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
      ip('-n', full, 'link', 'set', 'eth0', 'up')
      ip('-n', middle, 'link', 'set', name, 'master', 'bridge', 'up')
      return {
        name,
        address,
        run: (...words) =>
          execFileSync('ip', ['netns', 'exec', full, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
        start: (words, { log, env }) => {
          const file = openSync(log, 'a')
          const child = spawn('ip', ['netns', 'exec', full, ...words], {
            stdio: ['ignore', file, file],
            env: { ...process.env, ...env },
          })
          started.push(child)
          return child
        },
        plug: (state) => void ip('-n', middle, 'link', 'set', name, state),
      }
    })
    return { hosts: Object.fromEntries(hosts.map((host) => [host.name, host])), remove }
  } catch (error) {
    for (const full of made) ip('netns', 'del', full)
    throw error
  }
}
