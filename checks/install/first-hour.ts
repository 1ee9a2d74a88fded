import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { outside, run, type Ran } from '../shell.ts'
import type { Toolbox } from './toolbox.ts'

type Step = (what: string, work: () => Promise<void>) => Promise<void>

const DURE = 'node_modules/@dure/cli/bin/dure.js'
/** Milliseconds for whatever is waited for. */
const PATIENCE = 60_000

/**
 * What a newcomer does, in an empty folder: create, test, dev, curl, trace, add. The Node of the machine may be an old one:
 * the project brings its own.
 */
export async function firstHour(options: {
  readonly toolbox: Toolbox
  readonly node: string
  readonly npm: string
  readonly tarballs: string
  /** Where `create-dure` is installed. */
  readonly creator: string
  readonly step: Step
}): Promise<void> {
  const { toolbox, npm, tarballs, creator, step } = options
  const root = mkdtempSync(join(tmpdir(), 'dure-first-hour-'))
  const node = toolbox.node(options.node)
  const bin = join(root, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\nexec "${node}" "${toolbox.tool(`${npm}/bin/npm-cli.js`)}" "$@"\n`, { mode: 0o755 })
  const env = { ...outside(), PATH: [bin, dirname(node), process.env['PATH']].join(delimiter) }
  const folder = join(root, 'my-shop')
  const there = async (...words: readonly string[]): Promise<string> => well(await run(join(bin, 'npm'), words, folder, env))
  const dure = async (...words: readonly string[]): Promise<string> => well(await run(node, [DURE, ...words], folder, env))
  try {
    await step('npm create dure, with its installation', async () => {
      const words = [creator, 'my-shop', '--yes', '--lang', 'en', '--from', tarballs]
      well(await run(node, words, root, env))
    })
    await step('npm test and npm run check of the new project', async () => {
      await there('test')
      await there('run', 'check')
    })
    await step('npm run dev, a request, and its trace', () => runs(folder, bin, env, dure))
    await step('dure add: service, operation, event, reaction; npm run check after each, then npm test', async () => {
      for (const words of [
        ['service', 'reviews'],
        ['operation', 'find', '--query', '--service', 'reviews'],
        ['event', 'review.written', '--service', 'reviews'],
        ['reaction', 'review.written', '--service', 'notes'],
      ]) {
        await dure('add', ...words)
        await there('run', 'check')
      }
      await there('test')
      const doctor = await dure('doctor')
      if (!/none was changed since/.test(doctor)) throw new Error(`dure doctor says: ${doctor}`)
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function runs(
  folder: string,
  bin: string,
  env: NodeJS.ProcessEnv,
  dure: (...words: readonly string[]) => Promise<string>,
): Promise<void> {
  // Of a group of its own, which is ended as a terminal does it.
  const dev = spawn(join(bin, 'npm'), ['run', 'dev', '--', '--port', '0'], {
    ...{ cwd: folder, env: { ...env, NO_COLOR: '1', CONSOLE_PORT: '0' }, detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [dev.stdout, dev.stderr])
    stream.on('data', (chunk: Buffer) => (said += stripVTControlCharacters(chunk.toString())))
  const ended = once(dev, 'close')
  const until = async <T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    for (let left = PATIENCE; left > 0; left -= 50) {
      const found = await look()
      if (found !== undefined) return found
      if (dev.exitCode !== null) break
      await setTimeout(50)
    }
    throw new Error(`${what} did not come; npm run dev said:\n${said}`)
  }
  try {
    const url = await until('The address', () => /^ *rest +(http:\/\/[\d.]+:\d+)/m.exec(said)?.[1])
    const [, page, token] = await until("The console's link", () => /(http:\/\/[\d.:]+)\/#open=([\w-]+)/.exec(said) ?? undefined)
    if (said.indexOf('#open=') > said.indexOf(url)) throw new Error(`The console does not come first; npm run dev said:\n${said}`)
    await opens(page!, token!)
    const headers = { 'content-type': 'application/json' }
    await fetch(`${url}/notes`, { method: 'POST', headers, body: '{"text":"hello"}' })
    await until('The reaction', async () => {
      const { count } = (await (await fetch(`${url}/notes/count`)).json()) as { count: number }
      return count === 1 ? true : undefined
    })
    // It is written a moment after what it tells of: until then there is none.
    await until('The trace', async () => (/POST \/notes|notes\.take/.test(await dure('trace').catch(String)) ? true : undefined))
  } finally {
    if (dev.exitCode === null) process.kill(-dev.pid!, 'SIGINT')
    await ended
  }
}

/** The console of the project, as its link lets in: its page, the script of that, and what can be asked. */
async function opens(page: string, token: string): Promise<void> {
  const html = await (await fetch(page)).text()
  const script = /<script[^>]+src="([^"]+)"/.exec(html)?.[1]
  const { status } = await fetch(`${page}${script}`)
  const entered = await fetch(`${page}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? ''
  const asked = await fetch(`${page}/api/operator`, { headers: { cookie } })
  const { contracts = [] } = (await asked.json()) as { readonly contracts?: readonly { readonly name: string }[] }
  const names = contracts.map(({ name }) => name)
  if (status !== 200 || !['health', 'story', 'traces', 'logs'].every((name) => names.includes(name)))
    throw new Error(`The console at ${page} answers its script with ${status}, and has: ${names.join(', ')}`)
}

function well({ code, output }: Ran): string {
  if (code !== 0) throw new Error(output.trim().split('\n').slice(-12).join('\n'))
  return output
}
