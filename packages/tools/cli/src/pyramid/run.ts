import { spawn } from 'node:child_process'
import { join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import type { Layer } from './layers.ts'
import type { Told } from './runner.ts'

/** A test that failed. */
export type Caught = { readonly file: string; readonly line: number; readonly name: string; readonly message: string }

/** What a layer found, and what it cost. */
export type LayerResult = {
  readonly layer: Layer
  readonly files: number
  readonly tests: number
  readonly skipped: number
  readonly caught: readonly Caught[]
  /** Milliseconds, as whoever waits for it has them. */
  readonly ms: number
  /** The file that took longest: its tests together. */
  readonly slowest: { readonly file: string; readonly ms: number } | undefined
}

/** Lines that a file wrote before it failed as a whole, and what of them says nothing. */
const LAST = 12
const NOISE = /^\s*(?:at .*|\^+|Node\.js v.*)?$/

/** Runs the tests of a layer with Node's runner, each file in a process of its own. */
export async function runLayer(
  layer: Layer,
  {
    root,
    files,
    env = {},
  }: { readonly root: string; readonly files: readonly string[]; readonly env?: Readonly<Record<string, string>> },
): Promise<LayerResult> {
  const { clock } = realRuntime()
  const began = clock.monotonic()
  const caught: Caught[] = []
  const times = new Map<string, number>()
  const wrote = new Map<string, string[]>()
  /** Files that failed as a whole, which they have said why. */
  const wholly: string[] = []
  let [tests, skipped] = [0, 0]
  const own = (file: string): string => (file === '' ? '' : relative(root, file))

  const take = (told: Told): void => {
    if (told.kind === 'wrote') {
      const lines = [...(wrote.get(told.file) ?? []), ...told.text.split('\n').filter((line) => !NOISE.test(line))]
      return void wrote.set(told.file, lines.slice(-LAST))
    }
    tests++
    times.set(told.file, (times.get(told.file) ?? 0) + told.ms)
    if (told.kind === 'skipped') skipped++
    if (told.kind !== 'failed') return
    const { file, line, name, message } = told
    const whole = files.some((path) => name === path || name === join(root, path))
    if (whole) wholly.push(name)
    else caught.push({ file: own(file), line, name, message })
  }
  if (files.length > 0) {
    const code = await spawnTests({ root, files, env, take })
    for (const file of wholly.map((name) => resolve(root, name)))
      caught.push({ file: own(file), line: 0, name: '', message: whyOf(wrote.get(file) ?? []) })
    // Nobody passes because nobody could be asked.
    if (code !== 0 && caught.length === 0)
      caught.push({ file: '', line: 0, name: '', message: `The runner of Node ended with ${code} and told of no test` })
  }
  const [slowest] = [...times].map(([file, ms]) => ({ file: own(file), ms })).sort((a, b) => b.ms - a.ms)
  return { layer, files: files.length, tests, skipped, caught, ms: clock.monotonic() - began, slowest }
}

function whyOf(lines: readonly string[]): string {
  const first = lines.findIndex((line) => /^\w*Error\b/.test(line))
  return lines.slice(Math.max(0, first)).join('\n') || 'It ended before its tests had'
}

async function spawnTests(options: {
  readonly root: string
  readonly files: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly take: (told: Told) => void
}): Promise<number> {
  const { root, files, take } = options
  const kind = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  // In a checkout nothing is built, and the library's sources run as they are.
  const node = kind === '.ts' ? ['--conditions=dure-source'] : []
  const runner = fileURLToPath(new URL(`./runner${kind}`, import.meta.url))
  // What runs below another runner would tell that one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const paths = files.map((path) => join(root, path))
  const child = spawn(process.execPath, [...node, runner, root, ...paths], {
    ...{ cwd: root, env: { ...env, ...options.env } },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('{"kind":')) take(JSON.parse(line) as Told)
  })
  return ended
}
