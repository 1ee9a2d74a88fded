/** Programs that run beside the checks, and end with them. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GatewayConfiguration } from '../gateway.ts'

const DURE = fileURLToPath(new URL('../../../../tools/cli/bin/dure.js', import.meta.url))
const children = new Set<ChildProcess>()

/** Starts a program; resolves with what of its output a pattern finds. */
export async function begin(
  program: string,
  words: readonly string[],
  pattern: RegExp,
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly child: ChildProcess; readonly found: RegExpExecArray }> {
  const child = spawn(program, words, {
    ...{ cwd: options.cwd, env: { ...process.env, ...options.env } },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  child.once('close', () => children.delete(child))
  let said = ''
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    const hear = (text: Buffer): void => {
      said = `${said}${text.toString()}`.slice(-20_000)
      const match = pattern.exec(said)
      if (match !== null) resolve(match)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('close', () => reject(new Error(`"${program} ${words.join(' ')}" ended: ${said}`)))
    child.once('error', reject)
  })
  return { child, found }
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!children.has(child)) return
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

export async function endAll(): Promise<void> {
  await Promise.all([...children].map((child) => end(child, 'SIGKILL')))
}

/** `dure gateway --config`, as a process; where it listens. */
export async function beginGateway(
  folder: string,
  configuration: GatewayConfiguration,
  words: readonly string[] = [],
): Promise<{ readonly url: string; readonly child: ChildProcess; readonly pid: number }> {
  writeFileSync(join(folder, 'gateway.json'), JSON.stringify(configuration))
  const { child, found } = await begin(
    process.execPath,
    [DURE, 'gateway', '--config', join(folder, 'gateway.json'), '--port', '0', ...words],
    /Gateway at (http:\/\/[\d.:]+)/,
    { cwd: import.meta.dirname },
  )
  return { url: found[1]!, child, pid: child.pid! }
}
